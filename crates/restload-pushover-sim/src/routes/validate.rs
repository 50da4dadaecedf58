//! `users/validate`: a POST that changes nothing.

use super::auth;
use crate::answer::{Answer, Handled, Refusal};
use crate::request::Request;
use crate::state::State;

pub(super) fn validate(state: &State, request: &Request) -> Handled {
    let app = auth::app(state, request)?;
    let key = request.filled("user").unwrap_or_default();
    if state.group_of(app, key).is_some() {
        return Ok(success(1, Vec::new(), Vec::new()));
    }
    let Some(user) = state.user_with_key(key) else {
        return Err(Refusal::because("user", "invalid", "user key is invalid"));
    };
    let user = &state.users[user];
    let devices = user.active_device_names();
    if devices.is_empty() {
        return Err(Refusal::because(
            "user",
            "invalid",
            "user is valid but has no active devices",
        ));
    }
    if let Some(device) = request.filled("device")
        && !devices.contains(&device)
    {
        return Err(Refusal::because(
            "device",
            "invalid for this user",
            "device name is not valid for this user",
        ));
    }
    Ok(success(0, devices, user.licenses.names()))
}

fn success(group: i64, devices: Vec<&str>, licenses: Vec<&str>) -> Answer {
    Answer::success()
        .with("group", group)
        .with("devices", devices)
        .with("licenses", licenses)
}
