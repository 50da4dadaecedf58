//! `glances`: pushes a few values to a widget. The values go nowhere here.

use super::auth;
use crate::answer::{Answer, Handled, Refusal};
use crate::request::Request;
use crate::state::State;

const FIELDS: [&str; 5] = ["title", "text", "subtext", "count", "percent"];
const MAX_TEXT_CHARACTERS: usize = 100;

pub(super) fn update(state: &State, request: &Request) -> Handled {
    auth::app(state, request)?;
    let mut refusal = Refusal::new(400);
    if state
        .user_with_key(request.filled("user").unwrap_or_default())
        .is_none()
    {
        refusal.add("user", "invalid", "user key is invalid");
    }
    // A blank value clears a field, so it counts as given.
    if FIELDS.iter().all(|name| request.parameter(name).is_none()) {
        refusal.add(
            "glance",
            "is empty",
            "at least one of title, text, subtext, count or percent must be supplied",
        );
    }
    for name in ["title", "text", "subtext"] {
        if request
            .parameter(name)
            .is_some_and(|text| text.chars().count() > MAX_TEXT_CHARACTERS)
        {
            refusal.add(name, "is too long", &format!("{name} is too long"));
        }
    }
    if request
        .filled("count")
        .is_some_and(|count| count.parse::<i64>().is_err())
    {
        refusal.add("count", "is invalid", "count is invalid");
    }
    if request
        .filled("percent")
        .is_some_and(|percent| !percent.parse().is_ok_and(|value| (0..=100).contains(&value)))
    {
        refusal.add("percent", "is invalid", "percent must be between 0 and 100");
    }
    refusal.check()?;
    Ok(Answer::success())
}
