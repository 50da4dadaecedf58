//! The settings of a simulator, each with Pushover's most likely behaviour as its default.

/// 2025-11-23 00:00 UTC.
const DEFAULT_CLOCK: i64 = 1_763_856_000;

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

/// Which data to serve. The crate's README lists what each holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// A first run: a few rows of everything.
    Tiny,
    /// Volume: 1,000 messages in one download.
    Inbox,
    /// 24 receipts in every state of their life, and 4 that are not found.
    Receipts,
    /// Groups, memberships and a team: nested data.
    Org,
    /// Awkward texts, numbers and shapes.
    Hostile,
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

impl Dataset {
    /// Every dataset with its name on a command line.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("tiny", Self::Tiny),
        ("inbox", Self::Inbox),
        ("receipts", Self::Receipts),
        ("org", Self::Org),
        ("hostile", Self::Hostile),
    ];

    /// The dataset of that name, in lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, dataset)| dataset)
    }
}
