//! The routes of the API: which exist, which have a side effect, and who answers each.

mod account;
mod auth;
mod devices;
mod files;
mod glances;
mod groups;
mod login;
mod messages;
mod receipts;
mod subscriptions;
mod teams;
mod validate;

use percent_encoding::percent_decode_str;

use crate::answer::{Answer, Handled, Refusal, Rendered};
use crate::request::Request;
use crate::state::State;

/// A route of the API with the values its path carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    SendMessage,
    ValidateUser,
    Sounds,
    Limits,
    ShowReceipt(String),
    CancelReceipt(String),
    CancelByTag(String),
    ListGroups,
    CreateGroup,
    ShowGroup(String),
    AddGroupUser(String),
    RemoveGroupUser(String),
    DisableGroupUser(String),
    EnableGroupUser(String),
    RenameGroup(String),
    MigrateSubscription,
    Licenses,
    AssignLicense,
    UpdateGlance,
    ShowTeam,
    AddTeamUser,
    RevokeTeamInvitation,
    RemoveTeamUser,
    Login,
    RegisterDevice,
    DownloadMessages,
    UpdateHighestMessage(String),
    AcknowledgeReceipt(String),
    Icon,
    SoundFile,
}

/// What a method and a path lead to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Found(Route),
    /// An XML answer was asked for, which is not modelled.
    Xml,
    Unknown,
}

impl Route {
    /// Whether calling the route changes something at Pushover.
    pub(crate) fn has_effect(&self) -> bool {
        !matches!(
            self,
            Self::ValidateUser
                | Self::Sounds
                | Self::Limits
                | Self::ShowReceipt(_)
                | Self::ListGroups
                | Self::ShowGroup(_)
                | Self::Licenses
                | Self::ShowTeam
                | Self::DownloadMessages
                | Self::Icon
                | Self::SoundFile
        )
    }
}

pub(crate) fn find(method: &str, path: &str) -> Lookup {
    if let Some(route) = files::find(method, path) {
        return Lookup::Found(route);
    }
    let Some(endpoint) = path.strip_prefix("/1/") else {
        return Lookup::Unknown;
    };
    let Some((endpoint, suffix)) = endpoint.rsplit_once('.') else {
        return Lookup::Unknown;
    };
    match suffix {
        "json" => {}
        "xml" => return Lookup::Xml,
        _ => return Lookup::Unknown,
    }
    let segments: Vec<String> = endpoint
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let found = match method {
        "GET" => find_get(&segments),
        "POST" => find_post(&segments),
        _ => None,
    };
    found.map_or(Lookup::Unknown, Lookup::Found)
}

fn find_get(segments: &[&str]) -> Option<Route> {
    Some(match segments {
        ["sounds"] => Route::Sounds,
        ["apps", "limits"] => Route::Limits,
        ["receipts", id] => Route::ShowReceipt((*id).to_owned()),
        ["groups"] => Route::ListGroups,
        ["groups", key] => Route::ShowGroup((*key).to_owned()),
        ["licenses"] => Route::Licenses,
        ["teams"] => Route::ShowTeam,
        ["messages"] => Route::DownloadMessages,
        _ => return None,
    })
}

fn find_post(segments: &[&str]) -> Option<Route> {
    Some(match segments {
        ["messages"] => Route::SendMessage,
        ["users", "validate"] => Route::ValidateUser,
        ["users", "login"] => Route::Login,
        ["receipts", "cancel_by_tag", tag] => Route::CancelByTag((*tag).to_owned()),
        ["receipts", id, "cancel"] => Route::CancelReceipt((*id).to_owned()),
        ["receipts", id, "acknowledge"] => Route::AcknowledgeReceipt((*id).to_owned()),
        ["groups"] => Route::CreateGroup,
        ["groups", key, "add_user"] => Route::AddGroupUser((*key).to_owned()),
        ["groups", key, "remove_user" | "delete_user"] => Route::RemoveGroupUser((*key).to_owned()),
        ["groups", key, "disable_user"] => Route::DisableGroupUser((*key).to_owned()),
        ["groups", key, "enable_user"] => Route::EnableGroupUser((*key).to_owned()),
        ["groups", key, "rename"] => Route::RenameGroup((*key).to_owned()),
        ["subscriptions", "migrate"] => Route::MigrateSubscription,
        ["licenses", "assign"] => Route::AssignLicense,
        ["glances"] => Route::UpdateGlance,
        ["teams", "add_user"] => Route::AddTeamUser,
        ["teams", "revoke_invitation"] => Route::RevokeTeamInvitation,
        ["teams", "remove_user"] => Route::RemoveTeamUser,
        ["devices"] => Route::RegisterDevice,
        ["devices", id, "update_highest_message"] => Route::UpdateHighestMessage((*id).to_owned()),
        _ => return None,
    })
}

/// What a route gives: a JSON answer, still to be put into its envelope, or a file.
#[derive(Debug)]
pub(crate) enum Reply {
    Json(Answer),
    File(Rendered),
}

pub(crate) fn answer(state: &mut State, lookup: &Lookup, request: &Request) -> Reply {
    let route = match lookup {
        Lookup::Found(route) => route,
        Lookup::Xml => {
            return Reply::File(Rendered::new(
                501,
                "text/plain",
                "XML is not modelled by this simulator\n",
            ));
        }
        Lookup::Unknown => return Reply::File(Rendered::html(404, "404 Not Found")),
    };
    if let Some(file) = files::answer(route) {
        return Reply::File(file);
    }
    if !request.body_is_readable {
        return Reply::Json(Refusal::text("request body is not valid JSON").into_answer());
    }
    Reply::Json(handle(state, route, request).unwrap_or_else(Refusal::into_answer))
}

fn handle(state: &mut State, route: &Route, request: &Request) -> Handled {
    match route {
        Route::SendMessage => messages::send(state, request),
        Route::ValidateUser => validate::validate(state, request),
        Route::Sounds => account::sounds(state, request),
        Route::Limits => account::limits(state, request),
        Route::Licenses => account::licenses(state, request),
        Route::AssignLicense => account::assign_license(state, request),
        Route::ShowReceipt(id) => receipts::show(state, request, id),
        Route::CancelReceipt(id) => receipts::cancel(state, request, id),
        Route::CancelByTag(tag) => receipts::cancel_by_tag(state, request, tag),
        Route::AcknowledgeReceipt(id) => receipts::acknowledge(state, request, id),
        Route::ListGroups => groups::list(state, request),
        Route::CreateGroup => groups::create(state, request),
        Route::ShowGroup(key) => groups::show(state, request, key),
        Route::AddGroupUser(key) => groups::add_user(state, request, key),
        Route::RemoveGroupUser(key) => groups::remove_user(state, request, key),
        Route::DisableGroupUser(key) => groups::set_disabled(state, request, key, true),
        Route::EnableGroupUser(key) => groups::set_disabled(state, request, key, false),
        Route::RenameGroup(key) => groups::rename(state, request, key),
        Route::MigrateSubscription => subscriptions::migrate(state, request),
        Route::UpdateGlance => glances::update(state, request),
        Route::ShowTeam => teams::show(state, request),
        Route::AddTeamUser => teams::add_user(state, request),
        Route::RevokeTeamInvitation => teams::revoke_invitation(state, request),
        Route::RemoveTeamUser => teams::remove_user(state, request),
        Route::Login => login::login(state, request),
        Route::RegisterDevice => devices::register(state, request),
        Route::DownloadMessages => devices::download(state, request),
        Route::UpdateHighestMessage(id) => devices::update_highest_message(state, request, id),
        // Answered before, as files.
        Route::Icon | Route::SoundFile => Ok(Answer::success()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_needs_its_method_its_suffix_and_its_prefix() {
        let cases = [
            ("GET", "/1/sounds.json", Lookup::Found(Route::Sounds)),
            ("GET", "/1/messages.json", Lookup::Found(Route::DownloadMessages)),
            ("POST", "/1/messages.json", Lookup::Found(Route::SendMessage)),
            (
                "POST",
                "/1/receipts/cancel_by_tag/a%2Fb.json",
                Lookup::Found(Route::CancelByTag("a/b".to_owned())),
            ),
            (
                "POST",
                "/1/groups/g/delete_user.json",
                Lookup::Found(Route::RemoveGroupUser("g".to_owned())),
            ),
            ("GET", "/icons/x.png", Lookup::Found(Route::Icon)),
            ("GET", "/1/sounds.xml", Lookup::Xml),
            ("GET", "/1/users/login.json", Lookup::Unknown),
            ("PUT", "/1/messages.json", Lookup::Unknown),
            ("GET", "/1/sounds", Lookup::Unknown),
            ("GET", "/sounds.json", Lookup::Unknown),
            ("GET", "/push", Lookup::Unknown),
        ];
        for (method, path, expected) in cases {
            assert_eq!(find(method, path), expected, "{method} {path}");
        }
    }
}
