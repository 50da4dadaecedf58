//! Receipts: read and canceled by the application, acknowledged by the person.

use super::auth;
use crate::answer::{Answer, Handled, Refusal};
use crate::request::Request;
use crate::state::State;

pub(super) fn show(state: &State, request: &Request, id: &str) -> Handled {
    let app = auth::app(state, request)?;
    let receipt = state.receipt_of_app(app, id).ok_or_else(|| not_found(state))?;
    let fields = state.receipts[receipt].fields(state.now, state.settings.cancel_sets_expired);
    Ok(Answer::success().with_all(fields))
}

pub(super) fn cancel(state: &mut State, request: &Request, id: &str) -> Handled {
    let app = auth::app(state, request)?;
    let receipt = state.receipt_of_app(app, id).ok_or_else(|| not_found(state))?;
    let now = state.now;
    if state.receipts[receipt].is_active(now) {
        state.receipts[receipt].canceled_at = Some(now);
    }
    Ok(Answer::success())
}

pub(super) fn cancel_by_tag(state: &mut State, request: &Request, tag: &str) -> Handled {
    let app = auth::app(state, request)?;
    let now = state.now;
    let mut canceled = 0;
    for receipt in &mut state.receipts {
        if receipt.app == app && receipt.is_active(now) && receipt.tags.iter().any(|own| own == tag) {
            receipt.canceled_at = Some(now);
            canceled += 1;
        }
    }
    Ok(Answer::success().with("canceled", canceled))
}

pub(super) fn acknowledge(state: &mut State, request: &Request, id: &str) -> Handled {
    let session = auth::session(state, request)?;
    let user = state.sessions[session].user;
    let receipt = state.receipt_of_user(user, id).ok_or_else(|| not_found(state))?;
    let device = state.sessions[session].device_name.clone();
    state.acknowledge(receipt, user, &device);
    Ok(Answer::success())
}

fn not_found(state: &State) -> Refusal {
    Refusal::because("receipt", "not found", "receipt not found; may be invalid or expired")
        .with_status(state.settings.receipt_missing_status)
}
