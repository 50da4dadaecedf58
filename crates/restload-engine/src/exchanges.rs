//! Where answers come from, and whether they are kept: the one place between restload and the wire.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use restload_model::checkpoint::Checkpoint;
use restload_replay::{Answer, Asked, Book, Outcome, Recorder};
use restload_source::plan::Limits;
use restload_source::request::{Request, Response};
use std::time::Duration;

use crate::http::TransportError;

/// Where a run's answers come from.
#[derive(Debug, Clone, Default)]
pub enum Exchanges {
    /// The API.
    #[default]
    Wire,
    /// The API; they are written down.
    Recorded(Arc<Recorder>),
    /// What was written down. Nothing is sent, no connection is made, and nothing is waited for.
    Replayed(Replay),
}

/// Answers that were written down.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The exchanges.
    pub book: Arc<Book>,
    /// What the destination had stored of the resources before the recorded run, which this one starts from in the place
    /// of what is stored now. `None` to start from that.
    pub state: Option<Vec<Checkpoint>>,
    /// Whether the run leaves what is stored as it is: it is about data of another time.
    pub is_aside: bool,
}

impl Exchanges {
    /// The limits without those that are there for the API's sake.
    pub(crate) fn relax(&self, limits: &mut Limits) {
        if let Self::Replayed(_) = self {
            limits.rate = None;
            limits.min_delay = Duration::ZERO;
            limits.max_delay = Duration::ZERO;
        }
    }

    /// Whether the run leaves what is stored as it is.
    pub(crate) fn is_aside(&self) -> bool {
        matches!(self, Self::Replayed(replay) if replay.is_aside)
    }
}

/// A request as recordings have it.
pub(crate) fn asked(request: &Request) -> Asked {
    Asked {
        method: request.method.to_string(),
        url: request.url.to_string(),
        headers: texts(&request.headers),
        body: request.body.clone().unwrap_or_default(),
    }
}

/// What came of a request, as recordings have it.
pub(crate) fn outcome(request: &Request, sent: &Result<Response, TransportError>) -> Outcome {
    match sent {
        Ok(response) => Outcome::Answer(Answer {
            url: (response.url != request.url).then(|| response.url.to_string()),
            status: response.status,
            headers: texts(&response.headers),
            body: response.body.clone(),
        }),
        Err(error) => Outcome::Failure {
            reason: error.to_string(),
            is_lasting: matches!(error, TransportError::Final(_)),
        },
    }
}

/// What is answered to a request.
pub(crate) fn answer(book: &Book, request: &Request) -> Result<Response, TransportError> {
    match book.ask(&asked(request)) {
        Ok(Outcome::Answer(answer)) => response(request, answer).map_err(TransportError::Final),
        Ok(Outcome::Failure {
            reason,
            is_lasting: true,
        }) => Err(TransportError::Final(reason)),
        Ok(Outcome::Failure { reason, .. }) => Err(TransportError::Passing(reason)),
        Err(not_recorded) => Err(TransportError::Final(not_recorded.to_string())),
    }
}

fn response(request: &Request, answer: Answer) -> Result<Response, String> {
    let url = match &answer.url {
        Some(url) => url::Url::parse(url).map_err(|error| format!("`{url}` is no address: {error}"))?,
        None => request.url.clone(),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        let header = HeaderName::try_from(name.as_str()).ok();
        let header = header.zip(HeaderValue::try_from(value.as_str()).ok());
        let (name, value) = header.ok_or_else(|| format!("`{name}: {value}` is no header"))?;
        headers.append(name, value);
    }
    Ok(Response {
        url,
        status: answer.status,
        headers,
        body: answer.body,
    })
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let texts = headers.iter().map(|(name, value)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    texts.collect()
}
