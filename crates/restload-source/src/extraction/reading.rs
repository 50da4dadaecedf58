//! What an answer is: by its status, the response actions, and what it holds.

use minijinja::Value as Computed;
use restload_model::Value;

use super::ExtractError;
use crate::decoders::decode_json;
use crate::plan::graphql::{self, GraphqlPlan};
use crate::plan::{EndpointPlan, Limits, ResourcePlan};
use crate::request::Response;
use crate::response_actions::{Action, response_value};
use crate::template::with_roots;

/// What an answer is, before its records are looked for.
#[derive(Debug)]
pub enum Reading<'b> {
    /// The same request is to be sent again, as the limits allow.
    Retry(ExtractError),
    /// A response action passes the page over.
    Skipped,
    /// There is no page: no content, or a response action ignores the answer.
    Ended {
        /// Whether an action ignores it.
        ignored: bool,
    },
    /// A page.
    Body {
        /// The decoded answer.
        body: Value<'b>,
        /// Whether a response action makes it the last.
        is_last: bool,
        /// What is to be said once.
        notes: Vec<String>,
    },
}

/// Reads an answer by its status, the response actions and what it holds.
pub fn read<'b>(
    plan: &ResourcePlan,
    endpoint: &EndpointPlan,
    response: &'b Response,
    limits: &Limits,
    context: &Computed,
) -> Result<Reading<'b>, ExtractError> {
    let decoded = decode_json(&response.body, plan.exact_numbers);
    let action = endpoint
        .actions
        .iter()
        .find(|action| action.matches(response, decoded.as_ref().ok()));
    let action = match action {
        Some(action) if action.action == Action::Fail => {
            return Err(refusal(
                action.message.as_ref(),
                response,
                decoded.as_ref().ok(),
                context,
            ));
        }
        Some(action) => Some(action.action),
        None => None,
    };
    match action {
        Some(Action::Retry) => return Ok(Reading::Retry(bad_status(response))),
        Some(Action::Ignore) => return Ok(Reading::Ended { ignored: true }),
        Some(Action::SkipPage) => return Ok(Reading::Skipped),
        Some(Action::Stop | Action::Fail) | None => {}
    }
    let mut notes = Vec::new();
    if action.is_none() {
        if limits.retries(response.status) && !endpoint.has_side_effects {
            return Ok(Reading::Retry(bad_status(response)));
        }
        if response.status >= 300 {
            return Err(bad_status(response));
        }
        if let (Some(graphql), Ok(body)) = (&endpoint.graphql, &decoded) {
            notes.extend(graphql_errors(graphql, body)?);
        }
        if response.status == 204 {
            return Ok(Reading::Ended { ignored: false });
        }
    }
    let body = decoded.map_err(|error| not_json(response, &error.to_string()))?;
    let is_last = action == Some(Action::Stop);
    Ok(Reading::Body { body, is_last, notes })
}

/// What is to be said of an answer whose data came along with errors; an error when it may not be taken.
fn graphql_errors(plan: &GraphqlPlan, body: &Value<'_>) -> Result<Option<String>, ExtractError> {
    match graphql::errors(body) {
        None => Ok(None),
        Some((errors, true)) if plan.allow_partial_data => {
            Ok(Some(format!("data was taken although errors came along: {errors}")))
        }
        Some((errors, has_data)) => {
            let error = ExtractError::new(format!("the API answered with GraphQL errors: {errors}"));
            Err(if has_data && !plan.allow_partial_data {
                error.with_help("data came along with them; `graphql.allow_partial_data: true` would take it")
            } else {
                error
            })
        }
    }
}

/// The message that the config gives for an answer, or the usual one.
fn refusal(
    message: Option<&crate::template::Template>,
    response: &Response,
    body: Option<&Value<'_>>,
    context: &Computed,
) -> ExtractError {
    let Some(template) = message else {
        return bad_status(response);
    };
    let roots = with_roots(context, [("response".to_owned(), response_value(response, body))]);
    let (text, has_gaps) = template.text_with_gaps(&roots);
    if !has_gaps {
        return ExtractError::new(text);
    }
    // A message that needs what this answer does not have must not hide the answer.
    let usual = bad_status(response);
    if template.single_placeholder().is_some() {
        return usual;
    }
    ExtractError {
        message: format!("{text}; {usual}"),
        ..usual
    }
}

/// An answer that is an error by its status.
fn bad_status(response: &Response) -> ExtractError {
    let message = format!("the API answered {}", status_text(response));
    if response.status == 304 {
        return ExtractError::new(format!("{message}, although nothing was asked for by its date or tag")).with_help(
            "if it means that there is nothing new: `response_actions: [{ status_code: 304, action: ignore }]`",
        );
    }
    if (300..400).contains(&response.status) {
        let target = response.header("location").unwrap_or("nowhere");
        return ExtractError::new(format!("{message}, a redirect to {target}, which is at another origin"))
            .with_help("credentials would go along; add the host to `client.trusted_hosts` or correct the URL");
    }
    let error = ExtractError::new(message);
    match response.status {
        401 | 403 => error.with_help("check the credentials that `auth` names, and what they may do"),
        404 => error.with_help("check `base_url` and `path`"),
        _ => error,
    }
}

/// A status with its name, and the beginning of the body unless it is a redirect.
pub(crate) fn status_text(response: &Response) -> String {
    let status = http::StatusCode::from_u16(response.status).ok();
    let reason = status.and_then(|status| status.canonical_reason()).unwrap_or("");
    let text = format!("{} {reason}", response.status).trim_end().to_owned();
    let excerpt = excerpt(response);
    if excerpt.is_empty() || (300..400).contains(&response.status) {
        text
    } else {
        format!("{text}: {excerpt}")
    }
}

fn not_json(response: &Response, reason: &str) -> ExtractError {
    let content_type = response.header("content-type").unwrap_or("no content type").to_owned();
    let excerpt = excerpt(response);
    let is_html = content_type.contains("html") || excerpt.starts_with('<');
    let what = if is_html {
        "the answer is a web page, not JSON".to_owned()
    } else {
        format!("the answer cannot be read: {reason}")
    };
    let shown = if excerpt.is_empty() {
        String::new()
    } else {
        format!(": {excerpt}")
    };
    let error = ExtractError::new(format!("{what} ({content_type}){shown}"));
    if is_html {
        error.with_help("check `base_url` and `path`; a proxy or a login page may be in between")
    } else {
        error
    }
}

/// The beginning of a body, on one line; of a web page its title.
fn excerpt(response: &Response) -> String {
    const LENGTH: usize = 200;
    let text = String::from_utf8_lossy(&response.body[..response.body.len().min(8_192)]);
    let title = || {
        let lower = text.to_ascii_lowercase();
        let start = lower.find("<title>")? + "<title>".len();
        let end = start + lower[start..].find("</title>")?;
        Some(text[start..end].to_owned())
    };
    let shown = title().map_or_else(|| text.to_string(), |title| format!("<title>{}</title>", title.trim()));
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > LENGTH {
        line.chars().take(LENGTH).chain(['…']).collect()
    } else {
        line
    }
}
