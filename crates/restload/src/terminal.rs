//! The user's terminal: what it can show, and how much the user wants to see.

use std::io::{IsTerminal, Write};

use restload_engine::Moment;
use serde_json::{Map, Value, json};

use crate::cli::LogFormat;
use crate::load::settings;

/// Of tables where there is no terminal to fit into.
const DEFAULT_WIDTH: usize = 100;
/// Narrower ones are not fitted into: their lines wrap.
const LEAST_WIDTH: usize = 40;

/// Where messages for people go: standard error. Standard output is for data.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    /// Whether colours are shown.
    pub(crate) color: bool,
    /// Whether lines can be redrawn.
    pub(crate) is_interactive: bool,
    /// 0 says the usual, more says more.
    pub(crate) verbosity: u8,
    /// Say nothing but errors.
    pub(crate) quiet: bool,
    /// How messages are written.
    pub(crate) log_format: LogFormat,
}

/// How much a message wants to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Terminal {
    /// The terminal of this process.
    pub(crate) fn new(verbosity: u8, quiet: bool, log_format: LogFormat) -> Self {
        let is_terminal =
            log_format == LogFormat::Text && std::io::stderr().is_terminal() && !settings::is_dumb_terminal();
        let color = is_terminal && !settings::no_color();
        Self {
            color,
            is_interactive: is_terminal && !quiet,
            verbosity,
            quiet,
            log_format,
        }
    }

    /// Whether messages are JSON, a line each.
    pub(crate) fn logs_json(&self) -> bool {
        self.log_format == LogFormat::Json
    }

    /// Writes a message, unless the user wants quiet.
    pub(crate) fn say(&self, message: &str) {
        if !self.quiet {
            self.write(Level::Info, message);
        }
    }

    /// Writes a message, whatever the user wants.
    pub(crate) fn error(&self, message: &str) {
        self.write(Level::Error, message);
    }

    fn write(&self, level: Level, message: &str) {
        if self.logs_json() {
            self.log(level, "message", message, &Map::new());
        } else {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr().lock(), "{}", message.trim_end());
        }
    }

    /// Writes a line of JSON: the moment, the level, what happened, the message for people and the fields for programs.
    #[expect(clippy::unused_self, reason = "who writes has a terminal to write to")]
    pub(crate) fn log(&self, level: Level, event: &str, message: &str, fields: &Map<String, Value>) {
        let mut line = json!({
            "time": Moment::now().to_iso(),
            "level": level.name(),
            "event": event,
            "message": message.trim_end(),
        });
        if let Value::Object(line) = &mut line {
            for (name, value) in fields {
                line.entry(name).or_insert_with(|| value.clone());
            }
        }
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// Writes data to standard output.
    pub(crate) fn print(&self, data: &str) -> std::io::Result<()> {
        let _ = self;
        let mut stdout = std::io::stdout().lock();
        match writeln!(stdout, "{}", data.trim_end()) {
            // The reader of a pipe has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// The same for what goes to standard output, which may be a file while messages go to a terminal.
    pub(crate) fn of_standard_output(&self) -> Self {
        let is_terminal = std::io::stdout().is_terminal() && !settings::is_dumb_terminal();
        Self {
            color: is_terminal && !settings::no_color(),
            ..self.clone()
        }
    }

    /// How many columns standard output has, as the terminal or `COLUMNS` says; none where there is nothing to fit into.
    pub(crate) fn known_width(&self) -> Option<usize> {
        let _ = self;
        let of_terminal = || Some(usize::from(console::Term::stdout().size_checked()?.1));
        let width = settings::columns().or_else(of_terminal)?;
        Some(width.max(LEAST_WIDTH))
    }

    /// The same, with a usual width where there is nothing to fit into.
    pub(crate) fn width(&self) -> usize {
        self.known_width().unwrap_or(DEFAULT_WIDTH)
    }

    /// A text in bold, where that can be shown.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.styled(text, "1")
    }

    /// A text in a colour that wants to be looked at.
    pub(crate) fn yellow(&self, text: &str) -> String {
        self.styled(text, "33;1")
    }

    /// A text in a colour of warning.
    pub(crate) fn red(&self, text: &str) -> String {
        self.styled(text, "31;1")
    }

    fn styled(&self, text: &str, code: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
