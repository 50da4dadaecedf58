//! Checks a document against the JSON Schema of the config types, and notes every mistake with its key path.
//!
//! Reading into the types would stop at the first mistake, and would lose the path of one inside a tagged choice.
//! A value that may have several forms is first matched with the one its writer had in mind (by its JSON type, then
//! by its `type` key, then by the keys it shares), and then checked against that form alone, so that a mistake is
//! reported at its own key instead of as "no form matches".

use std::cmp::Reverse;

use restload_model::diagnostics::{Diagnostics, KeyPath, Segment, did_you_mean};
use serde_json::{Map, Value};

use super::masking;
use super::schema::{Additional, Form, Forms, type_name};

/// Notes every mistake in a document's value.
pub(crate) fn validate(value: &Value, schema: &Value, diagnostics: &mut Diagnostics) {
    let mut check = Check {
        forms: &Forms::of(schema),
        enclosing: Vec::new(),
        diagnostics,
    };
    check.value(value, schema, &KeyPath::root());
}

/// One walk over a document.
struct Check<'s, 'd> {
    forms: &'d Forms<'s>,
    /// The maps around the one being checked, outermost first, with the keys they know.
    enclosing: Vec<(KeyPath, Vec<&'s str>)>,
    diagnostics: &'d mut Diagnostics,
}

impl<'s> Check<'s, '_> {
    fn value(&mut self, value: &Value, schema: &'s Value, path: &KeyPath) {
        let forms = self.forms.get(schema);
        let Some(form) = self.choose(value, &forms, path) else {
            return;
        };
        match value {
            Value::Object(map) => self.map(map, form, path),
            Value::Array(elements) => self.list(elements, form, path),
            Value::String(text) => self.text(text, form, path),
            Value::Number(number) => self.number(number, form, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The form that the writer had in mind; `None` when there is none, which is then reported.
    fn choose<'f>(&mut self, value: &Value, forms: &'f [Form<'s>], path: &KeyPath) -> Option<&'f Form<'s>> {
        let fitting: Vec<&Form<'_>> = forms.iter().filter(|form| form.takes_type_of(value)).collect();
        if fitting.is_empty() {
            self.wrong_type(value, forms, path);
            return None;
        }
        match value {
            Value::Object(map) => self.choose_map(map, &fitting, path),
            Value::Array(_) => Some(self.fewest_mistakes(value, fitting, path)),
            _ => self.choose_scalar(value, &fitting, forms, path),
        }
    }

    /// `all` are the forms of other types, too: a name may be one that needs more than itself.
    fn choose_scalar<'f>(
        &mut self,
        value: &Value,
        forms: &[&'f Form<'s>],
        all: &[Form<'s>],
        path: &KeyPath,
    ) -> Option<&'f Form<'s>> {
        let mut known = Vec::new();
        for form in forms {
            let constants = form.constants();
            if constants.is_empty() || constants.contains(&value) {
                return Some(form);
            }
            known.extend(constants);
        }
        let named = value
            .as_str()
            .and_then(|name| all.iter().find(|form| form.tag() == Some(name)));
        if let Some(form) = named {
            self.name_that_needs_more(form, path);
            return None;
        }
        self.unknown_value(value, &known, path);
        None
    }

    fn choose_map<'f>(
        &mut self,
        map: &Map<String, Value>,
        forms: &[&'f Form<'s>],
        path: &KeyPath,
    ) -> Option<&'f Form<'s>> {
        // A tag that may be left out distinguishes nothing where it is left out.
        let is_tagged =
            |form: &&Form<'_>| form.tag().is_some() && (map.contains_key("type") || form.required().contains(&"type"));
        let (tagged, untagged): (Vec<&Form<'_>>, Vec<&Form<'_>>) = forms.iter().partition(|form| is_tagged(form));
        match map.get("type") {
            _ if tagged.is_empty() => {}
            Some(Value::String(tag)) => {
                let form = tagged.iter().find(|form| form.tag() == Some(tag.as_str()));
                if form.is_none() && !untagged.iter().any(|form| form.property("type").is_some()) {
                    self.unknown_tag(tag, &tagged, path);
                    return None;
                }
                if let Some(form) = form {
                    return Some(form);
                }
            }
            Some(other) if untagged.is_empty() => {
                let known: Vec<&str> = tagged.iter().filter_map(|form| form.tag()).collect();
                let help = format!("known types: {}", quoted(&known));
                self.wrong_type_of(other, &["string"], false, Some(help), &path.key("type"));
                return None;
            }
            None if untagged.is_empty() || likeness(map, &tagged) > likeness(map, &untagged) => {
                let tagged: Vec<&Form<'_>> = forms.iter().copied().filter(|form| form.tag().is_some()).collect();
                self.missing_tag(map, &tagged, path);
                return None;
            }
            _ => {}
        }
        self.choose_untagged(map, untagged, path)
    }

    fn choose_untagged<'f>(
        &mut self,
        map: &Map<String, Value>,
        forms: Vec<&'f Form<'s>>,
        path: &KeyPath,
    ) -> Option<&'f Form<'s>> {
        if forms.len() <= 1 {
            return forms.first().copied();
        }
        let most = forms.iter().map(|form| shared_keys(map, form)).max().unwrap_or(0);
        let takes_any_key = |form: &&Form<'_>| !matches!(form.additional(), Additional::Nothing);
        if most == 0 && !map.is_empty() && !forms.iter().any(takes_any_key) {
            let known: Vec<&str> = forms.iter().flat_map(|form| form.keys()).collect();
            for key in map.keys() {
                self.unknown_key(key, map, &known, None, path);
            }
            return None;
        }
        let best: Vec<&Form<'_>> = forms
            .into_iter()
            .filter(|form| shared_keys(map, form) == most)
            .collect();
        let value = Value::Object(map.clone());
        Some(self.fewest_mistakes(&value, best, path))
    }

    /// The form against which a value has the fewest mistakes; the first of several.
    fn fewest_mistakes<'f>(&self, value: &Value, forms: Vec<&'f Form<'s>>, path: &KeyPath) -> &'f Form<'s> {
        let mut best = forms[0];
        if forms.len() == 1 {
            return best;
        }
        let mut fewest = usize::MAX;
        for form in forms {
            let mut found = Diagnostics::default();
            let mut trial = Check {
                forms: self.forms,
                enclosing: Vec::new(),
                diagnostics: &mut found,
            };
            match value {
                Value::Object(map) => trial.map(map, form, path),
                Value::Array(elements) => trial.list(elements, form, path),
                _ => {}
            }
            let mistakes = found.into_vec().len();
            if mistakes < fewest {
                (best, fewest) = (form, mistakes);
            }
        }
        best
    }

    fn map(&mut self, map: &Map<String, Value>, form: &Form<'s>, path: &KeyPath) {
        let known = form.keys();
        let mut meant = Vec::new();
        self.enclosing.push((path.clone(), known.clone()));
        for (key, value) in map {
            match (form.property(key), form.additional()) {
                (Some(schema), _) | (None, Additional::Schema(schema)) => self.value(value, schema, &path.key(key)),
                (None, Additional::Anything) => {}
                (None, Additional::Nothing) => meant.extend(self.unknown_key(key, map, &known, Some(form), path)),
            }
        }
        self.enclosing.pop();
        for key in form.required() {
            // A mistyped key is one mistake, not two.
            if !map.contains_key(key) && !meant.contains(&key) {
                self.diagnostics
                    .key_error(&path.key(key), format_args!("missing key `{key}`"), None);
            }
        }
    }

    fn list(&mut self, elements: &[Value], form: &Form<'s>, path: &KeyPath) {
        let length = elements.len();
        if let Some(least) = form.number("minItems").filter(|least| (length as f64) < *least) {
            let message = format_args!("expected at least {}, found {length}", counted(least, "element"));
            self.diagnostics.error(path, message);
        }
        if let Some(most) = form.number("maxItems").filter(|most| length as f64 > *most) {
            let message = format_args!("expected at most {}, found {length}", counted(most, "element"));
            self.diagnostics.error(path, message);
        }
        for (index, element) in elements.iter().enumerate() {
            if let Some(schema) = form.element(index) {
                self.value(element, schema, &path.index(index));
            }
        }
    }

    fn text(&mut self, text: &str, form: &Form<'s>, path: &KeyPath) {
        let length = text.chars().count();
        if let Some(least) = form.number("minLength").filter(|least| (length as f64) < *least) {
            let message = match length {
                0 => match last_name(path) {
                    Some(key) => format!("`{key}` must not be empty"),
                    None => "an empty text cannot stand here".to_owned(),
                },
                _ => format!("expected at least {}", counted(least, "character")),
            };
            self.diagnostics.error(path, message);
        }
        if let Some(most) = form.number("maxLength").filter(|most| length as f64 > *most) {
            let message = format_args!("expected at most {}", counted(most, "character"));
            self.diagnostics.error(path, message);
        }
    }

    fn number(&mut self, number: &serde_json::Number, form: &Form<'s>, path: &KeyPath) {
        let Some(value) = number.as_f64() else { return };
        let least = form.number("minimum").filter(|least| value < *least);
        let most = form
            .number("maximum")
            .or_else(|| greatest(form.format()?))
            .filter(|most| value > *most);
        let above = form.number("exclusiveMinimum").filter(|bound| value <= *bound);
        let below = form.number("exclusiveMaximum").filter(|bound| value >= *bound);
        for (bound, words) in [
            (least, "at least"),
            (most, "at most"),
            (above, "more than"),
            (below, "less than"),
        ] {
            if let Some(bound) = bound {
                self.diagnostics
                    .error(path, format_args!("expected {words} {bound}, found {number}"));
            }
        }
    }

    /// Reports a key that its map does not have, and returns the one that was probably meant.
    fn unknown_key(
        &mut self,
        key: &str,
        map: &Map<String, Value>,
        known: &[&'s str],
        form: Option<&Form<'s>>,
        path: &KeyPath,
    ) -> Option<&'s str> {
        let absent: Vec<&str> = known
            .iter()
            .copied()
            .filter(|known| !map.contains_key(*known))
            .collect();
        let below = form.and_then(|form| self.key_below(key, form));
        let above = self.key_above(key);
        let advice = form.and_then(|form| form.advice(key)).map(str::to_owned);
        let is_elsewhere = below.is_some() || above.is_some() || advice.is_some();
        let near = did_you_mean(key, absent.iter().copied()).filter(|_| !is_elsewhere);
        // The key that was meant is not missing; without a near name it may be any.
        let meant = below.map(|holder| path.key(holder).key(key));
        let meant = meant.into_iter().chain(above.iter().map(|(above, _)| above.clone()));
        meant.for_each(|meant| self.diagnostics.leave_out(&meant));
        match near {
            Some(near) => self.diagnostics.leave_out(&path.key(near)),
            None if is_elsewhere => {}
            None => absent
                .iter()
                .for_each(|absent| self.diagnostics.leave_out(&path.key(*absent))),
        }
        let below = below.map(|holder| format!("`{key}` belongs under `{holder}`"));
        let above = above.map(|(_, help)| help);
        let elsewhere = match (above, below) {
            (Some(above), Some(below)) => Some(format!("{above}; or {below}")),
            (above, below) => below.or(above),
        };
        let elsewhere = advice.or(elsewhere);
        let help = match (elsewhere, near) {
            (Some(elsewhere), _) => elsewhere,
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) if known.is_empty() => "no keys are known here".to_owned(),
            (None, None) => format!("known here: {}", quoted(known)),
        };
        self.diagnostics
            .key_error(&path.key(key), format_args!("unknown key `{key}`"), Some(help));
        near
    }

    /// The key of this form whose map has the key.
    fn key_below(&self, key: &str, form: &Form<'s>) -> Option<&'s str> {
        form.keys().into_iter().find(|holder| {
            form.property(holder).is_some_and(|schema| {
                let below = self.forms.get(schema);
                below.iter().any(|form| form.property(key).is_some())
            })
        })
    }

    /// The nearest map around this one that has the key, and what to say: its line is indented too far.
    fn key_above(&self, key: &str) -> Option<(KeyPath, String)> {
        // The last one is the map itself.
        let around = self.enclosing.iter().rev().skip(1);
        let (path, _) = around.into_iter().find(|(_, known)| known.contains(&key))?;
        let help = if path.segments().is_empty() {
            format!("`{key}` belongs at the top of the file")
        } else {
            format!("`{key}` belongs in `{path}`, further left")
        };
        Some((path.key(key), help))
    }

    fn unknown_tag(&mut self, tag: &str, forms: &[&Form<'s>], path: &KeyPath) {
        let known: Vec<&str> = forms.iter().filter_map(|form| form.tag()).collect();
        let message = match last_name(path) {
            Some(name @ ("paginator" | "auth")) => format!("unknown {name} type `{tag}`"),
            // A name that the user has given says nothing here.
            _ => format!("unknown type `{tag}`"),
        };
        self.diagnostics
            .error_with_help(&path.key("type"), message, suggestion(tag, &known));
    }

    /// A choice that is written by its name alone, and that has keys which it cannot do without.
    fn name_that_needs_more(&mut self, form: &Form<'s>, path: &KeyPath) {
        let name = form.tag().unwrap_or_default();
        let needed: Vec<&str> = form.required().into_iter().filter(|key| *key != "type").collect();
        let written: Vec<String> = needed.iter().map(|key| format!(", {key}: …")).collect();
        self.diagnostics.error_with_help(
            path,
            format_args!("`{name}` needs more than its name: {}", quoted(&needed)),
            format_args!("write `{{ type: {name}{} }}`", written.concat()),
        );
    }

    fn missing_tag(&mut self, map: &Map<String, Value>, forms: &[&Form<'s>], path: &KeyPath) {
        let known: Vec<&str> = forms.iter().filter_map(|form| form.tag()).collect();
        let mut by_likeness = forms.to_vec();
        by_likeness.sort_by_key(|form| Reverse(shared_keys(map, form)));
        let likely = match by_likeness.as_slice() {
            [best, next, ..] if shared_keys(map, best) > shared_keys(map, next) => best.tag(),
            [only] => only.tag(),
            _ => None,
        };
        let near = did_you_mean("type", map.keys().map(String::as_str));
        let help = match (near, likely) {
            (Some(near), _) => format!("did you mean `type` by `{near}`?\nknown types: {}", quoted(&known)),
            (None, Some(likely)) => format!("did you mean `type: {likely}`?\nknown types: {}", quoted(&known)),
            (None, None) => format!("known types: {}", quoted(&known)),
        };
        self.diagnostics
            .key_error(&path.key("type"), "missing key `type`", Some(help));
    }

    fn unknown_value(&mut self, value: &Value, constants: &[&Value], path: &KeyPath) {
        let shown = plain(value);
        let known: Vec<String> = constants.iter().copied().map(plain).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        self.diagnostics.error_with_help(
            path,
            format_args!("unknown value `{shown}`"),
            suggestion(&shown, &known),
        );
    }

    fn wrong_type(&mut self, value: &Value, forms: &[Form<'s>], path: &KeyPath) {
        let mut expected = Vec::new();
        for name in forms.iter().flat_map(Form::types) {
            if !expected.contains(&name) {
                expected.push(name);
            }
        }
        let is_free_text = |form: &Form<'_>| form.types().contains(&"string") && form.constants().is_empty();
        if forms.iter().any(is_free_text) {
            return self.wrong_type_of(value, &expected, true, None, path);
        }
        let known: Vec<String> = forms.iter().flat_map(Form::constants).map(plain).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let help = (!known.is_empty()).then(|| format!("known: {}", quoted(&known)));
        self.wrong_type_of(value, &expected, false, help, path);
    }

    /// `help` is what to say where the value cannot simply be written in another way.
    fn wrong_type_of(
        &mut self,
        value: &Value,
        expected: &[&str],
        takes_any_text: bool,
        help: Option<String>,
        path: &KeyPath,
    ) {
        let mut names: Vec<&str> = expected
            .iter()
            .filter(|name| **name != "null")
            .map(|name| type_in_words(name))
            .collect();
        if names.is_empty() {
            names.push("nothing");
        }
        let message = format!("expected {}, found {}", joined(&names), value_in_words(value));
        match conversion(value, expected, takes_any_text, path).or(help) {
            Some(help) => self.diagnostics.error_with_help(path, message, help),
            None => self.diagnostics.error(path, message),
        }
    }
}

/// The key that a path ends with.
fn last_name(path: &KeyPath) -> Option<&str> {
    match path.segments().last()? {
        Segment::Key(key) => Some(key),
        Segment::Index(_) => None,
    }
}

/// How many keys a map shares with the form most like it.
fn likeness(map: &Map<String, Value>, forms: &[&Form<'_>]) -> usize {
    forms.iter().map(|form| shared_keys(map, form)).max().unwrap_or(0)
}

fn shared_keys(map: &Map<String, Value>, form: &Form<'_>) -> usize {
    form.keys().into_iter().filter(|key| map.contains_key(*key)).count()
}

/// How to write a value so that it has the expected type.
fn conversion(value: &Value, expected: &[&str], takes_any_text: bool, path: &KeyPath) -> Option<String> {
    let takes = |name: &str| expected.contains(&name);
    match value {
        Value::Object(map) if takes_any_text => {
            // YAML reads an unquoted `{secrets.token}` as a map with one key and no value.
            let (key, value) = map.iter().next()?;
            let is_placeholder = map.len() == 1 && value.is_null();
            is_placeholder.then(|| format!("put the placeholder in quotes: \"{{{key}}}\""))
        }
        Value::Bool(_) | Value::Number(_) if takes_any_text => {
            if last_name(path).is_some_and(masking::is_secret_name) {
                return Some("put it in quotes".to_owned());
            }
            Some(format!("put it in quotes: \"{value}\""))
        }
        Value::String(text) if takes("boolean") => {
            let yes = matches!(text.to_lowercase().as_str(), "yes" | "on" | "y" | "true");
            let no = matches!(text.to_lowercase().as_str(), "no" | "off" | "n" | "false");
            (yes || no).then(|| format!("write `{yes}`"))
        }
        Value::String(text) if takes("integer") || takes("number") => {
            text.parse::<f64>().is_ok().then(|| "remove the quotes".to_owned())
        }
        Value::String(_) | Value::Number(_) | Value::Object(_) if expected == ["array"] => {
            Some("an element of a list begins with `- `, or stands in `[…]`".to_owned())
        }
        _ => None,
    }
}

fn suggestion(typed: &str, known: &[&str]) -> String {
    match did_you_mean(typed, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?\nknown: {}", quoted(known)),
        None => format!("known: {}", quoted(known)),
    }
}

fn quoted(names: &[&str]) -> String {
    let mut quoted: Vec<String> = Vec::new();
    for name in names {
        let name = format!("`{name}`");
        if !quoted.contains(&name) {
            quoted.push(name);
        }
    }
    quoted.join(", ")
}

/// `a, b or c`
fn joined(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn counted(count: f64, noun: &str) -> String {
    let plural = if count > 1.0 { "s" } else { "" };
    format!("{count} {noun}{plural}")
}

/// The greatest number of a Rust type for which schemars writes no `maximum`.
fn greatest(format: &str) -> Option<f64> {
    match format {
        "uint32" => Some(f64::from(u32::MAX)),
        "int32" => Some(f64::from(i32::MAX)),
        _ => None,
    }
}

fn type_in_words(name: &str) -> &str {
    match name {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a map",
        other => other,
    }
}

fn value_in_words(value: &Value) -> &'static str {
    match type_name(value) {
        "string" => "a string",
        "integer" => "a number",
        "number" => "a number with a fraction",
        "boolean" => "a boolean",
        "array" => "a list",
        "object" => "a map",
        _ => "nothing",
    }
}

#[cfg(test)]
mod tests;
