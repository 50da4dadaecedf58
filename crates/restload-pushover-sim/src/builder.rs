//! The entrance: how a simulator is set up and started.

use crate::faults::{Fault, FaultRule, Matcher, When};
use crate::running::Running;
use crate::settings::{AppSetting, Dataset, LimitHeaders, QuotaSetting, RequestId, Settings, UserErrorText};

/// The entrance to this crate.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Settings with every default: the tiny dataset, no faults, the clock at 2025-11-23.
    pub fn builder() -> Builder {
        Builder {
            settings: Settings::default(),
            faults: Vec::new(),
            port: 0,
        }
    }
}

/// The settings of a simulator that has not started.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    settings: Settings,
    faults: Vec<FaultRule>,
    port: u16,
}

impl Builder {
    /// Starts the clock at this unix time. It moves only when [`Running::set_clock`] or [`Running::advance`] moves it.
    pub fn clock(mut self, unix_seconds: i64) -> Self {
        self.settings.clock = unix_seconds;
        self
    }

    /// Seeds identifiers, key order and fault probabilities: the same seed gives the same bytes.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Chooses the invented data to serve.
    pub fn dataset(mut self, dataset: Dataset) -> Self {
        self.settings.dataset = dataset;
        self
    }

    /// Adds an application, and its account if that is new. The default application belongs to the account `ada`;
    /// naming its token again changes its name and account.
    pub fn app(mut self, token: &str, name: &str, account: &str) -> Self {
        let app = AppSetting {
            token: token.to_owned(),
            name: name.to_owned(),
            account: account.to_owned(),
        };
        self.settings.apps.push(app);
        self
    }

    /// Sets the monthly allowance of an account and how much of it is spent, in place of the dataset's numbers.
    pub fn quota(mut self, account: &str, limit: i64, used: i64) -> Self {
        self.settings.quotas.push(QuotaSetting {
            account: account.to_owned(),
            limit,
            used,
        });
        self
    }

    /// How many devices one user may register; the default is 10.
    pub fn max_devices(mut self, count: usize) -> Self {
        self.settings.max_devices = count;
        self
    }

    /// The status for an unknown receipt: 400 (the default) or 404. Sources disagree.
    pub fn receipt_missing_status(mut self, status: u16) -> Self {
        self.settings.receipt_missing_status = status;
        self
    }

    /// The status for an unknown secret: 400 (the default) or 403. Sources disagree.
    pub fn bad_secret_status(mut self, status: u16) -> Self {
        self.settings.bad_secret_status = status;
        self
    }

    /// The wording for an unknown recipient of a message.
    pub fn user_error_text(mut self, text: UserErrorText) -> Self {
        self.settings.user_error_text = text;
        self
    }

    /// The shape of the `request` field.
    pub fn request_id(mut self, shape: RequestId) -> Self {
        self.settings.request_id = shape;
        self
    }

    /// Which answers carry the quota headers.
    pub fn limit_headers(mut self, which: LimitHeaders) -> Self {
        self.settings.limit_headers = which;
        self
    }

    /// Whether a canceled receipt reads as expired at the moment of the cancel, which is the default.
    /// No recording shows what Pushover does.
    pub fn cancel_sets_expired(mut self, yes: bool) -> Self {
        self.settings.cancel_sets_expired = yes;
        self
    }

    /// Whether [`Running::assert_polite`] panics on a violation; the default is true. They are recorded either way.
    pub fn strict_politeness(mut self, yes: bool) -> Self {
        self.settings.strict_politeness = yes;
        self
    }

    /// Makes each call of a route with a side effect a violation.
    pub fn forbid_effects(mut self, yes: bool) -> Self {
        self.settings.forbid_effects = yes;
        self
    }

    /// Judges waiting times, and lets the IP block pass, by real time plus what the clock was advanced;
    /// by default only the simulator's clock counts.
    pub fn real_time_politeness(mut self, yes: bool) -> Self {
        self.settings.real_time_politeness = yes;
        self
    }

    /// Injects a fault. When several rules are due for a request, the one added first applies.
    pub fn fault(mut self, matcher: Matcher, fault: Fault, when: When) -> Self {
        self.faults.push(FaultRule::new(matcher, fault, when));
        self
    }

    /// Listens on this port of the loopback interface in place of a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Binds to the loopback interface and serves on the caller's tokio runtime until the handle is dropped.
    pub async fn start(self) -> std::io::Result<Running> {
        Running::start(&self.settings, self.faults, self.port).await
    }
}
