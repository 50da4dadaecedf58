//! The handle of a started simulator: where it listens, what to log in with, and what happened so far.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::credentials::Credentials;
use crate::datasets;
use crate::exchange::Exchange;
use crate::faults::{Fault, FaultRule, Matcher, When};
use crate::log::{Callback, LoggedRequest};
use crate::referee::Violation;
use crate::server::{self, Shared};
use crate::settings::Settings;

/// A simulator that serves until this handle is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    credentials: Credentials,
    shared: Shared,
    accept_task: JoinHandle<std::convert::Infallible>,
}

impl Running {
    pub(crate) async fn start(settings: &Settings, faults: Vec<FaultRule>, port: u16) -> std::io::Result<Self> {
        let (exchange, credentials) = Exchange::new(settings, faults);
        let shared = Arc::new(Mutex::new(exchange));
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let accept_task = tokio::spawn(server::accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            credentials,
            shared,
            accept_task,
        })
    }

    /// `http://127.0.0.1:<port>/1`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}/1", self.address)
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to log in with.
    pub fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        server::lock(&self.shared).log.clone()
    }

    /// How many requests went to a route with a side effect, whatever they were answered.
    pub fn effects(&self) -> usize {
        server::lock(&self.shared).effects
    }

    /// Every rule of conduct broken so far, warnings included.
    pub fn violations(&self) -> Vec<Violation> {
        server::lock(&self.shared).referee.violations()
    }

    /// Panics with the list of violations if there is any but a warning, unless politeness was declared not strict.
    pub fn assert_polite(&self) {
        if !server::lock(&self.shared).settings().strict_politeness {
            return;
        }
        let mut violations = self.violations();
        violations.retain(|violation| !violation.rule.is_warning());
        let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert!(
            list.is_empty(),
            "the client was not polite to Pushover:\n{}",
            list.join("\n")
        );
    }

    /// Judges what comes next as a new run that starts later: a request refused before may be sent again.
    pub fn begin_new_run(&self) {
        server::lock(&self.shared).referee.forget_outcomes();
    }

    /// Sets the simulator's clock to this unix time.
    pub fn set_clock(&self, unix_seconds: i64) {
        server::lock(&self.shared).state.now = unix_seconds;
    }

    /// Moves the simulator's clock on.
    pub fn advance(&self, seconds: i64) {
        server::lock(&self.shared).state.now += seconds;
    }

    /// The callbacks that Pushover would have made so far.
    pub fn callbacks(&self) -> Vec<Callback> {
        server::lock(&self.shared).state.callbacks.clone()
    }

    /// Moves the dataset on to its second generation: Tiny gets a custom sound and its active receipt is
    /// acknowledged; Inbox gets 40 messages and loses its first 100; Org renames a group.
    pub fn next_generation(&self) {
        datasets::advance_generation(&mut server::lock(&self.shared).state);
    }

    /// Adds a custom sound to the main account, or changes the label of one it has.
    pub fn add_sound(&self, name: &str, label: &str) {
        self.remove_sound(name);
        let mut exchange = server::lock(&self.shared);
        exchange.state.accounts[0]
            .custom_sounds
            .push((name.to_owned(), label.to_owned()));
    }

    /// Removes a custom sound of the main account.
    pub fn remove_sound(&self, name: &str) {
        let mut exchange = server::lock(&self.shared);
        exchange.state.accounts[0]
            .custom_sounds
            .retain(|(known, _)| known != name);
    }

    /// Injects a fault from now on, as [`Builder::fault`](crate::Builder::fault) does from the start.
    pub fn add_fault(&self, matcher: Matcher, fault: Fault, when: When) {
        server::lock(&self.shared)
            .faults
            .push(FaultRule::new(matcher, fault, when));
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        server::lock(&self.shared).faults.clear();
    }

    /// From now on, each call of a route with a side effect is a violation, or no longer one.
    pub fn forbid_effects(&self, yes: bool) {
        server::lock(&self.shared).state.settings.forbid_effects = yes;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accept_task.abort();
    }
}
