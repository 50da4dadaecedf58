//! Names in placeholders: whether one says enough, and whether its placeholder can do without a value.

use super::reference::needs_value;

/// What `{run.…}` may name.
const OF_RUN: [&str; 1] = ["started_at"];

/// What is wrong with a name that begins as it may, and what to write: a root alone, whose members are not looked up, or
/// a member of `run` that there is none of. `text` is the expression that it stands in.
pub(super) fn misuse(variable: &str, text: &str, shown: &str) -> Option<(String, String)> {
    let alone = |help: String| Some((format!("`{shown}` does not say what of `{variable}` it takes"), help));
    // A member that an expression names is found where everything is at hand.
    let takes_a_member = text.contains(&format!("{variable}["));
    match variable {
        "env" => alone("write `env.NAME`, with the name itself".to_owned()),
        "secrets" => alone("write `secrets.NAME`, with the name itself".to_owned()),
        "vars" if !takes_a_member => alone("write `vars.NAME`".to_owned()),
        "run" if !takes_a_member => alone("write `run.started_at`".to_owned()),
        "incremental" if !takes_a_member => alone("write `incremental.start_value`".to_owned()),
        "window" if !takes_a_member => alone("write `window.start` or `window.end`".to_owned()),
        _ => {
            let member = variable.strip_prefix("run.")?;
            let message = format!("`run` has no `{member}`");
            (!OF_RUN.contains(&member)).then(|| (message, "`run` has: started_at".to_owned()))
        }
    }
}

/// The dotted path that an expression is, where it has no value without one: filters may follow that give no default.
pub(super) fn required(text: &str) -> Option<&str> {
    let (path, filters) = text.split_at(text.find('|').unwrap_or(text.len()));
    let path = path.trim();
    let is_path = path
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '.'));
    (is_path && needs_value(filters)).then_some(path)
}
