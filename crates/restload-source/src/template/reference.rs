//! References to fields of other resources' records: `resources.posts.id`.
//!
//! They are paths as dlt has them, which the expression language does not know: a name may hold a `-` or an `@` without
//! quotes, and `[*]` stands for each element of a list. They are found before the expression is compiled, and written
//! as subscripts in it: `resources["posts"]["id"]`.

/// A field of another resource's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The resource.
    pub resource: String,
    /// The way to the field.
    pub steps: Vec<FieldStep>,
    /// Whether the placeholder has no value without the field; an expression may do with another.
    pub is_required: bool,
}

/// One step of the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldStep {
    /// A member of an object.
    Name(String),
    /// Each element of the list in a member of an object: `tags[*]`.
    Each(String),
}

impl Reference {
    /// The field as messages name it: `org.id`, `tags[*].name`.
    pub fn field(&self) -> String {
        let steps = self.steps.iter().map(|step| match step {
            FieldStep::Name(name) => name.clone(),
            FieldStep::Each(name) => format!("{name}[*]"),
        });
        steps.collect::<Vec<_>>().join(".")
    }
}

/// Finds the references in an expression, and writes them as the expression language has them. An error says what is
/// wrong with one, and what to write.
pub(super) fn rewrite(text: &str) -> Result<(String, Vec<Reference>), (String, &'static str)> {
    const ROOT: &str = "resources";
    let mut written = String::with_capacity(text.len());
    let mut found = Vec::new();
    let mut rest = text;
    let mut quote = None;
    let mut is_needed = false;
    while let Some(character) = rest.chars().next() {
        let is_bounded = |character: char| !(character.is_alphanumeric() || matches!(character, '_' | '.'));
        let is_root = quote.is_none()
            && rest.starts_with(ROOT)
            && written.chars().next_back().is_none_or(is_bounded)
            && rest[ROOT.len()..]
                .chars()
                .next()
                .is_none_or(|next| is_bounded(next) || next == '.');
        if is_root {
            let (path, after) = read_path(&rest[ROOT.len()..])?;
            is_needed = written.is_empty() && needs_value(after);
            written.push_str(ROOT);
            found.push(path.write(&mut written)?);
            rest = after;
            continue;
        }
        let mut length = character.len_utf8();
        match (quote, character) {
            (Some(_), '\\') => length += rest[length..].chars().next().map_or(0, char::len_utf8),
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            _ => {}
        }
        written.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    if let [only] = found.as_mut_slice() {
        only.is_required = is_needed;
    } else {
        for reference in &mut found {
            reference.is_required = false;
        }
    }
    Ok((written, found))
}

/// Whether what follows a reference cannot do without it: nothing, or filters that give no default.
pub(super) fn needs_value(rest: &str) -> bool {
    let rest = rest.trim();
    rest.is_empty() || (rest.starts_with('|') && !rest.contains("default") && !rest.contains("d("))
}

/// A path after the word `resources`.
#[derive(Default)]
struct Path {
    parts: Vec<Part>,
}

enum Part {
    Name(String),
    Index(String),
    Each,
    /// A call: what stands before it is a method, not a field.
    Method(String),
}

/// Takes a path from the beginning of a text, and gives what follows it.
fn read_path(text: &str) -> Result<(Path, &str), (String, &'static str)> {
    let mut path = Path::default();
    let mut rest = text;
    loop {
        // dlt writes `.['a.b']` for a name with a dot in it.
        let bracket = rest.strip_prefix(".[").or_else(|| rest.strip_prefix('['));
        if let Some(inner) = bracket {
            let end = closing_bracket(inner).ok_or((format!("`resources{text}` has a `[` without its `]`"), ""))?;
            let subscript = inner[..end].trim();
            let part = match subscript.chars().next() {
                Some('"' | '\'') if subscript.len() > 1 => Part::Name(unquote(subscript)),
                Some('*') if subscript == "*" => Part::Each,
                _ => Part::Index(subscript.to_owned()),
            };
            path.parts.push(part);
            rest = &inner[end + 1..];
        } else if let Some(after) = rest.strip_prefix('.') {
            let length = name_length(after);
            if length == 0 {
                return Ok((path, rest));
            }
            let name = after[..length].to_owned();
            rest = &after[length..];
            path.parts.push(if rest.starts_with('(') {
                Part::Method(name)
            } else {
                Part::Name(name)
            });
        } else {
            return Ok((path, rest));
        }
    }
}

/// The length of the name that a text begins with. A `-` belongs to it when a name goes on right after it.
fn name_length(text: &str) -> usize {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '@');
    let mut length = 0;
    for (at, character) in text.char_indices() {
        let goes_on = || text[at + character.len_utf8()..].chars().next().is_some_and(is_part);
        if !(is_part(character) || (character == '-' && at > 0 && goes_on())) {
            break;
        }
        length = at + character.len_utf8();
    }
    length
}

fn closing_bracket(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn unquote(text: &str) -> String {
    let mut unquoted = String::new();
    let mut characters = text[1..text.len() - 1].chars();
    while let Some(character) = characters.next() {
        unquoted.extend(if character == '\\' {
            characters.next()
        } else {
            Some(character)
        });
    }
    unquoted
}

impl Path {
    /// Writes the path as subscripts, and says what it refers to.
    fn write(self, out: &mut String) -> Result<Reference, (String, &'static str)> {
        let mut parts = self.parts.into_iter().peekable();
        let Some(Part::Name(resource)) = parts.next() else {
            return Err((
                "`resources` needs a resource and a field".to_owned(),
                "write `{resources.parent.field}`",
            ));
        };
        push_subscript(out, &resource);
        let mut steps = Vec::new();
        // Behind an index nothing is known of the names: the list is taken whole.
        let mut is_open = true;
        while let Some(part) = parts.next() {
            match part {
                Part::Name(name) if matches!(parts.peek(), Some(Part::Each)) => {
                    parts.next();
                    if !is_open || matches!(parts.peek(), Some(Part::Each)) {
                        return Err((
                            format!("`[*]` after `{name}` does not follow a field's name"),
                            "`[*]` takes each element of the list in a field: `{resources.parent.tags[*].name}`",
                        ));
                    }
                    push_subscript(out, &format!("{name}[*]"));
                    steps.push(FieldStep::Each(name));
                }
                Part::Name(name) => {
                    push_subscript(out, &name);
                    if is_open {
                        steps.push(FieldStep::Name(name));
                    }
                }
                Part::Index(index) => {
                    out.push('[');
                    out.push_str(&index);
                    out.push(']');
                    is_open = false;
                }
                Part::Method(name) => {
                    out.push('.');
                    out.push_str(&name);
                    is_open = false;
                }
                Part::Each => {
                    return Err((
                        format!("`[*]` in `resources.{resource}` does not follow a field's name"),
                        "`[*]` takes each element of the list in a field: `{resources.parent.tags[*].name}`",
                    ));
                }
            }
        }
        if steps.is_empty() {
            return Err((
                format!("`resources.{resource}` needs a field"),
                "write `{resources.parent.field}`",
            ));
        }
        Ok(Reference {
            resource,
            steps,
            is_required: true,
        })
    }
}

fn push_subscript(out: &mut String, name: &str) {
    out.push('[');
    out.push_str(&serde_json::Value::from(name).to_string());
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match rewrite(text) {
            Ok((written, references)) => {
                let references = references.iter().map(|reference| {
                    let mark = if reference.is_required { "" } else { "?" };
                    format!("{} {}{mark}", reference.resource, reference.field())
                });
                format!("{written} <- {}", references.collect::<Vec<_>>().join(", "))
            }
            Err((message, _)) => message,
        }
    }

    /// I-02, I-18, I-39, I-40, and what stands in brackets.
    #[test]
    fn finds_references_and_writes_them_as_subscripts() {
        for (text, expected) in [
            ("resources.posts.id", r#"resources["posts"]["id"] <- posts id"#),
            (
                "resources.posts.blog.id",
                r#"resources["posts"]["blog"]["id"] <- posts blog.id"#,
            ),
            ("resources.a.b.c.d", r#"resources["a"]["b"]["c"]["d"] <- a b.c.d"#),
            (
                "resources.repo-list.user-id",
                r#"resources["repo-list"]["user-id"] <- repo-list user-id"#,
            ),
            ("resources.p.n - 1", r#"resources["p"]["n"] - 1 <- p n?"#),
            ("resources.p.['a.b']", r#"resources["p"]["a.b"] <- p a.b"#),
            ("resources.p['a.b'].c", r#"resources["p"]["a.b"]["c"] <- p a.b.c"#),
            ("resources['p q'][\"it's\"]", r#"resources["p q"]["it's"] <- p q it's"#),
            (
                "resources.p.user@domain",
                r#"resources["p"]["user@domain"] <- p user@domain"#,
            ),
            ("resources.p.tags[*]", r#"resources["p"]["tags[*]"] <- p tags[*]"#),
            (
                "resources.p.tags[*].name",
                r#"resources["p"]["tags[*]"]["name"] <- p tags[*].name"#,
            ),
            (
                "resources.p.teams[0].id",
                r#"resources["p"]["teams"][0]["id"] <- p teams"#,
            ),
            ("resources.p.id | upper", r#"resources["p"]["id"] | upper <- p id"#),
            (
                "resources.p.id | default(resources.p.no)",
                r#"resources["p"]["id"] | default(resources["p"]["no"]) <- p id?, p no?"#,
            ),
            (
                "'resources.p.id' ~ my_resources.p",
                "'resources.p.id' ~ my_resources.p <- ",
            ),
            ("vars.resources.p", "vars.resources.p <- "),
            ("resources", "`resources` needs a resource and a field"),
            ("resources.name", "`resources.name` needs a field"),
            (
                "resources.name[*]",
                "`[*]` in `resources.name` does not follow a field's name",
            ),
            ("resources.p.a[*][*]", "`[*]` after `a` does not follow a field's name"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
