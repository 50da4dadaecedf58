//! One command as a whole process: wall time, processor time, peak memory.
//!
//! A process starts its life counted as large as the one that started it was at its largest, so the driver, which
//! holds a runtime and database clients, starts a small process of its own (`restload-bench measure`) that starts
//! the command. Peaks below that small process's own 3 MiB or so would not be seen; there are none.

use std::process::{Command, Stdio};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use wait4::Wait4 as _;

use crate::error::{BenchError, During as _};

/// What one run of a command took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    pub(crate) wall_seconds: f64,
    /// User and system time together.
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mib: f64,
    /// None when a signal ended the command.
    pub(crate) exit_code: Option<i32>,
}

/// Runs the command with its standard output dropped and its standard error passed on.
pub(crate) fn measure(command: &[String]) -> Result<Measurement, BenchError> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| BenchError::new("there is no command to measure"))?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .during(&format!("could not start `{program}`"))?;
    let used = child.wait4().during("could not wait for the command")?;
    Ok(Measurement {
        wall_seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        peak_mib: used.rusage.maxrss as f64 / (1024.0 * 1024.0),
        exit_code: used.status.code(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn a_command_is_measured_with_its_exit_code() {
        let measurement = measure(&command(&["sh", "-c", "exit 3"])).unwrap();
        assert_eq!(measurement.exit_code, Some(3));
        assert!(measurement.wall_seconds > 0.0 && measurement.peak_mib > 0.1);
    }

    #[test]
    fn a_missing_command_is_named() {
        let error = measure(&command(&["/no/such/program"])).unwrap_err();
        assert!(error.chain().starts_with("could not start `/no/such/program`"));
    }
}
