//! What the simulator remembers about each request, without the secrets in it.

use std::time::Duration;

/// One request as it arrived. Values are not kept; those of credentials survive only as fingerprints,
/// so that a failing test does not print them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Counts from 1, in order of arrival.
    pub number: usize,
    /// The simulator's clock at arrival, in unix seconds.
    pub arrival: i64,
    /// Real time from the start of the server to the arrival.
    pub elapsed: Duration,
    /// The HTTP method, in capitals.
    pub method: String,
    /// The path as sent, with the leading `/1`.
    pub path: String,
    /// Names of the query parameters, in order.
    pub query_names: Vec<String>,
    /// Names of the body's fields, in order.
    pub body_names: Vec<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// Which connection carried the request, counting from 1.
    pub connection: usize,
    /// The status that was answered; `None` when the request got no answer.
    pub status: Option<u16>,
    /// Fingerprints of the `token`, `secret` and `password` values, by name.
    pub secret_hashes: Vec<(String, u64)>,
}

/// A callback that Pushover would make after an acknowledgement. The simulator records it and sends nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// The address given by the sender.
    pub url: String,
    /// The receipt that was acknowledged.
    pub receipt: String,
    /// Always 1.
    pub acknowledged: i64,
    /// Unix time of the acknowledgement.
    pub acknowledged_at: i64,
    /// Key of the user who acknowledged first.
    pub acknowledged_by: String,
    /// Name of the device used, or an empty text.
    pub acknowledged_by_device: String,
}
