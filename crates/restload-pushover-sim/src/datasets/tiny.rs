//! A first run: a few rows of everything.

use super::base;
use crate::credentials::Credentials;
use crate::state::{Message, State};

const RETRY: i64 = 60;
const EXPIRE: i64 = 3600;
const HOUR: i64 = 3600;

pub(super) fn fill(state: &mut State, credentials: &mut Credentials) {
    state.users[base::MAIN_USER].two_factor_code = Some("123456".to_owned());
    credentials.twofa = Some("123456".to_owned());
    state.apps[base::MAIN_APP].credits = 5;
    let now = state.now;
    state.accounts[base::MAIN_ACCOUNT].set_quota(10_000, 2504, now);
    state.accounts[base::MAIN_ACCOUNT].custom_sounds = vec![
        ("doorbell".to_owned(), "Doorbell".to_owned()),
        ("kettle".to_owned(), "Kettle (custom)".to_owned()),
    ];
    fill_group(state, credentials);
    fill_receipts(state, credentials);
    fill_messages(state, &credentials.receipts);
}

/// A custom sound appears, and somebody acknowledges the receipt that is still active.
pub(super) fn advance_generation(state: &mut State) {
    let sounds = &mut state.accounts[base::MAIN_ACCOUNT].custom_sounds;
    sounds.push(("whistle".to_owned(), "Whistle".to_owned()));
    let now = state.now;
    if let Some(active) = state.receipts.iter().position(|receipt| receipt.is_active(now)) {
        state.acknowledge(active, base::MAIN_USER, "phone");
    }
}

fn fill_group(state: &mut State, credentials: &mut Credentials) {
    let bea = base::add_user(state, "bea@example.com", &["tablet"]);
    let cem = base::add_user(state, "cem@example.com", &["laptop"]);
    let mut members = vec![
        base::member(state, base::MAIN_USER, None, "Ada"),
        base::member(state, bea, Some("tablet"), "Bea, at night"),
        base::member(state, cem, None, ""),
    ];
    members[2].is_disabled = true;
    let key = base::add_group(state, base::MAIN_ACCOUNT, "On call", members);
    credentials.group_keys.push(key);
    for user in [bea, cem] {
        credentials.user_keys.push(state.users[user].key.clone());
    }
}

/// One acknowledged, one active, one expired.
fn fill_receipts(state: &mut State, credentials: &mut Credentials) {
    let now = state.now;
    let mut acknowledged = base::new_receipt(state, now - 20 * HOUR, RETRY, EXPIRE);
    acknowledged.acknowledgement = Some(base::acknowledgement(state, now - 20 * HOUR + 130));
    let active = base::new_receipt(state, now - 10 * RETRY, RETRY, EXPIRE);
    let expired = base::new_receipt(state, now - 30 * HOUR, RETRY, EXPIRE);
    for receipt in [acknowledged, active, expired] {
        credentials.receipts.push(receipt.id.clone());
        state.receipts.push(receipt);
    }
}

fn fill_messages(state: &mut State, receipts: &[String]) {
    let now = state.now;
    let emergency = |message: Message, receipt: &str| Message {
        priority: 2,
        sound: Some("siren".to_owned()),
        receipt: Some(receipt.to_owned()),
        ..message
    };
    let message = base::new_message(state, base::MAIN_APP, now - 30 * HOUR, "/var on db-1 is at 97 %");
    base::queue(
        state,
        emergency(
            Message {
                title: Some("Disk full".to_owned()),
                ..message
            },
            &receipts[2],
        ),
    );

    let message = base::new_message(state, base::MAIN_APP, now - 20 * HOUR, "web-2 does not answer");
    let message = Message {
        title: Some("Host down".to_owned()),
        acked: Some(1),
        ..message
    };
    base::queue(state, emergency(message, &receipts[0]));

    let message = base::new_message(
        state,
        base::MAIN_APP,
        now - 8 * HOUR,
        "The nightly backup took 41 minutes.",
    );
    base::queue(
        state,
        Message {
            priority: -1,
            ..message
        },
    );

    let message = base::new_message(state, base::MAIN_APP, now - 2 * HOUR, "Build <b>1208</b> passed");
    base::queue(
        state,
        Message {
            html: true,
            url: Some("https://ci.example.com/builds/1208".to_owned()),
            url_title: Some("Open the build".to_owned()),
            sound: Some("doorbell".to_owned()),
            ..message
        },
    );

    let message = base::new_message(
        state,
        base::MAIN_APP,
        now - 10 * RETRY,
        "Queue length is 12,000 and rising",
    );
    base::queue(
        state,
        emergency(
            Message {
                title: Some("Queue".to_owned()),
                ..message
            },
            &receipts[1],
        ),
    );
}
