//! Volume: 1,000 messages of 20 days from three applications, in one answer.

use super::base;
use crate::clock::SECONDS_PER_DAY;
use crate::credentials::Credentials;
use crate::settings::AppSetting;
use crate::state::{Message, State};

const MESSAGES: i64 = 1000;
const DAYS: i64 = 20;
const NEW_MESSAGES: i64 = 40;
const DELETED_MESSAGES: usize = 100;
const RECEIPTS: i64 = 12;
const RETRY: i64 = 60;
const EXPIRE: i64 = 3600;
/// Every how manieth of the newest messages has a receipt; together they span less than the week receipts are kept.
const RECEIPT_EVERY: i64 = 20;

const EVENTS: [&str; 6] = [
    "The nightly backup finished without errors; 41 GB were copied in 41 minutes.",
    "/var on db-1 is at 97 % and grows by about 2 % per hour.",
    "web-2 answered again after 3 minutes.",
    "The certificate of shop.example.com ends in 14 days.",
    "Build 1208 passed: 4,311 tests in 12 minutes.",
    "Queue `mail` holds 12,000 entries, which is above its limit of 10,000.",
];

pub(super) fn fill(state: &mut State, credentials: &mut Credentials) {
    let apps = [
        base::MAIN_APP,
        add_app(state, "aFakeBackupToken0000000000000B", "Backup"),
        add_app(state, "aFakeShopToken000000000000000C", "Shop"),
    ];
    let begin = state.now - DAYS * SECONDS_PER_DAY;
    let step = DAYS * SECONDS_PER_DAY / MESSAGES;
    for number in 1..=MESSAGES {
        let from_end = MESSAGES - number;
        let is_emergency = from_end % RECEIPT_EVERY == 0 && from_end / RECEIPT_EVERY < RECEIPTS;
        // The main application's token must be able to read every receipt.
        let app = if is_emergency {
            base::MAIN_APP
        } else {
            apps[(number % 3) as usize]
        };
        let mut message = event(state, app, begin + number * step, number);
        if is_emergency {
            let receipt = base::new_receipt(state, message.queued, RETRY, EXPIRE);
            message.priority = 2;
            message.receipt = Some(receipt.id.clone());
            credentials.receipts.push(receipt.id.clone());
            state.receipts.push(receipt);
        }
        base::queue(state, message);
    }
}

/// 40 messages arrive, and somebody else deletes the first 100.
pub(super) fn advance_generation(state: &mut State) {
    for number in 1..=NEW_MESSAGES {
        let message = event(state, base::MAIN_APP, state.now, MESSAGES + number);
        base::queue(state, message);
    }
    let device = &mut state.users[base::MAIN_USER].devices[base::MAIN_DEVICE];
    if let Some(last) = device.queue.get(DELETED_MESSAGES - 1) {
        device.delete_up_to(last.id);
    }
}

fn event(state: &mut State, app: usize, queued: i64, number: i64) -> Message {
    let text = EVENTS[state.generator.below(EVENTS.len() as u64) as usize];
    let message = base::new_message(state, app, queued, text);
    let message = Message {
        priority: number % 3 - 1,
        ..message
    };
    if number % 3 != 0 {
        return message;
    }
    Message {
        title: Some(format!("Event {number}")),
        url: Some(format!("https://status.example.com/events/{number}")),
        sound: Some("bike".to_owned()),
        ..message
    }
}

fn add_app(state: &mut State, token: &str, name: &str) -> usize {
    let app = AppSetting {
        token: token.to_owned(),
        name: name.to_owned(),
        account: base::DEFAULT_ACCOUNT.to_owned(),
    };
    base::add_app(state, &app)
}
