//! Nested data: groups with memberships, and a team of people with devices.

use super::base;
use crate::credentials::Credentials;
use crate::state::{Member, State, TeamDevice, TeamUser};

const PEOPLE: usize = 25;
const TEAM_DEVICES: usize = 60;
const GROUPS: usize = 20;
const MEMBERSHIPS: usize = 200;
/// Keys to validate: this many people, then a group, then two that are refused.
const VALID_PEOPLE: usize = 9;
const NAMES: [&str; PEOPLE] = [
    "Ada", "Bea", "Cem", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kim", "Lena", "Mio", "Nora", "Omar",
    "Pia", "Quim", "Rosa", "Sami", "Tea", "Udo", "Vera", "Wim", "Xenia", "Yara",
];
const SYSTEMS: [(&str, &str); 3] = [("Android", "16"), ("iOS", "18.1"), ("Desktop", "")];

pub(super) fn fill(state: &mut State, credentials: &mut Credentials) {
    let people = add_people(state);
    fill_team(state, &people);
    fill_groups(state, credentials, &people);
    let without_devices = base::add_user(state, "nobody@example.com", &[]);
    let mut keys: Vec<String> = people[..VALID_PEOPLE]
        .iter()
        .map(|&user| state.users[user].key.clone())
        .collect();
    keys.push(credentials.group_keys[0].clone());
    keys.push(state.generator.identifier("uFakeUnknown", 30));
    keys.push(state.users[without_devices].key.clone());
    credentials.user_keys = keys;
}

/// One group gets another name.
pub(super) fn advance_generation(state: &mut State) {
    if let Some(group) = state.groups.get_mut(1) {
        "Group 02, renamed".clone_into(&mut group.name);
    }
}

/// The main person and 24 more, each with one to three devices.
fn add_people(state: &mut State) -> Vec<usize> {
    let mut people = vec![base::MAIN_USER];
    for (number, name) in NAMES.iter().enumerate().skip(1) {
        let email = format!("{}@example.com", name.to_lowercase());
        let devices = ["phone", "tablet", "laptop"];
        people.push(base::add_user(state, &email, &devices[..device_count(number)]));
    }
    people
}

/// Adds up to the team's number of devices: 12 people with three, 11 with two, and two with one.
fn device_count(person: usize) -> usize {
    let given = |count: usize| 3 * count.min(12) + 2 * count.saturating_sub(12).min(11) + count.saturating_sub(23);
    given(person + 1).min(TEAM_DEVICES) - given(person).min(TEAM_DEVICES)
}

fn fill_team(state: &mut State, people: &[usize]) {
    let mut users = Vec::new();
    for (number, &user) in people.iter().enumerate() {
        let devices = (0..device_count(number)).map(|index| TeamDevice {
            name: ["phone", "tablet", "laptop"][index].to_owned(),
            os: SYSTEMS[(number + index) % 3].0,
            os_version: SYSTEMS[(number + index) % 3].1,
            is_enabled: (number + index) % 11 != 0,
        });
        users.push(TeamUser {
            key: state.users[user].key.clone(),
            name: NAMES[number].to_owned(),
            email: state.users[user].email.clone(),
            is_administrator: number < 2,
            devices: devices.collect(),
        });
    }
    state.teams[0].users = users;
}

/// 20 groups share 200 memberships; the last group is empty.
fn fill_groups(state: &mut State, credentials: &mut Credentials, people: &[usize]) {
    let filled = GROUPS - 1;
    for number in 0..GROUPS {
        let size = if number == filled {
            0
        } else {
            MEMBERSHIPS / filled + usize::from(number < MEMBERSHIPS % filled)
        };
        let mut members: Vec<Member> = (0..size)
            .map(|place| membership(state, people, number, place))
            .collect();
        if number < 3 {
            members[0].is_disabled = true;
        }
        let name = format!("Group {:02}", number + 1);
        let key = base::add_group(state, base::MAIN_ACCOUNT, &name, members);
        credentials.group_keys.push(key);
    }
}

/// The last place repeats the person of the first one, with another device.
fn membership(state: &State, people: &[usize], group: usize, place: usize) -> Member {
    let is_repeated = place == 9;
    let person = if is_repeated {
        group % PEOPLE
    } else {
        (group + place) % PEOPLE
    };
    let device = match place {
        0 => Some("phone"),
        9 => Some("tablet"),
        _ if place % 4 == 1 => Some("phone"),
        _ => None,
    };
    let memo = if place.is_multiple_of(3) { "" } else { NAMES[person] };
    base::member(state, people[person], device, memo)
}
