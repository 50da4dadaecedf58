//! Team endpoints, which take the team's own token.

use serde_json::Value;

use super::auth;
use crate::answer::{Answer, Handled, Refusal};
use crate::request::Request;
use crate::state::{State, TeamUser};

pub(super) fn show(state: &State, request: &Request) -> Handled {
    let team = &state.teams[auth::team(state, request)?];
    let users: Vec<Value> = team.users.iter().map(TeamUser::fields).collect();
    Ok(Answer::success().with("name", team.name.as_str()).with("users", users))
}

/// An `instant` user is in the team at once; anybody else is invited.
pub(super) fn add_user(state: &mut State, request: &Request) -> Handled {
    let team = auth::team(state, request)?;
    let email = email(request)?.to_owned();
    if state.teams[team].users.iter().any(|user| user.email == email) {
        return Err(Refusal::because(
            "email",
            "has already been taken",
            "email has already been taken",
        ));
    }
    if request.filled("instant") != Some("true") {
        state.teams[team].invitations.push(email);
        return Ok(Answer::success());
    }
    let key = state.generator.identifier("uFake", 30);
    state.teams[team].users.push(TeamUser {
        key,
        name: request.filled("name").unwrap_or_default().to_owned(),
        email,
        is_administrator: request.filled("admin") == Some("true"),
        devices: Vec::new(),
    });
    Ok(Answer::success())
}

pub(super) fn revoke_invitation(state: &mut State, request: &Request) -> Handled {
    let team = auth::team(state, request)?;
    let email = email(request)?;
    let invitations = &mut state.teams[team].invitations;
    let Some(index) = invitations.iter().position(|invited| invited == email) else {
        return Err(Refusal::because("email", "invalid", "email has no open invitation"));
    };
    invitations.remove(index);
    Ok(Answer::success())
}

pub(super) fn remove_user(state: &mut State, request: &Request) -> Handled {
    let team = auth::team(state, request)?;
    let email = email(request)?;
    let users = &mut state.teams[team].users;
    let Some(index) = users.iter().position(|user| user.email == email) else {
        return Err(Refusal::because(
            "email",
            "invalid",
            "email is not a member of this team",
        ));
    };
    users.remove(index);
    Ok(Answer::success())
}

fn email(request: &Request) -> Result<&str, Refusal> {
    request
        .filled("email")
        .ok_or_else(|| Refusal::because("email", "cannot be blank", "email must be supplied"))
}
