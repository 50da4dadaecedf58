//! What `discover` proposes, as YAML to paste: the resource as the config has it, with what was found put in, and the
//! evidence of each as a comment above it.

use std::fmt::Write as _;

use restload_engine::{Discovery, Exchange, Paging};
use restload_model::schema::WriteDisposition;
use restload_model::secret::{MASK, Redactor};
use restload_source::discovery::Proposal;
use restload_source::examination::{Finding, Verdict};
use serde_json::{Map, Value, json};

use crate::yaml::{Comments, flow, push_comment, push_map};

/// The resource without the headers that are credentials typed in as they are; a placeholder shows nothing.
fn without_credentials(written: &Map<String, Value>) -> Map<String, Value> {
    let mut resource = written.clone();
    let headers = resource
        .get_mut("endpoint")
        .and_then(|endpoint| endpoint.get_mut("headers"));
    for (name, value) in headers.and_then(Value::as_object_mut).into_iter().flatten() {
        let is_credential = ["authorization", "cookie"].contains(&name.to_lowercase().as_str());
        if is_credential && value.as_str().is_some_and(|text| !text.contains('{')) {
            *value = MASK.into();
        }
    }
    resource
}

/// A resource with what was found, and why.
pub(crate) struct Proposed<'d> {
    resource: Map<String, Value>,
    /// What speaks for the value of a key, by its path.
    evidence: Vec<(String, String)>,
    /// What is worth knowing and belongs above no key.
    remarks: Vec<String>,
    exchanges: &'d [Exchange],
    redactor: &'d Redactor,
}

/// What the config has of the resource already.
pub(crate) struct Known<'k> {
    /// As it is written, in full.
    pub(crate) written: &'k Map<String, Value>,
    /// Whether it has a primary key, written or by default.
    pub(crate) has_key: bool,
    /// What becomes of the rows that are there.
    pub(crate) disposition: WriteDisposition,
}

impl<'d> Proposed<'d> {
    pub(crate) fn new(known: &Known<'_>, found: &'d Discovery, redactor: &'d Redactor) -> Self {
        let mut proposed = Self {
            resource: without_credentials(known.written),
            evidence: Vec::new(),
            remarks: Vec::new(),
            exchanges: &found.exchanges,
            redactor,
        };
        let endpoint = proposed.resource.entry("endpoint").or_insert_with(|| json!({}));
        if !endpoint.is_object() {
            *endpoint = json!({});
        }
        proposed.selector(found);
        if let Some(map) = &found.selection.map {
            proposed
                .resource
                .insert("processing_steps".to_owned(), json!([map.value]));
            proposed.comment("processing_steps", &map.evidence);
        }
        proposed.paging(&found.paging);
        let has_key = proposed.key(known, found);
        proposed.cursor(known, has_key, found);
        proposed.columns(found);
        proposed.order();
        proposed
    }

    fn selector(&mut self, found: &Discovery) {
        let selector = &found.selection.selector;
        if found.selector_is_configured {
            self.comment("endpoint.data_selector", &selector.evidence);
            return;
        }
        let mut evidence = selector.evidence.clone();
        for (path, length) in &found.selection.others {
            let _ = write!(evidence, "; `{path}` is another list of objects, of {length}");
        }
        self.set_endpoint("data_selector", selector.value.clone(), &evidence);
    }

    fn paging(&mut self, paging: &Paging) {
        match paging {
            Paging::Configured(Ok(seen)) => {
                self.comment("endpoint.paginator", &format!("as the config has it; {seen}"));
            }
            Paging::Configured(Err(reason)) => {
                self.remarks
                    .push(format!("the config's paginator leads to no second page: {reason}"));
            }
            Paging::Found(found) => {
                let evidence = format!("{}; the second page has other records", found.evidence);
                self.set_endpoint("paginator", found.value.clone(), &evidence);
            }
            Paging::Single(found) => self.set_endpoint("paginator", found.value.clone(), &found.evidence),
            Paging::Unproven(all) if all.is_empty() => {
                let why = "how the pages follow each other cannot be told: there are no records, and no sign of a second page";
                self.remarks.push(why.to_owned());
            }
            Paging::Unproven(all) => {
                self.remarks
                    .push("how the pages follow each other could not be shown; of these none is proven:".to_owned());
                for (Proposal { value, evidence }, reason) in all {
                    self.remarks
                        .push(format!("  paginator: {}   ({evidence}; but {reason})", flow(value)));
                }
            }
        }
    }

    /// Whether there is a primary key now.
    fn key(&mut self, known: &Known<'_>, found: &Discovery) -> bool {
        let configured = &found.configured_key;
        let refuted = matches!(configured.verdict, Verdict::Bad(_));
        match (&found.fields.primary_key, known.has_key && !refuted) {
            (_, true) => {
                self.comment("primary_key", &format!("as the config has it; {}", configured.reason));
                true
            }
            (Some(key), false) => {
                let why = if refuted {
                    format!("{}; of the config's own, {}", key.evidence, configured.reason)
                } else {
                    key.evidence.clone()
                };
                self.resource.insert("primary_key".to_owned(), key.value.clone());
                self.comment("primary_key", &why);
                true
            }
            (None, false) => {
                if refuted {
                    self.remarks
                        .push(format!("the config's primary key does not hold: {}", configured.reason));
                } else if found.record_count > 0 {
                    self.remarks.push(
                        "no field with the name of a key is in every record and different in each: no primary key is proposed".to_owned(),
                    );
                }
                known.has_key
            }
        }
    }

    fn cursor(&mut self, known: &Known<'_>, has_key: bool, found: &Discovery) {
        if !matches!(found.configured_cursor.verdict, Verdict::Absent) {
            let Finding { reason, verdict } = &found.configured_cursor;
            let place = "endpoint.incremental";
            match verdict {
                Verdict::Bad(_) => self
                    .remarks
                    .push(format!("the config's cursor does not hold: {reason}")),
                _ => self.comment(place, &format!("as the config has it; {reason}")),
            }
            return;
        }
        let Some(cursor) = &found.fields.cursor else {
            if found.record_count > 0 {
                self.remarks
                    .push("no field says when a record was changed, so no incremental cursor is proposed".to_owned());
            }
            return;
        };
        let Proposal { value, evidence } = &cursor.proposal;
        let incremental = json!({ "cursor_path": value });
        let replaces = known.disposition == WriteDisposition::Replace;
        if replaces || cursor.is_of_creation || !has_key {
            let but = if replaces {
                "every load replaces all rows, while `merge` would update them"
            } else if cursor.is_of_creation {
                "it is when a record came to be, and changes after that would be missed"
            } else {
                "without a primary key a record that has changed would be stored a second time"
            };
            self.remarks.push(format!(
                "left out, because {but}: incremental: {}   ({evidence})",
                flow(&incremental)
            ));
            return;
        }
        let how = "an answer does not show how the API is asked for what is new: name its parameter with \
                   `start_param`, else everything is requested and what is known is left out";
        self.set_endpoint("incremental", incremental, &format!("{evidence}; {how}"));
        if known.disposition == WriteDisposition::Append && !known.written.contains_key("write_disposition") {
            self.resource.insert("write_disposition".to_owned(), "merge".into());
            self.comment(
                "write_disposition",
                "a record that has changed comes again, in the place of its old row",
            );
        }
    }

    fn columns(&mut self, found: &Discovery) {
        let mut declared = Map::new();
        let mut inferred = Vec::new();
        for column in &found.fields.columns {
            match &column.declared {
                Some((data_type, evidence)) => {
                    declared.insert(column.name.clone(), json!({ "data_type": data_type }));
                    self.comment(&format!("columns.{}", column.name), evidence);
                }
                None => inferred.extend(column.inferred.map(|data_type| format!("{} {data_type}", column.name))),
            }
        }
        if !declared.is_empty() {
            match self.resource.get_mut("columns") {
                Some(Value::Object(columns)) => columns.extend(declared),
                Some(Value::Array(columns)) => columns.extend(
                    declared
                        .into_iter()
                        .map(|(name, column)| json!({ "name": name, "data_type": column["data_type"] })),
                ),
                _ => {
                    self.resource.insert("columns".to_owned(), Value::Object(declared));
                }
            }
        }
        if !inferred.is_empty() {
            self.remarks.push(format!(
                "columns whose types need not be written, because they come by themselves and widen with the data: {}",
                inferred.join(", ")
            ));
        }
    }

    /// The keys in the order that they are read in.
    fn order(&mut self) {
        let first = ["name", "table_name", "primary_key", "write_disposition", "endpoint"];
        let mut ordered = Map::new();
        for key in first {
            if let Some(value) = self.resource.remove(key) {
                ordered.insert(key.to_owned(), value);
            }
        }
        ordered.extend(std::mem::take(&mut self.resource));
        self.resource = ordered;
    }

    fn set_endpoint(&mut self, key: &str, value: Value, evidence: &str) {
        if let Some(Value::Object(endpoint)) = self.resource.get_mut("endpoint") {
            endpoint.insert(key.to_owned(), value);
        }
        self.comment(&format!("endpoint.{key}"), evidence);
    }

    fn comment(&mut self, path: &str, text: &str) {
        self.evidence.push((path.to_owned(), text.to_owned()));
    }

    pub(crate) fn as_yaml(&self, heading: &str) -> String {
        let mut text = String::new();
        push_comment(&mut text, 0, heading);
        for exchange in self.exchanges {
            let status = exchange
                .status
                .map_or_else(|| "---".to_owned(), |status| status.to_string());
            let counted = match exchange.records {
                Some(1) => ", 1 record".to_owned(),
                Some(records) => format!(", {records} records"),
                None => String::new(),
            };
            let _ = writeln!(text, "#   {} {} -> {status}{counted}", exchange.method, exchange.url);
        }
        text.push_str("resources:\n");
        text.push_str(&self.unmasked_element());
        let shown = self.redactor.redact(&text);
        if shown.matches(MASK).count() > self.masked_before() {
            return format!(
                "{shown}# {MASK} stands for a secret that the config has as it is; \
                 write it as a placeholder, {{secrets.NAME}}\n"
            );
        }
        shown
    }

    /// The resource as an element of a list, and what it says; secrets in its text are masked.
    pub(crate) fn element(&self) -> (String, Value) {
        let text = self.redactor.redact(&self.unmasked_element());
        (text, Value::Object(self.resource.clone()))
    }

    fn unmasked_element(&self) -> String {
        let mut comments = Comments::default();
        for (path, evidence) in &self.evidence {
            comments.above(path, evidence);
        }
        let mut resource = String::new();
        push_map(&mut resource, &self.resource, 4, "", &comments);
        let mut text = format!("  - {}", resource.trim_start());
        for remark in &self.remarks {
            push_comment(&mut text, 4, remark);
        }
        text
    }

    /// The masks in the addresses of requests.
    fn masked_before(&self) -> usize {
        self.exchanges
            .iter()
            .map(|exchange| exchange.url.matches(MASK).count())
            .sum()
    }

    pub(crate) fn as_json(&self, pipeline: &str) -> String {
        let resource = self.redactor.redact(&Value::Object(self.resource.clone()).to_string());
        let resource: Value = serde_json::from_str(&resource).unwrap_or(Value::Null);
        let evidence: Map<String, Value> = self
            .evidence
            .iter()
            .map(|(path, text)| (path.clone(), self.redactor.redact(text).into()))
            .collect();
        let remarks: Vec<String> = self.remarks.iter().map(|remark| self.redactor.redact(remark)).collect();
        let all = json!({
            "pipeline": pipeline,
            "requests": self.exchanges,
            "resource": resource,
            "evidence": evidence,
            "remarks": remarks,
        });
        serde_json::to_string_pretty(&all).unwrap_or_default()
    }
}
