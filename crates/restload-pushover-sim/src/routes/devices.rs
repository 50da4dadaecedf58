//! The Open Client: registering a device, downloading its messages, and forgetting them.

use serde_json::{Map, Value, json};

use super::auth;
use crate::answer::{Answer, Handled, Refusal};
use crate::request::Request;
use crate::state::{Device, Message, State};

const DEVICE_ID_LENGTH: usize = 40;
const MAX_NAME_LENGTH: usize = 25;

pub(super) fn register(state: &mut State, request: &Request) -> Handled {
    let session = auth::session(state, request)?;
    let user = state.sessions[session].user;
    let name = request.parameter("name").unwrap_or_default();
    if !is_device_name(name) {
        return Ok(field_error("name", "is invalid"));
    }
    if request.parameter("os") != Some("O") {
        return Ok(field_error("os", "is invalid"));
    }
    let taken = state.users[user].devices.iter().position(|device| device.name == name);
    if let Some(device) = taken {
        if request.parameter("force") != Some("1") {
            return Ok(field_error("name", "has already been taken"));
        }
        state.users[user].devices.remove(device);
    }
    if state.users[user].devices.len() >= state.settings.max_devices {
        let text = "you have reached the maximum number of devices";
        return Err(Refusal::because("message", text, text));
    }
    let id = state.generator.identifier("dFake", DEVICE_ID_LENGTH);
    let mut device = Device::new(id.clone(), name);
    device.queue.push(welcome(state));
    state.users[user].devices.push(device);
    name.clone_into(&mut state.sessions[session].device_name);
    Ok(Answer::success().with("id", id))
}

/// The same call gives the same messages until they are deleted. Nothing is paged.
pub(super) fn download(state: &mut State, request: &Request) -> Handled {
    let session = auth::session(state, request)?;
    let user = state.sessions[session].user;
    let device = auth::device(state, user, request.filled("device_id").unwrap_or_default())?;
    let now = state.now;
    let device = &mut state.users[user].devices[device];
    device.queue.retain(|message| message.is_kept(now));
    let messages: Vec<Value> = device
        .queue
        .iter()
        .map(|message| Value::Object(message.fields()))
        .collect();
    let device_fields = device.fields();
    let mut user_fields: Map<String, Value> = state.users[user].fields();
    user_fields.extend(state.unknown_user_fields.clone());
    Ok(Answer::success()
        .with("messages", messages)
        .with("user", user_fields)
        .with("device", device_fields))
}

pub(super) fn update_highest_message(state: &mut State, request: &Request, id: &str) -> Handled {
    let session = auth::session(state, request)?;
    let user = state.sessions[session].user;
    let device = auth::device(state, user, id)?;
    let Some(highest) = request.filled("message").and_then(|id| id.parse().ok()) else {
        return Err(Refusal::because(
            "message",
            "cannot be blank",
            "message cannot be blank",
        ));
    };
    state.users[user].devices[device].delete_up_to(highest);
    Ok(Answer::success())
}

fn is_device_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !name.is_empty() && name.len() <= MAX_NAME_LENGTH && name.bytes().all(is_allowed)
}

/// This endpoint's `errors` is an object, unlike everywhere else.
fn field_error(field: &str, text: &str) -> Answer {
    Answer::new(400)
        .with("status", 0)
        .with("errors", json!({ field: [text] }))
}

fn welcome(state: &mut State) -> Message {
    let umid = state.new_message_id();
    Message {
        id: state.new_message_id(),
        umid,
        text: "Welcome to Pushover!".to_owned(),
        app: "Pushover".to_owned(),
        aid: 1,
        icon: "pushover".to_owned(),
        date: state.now,
        queued: state.now,
        acked: Some(0),
        ..Message::default()
    }
}
