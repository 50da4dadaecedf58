//! Where the values in a path come from: from the records of another list, or from the user.

use std::collections::HashMap;

use restload_source::paginators::plain_name;

use super::document::Document;
use super::lists::Listed;
use crate::names;

/// The list whose records have the value of a placeholder.
pub(super) struct Parent {
    /// Its place among the lists.
    pub(super) place: usize,
    /// The field of its records.
    pub(super) field: String,
    pub(super) reason: String,
}

/// The lists by what a placeholder may tell of them: a document has thousands.
pub(super) struct Lists<'l, 'd> {
    all: &'l [Listed<'d>],
    /// The place of the first list of each path.
    by_template: HashMap<&'l str, usize>,
    /// The places of those that take no other, by their names in the singular.
    by_name: HashMap<String, Vec<usize>>,
}

impl<'l, 'd> Lists<'l, 'd> {
    pub(super) fn new(all: &'l [Listed<'d>]) -> Self {
        let mut by_template = HashMap::new();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, list) in all.iter().enumerate() {
            by_template.entry(list.template.as_str()).or_insert(place);
            if !list.template.contains('{') {
                by_name
                    .entry(plain_name(&singular(&list.name)))
                    .or_default()
                    .push(place);
            }
        }
        Self {
            all,
            by_template,
            by_name,
        }
    }
}

/// Finds the list that a placeholder of a path belongs to: the one at the path before it, else one that is called so.
pub(super) fn parent<'d>(
    document: &Document<'d>,
    known: &Lists<'_, 'd>,
    place: usize,
    placeholder: &str,
) -> Option<Parent> {
    let lists = known.all;
    let path = lists[place].operation.path;
    let (before, _) = path.split_once(&format!("{{{placeholder}}}"))?;
    let before = template(before.strip_suffix('/')?);
    let at_path = known.by_template.get(before.as_str()).filter(|_| !before.is_empty());
    if let Some(found) = at_path.copied().filter(|found| *found != place) {
        let field = field(document, &lists[found], placeholder)?;
        return Some(Parent {
            place: found,
            reason: format!(
                "`{{{placeholder}}}` stands behind the path of {}, whose records have `{field}`",
                lists[found].name
            ),
            field,
        });
    }
    // A list that takes no other first, so that nothing can lead in a circle.
    let wanted = plain_name(placeholder);
    let wanted = ["id", "uuid", "key", "name", "slug"]
        .iter()
        .find_map(|ending| wanted.strip_suffix(ending))
        .unwrap_or(&wanted)
        .to_owned();
    // `{id}` says nothing; what it is the id of stands before it.
    let wanted = match wanted.as_str() {
        "" => plain_name(&singular(&word_before(path, placeholder)?)),
        _ => wanted,
    };
    let called = known.by_name.get(&wanted).filter(|_| !wanted.is_empty());
    let mut called = called.into_iter().flatten().copied().filter(|found| *found != place);
    let (Some(found), None) = (called.next(), called.next()) else {
        return None;
    };
    let field = field(document, &lists[found], placeholder)?;
    Some(Parent {
        place: found,
        reason: format!(
            "`{{{placeholder}}}` is taken for one of {}, whose records have `{field}`, by its name or the word before it",
            lists[found].name
        ),
        field,
    })
}

/// The word of a path that stands right before a placeholder.
pub(super) fn word_before(path: &str, placeholder: &str) -> Option<String> {
    let (before, _) = path.split_once(&format!("{{{placeholder}}}"))?;
    let word = before.strip_suffix('/')?.rsplit('/').next()?;
    let word = names::identifier(word);
    (!word.is_empty() && !before.ends_with("}/")).then_some(word)
}

/// The field of a list's records that a placeholder stands for.
fn field<'d>(document: &Document<'d>, list: &Listed<'d>, placeholder: &str) -> Option<String> {
    let shape = document.shape(list.record?);
    let fields: Vec<&str> = shape.fields.iter().map(|field| field.name).collect();
    let wanted = plain_name(placeholder);
    let named = |wanted: &str| fields.iter().copied().find(|field| plain_name(field) == wanted);
    let exact = fields.iter().copied().find(|field| *field == placeholder);
    let own = plain_name(&singular(&list.name));
    let without_owner = || wanted.strip_prefix(&own).filter(|rest| !rest.is_empty());
    let key = || {
        let says_so = ["id", "uuid", "key"].iter().any(|ending| wanted.ends_with(ending)) || wanted == own;
        list.key.as_deref().filter(|_| says_so)
    };
    let found = exact
        .or_else(|| named(&wanted))
        .or_else(|| named(without_owner()?))
        .or_else(key)?;
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    (found.chars().all(is_plain) && !found.starts_with(|first: char| first.is_ascii_digit())).then(|| found.to_owned())
}

/// A path without the names of its placeholders.
pub(super) fn template(path: &str) -> String {
    let mut plain = String::new();
    let mut rest = path.trim_end_matches('/');
    while let Some((before, after)) = rest.split_once('{') {
        plain.push_str(before);
        plain.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, behind)| behind);
    }
    plain.push_str(rest);
    plain
}

pub(super) fn singular(name: &str) -> String {
    match name {
        name if name.ends_with("ies") => format!("{}y", &name[..name.len() - 3]),
        name if name.ends_with("sses") || name.ends_with("xes") => name[..name.len() - 2].to_owned(),
        name if name.ends_with('s') && !name.ends_with("ss") => name[..name.len() - 1].to_owned(),
        name => name.to_owned(),
    }
}
