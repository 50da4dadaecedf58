//! `restload plan`: the resources in order and the first request of each, without sending one.

use std::fmt::Write as _;
use std::process::ExitCode;

use restload_source::plan::{Estimate, Plan, RecordSource, ResourcePlan};
use serde_json::{Value, json};

use super::{OK, Outcome};
use crate::cli::{Format, PlanArgs};
use crate::pipeline::{Overrides, Pipeline};
use crate::progress::seconds;
use crate::summary::count;
use crate::summary::left_out;
use crate::terminal::Terminal;

pub(crate) fn plan(args: &PlanArgs, terminal: &Terminal) -> Outcome {
    let pipeline = Pipeline::read(&args.config, terminal)?;
    let overrides = Overrides {
        select: args.select.clone(),
        offline: true,
        ..Overrides::default()
    };
    let planned = pipeline.plan(&overrides, terminal)?;
    let described: Vec<Value> = planned
        .plan
        .resources
        .iter()
        .zip(planned.plan.requests())
        .map(|(resource, requests)| describe(resource, requests, &planned.plan))
        .collect();
    match args.format {
        Format::Json => {
            let left_out: Vec<Value> = planned
                .plan
                .left_out
                .iter()
                .map(|left_out| json!({ "resource": left_out.resource, "reason": left_out.reason }))
                .collect();
            let all = json!({
                "pipeline": planned.plan.name,
                "resources": described,
                "left_out": left_out,
                "requests": bounds(planned.plan.all_requests()),
                "least_secs": planned.plan.least_time().map(|time| time.as_secs_f64()),
            });
            terminal.print(&serde_json::to_string_pretty(&all).unwrap_or_default())?;
        }
        Format::Text => terminal.print(&as_text(&planned.plan, &described, terminal))?,
    }
    Ok(ExitCode::from(OK))
}

/// How many requests there are, for programs; `most` is null where there is no telling.
fn bounds(requests: Estimate) -> Value {
    json!({ "least": requests.least, "most": requests.most })
}

/// The same for people.
fn in_words(requests: Estimate) -> String {
    match requests {
        Estimate {
            least,
            most: Some(most),
        } if least == most => count(least, "request"),
        Estimate {
            least,
            most: Some(most),
        } => format!("{least} to {}", count(most, "request")),
        Estimate { least, most: None } => format!("{} or more", count(least, "request")),
    }
}

fn describe(resource: &ResourcePlan, requests: Estimate, plan: &Plan) -> Value {
    let mut described = json!({
        "resource": &*resource.name,
        "table": &*resource.target.table,
        "write_disposition": resource.target.write_disposition,
        "loaded": resource.is_loaded,
        "requests": bounds(requests),
    });
    let Value::Object(members) = &mut described else {
        return described;
    };
    let parents: Vec<&str> = resource.direct_parents().map(|link| link.resource.as_str()).collect();
    match parents.as_slice() {
        [] => {}
        [parent] => {
            members.insert("parent".into(), (*parent).into());
        }
        several => {
            members.insert("parents".into(), several.into());
        }
    }
    if !resource.target.primary_key.is_empty() {
        let key: Vec<&str> = resource.target.primary_key.iter().map(|name| &**name).collect();
        members.insert("primary_key".into(), key.into());
    }
    match &resource.source {
        RecordSource::Given(records) => {
            members.insert("records_given".into(), records.len().into());
        }
        _ => {
            let request = first_request(resource, plan);
            members.insert("first_request".into(), request);
        }
    }
    described
}

/// The first request, with every secret masked. A child's stands for all of them: the parent's fields are shown as
/// placeholders, because no parent has been requested.
fn first_request(resource: &ResourcePlan, plan: &Plan) -> Value {
    let parents = resource.parents.iter();
    let parents = parents.map(|link| (link.resource.clone(), link.fields.stand_in("")));
    let request = match resource.first_request(&plan.context, parents.collect()) {
        Ok(request) => request,
        Err(error) => return json!({ "unknown": plan.redactor.redact(&error.to_string()) }),
    };
    let redact = |text: &str| plan.redactor.redact(text).replace("%3C", "<").replace("%3E", ">");
    let headers: serde_json::Map<String, Value> = request
        .headers
        .iter()
        .map(|(name, value)| {
            // A credential that was typed into the config as it stands is masked too.
            let is_credential = ["authorization", "cookie"].contains(&name.as_str());
            let shown = if is_credential {
                "***".to_owned()
            } else {
                redact(value.to_str().unwrap_or("***"))
            };
            (name.to_string(), shown.into())
        })
        .collect();
    let mut shown =
        json!({ "method": request.method.as_str(), "url": redact(request.url.as_str()), "headers": headers });
    let exchange = request.exchange.and_then(|place| plan.exchanges.get(place));
    if let (Some(exchange), Value::Object(members)) = (exchange, &mut shown) {
        members.insert("credentials_by".into(), redact(&exchange.describe()).into());
    }
    if let (Some(body), Value::Object(members)) = (&request.body, &mut shown) {
        members.insert("body".into(), redact(&String::from_utf8_lossy(body)).into());
    }
    shown
}

fn as_text(plan: &Plan, described: &[Value], terminal: &Terminal) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "pipeline {}: {}, at most {} at a time",
        plan.name,
        count(described.len() as u64, "resource"),
        count(plan.limits.concurrency as u64, "request")
    );
    for ((resource, described), requests) in plan.resources.iter().zip(described).zip(plan.requests()) {
        let stored = if resource.is_loaded {
            format!(
                "-> table {} ({})",
                resource.target.table,
                described["write_disposition"].as_str().unwrap_or_default()
            )
        } else {
            "(only read, for its children)".to_owned()
        };
        let _ = writeln!(text, "\n{} {stored}", terminal.bold(&resource.name));
        let parents: Vec<&str> = resource.direct_parents().map(|link| link.resource.as_str()).collect();
        if !parents.is_empty() {
            let _ = writeln!(text, "  one request for each record of {}", parents.join(" and "));
        }
        if let Some(count) = described.get("records_given") {
            let _ = writeln!(text, "  its records are given in the config: {count}");
        }
        let Some(request) = described.get("first_request") else {
            continue;
        };
        if let Some(reason) = request.get("unknown").and_then(Value::as_str) {
            let _ = writeln!(text, "  {reason}");
            continue;
        }
        let _ = writeln!(
            text,
            "  {} {}",
            request["method"].as_str().unwrap_or_default(),
            request["url"].as_str().unwrap_or_default()
        );
        for (name, value) in request["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "accept")
        {
            let _ = writeln!(text, "  {name}: {}", value.as_str().unwrap_or_default());
        }
        if let Some(login) = request.get("credentials_by").and_then(Value::as_str) {
            let _ = writeln!(text, "  credentials by {login}");
        }
        if let Some(body) = request.get("body").and_then(Value::as_str) {
            let _ = writeln!(text, "  {body}");
        }
        // Of a child nothing is known before its parents' records have come.
        if requests.least > 0 {
            let _ = writeln!(text, "  {}", in_words(requests));
        }
    }
    let _ = write!(text, "\nin all {}", in_words(plan.all_requests()));
    let _ = match (plan.limits.rate, plan.least_time()) {
        (Some((requests, period)), Some(time)) if time.as_secs() > 0 => writeln!(
            text,
            "; at {requests} in {} s they take {} or more",
            period.as_secs(),
            seconds(time)
        ),
        _ => writeln!(text),
    };
    if !plan.left_out.is_empty() {
        let _ = write!(text, "\n{}", left_out(&plan.left_out));
    }
    text
}
