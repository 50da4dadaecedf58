//! What all datasets share: one account, its application, one person with a logged-in Open Client, one team.

use crate::credentials::Credentials;
use crate::settings::AppSetting;
use crate::state::{
    Acknowledgement, App, Device, Group, Licenses, Member, Message, Receipt, Session, State, Subscription, Team,
    TeamDevice, TeamUser, User,
};

/// The main application, account, person and device always come first.
pub(super) const MAIN_APP: usize = 0;
pub(super) const MAIN_ACCOUNT: usize = 0;
pub(super) const MAIN_USER: usize = 0;
pub(super) const MAIN_DEVICE: usize = 0;

/// The account that owns the main application.
pub(super) const DEFAULT_ACCOUNT: &str = "ada";

/// The application token of every dataset.
const DEFAULT_TOKEN: &str = "aFakeAppToken0000000000000000A";
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "invented-password";
const DEVICE_NAME: &str = "restload-demo";
const SECONDS_PER_YEAR: i64 = 31_536_000;

pub(super) fn build(state: &mut State) -> Credentials {
    let default_app = AppSetting {
        token: DEFAULT_TOKEN.to_owned(),
        name: "Monitor".to_owned(),
        account: DEFAULT_ACCOUNT.to_owned(),
    };
    add_app(state, &default_app);
    for app in state.settings.apps.clone() {
        add_app(state, &app);
    }
    let user_key = add_main_user(state);
    let device_id = state.users[MAIN_USER].devices[MAIN_DEVICE].id.clone();
    let secret = state.generator.identifier("sFake", 60);
    let session = Session {
        secret: secret.clone(),
        user: MAIN_USER,
        device_name: DEVICE_NAME.to_owned(),
    };
    state.sessions.push(session);
    let team_token = add_team(state);
    let subscription_code = state.generator.identifier("cFake", 20);
    state.subscriptions.push(Subscription {
        code: subscription_code.clone(),
        account: MAIN_ACCOUNT,
    });
    Credentials {
        token: DEFAULT_TOKEN.to_owned(),
        second_token: None,
        team_token,
        user_key: user_key.clone(),
        email: EMAIL.to_owned(),
        password: PASSWORD.to_owned(),
        twofa: None,
        secret,
        device_id,
        empty_device_id: None,
        receipts: Vec::new(),
        missing_receipts: Vec::new(),
        group_keys: Vec::new(),
        user_keys: vec![user_key],
        subscription_code,
    }
}

pub(super) fn add_app(state: &mut State, setting: &AppSetting) -> usize {
    let account = state.account_named(&setting.account);
    if let Some(index) = state.app_with_token(&setting.token) {
        setting.name.clone_into(&mut state.apps[index].name);
        state.apps[index].account = account;
        return index;
    }
    let app = App {
        token: setting.token.clone(),
        name: setting.name.clone(),
        account,
        aid: 380_698_715_771_387_905 + state.apps.len() as i64,
        icon: state.generator.identifier("iFake", 15),
        credits: 0,
    };
    state.apps.push(app);
    state.apps.len() - 1
}

/// Adds a person with the named devices, all of them active.
pub(super) fn add_user(state: &mut State, email: &str, device_names: &[&str]) -> usize {
    let key = state.generator.identifier("uFake", 30);
    let mut devices = Vec::new();
    for name in device_names {
        let id = state.generator.identifier("dFake", 40);
        devices.push(Device::new(id, name));
    }
    state.users.push(User {
        key,
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        created: state.now - 3 * SECONDS_PER_YEAR,
        licenses: Licenses {
            android: true,
            ios: false,
            desktop: true,
        },
        devices,
        ..User::default()
    });
    state.users.len() - 1
}

pub(super) fn add_group(state: &mut State, account: usize, name: &str, members: Vec<Member>) -> String {
    let key = state.generator.identifier("gFake", 30);
    state.groups.push(Group {
        key: key.clone(),
        name: name.to_owned(),
        account,
        members,
    });
    key
}

pub(super) fn member(state: &State, user: usize, device: Option<&str>, memo: &str) -> Member {
    Member {
        user,
        user_key: state.users[user].key.clone(),
        device: device.map(str::to_owned),
        memo: memo.to_owned(),
        is_disabled: false,
    }
}

/// A receipt of the main application to the main person, without any event after its creation.
pub(super) fn new_receipt(state: &mut State, created: i64, retry: i64, expire: i64) -> Receipt {
    Receipt {
        id: state.generator.identifier("rFake", 30),
        app: MAIN_APP,
        recipients: vec![MAIN_USER],
        created,
        retry,
        expire,
        tags: Vec::new(),
        callback: None,
        acknowledgement: None,
        canceled_at: None,
        called_back_at: 0,
    }
}

pub(super) fn acknowledgement(state: &State, at: i64) -> Acknowledgement {
    let user_key = state.users[MAIN_USER].key.clone();
    Acknowledgement {
        at,
        user_key,
        device: DEVICE_NAME.to_owned(),
    }
}

/// A plain message of an application, with the next id and without optional fields.
pub(super) fn new_message(state: &mut State, app: usize, queued: i64, text: &str) -> Message {
    let umid = state.new_message_id();
    let id = state.new_message_id();
    let app = &state.apps[app];
    Message {
        id,
        umid,
        text: text.to_owned(),
        app: app.name.clone(),
        aid: app.aid,
        icon: app.icon.clone(),
        date: queued,
        queued,
        acked: Some(0),
        ..Message::default()
    }
}

/// Queues the message for the Open Client that is logged in from the start.
pub(super) fn queue(state: &mut State, message: Message) {
    state.users[MAIN_USER].devices[MAIN_DEVICE].enqueue(message);
}

fn add_main_user(state: &mut State) -> String {
    let user = add_user(state, EMAIL, &[DEVICE_NAME, "phone"]);
    state.users[user].key.clone()
}

fn add_team(state: &mut State) -> String {
    let token = state.generator.identifier("tFake", 30);
    let ada = TeamUser {
        key: state.users[MAIN_USER].key.clone(),
        name: "Ada".to_owned(),
        email: EMAIL.to_owned(),
        is_administrator: true,
        devices: vec![TeamDevice {
            name: "phone".to_owned(),
            os: "Android",
            os_version: "16",
            is_enabled: true,
        }],
    };
    state.teams.push(Team {
        token: token.clone(),
        name: "Example Ops".to_owned(),
        users: vec![ada],
        invitations: Vec::new(),
    });
    token
}
