//! The real binary: runs of it to their end, and runs under way.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use super::api::PATIENCE;

/// A call of the binary, in a folder, with nothing of the developer's environment.
pub(crate) struct Program {
    command: Command,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run under way. Dropping it kills it.
pub(crate) struct Underway {
    child: Child,
    said: Arc<Said>,
    readers: Vec<JoinHandle<String>>,
}

#[derive(Default)]
struct Said {
    lines: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Program {
    pub(crate) fn new(folder: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_restload"));
        command.current_dir(folder).args(args).env_clear().env("HOME", folder);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { command }
    }

    /// The same, run by a shell script that calls it as `"$@"`, in an environment that has the shell's own programs.
    pub(crate) fn in_script(script: &str, folder: &Path, args: &[&str]) -> Self {
        let mut program = Self::new(folder, args);
        let mut command = Command::new("sh");
        command
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_restload")])
            .args(args)
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        program.command = command;
        program
    }

    /// The same for another user, which only root can do: from a copy of the binary that this user can reach.
    #[cfg(unix)]
    pub(crate) fn as_user(user: u32, folder: &Path, args: &[&str]) -> Self {
        use std::os::unix::process::CommandExt as _;
        let mut program = Self::new(folder, args);
        let arguments: Vec<_> = program.command.get_args().map(ToOwned::to_owned).collect();
        let copy = folder.join("restload-copy");
        std::fs::copy(env!("CARGO_BIN_EXE_restload"), &copy).unwrap();
        let mut command = Command::new(copy);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .uid(user)
            .gid(user);
        program.command = command;
        program
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn run(self) -> Ran {
        self.start().end()
    }

    pub(crate) fn start(mut self) -> Underway {
        let mut child = self.command.spawn().unwrap();
        let said = Arc::new(Said::default());
        let mut stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let hearing = Arc::clone(&said);
        let readers = vec![
            std::thread::spawn(move || {
                let mut text = String::new();
                stdout.read_to_string(&mut text).unwrap();
                text
            }),
            std::thread::spawn(move || hearing.listen(stderr)),
        ];
        Underway { child, said, readers }
    }
}

impl Said {
    fn listen(&self, stderr: impl Read) -> String {
        let mut text = String::new();
        for line in BufReader::new(stderr).lines() {
            let line = line.unwrap();
            text.push_str(&line);
            text.push('\n');
            self.lines.lock().unwrap().0.push(line);
            self.changed.notify_all();
        }
        self.lines.lock().unwrap().1 = true;
        self.changed.notify_all();
        text
    }
}

impl Underway {
    /// Waits until the lines on standard error fulfil a condition.
    pub(crate) fn wait_until(&self, is_met: impl Fn(&[String]) -> bool) {
        let lines = self.said.lines.lock().unwrap();
        let waiting = |state: &mut (Vec<String>, bool)| !is_met(&state.0) && !state.1;
        let (lines, _) = self.said.changed.wait_timeout_while(lines, PATIENCE, waiting).unwrap();
        let said = lines.0.clone();
        drop(lines);
        assert!(is_met(&said), "what was waited for did not come; it said: {said:#?}");
    }

    /// Waits for a line on standard error that holds this text.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(|lines| lines.iter().any(|line| line.contains(text)));
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end, for so long.
    pub(crate) fn has_ended_within(&mut self, patience: std::time::Duration) -> bool {
        let lines = self.said.lines.lock().unwrap();
        let waiting = |state: &mut (Vec<String>, bool)| !state.1;
        let (lines, _) = self.said.changed.wait_timeout_while(lines, patience, waiting).unwrap();
        lines.1
    }

    /// The most memory that it has had so far, in KiB; none once it has ended.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Ctrl-C, as the terminal sends it.
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// What `kill` sends when no signal is named.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    fn signal(&self, name: &str) {
        // The signal's number is the operating system's business; `kill` knows it, and needs no unsafe code.
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(status.unwrap().success());
    }

    /// kill -9: no chance to do anything more. Returns when the process is gone.
    pub(crate) fn kill(mut self) -> Ran {
        self.child.kill().unwrap();
        self.end()
    }

    pub(crate) fn end(mut self) -> Ran {
        let status = self.child.wait().unwrap();
        let mut texts = self.readers.drain(..).map(|reader| reader.join().unwrap());
        Ran {
            code: status.code(),
            stdout: texts.next().unwrap(),
            stderr: texts.next().unwrap(),
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        // It has ended already, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ran {
    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}
