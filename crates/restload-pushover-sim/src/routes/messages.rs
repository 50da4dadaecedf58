//! `messages.json`, the sending side: checks in order, then one copy per device.

use super::auth;
use crate::answer::{Answer, Handled, Refusal};
use crate::request::Request;
use crate::settings::UserErrorText;
use crate::state::{Message, Receipt, Recipient, State};

const MAX_RECIPIENTS: usize = 50;
const MAX_ATTACHMENT_BYTES: usize = 5_242_880;
const EMERGENCY: i64 = 2;
const MIN_RETRY_SECONDS: i64 = 30;
const MAX_EXPIRE_SECONDS: i64 = 10_800;
/// In characters, not bytes.
const MAX_LENGTHS: [(&str, usize); 4] = [("message", 1024), ("title", 250), ("url", 512), ("url_title", 100)];

pub(super) fn send(state: &mut State, request: &Request) -> Handled {
    let app = auth::app(state, request)?;
    let account = state.apps[app].account;
    let recipients = recipients(state, app, request);
    let count = recipients.as_ref().map_or(1, |found| found.len() as i64);
    if state.accounts[account].remaining(state.now) < count {
        return Err(Refusal::quota_exhausted(state.accounts[account].limit));
    }
    let mut refusal = Refusal::new(400);
    if recipients.is_none() {
        refusal.add("user", "invalid", user_error(state));
    }
    check_text(request, &mut refusal);
    let priority = check_priority(request, &mut refusal);
    check_attachment(request, &mut refusal);
    refusal.check()?;

    let recipients = recipients.unwrap_or_default();
    if recipients
        .iter()
        .all(|recipient| state.users[recipient.user].active_device_names().is_empty())
    {
        return Ok(Answer::success()
            .with("info", "no active devices to send to")
            .with_blank_request_id());
    }
    state.accounts[account].spend(count, state.now);
    let receipt = (priority == EMERGENCY).then(|| new_receipt(state, app, &recipients, request));
    let message = new_message(state, app, priority, receipt.clone(), request);
    state.deliver(&recipients, &message);
    let answer = Answer::success();
    Ok(match receipt {
        Some(receipt) => answer.with("receipt", receipt),
        None => answer,
    })
}

/// Everybody the message goes to, one entry per message that counts; `None` when a key is not valid.
fn recipients(state: &State, app: usize, request: &Request) -> Option<Vec<Recipient>> {
    let keys: Vec<&str> = request.filled("user")?.split(',').collect();
    if keys.len() > MAX_RECIPIENTS {
        return None;
    }
    let devices: Vec<String> = request
        .filled("device")
        .unwrap_or_default()
        .split(',')
        .map(str::to_owned)
        .collect();
    let mut recipients = Vec::new();
    for key in &keys {
        if let Some(group) = state.group_of(app, key) {
            for member in state.groups[group].members.iter().filter(|member| !member.is_disabled) {
                recipients.push(Recipient {
                    user: member.user,
                    devices: member.device.iter().cloned().collect(),
                });
            }
            continue;
        }
        // `device` is ignored when there are several recipients.
        let devices = if keys.len() == 1 { devices.clone() } else { Vec::new() };
        recipients.push(Recipient {
            user: state.user_with_key(key)?,
            devices,
        });
    }
    Some(recipients)
}

fn user_error(state: &State) -> &'static str {
    match state.settings.user_error_text {
        UserErrorText::Old => "user identifier is invalid",
        UserErrorText::New => "user identifier is not a valid user, group, or subscribed user key",
    }
}

fn check_text(request: &Request, refusal: &mut Refusal) {
    if request.filled("message").is_none() {
        refusal.add("message", "cannot be blank", "message cannot be blank");
    }
    for (name, max_characters) in MAX_LENGTHS {
        if request
            .parameter(name)
            .is_some_and(|text| text.chars().count() > max_characters)
        {
            refusal.add(name, "is too long", &format!("{name} is too long"));
        }
    }
    if request.parameter("html") == Some("1") && request.parameter("monospace") == Some("1") {
        refusal.add("html", "is invalid", "html and monospace cannot be used together");
    }
}

/// Returns the priority; what it is does not matter when it was refused.
fn check_priority(request: &Request, refusal: &mut Refusal) -> i64 {
    let priority = request.filled("priority").map_or(Ok(0), str::parse).unwrap_or(i64::MAX);
    if !(-2..=EMERGENCY).contains(&priority) {
        refusal.add("priority", "is invalid", "priority is invalid");
    }
    if priority != EMERGENCY {
        return priority;
    }
    check_seconds(request, refusal, "expire", |seconds| {
        (1..=MAX_EXPIRE_SECONDS).contains(&seconds)
    });
    check_seconds(request, refusal, "retry", |seconds| seconds >= MIN_RETRY_SECONDS);
    priority
}

fn check_seconds(request: &Request, refusal: &mut Refusal, name: &str, is_allowed: impl Fn(i64) -> bool) {
    let problem = match request.filled(name).map(str::parse) {
        None => "must be supplied with priority=2",
        Some(Ok(seconds)) if is_allowed(seconds) => return,
        Some(_) if name == "retry" => "must be at least 30 seconds",
        Some(_) => "must be at most 10800 seconds",
    };
    refusal.add(name, problem, &format!("{name} {problem}"));
}

fn check_attachment(request: &Request, refusal: &mut Refusal) {
    let encoded = request.filled("attachment_base64").map(decoded_length);
    let Some(size) = request
        .attachment_bytes
        .or(encoded)
        .filter(|size| *size > MAX_ATTACHMENT_BYTES)
    else {
        return;
    };
    let problem = format!("is too large ({size} bytes is more than {MAX_ATTACHMENT_BYTES} limit)");
    refusal.add("attachment", &problem, &format!("attachment {problem}"));
}

fn decoded_length(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

fn new_receipt(state: &mut State, app: usize, recipients: &[Recipient], request: &Request) -> String {
    let id = state.generator.identifier("rFake", 30);
    let seconds = |name| {
        request
            .filled(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    };
    let tags = request.filled("tags").unwrap_or_default();
    state.receipts.push(Receipt {
        id: id.clone(),
        app,
        recipients: recipients.iter().map(|recipient| recipient.user).collect(),
        created: state.now,
        retry: seconds("retry"),
        expire: seconds("expire"),
        tags: tags
            .split(',')
            .filter(|tag| !tag.is_empty())
            .map(str::to_owned)
            .collect(),
        callback: request.filled("callback").map(str::to_owned),
        acknowledgement: None,
        canceled_at: None,
        called_back_at: 0,
    });
    id
}

fn new_message(state: &mut State, app: usize, priority: i64, receipt: Option<String>, request: &Request) -> Message {
    let text = |name| request.filled(name).map(str::to_owned);
    let number = |name| request.filled(name).and_then(|text| text.parse::<i64>().ok());
    let umid = state.new_message_id();
    let app = &state.apps[app];
    Message {
        id: 0,
        umid,
        text: text("message").unwrap_or_default(),
        title: text("title"),
        app: app.name.clone(),
        aid: app.aid,
        icon: app.icon.clone(),
        date: number("timestamp").unwrap_or(state.now),
        queued: state.now,
        priority,
        acked: Some(0),
        // The recipient of an unknown sound hears the default one.
        sound: text("sound").filter(|sound| state.accounts[app.account].sounds().contains_key(sound)),
        url: text("url"),
        url_title: text("url_title"),
        receipt,
        html: request.parameter("html") == Some("1"),
        encrypted: request.parameter("encrypted") == Some("1"),
        // A lifetime is ignored for emergency messages.
        ttl: number("ttl").filter(|ttl| *ttl > 0 && priority != EMERGENCY),
        oddities: serde_json::Map::new(),
    }
}
