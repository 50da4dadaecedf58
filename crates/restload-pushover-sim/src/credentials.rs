//! What to log in with, and what there is to ask for.

/// Invented credentials and identifiers, all of which work from the start: somebody has logged in, registered a
/// device, and the dataset's messages wait in its queue.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The application token.
    pub token: String,
    /// A token of another account, in datasets that have one.
    pub second_token: Option<String>,
    /// The team's token.
    pub team_token: String,
    /// The key of the person who logged in.
    pub user_key: String,
    /// The mail address to log in with.
    pub email: String,
    /// The password to log in with.
    pub password: String,
    /// The second factor to log in with; `None` when none is asked for.
    pub twofa: Option<String>,
    /// The secret of the session.
    pub secret: String,
    /// The device registered with that secret.
    pub device_id: String,
    /// A device of the same person whose queue is empty, in datasets that have one.
    pub empty_device_id: Option<String>,
    /// Receipts that can be read.
    pub receipts: Vec<String>,
    /// Receipt ids that are not found.
    pub missing_receipts: Vec<String>,
    /// Groups of the account.
    pub group_keys: Vec<String>,
    /// Keys to validate; some of the Org dataset's are invalid, and one is a group's.
    pub user_keys: Vec<String>,
    /// A subscription code of the account.
    pub subscription_code: String,
}
