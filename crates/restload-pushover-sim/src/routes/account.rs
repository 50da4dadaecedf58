//! What an application may read about its account: sounds, quota and licence credits.

use serde_json::Value;

use super::auth;
use crate::answer::{Answer, Handled, Refusal};
use crate::clock::next_quota_reset;
use crate::request::Request;
use crate::settings::Dataset;
use crate::state::State;

pub(super) fn sounds(state: &State, request: &Request) -> Handled {
    let app = auth::app(state, request)?;
    let account = &state.accounts[state.apps[app].account];
    Ok(Answer::success().with("sounds", account.sounds()))
}

pub(super) fn limits(state: &State, request: &Request) -> Handled {
    let app = auth::app(state, request)?;
    let account = &state.accounts[state.apps[app].account];
    Ok(Answer::success()
        .with("limit", account.limit)
        .with("remaining", account.remaining(state.now))
        .with("reset", next_quota_reset(state.now)))
}

pub(super) fn licenses(state: &State, request: &Request) -> Handled {
    let app = auth::app(state, request)?;
    Ok(Answer::success().with("credits", state.apps[app].credits))
}

pub(super) fn assign_license(state: &mut State, request: &Request) -> Handled {
    let app = auth::app(state, request)?;
    let by_email = request.filled("email").is_some();
    if !by_email {
        let Some(key) = request.filled("user") else {
            return Err(Refusal::text("user or email must be supplied"));
        };
        if state.user_with_key(key).is_none() {
            return Err(Refusal::because("user", "invalid", "user key is invalid"));
        }
    }
    if state.apps[app].credits <= 0 {
        return Ok(out_of_credits(state));
    }
    state.apps[app].credits -= 1;
    Ok(Answer::success().with("credits", state.apps[app].credits))
}

/// Recorded both with and without an `errors` array.
fn out_of_credits(state: &State) -> Answer {
    let answer = Answer::new(400)
        .with("status", 0)
        .with("token", vec![Value::from("is out of available license credits")]);
    if state.settings.dataset == Dataset::Hostile {
        return answer;
    }
    answer.with(
        "errors",
        vec![Value::from("application is out of available license credits")],
    )
}
