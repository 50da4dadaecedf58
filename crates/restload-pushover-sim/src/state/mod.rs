//! The one state behind the server: accounts, people, devices, messages, receipts, groups and teams.
//!
//! Nothing here runs in the background. Whatever depends on time (quota, receipts, retention) is worked out
//! from `now` when it is read.

mod account;
mod group;
mod message;
mod receipt;
mod team;
mod user;

pub(crate) use account::{Account, App, Subscription};
pub(crate) use group::{Group, Member};
pub(crate) use message::Message;
pub(crate) use receipt::{Acknowledgement, Receipt};
pub(crate) use team::{Team, TeamDevice, TeamUser};
pub(crate) use user::{Device, Licenses, Session, User};

use serde_json::{Map, Value};

use crate::ids::Generator;
use crate::log::Callback;
use crate::settings::Settings;

/// The first message id; far above 2^53, so that a reader that goes through a float loses digits.
const FIRST_MESSAGE_ID: i64 = 1_175_816_417_220_301_065;
const MESSAGE_ID_STEP: i64 = 4096;
const MESSAGE_ID_JITTER: u64 = 97;

/// Text cannot hold a lone surrogate, so datasets write this noncharacter and the rendering replaces it.
pub(crate) const LONE_SURROGATE: char = '\u{10FFFF}';

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: i64,
    pub(crate) settings: Settings,
    pub(crate) generator: Generator,
    pub(crate) next_message_id: i64,
    pub(crate) accounts: Vec<Account>,
    pub(crate) apps: Vec<App>,
    pub(crate) users: Vec<User>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) groups: Vec<Group>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) teams: Vec<Team>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) callbacks: Vec<Callback>,
    pub(crate) key_order: KeyOrder,
    /// Further members of the `user` object of a download, to see that a reader bears them.
    pub(crate) unknown_user_fields: Map<String, Value>,
}

/// The order of an answer's keys, which nobody may depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyOrder {
    Shuffled,
    Reversed,
}

/// Where a message goes: a person, and possibly only some of the person's devices.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) user: usize,
    pub(crate) devices: Vec<String>,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            now: settings.clock,
            generator: Generator::new(settings.seed),
            settings,
            next_message_id: FIRST_MESSAGE_ID,
            accounts: Vec::new(),
            apps: Vec::new(),
            users: Vec::new(),
            sessions: Vec::new(),
            groups: Vec::new(),
            receipts: Vec::new(),
            teams: Vec::new(),
            subscriptions: Vec::new(),
            callbacks: Vec::new(),
            key_order: KeyOrder::Shuffled,
            unknown_user_fields: Map::new(),
        }
    }

    pub(crate) fn new_message_id(&mut self) -> i64 {
        let id = self.next_message_id;
        self.next_message_id += MESSAGE_ID_STEP + self.generator.below(MESSAGE_ID_JITTER) as i64;
        id
    }

    /// The account of that name, made when it is new.
    pub(crate) fn account_named(&mut self, name: &str) -> usize {
        if let Some(index) = self.accounts.iter().position(|account| account.name == name) {
            return index;
        }
        self.accounts.push(Account::new(name, self.now));
        self.accounts.len() - 1
    }

    pub(crate) fn app_with_token(&self, token: &str) -> Option<usize> {
        self.apps.iter().position(|app| app.token == token)
    }

    pub(crate) fn user_with_key(&self, key: &str) -> Option<usize> {
        self.users
            .iter()
            .position(|user| user.key == key || user.subscribed_keys.iter().any(|alias| alias == key))
    }

    /// The group, if it belongs to the account of `app`.
    pub(crate) fn group_of(&self, app: usize, key: &str) -> Option<usize> {
        let account = self.apps[app].account;
        self.groups
            .iter()
            .position(|group| group.key == key && group.account == account)
    }

    /// The receipt, if an application of the same account sent it in the last week.
    pub(crate) fn receipt_of_app(&self, app: usize, id: &str) -> Option<usize> {
        let account = self.apps[app].account;
        let index = self.receipt_with_id(id)?;
        (self.apps[self.receipts[index].app].account == account).then_some(index)
    }

    pub(crate) fn receipt_of_user(&self, user: usize, id: &str) -> Option<usize> {
        let index = self.receipt_with_id(id)?;
        self.receipts[index].recipients.contains(&user).then_some(index)
    }

    fn receipt_with_id(&self, id: &str) -> Option<usize> {
        self.receipts
            .iter()
            .position(|receipt| receipt.id == id && receipt.is_kept(self.now))
    }

    /// Stops the repeats of an emergency message for everybody; only the first acknowledgement counts.
    pub(crate) fn acknowledge(&mut self, receipt: usize, user: usize, device: &str) {
        let now = self.now;
        let user_key = self.users[user].key.clone();
        let receipt = &mut self.receipts[receipt];
        if receipt.acknowledgement.is_some() {
            return;
        }
        if let Some(url) = &receipt.callback {
            receipt.called_back_at = now;
            self.callbacks.push(Callback {
                url: url.clone(),
                receipt: receipt.id.clone(),
                acknowledged: 1,
                acknowledged_at: now,
                acknowledged_by: user_key.clone(),
                acknowledged_by_device: device.to_owned(),
            });
        }
        receipt.acknowledgement = Some(Acknowledgement {
            at: now,
            user_key,
            device: device.to_owned(),
        });
        for device in self.users.iter_mut().flat_map(|user| &mut user.devices) {
            for message in &mut device.queue {
                if message.receipt.as_ref() == Some(&receipt.id) {
                    message.acked = Some(1);
                }
            }
        }
    }

    /// Puts a copy of the message, each with an id of its own, into the queue of every device meant.
    /// Returns how many devices that were.
    pub(crate) fn deliver(&mut self, recipients: &[Recipient], message: &Message) -> usize {
        let mut copies = 0;
        for recipient in recipients {
            for device in self.users[recipient.user].devices_meant(&recipient.devices) {
                let id = self.new_message_id();
                self.users[recipient.user].devices[device].enqueue(Message { id, ..message.clone() });
                copies += 1;
            }
        }
        copies
    }
}
