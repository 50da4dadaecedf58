//! The four kinds of credential. A bad one ends the request at once.

use crate::answer::Refusal;
use crate::request::Request;
use crate::state::State;

/// The application whose token was sent.
pub(super) fn app(state: &State, request: &Request) -> Result<usize, Refusal> {
    let Some(token) = request.filled("token") else {
        return Err(Refusal::because(
            "token",
            "invalid",
            "application token must be supplied",
        ));
    };
    state
        .app_with_token(token)
        .ok_or_else(|| Refusal::because("token", "invalid", "application token is invalid"))
}

/// The team whose token was sent. The documented refusal has no `token` field.
pub(super) fn team(state: &State, request: &Request) -> Result<usize, Refusal> {
    let Some(token) = request.filled("token") else {
        return Err(Refusal::because(
            "token",
            "invalid",
            "application token must be supplied",
        ));
    };
    let found = state.teams.iter().position(|team| team.token == token);
    found.ok_or_else(|| Refusal::text("team token is invalid"))
}

/// The session whose secret was sent.
pub(super) fn session(state: &State, request: &Request) -> Result<usize, Refusal> {
    let secret = request.filled("secret").unwrap_or_default();
    let found = state.sessions.iter().position(|session| session.secret == secret);
    found.ok_or_else(|| {
        Refusal::because("secret", "invalid", "secret is invalid").with_status(state.settings.bad_secret_status)
    })
}

/// The person's device with that id.
pub(super) fn device(state: &State, user: usize, id: &str) -> Result<usize, Refusal> {
    let found = state.users[user].devices.iter().position(|device| device.id == id);
    found.ok_or_else(|| Refusal::because("device_id", "invalid", "device_id is invalid"))
}
