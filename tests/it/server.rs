//! Postgres as it is met in earnest: with TLS in every mode, with passwords, and with roles that may not do everything.

use std::path::Path;

use tempfile::TempDir;

use crate::support::api::{Answer, Api};
use crate::support::cluster::{Authority, Cluster};
use crate::support::program::{Program, Ran};
use crate::support::tables::postgres_url;

/// A pipeline of one record.
struct Pipeline {
    folder: TempDir,
    api: Api,
}

impl Pipeline {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api = Api::start(|_| Answer::json(r#"[{"id": 1}]"#));
        let pipeline = Self { folder, api };
        let url = pipeline.api.url();
        pipeline.write(&format!("client: {{base_url: \"{url}\"}}\nresources: [items]\n"));
        pipeline
    }

    fn write(&self, config: &str) {
        std::fs::write(self.folder.path().join("crm.yaml"), config).unwrap();
    }

    fn program(&self, to: &str) -> Program {
        Program::new(self.folder.path(), &["run", "crm.yaml", "--to", to])
    }

    fn run(&self, to: &str) -> Ran {
        self.program(to).run()
    }
}

/// What a role's connections have to be like, by the server's own rules: this is how a test knows whether one was
/// encrypted.
const RULES: &str = "hostnossl all plain all trust\nhostssl all encrypted all trust\nhostssl all certified all cert\n\
                     host all guarded all scram-sha-256\nhost all restload all trust\n";

/// A server with TLS whose certificate is for `localhost`, its authority, and another authority.
fn with_tls(folder: &Path) -> (Cluster, Authority, Authority) {
    let authority = Authority::new(folder, "authority");
    let other = Authority::new(folder, "other");
    let cluster = Cluster::start();
    let (certificate, key) = authority.issue("localhost");
    for (setting, name, file) in [
        ("ssl_cert_file", "server.pem", certificate),
        ("ssl_key_file", "server.key", key),
        ("ssl_ca_file", "clients.pem", authority.certificate()),
    ] {
        let path = cluster.put(name, &std::fs::read_to_string(file).unwrap());
        cluster.query(&format!("alter system set {setting} = '{}'", path.display()));
    }
    for role in ["plain", "encrypted", "certified", "guarded"] {
        cluster.query(&format!("create role {role} login"));
        cluster.query(&format!("grant create on database postgres to {role}"));
    }
    cluster.query("alter system set ssl = on");
    cluster.put("pg_hba.conf", RULES);
    cluster.reload();
    (cluster, authority, other)
}

#[test]
fn every_mode_of_tls_does_what_it_says() {
    let files = tempfile::tempdir().unwrap();
    let (cluster, authority, other) = with_tls(files.path());
    let pipeline = Pipeline::new();
    let known = format!("&sslrootcert={}", authority.certificate().display());
    let unknown = format!("&sslrootcert={}", other.certificate().display());
    let (certificate, key) = authority.issue("certified");
    let (stranger, strangers_key) = other.issue("certified");
    let own = format!("&sslcert={}&sslkey={}", certificate.display(), key.display());
    let foreign = format!("&sslcert={}&sslkey={}", stranger.display(), strangers_key.display());

    let good: [(&str, &str, &str, &[&str]); 9] = [
        ("plain", "127.0.0.1", "disable", &[]),
        ("encrypted", "127.0.0.1", "prefer", &[]),
        ("encrypted", "127.0.0.1", "require", &[]),
        // An authority is checked wherever one is named; the host's name only by `verify-full`.
        ("encrypted", "127.0.0.1", "require", &[&known]),
        ("encrypted", "127.0.0.1", "verify-ca", &[&known]),
        ("encrypted", "localhost", "verify-full", &[&known]),
        ("certified", "127.0.0.1", "require", &[&own]),
        ("certified", "localhost", "verify-full", &[&known, &own]),
        ("certified", "127.0.0.1", "verify-ca", &[&known, &own]),
    ];
    for (role, host, mode, more) in good {
        let to = cluster.address(role, host, &format!("?sslmode={mode}{}", more.concat()));
        let ran = pipeline.run(&to);
        assert_eq!(ran.code, Some(0), "{role}, {host}, {mode}: {}", ran.stderr);
        cluster.query("drop schema crm cascade");
    }

    let unnamed = "was not issued by an authority that is known here; name a file with the authority's own certificate \
                   by `sslrootcert=FILE`";
    let bad: [(&str, &str, &str, &[&str], &str); 9] = [
        ("encrypted", "127.0.0.1", "disable", &[], "no encryption"),
        ("encrypted", "127.0.0.1", "require", &[&unknown], unnamed),
        ("encrypted", "127.0.0.1", "verify-ca", &[&unknown], unnamed),
        ("encrypted", "localhost", "verify-full", &[&unknown], unnamed),
        ("encrypted", "localhost", "verify-full", &[], unnamed),
        (
            "encrypted",
            "127.0.0.1",
            "verify-full",
            &[&known],
            "the server's certificate is for `localhost`, not for `127.0.0.1`; `sslmode=verify-full` wants a name that \
             the certificate is for",
        ),
        (
            "certified",
            "localhost",
            "require",
            &[],
            "requires a valid client certificate",
        ),
        ("certified", "localhost", "require", &[&foreign], "TLS: "),
        (
            "encrypted",
            "localhost",
            "verify-full",
            &["&sslrootcert=/nowhere/ca.pem"],
            "`sslrootcert=/nowhere/ca.pem`: No such file or directory",
        ),
    ];
    for (role, host, mode, more, text) in bad {
        let to = cluster.address(role, host, &format!("?sslmode={mode}{}", more.concat()));
        let ran = pipeline.run(&to).expect(1);
        assert!(ran.stderr.contains(text), "{role}, {host}, {mode}: {}", ran.stderr);
        assert!(
            cluster
                .query("select 'made' from pg_namespace where nspname = 'crm'")
                .is_empty()
        );
    }

    // A server without TLS, and options that say nothing.
    let without = format!("{}?sslmode=verify-full", postgres_url());
    let refused = pipeline.run(&without).expect(1);
    assert!(
        refused.stderr.contains("the server offers no TLS"),
        "{}",
        refused.stderr
    );
    let idle = cluster.address("encrypted", "localhost", &format!("?sslmode=prefer{known}"));
    let refused = pipeline.run(&idle).expect(2);
    assert!(
        refused
            .stderr
            .contains("`sslrootcert` that nothing would be checked with"),
        "{}",
        refused.stderr
    );
}

/// A password as a generator makes it, with everything that means something in a URL.
const PASSWORD: &str = "p@ss:w/o#r?d%41&x=ü \"'\\";

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}

#[test]
fn l19_a_wrong_password_is_told_at_the_run_and_no_password_is_shown() {
    let cluster = Cluster::start();
    cluster.query(&format!(
        "create role guarded login password '{}'",
        PASSWORD.replace('\'', "''")
    ));
    cluster.query("grant create on database postgres to guarded");
    cluster.put("pg_hba.conf", RULES);
    cluster.reload();
    let pipeline = Pipeline::new();
    let url = pipeline.api.url();
    let encoded = percent_encoded(PASSWORD);
    let in_userinfo = cluster.address(&format!("guarded:{encoded}"), "127.0.0.1", "");
    let in_options = cluster.address("guarded", "127.0.0.1", &format!("?password={encoded}"));
    let without = cluster.address("guarded", "127.0.0.1", "");

    let hidden = |ran: &Ran| {
        let said = format!("{}{}", ran.stdout, ran.stderr);
        for part in [PASSWORD, &encoded, "w/o#r", "hunter2"] {
            assert!(!said.contains(part), "{said}");
        }
    };
    for to in [&in_userinfo, &in_options] {
        let ran = Program::new(pipeline.folder.path(), &["run", "crm.yaml", "-v", "--to", to]).run();
        hidden(&ran.expect(0));
        let ran = Program::new(
            pipeline.folder.path(),
            &["loads", "crm.yaml", "--format", "json", "--to", to],
        )
        .run();
        hidden(&ran.expect(0));
    }
    pipeline.program(&without).env("PGPASSWORD", PASSWORD).run().expect(0);

    let missing = pipeline.run(&without).expect(1);
    assert!(missing.stderr.contains("password"), "{}", missing.stderr);

    // A password that was not encoded never gets as far as the server, and is not shown either.
    for (raw, text) in [
        ("12#hunter2", "there is a `#` where none can be"),
        ("12/hunter2", "there is a `@` where none can be"),
        ("hunter2/", "cannot be read"),
        ("12?hunter2", "there is a `?` where none can be"),
    ] {
        let refused = pipeline
            .run(&cluster.address(&format!("guarded:{raw}"), "127.0.0.1", ""))
            .expect(2);
        hidden(&refused);
        assert!(refused.stderr.contains(text), "{raw}: {}", refused.stderr);
        assert!(refused.stderr.contains('%'), "{}", refused.stderr);
    }

    // In a config, as one writes it: encoded by the filter.
    let place = cluster.address("guarded:{secrets.db_password | urlencode}", "127.0.0.1", "");
    pipeline.write(&format!(
        "destination: \"{place}\"\nclient: {{base_url: \"{url}\"}}\nresources: [items]\n"
    ));
    let own = || Program::new(pipeline.folder.path(), &["run", "crm.yaml"]);
    hidden(&own().env("DB_PASSWORD", PASSWORD).run().expect(0));

    // Checking and planning ask for no database; a run does.
    let check = Program::new(pipeline.folder.path(), &["check", "crm.yaml"]);
    check.env("DB_PASSWORD", "hunter2").run().expect(0);
    let wrong = own().env("DB_PASSWORD", "hunter2").run().expect(1);
    hidden(&wrong);
    for text in [
        "cannot log in to postgres://guarded:***@127.0.0.1",
        "password authentication failed for user",
    ] {
        assert!(wrong.stderr.contains(text), "{}", wrong.stderr);
    }
    for command in [
        &["loads", "crm.yaml"][..],
        &["state", "crm.yaml"],
        &["state", "crm.yaml", "reset"],
    ] {
        let wrong = Program::new(pipeline.folder.path(), command)
            .env("DB_PASSWORD", "hunter2")
            .run()
            .expect(1);
        hidden(&wrong);
        assert!(
            wrong.stderr.contains("password authentication failed"),
            "{}",
            wrong.stderr
        );
    }
}

/// What a role lacks is told with the statement that gives it; a load goes on once its owner has run that.
#[test]
fn missing_rights_are_told_with_what_gives_them() {
    let cluster = Cluster::start();
    let pipeline = Pipeline::new();
    let to = cluster.address("loader", "127.0.0.1", "");
    cluster.query("create role loader login");
    let refused = |wanted: &[&str]| {
        let ran = pipeline.run(&to).expect(1);
        let (_, advice) = ran
            .stderr
            .split_once("have the owner run: ")
            .unwrap_or_else(|| panic!("{}", ran.stderr));
        let statements: Vec<&str> = advice.lines().next().unwrap().split("; ").collect();
        assert_eq!(statements, wanted, "{}", ran.stderr);
        for statement in statements {
            cluster.query(statement);
        }
        ran
    };
    let ran = refused(&["GRANT CREATE ON DATABASE postgres TO loader"]);
    assert!(
        ran.stderr.contains("cannot make the dataset in postgres://loader@"),
        "{}",
        ran.stderr
    );
    pipeline.run(&to).expect(0);
    cluster.query("drop schema crm cascade");

    // The schema is somebody else's.
    cluster.query("create schema crm");
    refused(&["GRANT USAGE, CREATE ON SCHEMA crm TO loader"]);
    pipeline.run(&to).expect(0);

    // The tables are: first they cannot be written to, then not be changed.
    let config = std::fs::read_to_string(pipeline.folder.path().join("crm.yaml")).unwrap();
    cluster.query("alter table crm.items owner to restload");
    refused(&["GRANT SELECT, INSERT, UPDATE, DELETE ON crm.items TO loader"]);
    pipeline.run(&to).expect(0);
    pipeline.write(&config.replace("[items]", "[{name: items, columns: {name: {data_type: text}}}]"));
    let ran = refused(&["ALTER TABLE crm.items OWNER TO loader"]);
    assert!(
        ran.stderr.contains("cannot add column `name` to table `items`"),
        "{}",
        ran.stderr
    );
    pipeline.run(&to).expect(0);
    cluster.query("alter table crm._rl_loads owner to restload");
    cluster.query("revoke all on crm._rl_loads from loader");
    refused(&["GRANT SELECT, INSERT, UPDATE, DELETE ON crm._rl_loads TO loader"]);
    pipeline.run(&to).expect(0);
}
