//! `subscriptions/migrate`: gives a person a key of its own for one subscription.

use super::auth;
use crate::answer::{Answer, Handled, Refusal};
use crate::request::Request;
use crate::state::State;

pub(super) fn migrate(state: &mut State, request: &Request) -> Handled {
    let app = auth::app(state, request)?;
    let account = state.apps[app].account;
    let code = request.filled("subscription").unwrap_or_default();
    let mut refusal = Refusal::new(400);
    if !state
        .subscriptions
        .iter()
        .any(|owned| owned.code == code && owned.account == account)
    {
        refusal.add("subscription", "invalid", "subscription code is invalid");
    }
    let user = state.user_with_key(request.filled("user").unwrap_or_default());
    if user.is_none() {
        refusal.add(
            "user",
            "is not a valid user",
            "user key is not valid for any active user",
        );
    }
    refusal.check()?;
    let key = state.generator.identifier("uFakeSub", 30);
    if let Some(user) = user {
        state.users[user].subscribed_keys.push(key.clone());
    }
    Ok(Answer::success().with("subscribed_user_key", key))
}
