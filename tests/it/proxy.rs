//! The connection to Postgres is lost at any point: after so many bytes in either direction, before a COMMIT is sent, and
//! after it was carried out but before anybody heard of it. The next run ends with the tables of an undisturbed one.

use crate::support::load::{DISPOSITIONS, Disposition, Load, Size};
use crate::support::proxy::{Cut, Proxy, Traffic};
use crate::support::tables::{Database, Kind};

/// One step of the writer.
const SIZE: Size = Size {
    pages: 3,
    items_per_page: 6,
    padding: 10,
    is_incompressible: false,
};

/// Points in each direction at which the connection is cut; `RESTLOAD_CUTS` makes them more.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says how many are wanted"
)]
fn points() -> u64 {
    std::env::var("RESTLOAD_CUTS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(1)
}

/// The arguments that lead through the proxy.
fn through(proxy: &Proxy, database: &Database) -> Vec<String> {
    let Database::Postgres { url, dataset } = database else {
        unreachable!()
    };
    ["--to", &proxy.through(url), "--dataset", dataset]
        .map(str::to_owned)
        .to_vec()
}

fn url_of(database: &Database) -> &str {
    match database {
        Database::Postgres { url, .. } => url,
        Database::Sqlite(_) => unreachable!(),
    }
}

/// What an undisturbed load leaves, and what goes through the proxy meanwhile.
fn undisturbed(disposition: Disposition) -> (String, Traffic) {
    let load = Load::new(disposition, Kind::Postgres, SIZE);
    load.program(0).run().expect(0);
    let proxy = Proxy::start(url_of(&load.database));
    load.program_into(1, &through(&proxy, &load.database)).run().expect(0);
    let (traffic, _) = proxy.traffic();
    (load.digest(), traffic)
}

/// Cuts a load at one point and lets the next run finish it. Returns the exit code of the one that was cut.
fn cut_once(disposition: Disposition, cut: Cut, stays_down: bool, expected: &str) -> Option<i32> {
    let place = format!("{}: {cut:?}, stays down: {stays_down}", disposition.name);
    let load = Load::new(disposition, Kind::Postgres, SIZE);
    load.program(0).run().expect(0);
    let proxy = Proxy::start(url_of(&load.database));
    proxy.cut(cut, stays_down);
    let ran = load.program_into(1, &through(&proxy, &load.database)).run();
    assert!(proxy.traffic().1, "{place}: nothing was cut\n{}", ran.stderr);
    match ran.code {
        Some(0) => {}
        Some(1) => assert!(ran.stderr.contains("error: "), "{place}: {}", ran.stderr),
        _ => panic!("{place}: {ran:?}"),
    }
    // A run that could not learn whether its end was committed has failed; the load's record tells.
    let is_complete = load.digest() == expected && load.last_status().as_deref() == Some("completed");
    assert!(ran.code != Some(0) || is_complete, "{place}: {}", ran.stderr);
    if !is_complete {
        load.program(1).run().expect(0);
    }
    assert_eq!(load.last_status().as_deref(), Some("completed"), "{place}");
    assert_eq!(load.digest(), expected, "{place}: {}", ran.stderr);
    load.check_nothing_is_left();
    load.database.remove();
    ran.code
}

fn cut_at_every_point(disposition: Disposition, expected: &str, traffic: Traffic) {
    for point in 0..points() {
        let part = |total: u64| total * point / points();
        cut_once(disposition, Cut::Sent(part(traffic.sent)), point % 2 == 0, expected);
        cut_once(
            disposition,
            Cut::Received(part(traffic.received)),
            point % 2 == 1,
            expected,
        );
    }
}

/// An ambiguous commit, above all: it was carried out, and the client cannot know. The last two are the end of the load
/// and the release of its lock.
fn cut_at_every_commit(disposition: Disposition, expected: &str, traffic: Traffic) {
    for number in 1..=traffic.commits {
        let is_last = number + 1 >= traffic.commits;
        for stays_down in [true, false] {
            // By default every commit is met in one of the two ways, and the last ones in both.
            if points() == 1 && !is_last && stays_down == number.is_multiple_of(2) {
                continue;
            }
            cut_once(disposition, Cut::BeforeCommit(number), stays_down, expected);
            let code = cut_once(disposition, Cut::AfterCommit(number), stays_down, expected);
            if is_last && !stays_down {
                assert_eq!(
                    code,
                    Some(0),
                    "a new connection tells that the load's end was committed"
                );
            }
        }
    }
}

#[test]
fn every_disposition_survives_a_lost_connection() {
    std::thread::scope(|scope| {
        for disposition in DISPOSITIONS {
            scope.spawn(move || {
                let (expected, traffic) = undisturbed(*disposition);
                cut_at_every_point(*disposition, &expected, traffic);
                cut_at_every_commit(*disposition, &expected, traffic);
            });
        }
    });
}
