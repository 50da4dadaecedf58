//! Delivery groups, visible only to applications of the account that owns them.

use serde_json::{Value, json};

use super::auth;
use crate::answer::{Answer, Handled, Refusal};
use crate::request::Request;
use crate::state::{Group, Member, State};

const MAX_MEMO_CHARACTERS: usize = 200;
const KEY_LENGTH: usize = 30;

pub(super) fn list(state: &State, request: &Request) -> Handled {
    let app = auth::app(state, request)?;
    let account = state.apps[app].account;
    let owned = state.groups.iter().filter(|group| group.account == account);
    let groups: Vec<Value> = owned
        .map(|group| json!({ "group": group.key, "name": group.name }))
        .collect();
    Ok(Answer::success().with("groups", groups))
}

pub(super) fn create(state: &mut State, request: &Request) -> Handled {
    let app = auth::app(state, request)?;
    let account = state.apps[app].account;
    let name = free_name(state, request, account)?.to_owned();
    let key = state.generator.identifier("gFake", KEY_LENGTH);
    state.groups.push(Group {
        key: key.clone(),
        name,
        account,
        members: Vec::new(),
    });
    Ok(Answer::success().with("group", key))
}

pub(super) fn show(state: &State, request: &Request, key: &str) -> Handled {
    let group = &state.groups[find(state, request, key)?];
    let users: Vec<Value> = group.members.iter().map(Member::fields).collect();
    Ok(Answer::success().with("name", group.name.as_str()).with("users", users))
}

pub(super) fn add_user(state: &mut State, request: &Request, key: &str) -> Handled {
    let group = find(state, request, key)?;
    let user_key = request.filled("user").unwrap_or_default();
    let user = find_user(state, request)?;
    let device = request.filled("device");
    if state.groups[group].member(user, device).is_some() {
        return Err(Refusal::because(
            "user",
            "invalid",
            "user is already a member of this group",
        ));
    }
    let memo = request.parameter("memo").unwrap_or_default();
    if memo.chars().count() > MAX_MEMO_CHARACTERS {
        return Err(Refusal::because("memo", "is too long", "memo is too long"));
    }
    state.groups[group].members.push(Member {
        user,
        user_key: user_key.to_owned(),
        device: device.map(str::to_owned),
        memo: memo.to_owned(),
        is_disabled: false,
    });
    Ok(Answer::success())
}

pub(super) fn remove_user(state: &mut State, request: &Request, key: &str) -> Handled {
    let (group, members) = find_members(state, request, key)?;
    for index in members.into_iter().rev() {
        state.groups[group].members.remove(index);
    }
    Ok(Answer::success())
}

pub(super) fn set_disabled(state: &mut State, request: &Request, key: &str, is_disabled: bool) -> Handled {
    let (group, members) = find_members(state, request, key)?;
    for index in members {
        state.groups[group].members[index].is_disabled = is_disabled;
    }
    Ok(Answer::success())
}

pub(super) fn rename(state: &mut State, request: &Request, key: &str) -> Handled {
    let group = find(state, request, key)?;
    let name = free_name(state, request, state.groups[group].account)?.to_owned();
    state.groups[group].name = name;
    Ok(Answer::success())
}

fn find(state: &State, request: &Request, key: &str) -> Result<usize, Refusal> {
    let app = auth::app(state, request)?;
    state.group_of(app, key).ok_or_else(|| {
        Refusal::because(
            "group",
            "not found",
            "group not found or you are not authorized to edit it",
        )
    })
}

fn find_user(state: &State, request: &Request) -> Result<usize, Refusal> {
    let user = state.user_with_key(request.filled("user").unwrap_or_default());
    user.ok_or_else(|| Refusal::because("user", "invalid", "user key is invalid"))
}

fn find_members(state: &State, request: &Request, key: &str) -> Result<(usize, Vec<usize>), Refusal> {
    let group = find(state, request, key)?;
    let user = find_user(state, request)?;
    let members = state.groups[group].members_meant(user, request.filled("device"));
    if members.is_empty() {
        return Err(Refusal::because(
            "user",
            "invalid",
            "user is not a member of this group",
        ));
    }
    Ok((group, members))
}

fn free_name<'a>(state: &State, request: &'a Request, account: usize) -> Result<&'a str, Refusal> {
    let Some(name) = request.filled("name") else {
        return Err(Refusal::because("name", "cannot be blank", "name cannot be blank"));
    };
    if state
        .groups
        .iter()
        .any(|group| group.account == account && group.name == name)
    {
        return Err(Refusal::because(
            "name",
            "has already been taken",
            "name has already been taken",
        ));
    }
    Ok(name)
}
