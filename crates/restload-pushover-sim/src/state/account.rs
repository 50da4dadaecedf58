//! Accounts own the quota, the custom sounds and the groups; applications share them.

use serde_json::{Map, Value};

use crate::clock::next_quota_reset;

/// The free allowance since May 2026.
const DEFAULT_LIMIT: i64 = 10_000;

/// The sounds every account has, in the documented order.
const BUILT_IN_SOUNDS: [(&str, &str); 23] = [
    ("pushover", "Pushover (default)"),
    ("bike", "Bike"),
    ("bugle", "Bugle"),
    ("cashregister", "Cash Register"),
    ("classical", "Classical"),
    ("cosmic", "Cosmic"),
    ("falling", "Falling"),
    ("gamelan", "Gamelan"),
    ("incoming", "Incoming"),
    ("intermission", "Intermission"),
    ("magic", "Magic"),
    ("mechanical", "Mechanical"),
    ("pianobar", "Piano Bar"),
    ("siren", "Siren"),
    ("spacealarm", "Space Alarm"),
    ("tugboat", "Tug Boat"),
    ("alien", "Alien Alarm (long)"),
    ("climb", "Climb (long)"),
    ("persistent", "Persistent (long)"),
    ("echo", "Pushover Echo (long)"),
    ("updown", "Up Down (long)"),
    ("vibrate", "Vibrate Only"),
    ("none", "None (silent)"),
];

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) limit: i64,
    pub(crate) custom_sounds: Vec<(String, String)>,
    used: i64,
    /// When `used` returns to zero.
    reset: i64,
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) token: String,
    pub(crate) name: String,
    pub(crate) account: usize,
    pub(crate) aid: i64,
    pub(crate) icon: String,
    pub(crate) credits: i64,
}

/// A subscription code of an account. Its sign-up page is no part of the API.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) code: String,
    pub(crate) account: usize,
}

impl Account {
    pub(crate) fn new(name: &str, now: i64) -> Self {
        Self {
            name: name.to_owned(),
            limit: DEFAULT_LIMIT,
            custom_sounds: Vec::new(),
            used: 0,
            reset: next_quota_reset(now),
        }
    }

    pub(crate) fn set_quota(&mut self, limit: i64, used: i64, now: i64) {
        self.limit = limit;
        self.used = used;
        self.reset = next_quota_reset(now);
    }

    pub(crate) fn remaining(&self, now: i64) -> i64 {
        let used = if now >= self.reset { 0 } else { self.used };
        (self.limit - used).max(0)
    }

    pub(crate) fn spend(&mut self, count: i64, now: i64) {
        if now >= self.reset {
            self.used = 0;
        }
        self.used += count;
        self.reset = next_quota_reset(now);
    }

    pub(crate) fn sounds(&self) -> Map<String, Value> {
        let mut sounds = Map::new();
        for (name, label) in BUILT_IN_SOUNDS {
            sounds.insert(name.to_owned(), Value::from(label));
        }
        for (name, label) in &self.custom_sounds {
            sounds.insert(name.clone(), Value::from(label.as_str()));
        }
        sounds
    }
}
