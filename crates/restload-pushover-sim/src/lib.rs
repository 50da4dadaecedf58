//! A faithful Pushover server on the loopback interface, for tests and the demo.
//!
//! It answers as `api.pushover.net` does, down to the error texts and the odd shapes of errors, with invented data.
//! Time stands still until a test moves it, everything random comes from a seed, and every request is judged by
//! Pushover's rules of conduct.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use restload_pushover_sim::{Dataset, Fault, Matcher, Simulator, When};
//!
//! let simulator = Simulator::builder()
//!     .dataset(Dataset::Tiny)
//!     .fault(Matcher::new("GET", "sounds.json"), Fault::ServerError(502), When::First(2))
//!     .start()
//!     .await?;
//! let token = simulator.credentials().token;
//! // ... load `{base_url}/sounds.json?token={token}` here ...
//! assert!(simulator.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(simulator.effects(), 0);
//! simulator.assert_polite();
//! # let _ = token;
//! # Ok(())
//! # }
//! ```
//!
//! What it does not claim: real delivery, XML, the web socket, images, Cloudflare's real pages, and wordings that no
//! source shows (the 429 since May 2026, a wrong login, a receipt after its cancel).

mod answer;
mod builder;
mod clock;
mod credentials;
mod datasets;
mod exchange;
mod faults;
mod ids;
mod log;
mod referee;
mod request;
mod routes;
mod running;
mod server;
mod settings;
mod state;

pub use builder::{Builder, Simulator};
pub use credentials::Credentials;
pub use faults::{Fault, Matcher, When};
pub use log::{Callback, LoggedRequest};
pub use referee::{Rule, Violation};
pub use running::Running;
pub use settings::{Dataset, LimitHeaders, RequestId, UserErrorText};
