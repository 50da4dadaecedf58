//! What templates give, as tables.

use super::*;

fn context() -> Value {
    Context::default()
        .with(
            "vars",
            to_value(serde_json::json!({"n": 5, "none": null, "list": [1, 2], "t": "a b"})),
        )
        .with(
            "resources",
            to_value(serde_json::json!({"p": {"id": 7, "deep": {"x": true}}})),
        )
        .to_value()
}

fn render(text: &str) -> String {
    let mut diagnostics = Diagnostics::default();
    let Some(template) = Template::compile(text, &[], &KeyPath::root(), &mut diagnostics) else {
        let found = diagnostics.into_vec().remove(0);
        return format!("error: {} ({})", found.message, found.help.unwrap_or_default());
    };
    match template.value(&context()) {
        Ok(value) => serde_json::to_string(&value).unwrap(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn renders() {
    for (text, rendered) in [
        ("plain", r#""plain""#),
        ("{{literal}}", r#""{literal}""#),
        ("{vars.n}", "5"),
        ("{ vars.n + 1 }", "6"),
        ("n={vars.n}", r#""n=5""#),
        ("{vars.none}", "null"),
        ("{vars.list}", "[1,2]"),
        ("{resources.p.deep.x}", "true"),
        ("{vars.t | urlencode}", r#""a%20b""#),
        (
            "{'p@ss:w/o#r?d%&=' | urlencode}",
            r#""p%40ss%3Aw%2Fo%23r%3Fd%25%26%3D""#,
        ),
        ("{'}'}", r#""}""#),
        (
            "{'2024-01-02T03:04:05Z' | date('%Y-%m-%d %s')}",
            r#""2024-01-02 1704164645""#,
        ),
        ("{1704164645 | date('%Y')}", r#""2024""#),
        ("{1704164645123 | date('%Y-%m-%d %H')}", r#""2024-01-02 03""#),
        ("{1704164645.5 | epoch_ms}", "1704164645500"),
        ("{'2024-01-02T03:04:05Z' | epoch}", "1704164645"),
        ("{'2024-01-02' | epoch_ms}", "1704153600000"),
        ("{'1704164645' | date('%Y')}", r#""2024""#),
        ("{vars.none | date('%Y')}", "null"),
        ("{vars.none | epoch}", "null"),
        ("{['a', 'b'] | reason}", r#""a; b""#),
        ("{{{vars.n}}}", r#""{5}""#),
    ] {
        assert_eq!(render(text), rendered, "{text}");
    }
}

/// Section 15.1 of the checklist, as it is for one text. `typed` is the value, `text` what it is within a text.
#[test]
fn expands_as_the_checklist_says() {
    let names = [
        "id",
        "other",
        "user@domain",
        "setting-name",
        "empty",
        "none",
        "flag",
        "list",
        "map",
        "wörter",
    ];
    let context = Context::default()
        .with("id", Value::from(42))
        .with("other", Value::from("x"))
        .with("user@domain", Value::from("u"))
        .with("setting-name", Value::from("s"))
        .with("empty", Value::from(""))
        .with("none", Value::from(()))
        .with("flag", Value::from(true))
        .with("list", to_value([1, 2]))
        .with("map", to_value(serde_json::json!({"a": 1})))
        .with("wörter", Value::from("日本"))
        .with(
            "vars",
            to_value(serde_json::json!({"fraction": 3.25, "zero": 0, "minus": -1, "big": 1e10, "off": false})),
        )
        .with(
            "resources",
            to_value(serde_json::json!({"posts": {"id": 1, "odd-id": 5, "a": {"b": 7}}})),
        )
        .to_value();
    let (missing, refused) = ("error", "refused");
    for (id, text, typed, plain) in [
        ("I-01", "posts/{id}", r#""posts/42""#, "posts/42"),
        ("I-02", "{resources.posts.id}", "1", "1"),
        ("I-07", "{id}/{{not_this}}", r#""42/{not_this}""#, "42/{not_this}"),
        ("I-08", "{{a}} {id} {{b}}", r#""{a} 42 {b}""#, "{a} 42 {b}"),
        ("I-11", "{{{id}}}", r#""{42}""#, "{42}"),
        ("I-12", "{{{{not_this}}}}", r#""{{not_this}}""#, "{{not_this}}"),
        ("I-13", "{{not_this {id}}}", r#""{not_this 42}""#, "{not_this 42}"),
        ("I-15", "a{empty}b", r#""ab""#, "ab"),
        ("I-15", "{empty}", r#""""#, ""),
        ("I-18", "{user@domain}", r#""u""#, "u"),
        ("I-18", "x/{setting-name}", r#""x/s""#, "x/s"),
        ("I-18", "{resources.posts.odd-id}", "5", "5"),
        ("I-19", "ü {wörter} ✓", r#""ü 日本 ✓""#, "ü 日本 ✓"),
        ("I-20", "{id}", "42", "42"),
        ("I-21", "{id}{id}", r#""4242""#, "4242"),
        ("I-21", "{id}{other}", r#""42x""#, "42x"),
        ("I-22", "{id} {other}", r#""42 x""#, "42 x"),
        ("I-23", "{resources.posts.a.b}", "7", "7"),
        ("I-24", "{id:>5}", refused, refused),
        ("I-25", "{id!r}", refused, refused),
        ("I-26", " {id}", r#"" 42""#, " 42"),
        ("I-26", "{id} ", r#""42 ""#, "42 "),
        ("I-26", "before-{id}", r#""before-42""#, "before-42"),
        ("I-26", "{id}-after", r#""42-after""#, "42-after"),
        // Null has no text, where dlt writes `None`; the place decides what becomes of it.
        ("I-27", "{none}", "null", missing),
        ("I-28", "{flag}", "true", "true"),
        ("I-28", "{vars.off}", "false", "false"),
        ("I-29", "{vars.fraction}", "3.25", "3.25"),
        ("I-29", "{vars.zero}", "0", "0"),
        ("I-29", "{vars.minus}", "-1", "-1"),
        ("I-29", "{vars.big}", "10000000000.0", "10000000000.0"),
        ("I-30", "{list}", "[1,2]", "[1,2]"),
        ("I-30", "{map}", r#"{"a":1}"#, r#"{"a":1}"#),
        ("I-32", "{unknown}", refused, refused),
        ("I-33", "{resources.posts.unknown}", missing, missing),
        ("I-35", "plain", r#""plain""#, "plain"),
        ("I-35", "", r#""""#, ""),
    ] {
        let mut diagnostics = Diagnostics::default();
        let template = Template::compile(text, &names, &KeyPath::root(), &mut diagnostics);
        let found_typed = template.as_ref().map_or(refused.to_owned(), |template| {
            let value = template.value(&context);
            value.map_or(missing.to_owned(), |value| serde_json::to_string(&value).unwrap())
        });
        let found_text = template.as_ref().map_or(refused.to_owned(), |template| {
            template.text(&context).unwrap_or(missing.to_owned())
        });
        assert_eq!(
            (found_typed.as_str(), found_text.as_str()),
            (typed, plain),
            "{id} {text}"
        );
    }
}

#[test]
fn tells_the_names_it_uses() {
    for (id, text, names) in [
        ("I-34", "{id}-{resources.posts.id}", vec!["id", "posts: id"]),
        ("I-35", "plain", vec![]),
        ("I-35", "", vec![]),
        // What begins with `resources.` is told from the rest, also from what only begins like it.
        (
            "I-36",
            "{resources.posts.id}/{id}/{vars.resources.id}",
            vec!["id", "vars.resources.id", "posts: id"],
        ),
        ("I-37", "{{id}} {{resources.posts.id}}", vec![]),
        ("I-37", "{{id}} {{{{resources.posts.id}}}}", vec![]),
        ("I-37", "{{resources.posts.id}} {resources.posts.n}", vec!["posts: n"]),
        (
            "I-38",
            "query {{ a(id: {resources.posts.id}) {{ b }} }}",
            vec!["posts: id"],
        ),
        ("I-39", "{resources.posts.a.b.c}", vec!["posts: a.b.c"]),
        ("I-33", "{resources.posts.odd-id}", vec!["posts: odd-id"]),
    ] {
        let mut diagnostics = Diagnostics::default();
        let template = Template::compile(text, &["id"], &KeyPath::root(), &mut diagnostics).unwrap();
        let mut found: Vec<String> = template.variables().map(str::to_owned).collect();
        for reference in template.references() {
            found.push(format!("{}: {}", reference.resource, reference.field()));
        }
        assert_eq!(found, names, "{id} {text}");
    }
}

#[test]
fn refuses() {
    for (text, message) in [
        ("{vars.missing}", "error: `{vars.missing}` has no value"),
        ("x{vars.none}", "error: `{vars.none}` has no value"),
        // I-33
        ("{resources.p.nope}", "error: `{resources.p.nope}` has no value"),
        ("x{resources.nope.id}", "error: `{resources.nope.id}` has no value"),
        (
            "{secret.token}",
            "error: `{secret.token}` refers to `secret`, which is unknown here (did you mean `secrets`?)",
        ),
        // I-32
        (
            "{unknown}",
            "error: `{unknown}` refers to `unknown`, which is unknown here (in a path `{unknown}` takes its value \
             from `params`; a placeholder begins with one of: env, incremental, resources, run, secrets, vars, window; write `{{` for a literal brace)",
        ),
        ("{", "error: a `{` without its `}` (write `{{` for a literal brace)"),
        ("a}", "error: a `}` without its `{` (write `}}` for a literal brace)"),
        (
            "{}",
            "error: an empty placeholder `{}` (write `{{}}` for literal braces)",
        ),
    ] {
        assert_eq!(render(text), message, "{text}");
    }
}
