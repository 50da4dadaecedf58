//! The invented data a simulator serves. Every key, name, mail and text in it is made up, and looks it.

mod base;
mod hostile;
mod inbox;
mod org;
mod receipts;
mod tiny;

use crate::builder::Settings;
use crate::running::Credentials;
use crate::state::State;

/// Which data to serve. The crate's README lists what each holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// A first run: a few rows of everything.
    Tiny,
    /// Volume: 1,000 messages in one download.
    Inbox,
    /// 24 receipts in every state of their life, and 4 that are not found.
    Receipts,
    /// Groups, memberships and a team: nested data.
    Org,
    /// Awkward texts, numbers and shapes.
    Hostile,
}

impl Dataset {
    /// Every dataset with its name on a command line.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("tiny", Self::Tiny),
        ("inbox", Self::Inbox),
        ("receipts", Self::Receipts),
        ("org", Self::Org),
        ("hostile", Self::Hostile),
    ];

    /// The dataset of that name, in lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, dataset)| dataset)
    }
}

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
