//! The invented data a simulator serves. Every key, name, mail and text in it is made up, and looks it.

mod base;
mod hostile;
mod inbox;
mod org;
mod receipts;
mod tiny;

use crate::credentials::Credentials;
use crate::settings::{Dataset, Settings};
use crate::state::State;

pub(crate) fn build(settings: &Settings) -> (State, Credentials) {
    let mut state = State::new(settings.clone());
    let mut credentials = base::build(&mut state);
    match settings.dataset {
        Dataset::Tiny => tiny::fill(&mut state, &mut credentials),
        Dataset::Inbox => inbox::fill(&mut state, &mut credentials),
        Dataset::Receipts => receipts::fill(&mut state, &mut credentials),
        Dataset::Org => org::fill(&mut state, &mut credentials),
        Dataset::Hostile => hostile::fill(&mut state, &mut credentials),
    }
    for quota in &settings.quotas {
        let account = state.account_named(&quota.account);
        let now = state.now;
        state.accounts[account].set_quota(quota.limit, quota.used, now);
    }
    (state, credentials)
}

/// Moves the data on, as if some time had passed at Pushover. Datasets without a second generation stay as they are.
pub(crate) fn advance_generation(state: &mut State) {
    match state.settings.dataset {
        Dataset::Tiny => tiny::advance_generation(state),
        Dataset::Inbox => inbox::advance_generation(state),
        Dataset::Org => org::advance_generation(state),
        Dataset::Receipts | Dataset::Hostile => {}
    }
}
