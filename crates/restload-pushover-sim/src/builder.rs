//! The settings of a simulator, each with Pushover's most likely behaviour as its default.

use crate::datasets::Dataset;
use crate::faults::{Fault, FaultRule, Matcher, When};
use crate::running::Running;

/// 2025-11-23 00:00 UTC.
const DEFAULT_CLOCK: i64 = 1_763_856_000;
/// The application token of every dataset.
pub(crate) const DEFAULT_TOKEN: &str = "aFakeAppToken0000000000000000A";
/// The account that owns the default application.
pub(crate) const DEFAULT_ACCOUNT: &str = "ada";

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
    pub(crate) settings: Settings,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) port: u16,
}

/// What a message to an unknown user is answered; both wordings were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserErrorText {
    /// `user identifier is invalid`
    Old,
    /// `user identifier is not a valid user, group, or subscribed user key`
    New,
}

/// The shape of the `request` field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestId {
    /// As Pushover answers today.
    Uuid,
    /// 32 hexadecimal digits, as in recordings before 2016.
    Hex32,
}

/// Which answers carry the `X-Limit-App-*` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitHeaders {
    /// Only answers to a sent message, as documented.
    MessagesOnly,
    /// Every answer to a request with a valid application token.
    All,
    /// None at all.
    None,
}

#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each set by its own method"
)]
pub(crate) struct Settings {
    pub(crate) clock: i64,
    pub(crate) seed: u64,
    pub(crate) dataset: Dataset,
    pub(crate) apps: Vec<AppSetting>,
    pub(crate) quotas: Vec<QuotaSetting>,
    pub(crate) max_devices: usize,
    pub(crate) receipt_missing_status: u16,
    pub(crate) bad_secret_status: u16,
    pub(crate) user_error_text: UserErrorText,
    pub(crate) request_id: RequestId,
    pub(crate) limit_headers: LimitHeaders,
    pub(crate) cancel_sets_expired: bool,
    pub(crate) strict_politeness: bool,
    pub(crate) forbid_effects: bool,
    pub(crate) real_time_politeness: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct AppSetting {
    pub(crate) token: String,
    pub(crate) name: String,
    pub(crate) account: String,
}

#[derive(Debug, Clone)]
pub(crate) struct QuotaSetting {
    pub(crate) account: String,
    pub(crate) limit: i64,
    pub(crate) used: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock: DEFAULT_CLOCK,
            seed: 1,
            dataset: Dataset::Tiny,
            apps: Vec::new(),
            quotas: Vec::new(),
            max_devices: 10,
            receipt_missing_status: 400,
            bad_secret_status: 400,
            user_error_text: UserErrorText::New,
            request_id: RequestId::Uuid,
            limit_headers: LimitHeaders::MessagesOnly,
            cancel_sets_expired: true,
            strict_politeness: true,
            forbid_effects: false,
            real_time_politeness: false,
        }
    }
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
        Running::start(self).await
    }
}
