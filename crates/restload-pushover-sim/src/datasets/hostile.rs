//! Awkward texts, numbers and shapes. NUL, lone surrogates, a priority in quotes, repeated messages and texts longer
//! than allowed are not known to come from Pushover; a loader should bear them all the same.

use serde_json::{Map, Value, json};

use super::base;
use crate::credentials::Credentials;
use crate::settings::AppSetting;
use crate::state::{Device, KeyOrder, LONE_SURROGATE, Message, State};

const YEAR_2100: i64 = 4_102_444_800;
const LONG_TEXT_BYTES: usize = 200 * 1024;

pub(super) fn fill(state: &mut State, credentials: &mut Credentials) {
    state.key_order = KeyOrder::Reversed;
    state.accounts[base::MAIN_ACCOUNT].custom_sounds = [
        ("select", "Select"),
        ("Status", "Status"),
        // Equal to a built-in one except for case.
        ("Bike", "Another bike"),
        ("unnamed", ""),
    ]
    .map(|(name, label)| (name.to_owned(), label.to_owned()))
    .to_vec();
    state.unknown_user_fields = unknown_user_fields();
    state.teams[0].users.clear();
    add_empty_device(state, credentials);
    add_second_account(state, credentials);
    for message in messages(state) {
        base::queue(state, message);
    }
}

fn unknown_user_fields() -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert(
        "preferences".to_owned(),
        json!({ "theme": { "name": "dark", "contrast": 1.5 } }),
    );
    fields.insert("badges".to_owned(), json!([1, "two", null, [3]]));
    fields
}

fn add_empty_device(state: &mut State, credentials: &mut Credentials) {
    let id = state.generator.identifier("dFake", 40);
    state.users[base::MAIN_USER]
        .devices
        .push(Device::new(id.clone(), "empty"));
    credentials.empty_device_id = Some(id);
}

/// The main account's list of groups is empty, so the awkward groups belong to another one.
fn add_second_account(state: &mut State, credentials: &mut Credentials) {
    let app = AppSetting {
        token: "aFakeOtherToken00000000000000B".to_owned(),
        name: "Elsewhere".to_owned(),
        account: "grace".to_owned(),
    };
    credentials.second_token = Some(app.token.clone());
    let app = base::add_app(state, &app);
    let account = state.apps[app].account;
    let members = vec![base::member(state, base::MAIN_USER, None, "a/b \"c\"\n'd'")];
    base::add_group(state, account, "Ops/Night \"shift\"", members);
    base::add_group(state, account, "Nobody", Vec::new());
}

fn messages(state: &mut State) -> Vec<Message> {
    let mut texts = vec![
        ("emoji", "🚨🧯👩‍🚒 e\u{301} ﬁ".to_owned()),
        ("1,024 characters, 4,096 bytes", "🚨".repeat(1024)),
        ("right to left", "\u{202E}שלום عالم\u{202C}".to_owned()),
        ("NUL", "before\u{0}after".to_owned()),
        ("lone surrogate", format!("before{LONE_SURROGATE}after")),
        (
            "quotes",
            "\"double\" 'single' `back` \\ '; DROP TABLE messages; --".to_owned(),
        ),
        ("newlines", "one\ntwo\r\nthree\tfour\u{2028}five".to_owned()),
        ("200 KB", "0123456789abcdef".repeat(LONG_TEXT_BYTES / 16)),
        ("looks like a number", "0012".to_owned()),
    ];
    let mut messages = Vec::new();
    for (title, text) in texts.drain(..) {
        let message = new_message(state, &text);
        messages.push(Message {
            title: Some(title.to_owned()),
            ..message
        });
    }
    for date in [0, -1, YEAR_2100] {
        let message = new_message(state, "an odd date");
        messages.push(Message { date, ..message });
    }
    messages.extend(with_odd_ids(state));
    messages.extend(with_odd_fields(state));
    messages
}

/// Two ids that a float cannot tell apart, and one near the end of 64 bits.
fn with_odd_ids(state: &mut State) -> [Message; 3] {
    let first = new_message(state, "one id");
    let second = Message {
        id: first.id + 1,
        text: "the next id".to_owned(),
        ..first.clone()
    };
    let last = Message {
        id: i64::MAX - 1,
        ..new_message(state, "an id near the end")
    };
    [first, second, last]
}

fn with_odd_fields(state: &mut State) -> [Message; 5] {
    // No optional field at all, not even `acked`.
    let bare = Message {
        acked: None,
        ..new_message(state, "bare")
    };
    let mut text_priority = new_message(state, "a priority in quotes");
    text_priority.oddities.insert("priority".to_owned(), Value::from("2"));
    let encrypted = Message {
        encrypted: true,
        ..new_message(state, "H4sIAAAAAAAA/8tIzcnJBwCGphA2BQAAAA==")
    };
    let repeated = Message {
        title: Some("twice".to_owned()),
        ..new_message(state, "the same message twice")
    };
    [bare, text_priority, encrypted, repeated.clone(), repeated]
}

fn new_message(state: &mut State, text: &str) -> Message {
    base::new_message(state, base::MAIN_APP, state.now, text)
}
