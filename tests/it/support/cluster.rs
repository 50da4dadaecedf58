//! A Postgres of a test's own, for what would disturb the tests that share one: TLS, passwords, limits.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::repository;
use super::tables::Database;

/// A running server. It goes, with everything in it, when this is dropped.
pub(crate) struct Cluster {
    /// The address of the one who may do everything.
    pub(crate) url: String,
    script: Child,
    /// The server runs for as long as this is open.
    held: Option<ChildStdin>,
}

impl Cluster {
    /// Starts one in the way that the tests' common server is started: `scripts/with-postgres` knows where the programs
    /// are, installs them where there are none, and clears up.
    pub(crate) fn start() -> Self {
        Self::start_by(&[])
    }

    /// The same, by a program that takes the command to run as its arguments.
    pub(crate) fn start_by(program: &[&str]) -> Self {
        let script = repository().join("scripts/with-postgres");
        let mut words = program.iter().map(OsStr::new).chain([script.as_os_str()]);
        let mut script = Command::new(words.next().unwrap())
            .args(words)
            .args(["sh", "-c", "echo \"$RESTLOAD_TEST_POSTGRES\"; cat"])
            .env_remove("RESTLOAD_TEST_POSTGRES")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let held = script.stdin.take();
        let mut url = String::new();
        let mut said = BufReader::new(script.stdout.take().unwrap());
        said.read_line(&mut url).unwrap();
        assert!(
            url.starts_with("postgres://"),
            "scripts/with-postgres started no server"
        );
        Self {
            url: url.trim().to_owned(),
            script,
            held,
        }
    }

    /// The address as another role's, by another name of the host, with more options.
    pub(crate) fn address(&self, role: &str, host: &str, options: &str) -> String {
        let (_, place) = self.url.split_once('@').unwrap();
        let (_, rest) = place.split_once(':').unwrap();
        format!("postgres://{role}@{host}:{rest}{options}")
    }

    pub(crate) fn query(&self, sql: &str) -> Vec<Vec<String>> {
        let database = Database::Postgres {
            url: self.url.clone(),
            dataset: "public".to_owned(),
        };
        database.query(sql)
    }

    /// The folder of the server's data.
    pub(crate) fn data(&self) -> PathBuf {
        self.query("show data_directory")[0][0].clone().into()
    }

    /// Puts a file among the server's own, which nobody else may read, as it wants of a key.
    #[cfg(unix)]
    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
        let data = self.data();
        let path = data.join(name);
        std::fs::write(&path, text).unwrap();
        let owner = std::fs::metadata(&data).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        if owner.uid() != std::fs::metadata(&path).unwrap().uid() {
            chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        path
    }

    /// Has the server read its settings again, and waits until it has: a new connection is made with the new ones.
    pub(crate) fn reload(&self) {
        let before = self.query("select pg_conf_load_time()::text");
        self.query("select pg_reload_conf()::text");
        for _ in 0..super::api::PATIENCE.as_millis() {
            if self.query("select pg_conf_load_time()::text") != before {
                return;
            }
        }
        panic!("the server does not read its settings again");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.held.take());
        // It stops the server and removes its folder; there is nothing to do about a failure.
        let _ = self.script.wait();
    }
}

/// Certificates, made by the program that comes with the server's packages and with macOS.
pub(crate) struct Authority {
    folder: PathBuf,
    name: &'static str,
}

impl Authority {
    pub(crate) fn new(folder: &Path, name: &'static str) -> Self {
        let authority = Self {
            folder: folder.to_owned(),
            name,
        };
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ]);
        authority
    }

    /// The authority's own certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// A certificate for a name, and its key.
    pub(crate) fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let stem = format!("{}-{name}", self.name);
        let [request, key, certificate, extensions] =
            ["csr", "key", "pem", "ext"].map(|ending| format!("{stem}.{ending}"));
        let wanted = format!("subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n");
        std::fs::write(self.folder.join(&extensions), wanted).unwrap();
        self.openssl(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &format!("{}.pem", self.name),
            "-CAkey",
            &format!("{}.key", self.name),
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            &extensions,
            "-out",
            &certificate,
        ]);
        (self.folder.join(certificate), self.folder.join(key))
    }

    fn openssl(&self, args: &[&str]) {
        let ran = Command::new("openssl").args(args).current_dir(&self.folder).output();
        let ran = ran.expect("these tests need `openssl`: Debian, Ubuntu: apt-get install openssl");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
}
