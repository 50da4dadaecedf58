//! The disk is full in the middle of a load: the run says so and ends, what was committed stands, and with room again
//! the next run ends with the tables of one that nobody disturbed.
//!
//! The disks are real ones: a small one in memory, which takes a system that lets a test mount it, and everywhere a limit
//! on the size of files, which writes meet as they meet a full disk. Which were used is said under `--nocapture`.

use std::fmt::Write as _;
use std::process::Command;

use crate::support::cluster::Cluster;
use crate::support::load::{DISPOSITIONS, Disposition, Load, Size};
use crate::support::program::{Program, Ran};
use crate::support::tables::{Database, Kind};

const SIZE: Size = Size {
    pages: 18,
    items_per_page: 25,
    padding: 20_000,
    is_incompressible: true,
};

/// A script that runs a command with a small disk in the folder `disk`, to which the database is copied and from which
/// it is copied back. The disk is gone with the script.
const ON_A_SMALL_DISK: &str = "mkdir -p disk && mount -t tmpfs -o size=6m none disk && cp data*.db* disk/ || exit 99
\"$@\"
code=$?
cp disk/data* . && umount disk
exit $code";

/// A script that limits files to 4 MiB (a block has 512 bytes). A write beyond that fails like one to a full disk.
const WITH_SMALL_FILES: &str = "trap '' XFSZ; ulimit -f 8192; exec \"$@\"";

/// The same, where nobody has told the system to let the program live: the first such write ends it at once.
const ENDED_BY_SMALL_FILES: &str = "ulimit -f 8192; exec \"$@\"";

/// Whether a script may mount something, out of sight of all others: as root, or in a namespace of its own.
fn mounting() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-rm"]];
    ways.into_iter().find(|way| {
        let mount = "mount -t tmpfs -o size=1m none /mnt";
        let tried = Command::new(way[0]).args(&way[1..]).args(["sh", "-c", mount]).output();
        tried.is_ok_and(|tried| tried.status.success())
    })
}

fn some() -> impl Iterator<Item = &'static Disposition> {
    let names = ["append", "replace", "merge"];
    DISPOSITIONS.iter().filter(move |one| names.contains(&one.name))
}

/// What a load of both generations leaves that nobody disturbs.
fn undisturbed(disposition: Disposition, kind: Kind) -> String {
    let load = Load::new(disposition, kind, SIZE);
    load.program(0).run().expect(0);
    load.program(1).run().expect(0);
    let digest = load.digest();
    load.database.remove();
    digest
}

fn finish(load: &Load, expected: &str, place: &str) {
    load.program(1).run().expect(0);
    assert_eq!(load.last_status().as_deref(), Some("completed"), "{place}");
    assert!(load.digest() == expected, "{place}: the tables differ");
    load.check_nothing_is_left();
}

#[test]
fn a_sqlite_load_goes_on_after_the_disk_was_full() {
    let on_a_disk = mounting().map(|way| {
        let mut script = way.join(" ");
        let _ = write!(script, " sh -c '{ON_A_SMALL_DISK}' sh \"$@\"");
        (script, "disk/data", "the disk is full")
    });
    eprintln!("a small disk: {}; and files with a limit", on_a_disk.is_some());
    let limited = (WITH_SMALL_FILES.to_owned(), "data", "disk I/O error");
    let ended = (ENDED_BY_SMALL_FILES.to_owned(), "data", "");
    for disposition in some() {
        let expected = undisturbed(*disposition, Kind::Sqlite);
        let with_a_limit = if disposition.name == "merge" { &ended } else { &limited };
        for (script, file, message) in on_a_disk.iter().chain([with_a_limit]) {
            let place = format!("{}: {script}", disposition.name);
            let load = Load::new(*disposition, Kind::Sqlite, SIZE);
            load.program(0).run().expect(0);
            let before = load.digest();
            let Database::Sqlite(path) = &load.database else {
                unreachable!()
            };
            let name = path.file_name().unwrap().to_string_lossy().replace("data", file);
            let to = ["--to", &format!("sqlite:{name}")].map(str::to_owned);
            let make = |folder: &std::path::Path, args: &[&str]| Program::in_script(script, folder, args);
            let ran = load.program_by(make, 1, &to).run();
            if message.is_empty() {
                assert_eq!(ran.code, None, "{place}: {}", ran.stderr);
            } else {
                check_failure(&ran, message, &place);
            }
            let after = load.digest();
            if disposition.is_replaced {
                assert!(after == before, "{place}: half a replacement is visible");
            }
            finish(&load, &expected, &place);
        }
    }
}

/// The message, in words that help, and once.
fn check_failure(ran: &Ran, message: &str, place: &str) {
    assert_eq!(ran.code, Some(1), "{place}: {}", ran.stderr);
    assert!(ran.stderr.contains(message), "{place}: {}", ran.stderr);
}

#[test]
fn a_postgres_load_goes_on_after_the_disk_was_full() {
    // A tablespace on a small disk that only the server sees, or a limit on the files that its processes write. A
    // segment of the log has 16 MiB, so the limit cannot be lower.
    let disk = tempfile::tempdir().unwrap();
    let has_disk = mounting().is_some_and(|way| way == ["unshare", "-m"]);
    eprintln!("a small disk: {has_disk}");
    let cluster = if has_disk {
        let mount = format!(
            "chmod 755 {0} && mount -t tmpfs -o size=6m,mode=777 none {0} && exec \"$@\"",
            disk.path().display()
        );
        Cluster::start_by(&["unshare", "-m", "sh", "-c", &mount, "sh"])
    } else {
        Cluster::start()
    };
    let small = disk.path().join("space");
    let server = std::fs::read_to_string(cluster.data().join("postmaster.pid")).unwrap();
    let server = server.lines().next().unwrap();
    if has_disk {
        cluster.query(&format!(
            "copy (select 1) to program 'mkdir -p {0} && chmod 700 {0}'",
            small.display()
        ));
        cluster.query(&format!("create tablespace small location '{}'", small.display()));
    }
    let size = Size {
        pages: if has_disk { SIZE.pages } else { 50 },
        ..SIZE
    };
    for disposition in some() {
        let place = disposition.name;
        let mut load = Load::new(*disposition, Kind::Postgres, size);
        load.move_to(&cluster.url);
        load.program(0).run().expect(0);
        load.program(1).run().expect(0);
        let expected = load.digest();
        load.database.remove();

        load.program(0).run().expect(0);
        let before = load.digest();
        let Database::Postgres { url, dataset } = &load.database else {
            unreachable!()
        };
        let message = if has_disk {
            cluster.query(&format!("alter table {dataset}.items set tablespace small"));
            "the disk is full"
        } else {
            limit_files(server, "16777216:unlimited");
            "File too large"
        };
        let to = format!(
            "{url}?options[default_tablespace]={}",
            if has_disk { "small" } else { "" }
        );
        let to = ["--to", &to, "--dataset", dataset].map(str::to_owned);
        check_failure(&load.program_into(1, &to).run(), message, place);
        if disposition.is_replaced {
            assert!(load.digest() == before, "{place}: half a replacement is visible");
        }
        if has_disk {
            cluster.query("alter table all in tablespace small set tablespace pg_default");
            cluster.query("alter index all in tablespace small set tablespace pg_default");
        } else {
            limit_files(server, "unlimited:unlimited");
        }
        finish(&load, &expected, place);
        load.database.remove();
    }
}

/// How large the files may be that the server's processes write from now on.
fn limit_files(server: &str, limit: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", server, &format!("--fsize={limit}")])
        .status();
    assert!(limited.expect("this test needs `prlimit`, of util-linux").success());
}
