//! `jq`: puts each record through a jq program.

use std::fmt;

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, Error as LoadError, File, Loader, span};
use jaq_core::{Compiler, Ctx, Vars};
use jaq_json::{Num, Val};
use jaq_std::ValT as _;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::value::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Misfit;

/// Put each record through a jq program, which gives any number of records: none to leave it out, several to divide
/// it. The language is jq's, as [jaq](https://github.com/01mf02/jaq) has it, without what reaches out of the program
/// (`input`, `env`, `now`, `debug`, `halt`). Numbers keep their digits. What a program gives for one record is bounded
/// (64 MiB); a program that goes on without giving anything is not noticed.
///
/// ```yaml
/// processing_steps:
///   - jq: '.lines[] + {order_id: .id} | select(.count > 0)'
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct JqConfig(String);

/// Filters of the standard library that read the clock, the environment or the input, write to the terminal, or end
/// the process.
pub(super) const REACHING_OUT: [&str; 10] = [
    "debug",
    "debug_empty",
    "env",
    "halt",
    "halt_error",
    "localtime",
    "now",
    "stderr",
    "stderr_empty",
    "strflocaltime",
];

/// The bytes that a program may give for one record.
const MOST_BYTES: usize = 64 << 20;

/// What a value costs besides its text.
const VALUE_BYTES: usize = 64;

type Data = JustLut<Val>;

pub(super) struct Jq(jaq_core::Filter<Data>);

impl fmt::Debug for Jq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jq")
    }
}

impl JqConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Jq> {
        let program = self.0.as_str();
        let harmless = |name: &str| !REACHING_OUT.contains(&name);
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let arena = Arena::default();
        let loader = Loader::new(definitions.filter(|definition| harmless(definition.name)));
        let file = File {
            code: program,
            path: (),
        };
        let modules = match loader.load(&arena, file) {
            Ok(modules) => modules,
            Err(errors) => {
                for (_, error) in errors {
                    note_load_error(program, error, path, diagnostics);
                }
                return None;
            }
        };
        let filters = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let compiler = Compiler::default().with_funs(filters.filter(|(name, _, _)| harmless(name)));
        match compiler.compile(modules) {
            Ok(filter) => Some(Jq(filter)),
            Err(errors) => {
                for (name, undefined) in errors.into_iter().flat_map(|(_, errors)| errors) {
                    let message = format!(
                        "{}: the {} `{name}` is not known",
                        place(program, name),
                        undefined.as_str()
                    );
                    if REACHING_OUT.contains(&name) {
                        let help = "a step sees its record and nothing else; `set` has `vars` and `run.started_at`";
                        diagnostics.error_with_help(path, message, help);
                    } else {
                        diagnostics.error(path, message);
                    }
                }
                None
            }
        }
    }
}

fn note_load_error(program: &str, error: LoadError<&str>, path: &KeyPath, diagnostics: &mut Diagnostics) {
    let mut note = |expected: &str, found: &str| {
        let shown = match found.lines().next() {
            None | Some("") => "nothing".to_owned(),
            Some(line) => format!("`{}`", line.chars().take(20).collect::<String>()),
        };
        let message = format!("{}: expected {expected}, found {shown}", place(program, found));
        if found.starts_with('\'') {
            diagnostics.error_with_help(path, message, "a text in jq stands in double quotes");
        } else {
            diagnostics.error(path, message);
        }
    };
    match error {
        // What is around the first place ends too early for the same reason.
        LoadError::Lex(errors) => errors
            .iter()
            .take(1)
            .for_each(|(expected, found)| note(expected.as_str(), found)),
        LoadError::Parse(errors) => errors
            .iter()
            .for_each(|(expected, found)| note(expected.as_str(), found)),
        LoadError::Io(errors) => {
            for (name, _) in errors {
                diagnostics.error(
                    path,
                    format_args!("{}: a step cannot import modules", place(program, name)),
                );
            }
        }
    }
}

/// Where in a program a part of it stands.
fn place(program: &str, part: &str) -> String {
    // The end of the program is told with an empty text that need not lie in it.
    let start = if part.is_empty() {
        program.len()
    } else {
        span(program, part).start
    };
    let before = program.get(..start).unwrap_or(program);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    if program.trim_end().contains('\n') {
        format!("jq, line {line}, column {column}")
    } else {
        format!("jq, column {column}")
    }
}

impl Jq {
    pub(super) fn apply(&self, record: &Value<'_>, out: &mut Vec<Value<'_>>) -> Result<(), Misfit> {
        let context = Ctx::<Data>::new(&self.0.lut, Vars::new([]));
        let mut room = MOST_BYTES;
        for given in self.0.id.run((context, to_jq(record))) {
            let value = given.map_err(|exception| {
                let reason = exception.get_err().map(|error| error.to_string());
                Misfit::new(
                    reason.unwrap_or_else(|_| "the program has broken off".to_owned()),
                    "try the program on that record; `?` and `//` stand for what some records lack",
                )
            })?;
            out.push(from_jq(&value, &mut room).ok_or_else(|| {
                Misfit::new(
                    format!("the program gives more than {} MiB", MOST_BYTES >> 20),
                    "see that it comes to an end: `repeat`, `recurse` and `range` may not",
                )
            })?);
        }
        Ok(())
    }
}

fn to_jq(value: &Value<'_>) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(flag) => Val::Bool(*flag),
        Value::Integer(number) => Val::Num(Num::from_integral(*number)),
        Value::Double(number) => Val::Num(Num::Float(*number)),
        Value::Number(digits) => match Num::from_str_radix(digits, 10) {
            Some(number) => Val::Num(number),
            None => Val::Num(Num::Dec(digits.to_string().into())),
        },
        Value::Text(text) => Val::utf8_str(text.to_string()),
        Value::List(elements) => elements.iter().map(to_jq).collect(),
        Value::Object(members) => Val::obj(
            members
                .0
                .iter()
                .map(|(name, value)| (Val::utf8_str(name.to_string()), to_jq(value)))
                .collect(),
        ),
    }
}

/// The value, unless it takes more than there is room.
fn from_jq<'a>(value: &Val, room: &mut usize) -> Option<Value<'a>> {
    let mut take = |bytes: usize| {
        *room = room.checked_sub(bytes)?;
        Some(())
    };
    take(VALUE_BYTES)?;
    Some(match value {
        Val::Null => Value::Null,
        Val::Bool(flag) => Value::Bool(*flag),
        Val::Num(number) => from_number(number),
        Val::TStr(bytes) | Val::BStr(bytes) => {
            take(bytes.len())?;
            Value::Text(String::from_utf8_lossy(bytes).into_owned().into())
        }
        Val::Arr(elements) => {
            let elements = elements.iter().map(|element| from_jq(element, room));
            Value::List(elements.collect::<Option<_>>()?)
        }
        Val::Obj(members) => {
            let members = members.iter().map(|(name, value)| {
                let name = match name.as_utf8_bytes() {
                    Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    None => name.to_string(),
                };
                *room = room.checked_sub(name.len())?;
                Some((name.into(), from_jq(value, room)?))
            });
            Value::Object(Object(members.collect::<Option<_>>()?))
        }
    })
}

fn from_number<'a>(number: &Num) -> Value<'a> {
    let digits = match number {
        Num::Int(number) => return Value::Integer(*number as i64),
        Num::Float(number) if number.is_finite() => return Value::Double(*number),
        // As jq writes what JSON has no number for.
        Num::Float(_) => return Value::Null,
        Num::BigInt(number) => number.to_string(),
        Num::Dec(digits) => digits.to_string(),
    };
    if let Ok(integer) = digits.parse() {
        return Value::Integer(integer);
    }
    // A decimal that a double holds as it is written is one, as it would be in a page.
    match digits.parse::<f64>() {
        Ok(double) if format!("{double:?}") == digits => Value::Double(double),
        _ => Value::Number(digits.into()),
    }
}
