//! One login for all who need it: whoever comes first makes it, the others wait for its outcome.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use restload_model::secret::Secret;
use restload_replay::{Answered, SESSION, pseudonym};
use restload_source::auth::{Granted, Login, LoginError, Rotation, Session};
use restload_source::request::{Request, Response};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;

use super::token_file::{Kept, TokenFile};
use crate::clock::Moment;
use crate::exchanges;
use crate::fetch::{Attempts, FetchError, Fetcher, Traffic};
use crate::report::Event;

/// A session is renewed this long before its end, so that it does not end on the way to the server…
const MARGIN: Duration = Duration::from_mins(1);
/// …but a short one is used for most of its life.
const MARGIN_PART: u32 = 10;

/// The place of a login.
#[derive(Debug)]
pub(crate) struct LoginSlot {
    pub(super) login: Login,
    folder: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Arc<Current>>,
    /// A login that failed is not tried again for every request that waits: many servers lock an account after a few
    /// failures.
    failure: Option<FetchError>,
    /// Whether the token that the config gives has been taken.
    has_begun: bool,
    /// The latest refresh token, where no file keeps it.
    refresh_token: Option<Secret>,
}

/// A session in use.
#[derive(Debug)]
pub(crate) struct Current {
    pub(super) session: Session,
    access_token: Option<Secret>,
    renew_at: Option<Instant>,
    is_refused: AtomicBool,
}

impl Current {
    fn new(session: Session, access_token: Option<Secret>, lifetime: Option<Duration>) -> Self {
        let usable = lifetime.map(|lifetime| lifetime.saturating_sub(MARGIN.min(lifetime / MARGIN_PART)));
        Self {
            session,
            access_token,
            renew_at: usable.and_then(|usable| Instant::now().checked_add(usable)),
            is_refused: AtomicBool::new(false),
        }
    }

    fn is_fresh(&self) -> bool {
        !self.is_refused.load(Ordering::Acquire) && self.renew_at.is_none_or(|end| Instant::now() < end)
    }

    /// Takes it out of use.
    pub(super) fn refuse(&self) {
        self.is_refused.store(true, Ordering::Release);
    }
}

impl LoginSlot {
    pub(super) fn new(login: Login, folder: &Path) -> Self {
        Self {
            login,
            folder: folder.to_owned(),
            state: Arc::default(),
        }
    }

    /// The session, or a new one.
    pub(super) async fn current(
        self: &Arc<Self>,
        fetcher: &Arc<Fetcher>,
        resource: &Arc<str>,
        traffic: &Traffic,
    ) -> Result<Arc<Current>, FetchError> {
        let state = tokio::select! {
            biased;
            () = fetcher.cancellation() => return Err(FetchError::Cancelled),
            state = Arc::clone(&self.state).lock_owned() => state,
        };
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        if let Some(current) = state.current.as_ref().filter(|current| current.is_fresh()) {
            return Ok(Arc::clone(current));
        }
        // A task of its own: whoever waits for it may be dropped, and what the server gives must not be.
        let (slot, fetcher, resource) = (Arc::clone(self), Arc::clone(fetcher), Arc::clone(resource));
        let login = tokio::spawn(async move { slot.renew(state, &fetcher, &resource).await });
        let (outcome, made) = login
            .await
            .map_err(|error| FetchError::failed(format!("the login could not be made: {error}")))?;
        traffic.add(&made);
        outcome
    }

    /// Waits for a login under way.
    pub(super) async fn settle(&self) {
        drop(self.state.lock().await);
    }

    async fn renew(
        &self,
        mut state: OwnedMutexGuard<State>,
        fetcher: &Arc<Fetcher>,
        resource: &Arc<str>,
    ) -> (Result<Arc<Current>, FetchError>, Traffic) {
        let traffic = Traffic::default();
        let renewal = Renewal {
            slot: self,
            fetcher,
            resource,
            traffic: &traffic,
        };
        let outcome = match renewal.make(&mut state).await {
            Ok(current) => {
                let current = Arc::new(current);
                state.current = Some(Arc::clone(&current));
                Ok(current)
            }
            Err(FetchError::Cancelled) => Err(FetchError::Cancelled),
            Err(failure) => {
                state.failure = Some(failure.clone());
                Err(failure)
            }
        };
        (outcome, traffic)
    }
}

/// One login under way.
struct Renewal<'r> {
    slot: &'r LoginSlot,
    fetcher: &'r Arc<Fetcher>,
    resource: &'r Arc<str>,
    traffic: &'r Traffic,
}

impl Renewal<'_> {
    async fn make(&self, state: &mut State) -> Result<Current, FetchError> {
        let login = &self.slot.login;
        if !std::mem::replace(&mut state.has_begun, true)
            && let Some(given) = login.given()
        {
            let session = given.map_err(|error| self.failed(&error))?;
            return Ok(Current::new(session, None, None));
        }
        match login.rotation() {
            None => {
                let granted = self.log_in(None).await?;
                Ok(Current::new(granted.session, granted.access_token, granted.lifetime))
            }
            Some(rotation) => match &rotation.file {
                Some(file) => {
                    let path = self.slot.folder.join(file);
                    self.rotate_in_file(rotation, path, state.current.as_deref()).await
                }
                None => self.rotate_in_memory(rotation, &mut state.refresh_token).await,
            },
        }
    }

    /// Refreshes with the token that the file holds, and keeps the one that takes its place before anything is sent
    /// with it.
    async fn rotate_in_file(
        &self,
        rotation: &Rotation,
        path: PathBuf,
        before: Option<&Current>,
    ) -> Result<Current, FetchError> {
        let login = &self.slot.login;
        let file = spawn_blocking(move || TokenFile::open(&path)).await;
        let file = file
            .map_err(|error| FetchError::failed(error.to_string()))?
            .map_err(|unusable| FetchError::Failed {
                error: unusable.error,
                help: Some(unusable.help.to_owned()),
            })?;
        let mut refresh_token = rotation.configured.clone();
        if let Some(kept) = file.get(&rotation.key) {
            refresh_token = kept.refresh_token();
            self.learn(&refresh_token);
            // Another process, or the run before, may have a token that is still good.
            let now = Moment::now().seconds();
            if let Some((access_token, expires_at)) = kept.access()
                && expires_at > now
                && before.is_none_or(|before| before.access_token.as_ref() != Some(&access_token))
            {
                let lifetime = Duration::from_secs((expires_at - now).unsigned_abs());
                let session = login.session_of(&access_token).map_err(|error| self.failed(&error))?;
                let current = Current::new(session, Some(access_token), Some(lifetime));
                current.session.secrets().for_each(|secret| self.learn(secret));
                if lifetime > MARGIN {
                    return Ok(current);
                }
            }
        }
        let granted = self.log_in(Some(&refresh_token)).await?;
        let successor = granted.refresh_token.as_ref().unwrap_or(&refresh_token);
        let expires_at = |lifetime: Duration| Moment::now().seconds().saturating_add_unsigned(lifetime.as_secs());
        let access = granted.access_token.as_ref().zip(granted.lifetime.map(expires_at));
        let kept = Kept::new(login.describe(), successor, access);
        let key = rotation.key.clone();
        let written = spawn_blocking(move || file.keep(key, kept)).await;
        written
            .map_err(|error| FetchError::failed(error.to_string()))?
            .map_err(|reason| FetchError::Failed {
                error: reason,
                help: Some("if the API replaces its refresh tokens, the user has to agree anew".to_owned()),
            })?;
        Ok(Current::new(granted.session, granted.access_token, granted.lifetime))
    }

    async fn rotate_in_memory(&self, rotation: &Rotation, latest: &mut Option<Secret>) -> Result<Current, FetchError> {
        let used = latest.clone().unwrap_or_else(|| rotation.configured.clone());
        let granted = self.log_in(Some(&used)).await?;
        if let Some(successor) = granted.refresh_token.filter(|successor| *successor != used) {
            if latest.is_none() && self.fetcher.http.book().is_none() {
                self.fetcher.reporter.report(Event::Note {
                    resource: Arc::clone(self.resource),
                    text: "the API has replaced the refresh token, which `token_file: null` keeps nowhere; the next \
                           run may be refused"
                        .to_owned(),
                });
            }
            *latest = Some(successor);
        }
        Ok(Current::new(granted.session, granted.access_token, granted.lifetime))
    }

    /// Sends the login until something answers it, and reads the answer.
    async fn log_in(&self, refresh_token: Option<&Secret>) -> Result<Granted, FetchError> {
        let login = &self.slot.login;
        let nonce: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
        let request = login.request(Moment::now().seconds(), &nonce, refresh_token);
        let request = request.map_err(|error| self.failed(&error))?;
        let http = &self.fetcher.http;
        if login.rotation().is_some() && http.book().is_some_and(|book| !book.knows(&exchanges::asked(&request))) {
            // The recorded run had a token of the run before it.
            let kept = Secret::new(pseudonym(SESSION, &Secret::new("token")));
            return Ok(Granted {
                session: login.session_of(&kept).map_err(|error| self.failed(&error))?,
                lifetime: None,
                access_token: None,
                refresh_token: None,
            });
        }
        let response = self.send(&request).await?;
        let read = login.read(&response);
        if let Ok(granted) = &read {
            granted.session.secrets().for_each(|secret| self.learn(secret));
            if let Some(refresh_token) = &granted.refresh_token {
                self.learn(refresh_token);
            }
        }
        let is_read = read.is_ok();
        http.record(&request, &Ok(response), Answered::Login { is_read }).await;
        read.map_err(|error| self.failed(&error))
    }

    async fn send(&self, request: &Request) -> Result<Response, FetchError> {
        let fetcher = self.fetcher;
        let mut attempts = Attempts::new(true);
        loop {
            // Once a refresh token is on its way its answer is waited for, even when the user asks to stop.
            let is_awaited = self.slot.login.rotation().is_some();
            let sent = tokio::select! {
                biased;
                () = fetcher.cancellation(), if !is_awaited => return Err(FetchError::Cancelled),
                sent = fetcher.send_login(self.resource, request, self.traffic) => sent,
            };
            attempts.count();
            let is_final = sent
                .as_ref()
                .is_ok_and(|response| !fetcher.limits.retries(response.status));
            if !is_final {
                let answered = Answered::Login { is_read: false };
                fetcher.http.record(request, &sent, answered).await;
            }
            match sent {
                Ok(response) if fetcher.limits.retries(response.status) => {
                    let reason = format!("the login was answered {}", response.status);
                    let answer = Some(&response);
                    fetcher
                        .wait_to_retry(self.resource, request, &reason, answer, &attempts, self.traffic)
                        .await?;
                }
                Ok(response) => return Ok(response),
                Err(error) => {
                    fetcher
                        .wait_after_failure(self.resource, request, error, &attempts, self.traffic)
                        .await?;
                }
            }
        }
    }

    fn learn(&self, secret: &Secret) {
        self.fetcher.redactor.learn(SESSION, secret);
    }

    fn failed(&self, error: &LoginError) -> FetchError {
        let redactor = &self.fetcher.redactor;
        FetchError::Failed {
            error: redactor.redact(&error.to_string()),
            help: error.help.as_deref().map(|help| redactor.redact(help)),
        }
    }
}
