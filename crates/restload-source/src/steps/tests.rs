//! What steps do to records, as a table.

use serde_json::json;

use super::jq::REACHING_OUT;
use super::*;
use crate::decoders::decode_json;

/// Compiles the steps as a plan does, and puts the records of a page through them.
fn run(steps: &serde_json::Value, records: &str) -> String {
    let configs: Vec<StepConfig> = match serde_json::from_value(steps.clone()) {
        Ok(configs) => configs,
        Err(error) => return format!("unreadable: {error}"),
    };
    let mut diagnostics = Diagnostics::default();
    let mut steps: Vec<Step> = configs
        .iter()
        .enumerate()
        .flat_map(|(index, config)| config.compile(index + 1, &KeyPath::root(), &mut diagnostics))
        .collect();
    let context = crate::template::to_value(json!({
        "vars": { "region": "eu", "since": 5, "salt": "pepper", "nothing": "" },
        "run": { "started_at": "2024-05-06T07:08:09Z" },
    }));
    for step in &mut steps {
        step.bind(&context, &mut diagnostics);
    }
    if let Some(found) = diagnostics.into_vec().into_iter().next() {
        let help = found.help.map(|help| format!(" ({help})")).unwrap_or_default();
        return format!("error: {}{help}", found.message);
    }
    let page = decode_json(records.as_bytes(), steps.iter().any(Step::wants_exact_numbers)).unwrap();
    let records = match page {
        Value::List(records) => records,
        other => vec![other],
    };
    match apply_all(&steps, &["_along"], records) {
        Ok(records) => Value::List(records).to_json(),
        Err(error) => format!("error: {error} ({})", error.help),
    }
}

fn check(cases: &[(serde_json::Value, &str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(steps, records, expected)| {
            let found = run(steps, records);
            (found != *expected).then(|| format!("{steps} on {records}\n  expected {expected}\n  found    {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unpivot() {
    check(&[
        (
            json!([{"unpivot": {"key": "name", "value": "label"}}]),
            r#"{"bike": "Bike", "none": "None (silent)"}"#,
            r#"[{"name":"bike","label":"Bike"},{"name":"none","label":"None (silent)"}]"#,
        ),
        (
            json!([{"unpivot": {"key": "code"}}]),
            r#"{"de": {"name": "Germany"}, "fr": {"name": "France"}}"#,
            r#"[{"code":"de","name":"Germany"},{"code":"fr","name":"France"}]"#,
        ),
        (json!([{"unpivot": {"key": "k", "value": "v"}}]), "{}", "[]"),
        // What comes from a parent is no data of the record's own, and stays with each.
        (
            json!([{"unpivot": {"key": "k", "value": "v"}}]),
            r#"{"a": 1, "b": 2, "_along": "P"}"#,
            r#"[{"k":"a","v":1,"_along":"P"},{"k":"b","v":2,"_along":"P"}]"#,
        ),
        (
            json!([{"unpivot": {"key": "k"}}]),
            r#"{"_along": "P", "a": {"x": 1, "_along": "own"}}"#,
            r#"[{"k":"a","x":1,"_along":"P"}]"#,
        ),
        (
            json!([{"unpivot": {"key": "k", "value": "v"}}]),
            "[{}, [1]]",
            "error: step 1, `unpivot`, cannot take record 2: it is a list, not an object \
             (let `data_selector` pick the object whose keys are data)",
        ),
        (
            json!([{"unpivot": {"key": "k"}}]),
            r#"{"a": 1}"#,
            "error: step 1, `unpivot`, cannot take record 1: the value of `a` is a number, not an object: 1 \
             (name the field that takes such values with `value`)",
        ),
    ]);
}

#[test]
fn select_drop_and_rename() {
    check(&[
        (
            json!([{"drop": ["a", "x"]}]),
            r#"[{"a": 1, "b": 2}, 5]"#,
            r#"[{"b":2},5]"#,
        ),
        (
            json!([{"drop": ["user.email", "lines.note", "user.none.x"]}]),
            r#"{"user": {"email": "e", "id": 1}, "lines": [{"note": "n", "n": 1}, {"n": 2}]}"#,
            r#"[{"user":{"id":1},"lines":[{"n":1},{"n":2}]}]"#,
        ),
        // A field of that very name comes before the path.
        (
            json!([{"drop": ["a.b"]}]),
            r#"{"a.b": 1, "a": {"b": 2}}"#,
            r#"[{"a":{"b":2}}]"#,
        ),
        (json!([{"select": ["b", "x"]}]), r#"{"a": 1, "b": 2}"#, r#"[{"b":2}]"#),
        (
            json!([{"rename": {"a": "c", "x": "y"}}]),
            r#"{"a": 1, "b": 2}"#,
            r#"[{"c":1,"b":2}]"#,
        ),
        (json!([{"rename": {"a": "b"}}]), r#"{"a": 1, "b": 2}"#, r#"[{"b":1}]"#),
        (
            json!([{"select": ["user.email", "lines.n", "none.x", "id"]}]),
            r#"{"id": 1, "user": {"email": "e", "x": 1}, "lines": [{"n": 1, "x": 2}, {}, 5], "none": 7}"#,
            r#"[{"id":1,"user":{"email":"e"},"lines":[{"n":1},{}]}]"#,
        ),
        (
            json!([{"select": ["a.b", "a"]}]),
            r#"{"a": {"b": 1, "c": 2}}"#,
            r#"[{"a":{"b":1,"c":2}}]"#,
        ),
        (
            json!([{"select": ["a.b"]}]),
            r#"{"a.b": 1, "a": {"b": 2}}"#,
            r#"[{"a.b":1}]"#,
        ),
        (
            json!([{"rename": {"user.email": "user.mail", "lines.n": "lines.no", "user": "person"}}]),
            r#"{"user": {"email": "e", "mail": "x"}, "lines": [{"n": 1}, {"m": 2}, 3]}"#,
            r#"[{"person":{"mail":"e"},"lines":[{"no":1},{"m":2},3]}]"#,
        ),
        (
            json!([{"rename": {"user.email": "email", "id": "user.id", "email": "old"}}]),
            r#"{"id": 1, "email": "o", "user": {"email": "e"}}"#,
            r#"[{"old":"o","user":{"id":1},"email":"e"}]"#,
        ),
        // A user who is no object has no e-mail.
        (
            json!([{"rename": {"user.email": "email"}}]),
            r#"{"user": "u"}"#,
            r#"[{"user":"u"}]"#,
        ),
        (
            json!([{"rename": {"a.b": "c"}}]),
            r#"{"a.b": 1, "a": {"b": 2}}"#,
            r#"[{"c":1,"a":{"b":2}}]"#,
        ),
        (
            json!([{"rename": {"lines.n": "n"}}]),
            r#"{"lines": [{"n": 1}]}"#,
            "error: step 1, `rename`, cannot take record 1: `lines.n` lies in each element of a list, `lines` \
             (leave it within the list, or explode that first)",
        ),
        (
            json!([{"rename": {"a": "b", "b": "a"}}]),
            r#"{"a": 1, "b": 2}"#,
            r#"[{"b":1,"a":2}]"#,
        ),
        (
            json!([{"rename": {"a": "c", "b": "c"}}]),
            "[]",
            "error: `a` and `b` cannot both be named `c`",
        ),
        // The actions of one step run in the order written.
        (
            json!([{"rename": {"id": "key"}, "select": ["key"]}]),
            r#"{"id": 1, "b": 2}"#,
            r#"[{"key":1}]"#,
        ),
        (
            json!([{"select": ["key"], "rename": {"id": "key"}}]),
            r#"{"id": 1, "b": 2}"#,
            "[{}]",
        ),
        (
            json!([{}]),
            "[]",
            "error: this step does nothing (name an action: filter, set, cast, explode, unpivot, hash, jq, select, drop \
             or rename)",
        ),
    ]);
}

#[test]
fn filter() {
    let records = r#"[{"id": 1, "odd-name": "x", "user": {"age": 5}}, {"id": 2, "user": null}, {"id": 10}]"#;
    let first = r#"[{"id":1,"odd-name":"x","user":{"age":5}}]"#;
    check(&[
        // S-01
        (json!([{"filter": "id == 1"}]), records, first),
        (json!([{"filter": "record['odd-name'] == 'x'"}]), records, first),
        (
            json!([{"filter": "user.age is number and user.age < vars.since + 1"}]),
            records,
            first,
        ),
        // A missing field is null, and so are the fields of null.
        (json!([{"filter": "user.age"}]), records, first),
        (
            json!([{"filter": "id > 5 or record.id == 1"}, {"filter": "id in [1, 2]"}]),
            records,
            first,
        ),
        (json!([{"filter": "'1' == id"}]), records, "[]"),
        (json!([{"filter": "run.started_at < '2024'"}]), records, "[]"),
        // Beyond 64 bits.
        (
            json!([{"filter": "n == 18446744073709551616"}]),
            r#"[{"n": 18446744073709551616}, {"n": 18446744073709551615}]"#,
            r#"[{"n":18446744073709551616}]"#,
        ),
        (
            json!([{"filter": "id / 'x' > 1"}]),
            r#"[{"id": 1}]"#,
            "error: step 1, `filter`, cannot take record 1: `id / 'x' > 1` cannot be computed: tried to use / operator \
             on unsupported types number and string (convert first, or say what stands for a missing value: \
             `amount | default(0, true) | float`)",
        ),
        (
            json!([{"filter": "{id > 1}"}]),
            "[]",
            "error: an expression stands here without braces (write `id > 1`)",
        ),
        (
            json!([{"filter": "id >"}]),
            "[]",
            "error: `id >` is not an expression: unexpected end of input, expected expression",
        ),
        (
            json!([{"filter": "id | flaot > 1"}]),
            "[]",
            "error: `id | flaot > 1` uses the filter `flaot`, which is unknown (did you mean `float`?)",
        ),
        (
            json!([{"filter": "user is not noen and id is number and 'a is b' != 'c'"}]),
            "[]",
            "error: `user is not noen and id is number and 'a is b' != 'c'` uses the test `noen`, which is unknown (did you \
             mean `none`? a comparison is written `==`; usual tests: defined, in, none, number, string, true)",
        ),
        (json!([{"filter": " "}]), "[]", "error: the expression is empty"),
        (
            json!([{"filter": "env == 'prod'"}]),
            "[]",
            "error: `env` is not a field, and means nothing here (give the value to `vars`; a field of that name is \
             `record.env`)",
        ),
        (
            json!([{"filter": "record.env == 'prod'"}]),
            r#"[{"env": "prod"}, {"env": "test"}]"#,
            r#"[{"env":"prod"}]"#,
        ),
    ]);
}

#[test]
fn filters_and_sets_in_the_order_written() {
    let records = r#"[{"id": 1}, {"id": 10}]"#;
    check(&[
        // S-05
        (
            json!([{"set": {"id": "{id * 10}"}}, {"filter": "id == 10"}]),
            records,
            r#"[{"id":10}]"#,
        ),
        (
            json!([{"filter": "id == 10"}, {"set": {"id": "{id * 10}"}}]),
            records,
            r#"[{"id":100}]"#,
        ),
        (
            json!([{"set": {"id": "{id * 10}"}, "filter": "id == 100"}]),
            records,
            r#"[{"id":100}]"#,
        ),
    ]);
}

#[test]
fn set() {
    check(&[
        // S-03, S-04
        (
            json!([{"set": {"title": "constant", "n": 5, "none": null, "list": [1, "{id}"], "o": {"t": "{name | lower}"}}}]),
            r#"{"id": 7, "title": "old", "name": "ABC"}"#,
            r#"[{"id":7,"title":"constant","name":"ABC","n":5,"none":null,"list":[1,7],"o":{"t":"abc"}}]"#,
        ),
        // A lone placeholder keeps its type; a missing field is null.
        (
            json!([{"set": {"a": "{x}", "b": "{y.z}", "c": "{missing}", "d": "{x is defined}", "e": "{(x | length) / 4}"}}]),
            r#"{"x": [1, 2.5], "y": {"z": {"k": null}}}"#,
            r#"[{"x":[1,2.5],"y":{"z":{"k":null}},"a":[1,2.5],"b":{"k":null},"c":null,"d":true,"e":0.5}]"#,
        ),
        // Digits are kept where a field is taken as it is.
        (
            json!([{"set": {"a": "{n}", "b": "{record['odd-n']}"}}]),
            r#"{"n": 123456789012345678901234567890.5, "odd-n": 99999999999999999999}"#,
            r#"[{"n":123456789012345678901234567890.5,"odd-n":99999999999999999999,"a":123456789012345678901234567890.5,"b":99999999999999999999}]"#,
        ),
        (
            json!([{"set": {"key": "{id}-{vars.region}", "at": "{run.started_at | date('%Y')}", "braces": "{{id}}"}}]),
            r#"{"id": 1}"#,
            r#"[{"id":1,"key":"1-eu","at":"2024","braces":"{id}"}]"#,
        ),
        // The fields of one `set` see those before them.
        (
            json!([{"set": {"a": "{id + 1}", "b": "{a + 1}"}}]),
            r#"{"id": 1}"#,
            r#"[{"id":1,"a":2,"b":3}]"#,
        ),
        (json!([{"set": {"a": 1}}]), r#"["x"]"#, r#"[{"value":"x","a":1}]"#),
        (
            json!([{"set": {"user.kind": "p", "new.a.b": 1, "lines.n": 2, "none.x": "{user.kind}", "o.p": 3}}]),
            r#"{"user": {"kind": "o"}, "lines": [{}, {"n": 1}], "none": null, "o.p": 0}"#,
            r#"[{"user":{"kind":"p"},"lines":[{"n":2},{"n":2}],"none":{"x":"p"},"o.p":3,"new":{"a":{"b":1}}}]"#,
        ),
        (
            json!([{"set": {"a.b": 1}}]),
            r#"{"a": 5}"#,
            "error: step 1, `set`, cannot take record 1: `a.b` lies in a number, not an object: 5 (name a field of the \
             record itself, or one within an object)",
        ),
        (
            json!([{"set": {"a": "n-{missing}"}}]),
            r#"[{"missing": 1}, {"id": 1}]"#,
            "error: step 1, `set`, cannot take record 2: `{missing}` has no value (say what stands for a missing value: \
             `{name | default(\"\", true)}`)",
        ),
        (
            json!([{"set": {"a": "{secrets.token}"}}]),
            "[]",
            "error: `secrets.token` is not a field, and means nothing here (a secret does not belong in a table \
             (`hash` takes one as its salt); a field of that name is `record.secrets.token`)",
        ),
        (
            json!([{"set": {"a": "{1 / 0}"}}]),
            "[{}]",
            "error: step 1, `set`, cannot take record 1: `{1 / 0}` cannot be computed: unable to calculate 1 / 0 (convert \
             first, or say what stands for a missing value: `amount | default(0, true) | float`)",
        ),
    ]);
}

#[test]
fn cast() {
    check(&[
        (
            json!([{"cast": {"a": "bigint", "b": "double", "c": "bool", "d": "text", "e": "numeric", "f": "json", "g": "decimal"}}]),
            r#"{"a": "5", "b": "2.5", "c": "yes", "d": {"x": 1}, "e": "00123456789012345678901234567890.50", "f": "{\"k\": [1]}", "g": 0.12345678901234567890}"#,
            r#"[{"a":5,"b":2.5,"c":true,"d":"{\"x\":1}","e":123456789012345678901234567890.50,"f":{"k":[1]},"g":0.12345678901234567890}]"#,
        ),
        (
            json!([{"cast": {"t": "timestamp", "u": "timestamp", "d": "date", "h": "time"}}]),
            r#"{"t": 1704164645, "u": "2024-01-02T03:04:05+02:00", "d": "2024-01-02T03:04:05Z", "h": "03:04:05"}"#,
            r#"[{"t":"2024-01-02T03:04:05Z","u":"2024-01-02T01:04:05Z","d":"2024-01-02","h":"03:04:05"}]"#,
        ),
        (
            json!([{"cast": {"a": "bigint", "missing": "text", "o.n": "text", "l.n": "text"}}]),
            r#"{"a": null, "o": {"n": 1}, "l": [{"n": 2}]}"#,
            r#"[{"a":null,"o":{"n":"1"},"l":[{"n":"2"}]}]"#,
        ),
        (
            json!([{"cast": {"price": "double"}}]),
            r#"[{"price": "1"}, {"price": "n/a"}]"#,
            "error: step 1, `cast`, cannot take record 2: `price`: \"n/a\" is not a double (convert such values with `set` \
             or `jq` first, or leave their records out with `filter`)",
        ),
        (
            json!([{"cast": {"a": "json"}}]),
            r#"[{"a": "{"}]"#,
            "error: step 1, `cast`, cannot take record 1: `a`: \"{\" is not JSON (convert such values with `set` or `jq` \
             first, or leave their records out with `filter`)",
        ),
    ]);
}

#[test]
fn explode() {
    let posts = r#"[{"id": 1, "reactions": ["a", "b"]}, {"id": 2, "reactions": []}, {"id": 3}]"#;
    check(&[
        // S-08
        (
            json!([{"explode": {"field": "reactions", "as": "reaction"}}]),
            posts,
            r#"[{"id":1,"reaction":"a"},{"id":1,"reaction":"b"}]"#,
        ),
        (
            json!([{"explode": {"field": "reactions", "index": "place", "keep_empty": true}}]),
            posts,
            r#"[{"id":1,"reactions":"a","place":0},{"id":1,"reactions":"b","place":1},{"id":2,"reactions":null},{"id":3,"reactions":null}]"#,
        ),
        // S-09, S-10
        (
            json!([{"filter": "id > 1"}, {"explode": {"field": "reactions"}}]),
            posts,
            "[]",
        ),
        (
            json!([{"explode": {"field": "reactions"}}, {"filter": "reactions != 'a'"}]),
            posts,
            r#"[{"id":1,"reactions":"b"}]"#,
        ),
        (
            json!([{"explode": {"field": "lines", "prefix": "line_"}}]),
            r#"{"id": 1, "lines": [{"id": 5}, {"id": 6, "x": null}]}"#,
            r#"[{"id":1,"line_id":5},{"id":1,"line_id":6,"line_x":null}]"#,
        ),
        (
            json!([{"explode": {"field": "lines", "prefix": ""}}]),
            r#"{"id": 1, "lines": [{"id": 5}]}"#,
            "error: step 1, `explode`, cannot take record 1: `id` is a field of the record and of an element of `lines` \
             (tell them apart with `prefix`, or take the element whole with `as`)",
        ),
        (
            json!([{"explode": {"field": "lines", "prefix": "line_"}}]),
            r#"{"id": 1, "lines": [5]}"#,
            "error: step 1, `explode`, cannot take record 1: an element of `lines` is a number, not an object: 5 (take \
             such elements whole with `as`)",
        ),
        // The record is counted as the API gave it.
        (
            json!([{"explode": {"field": "a"}}, {"explode": {"field": "a"}}]),
            r#"[{"a": [[1], [2]]}, {"a": [[1], "x"]}]"#,
            "error: step 2, `explode`, cannot take record 2: `a` is a string, not a list: \"x\" (name a field that holds \
             a list; `unpivot` takes an object whose keys are data)",
        ),
        (
            json!([{"explode": {"field": "order.lines"}}]),
            r#"[{"id": 1, "order": {"no": 7, "lines": ["a", "b"]}}, {"id": 2, "order": null}]"#,
            r#"[{"id":1,"order":{"no":7,"lines":"a"}},{"id":1,"order":{"no":7,"lines":"b"}}]"#,
        ),
        (
            json!([{"explode": {"field": "order.lines", "as": "line.text", "index": "line.no"}}]),
            r#"{"order": {"lines": ["a", "b"]}}"#,
            r#"[{"order":{},"line":{"text":"a","no":0}},{"order":{},"line":{"text":"b","no":1}}]"#,
        ),
        (
            json!([{"explode": {"field": "orders.lines"}}]),
            r#"{"orders": [{"lines": [1]}]}"#,
            "error: step 1, `explode`, cannot take record 1: `orders` is a list, not an object that has `orders.lines` \
             (explode `orders` first)",
        ),
        (
            json!([{"explode": {"field": "order.lines"}}]),
            r#"{"order": 5}"#,
            "error: step 1, `explode`, cannot take record 1: `order` is a number, not an object that has `order.lines` \
             (name a field that holds a list)",
        ),
        (
            json!([{"explode": {"field": "a", "as": "b", "prefix": "c"}}]),
            "[]",
            "error: `as` and `prefix` exclude each other: an element is one field, or its fields are put beside the others",
        ),
        (
            json!([{"explode": {"field": "a", "index": "a"}}]),
            "[]",
            "error: the element and its `index` have the same name",
        ),
    ]);
}

#[test]
fn hash() {
    check(&[
        // `printf abc | sha256sum`, `printf '{"x":1}' | sha256sum`
        (
            json!([{"hash": {"fields": ["a", "u.b", "none"]}}]),
            r#"{"a": "abc", "u": [{"b": {"x": 1}}, {"b": null}]}"#,
            r#"[{"a":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","u":[{"b":"5041bf1f713df204784353e82f6a4a535931cb64f1f4b4a5aeaffcb720918b22"},{"b":null}]}]"#,
        ),
        // `printf abc | openssl dgst -sha256 -hmac pepper`
        (
            json!([{"hash": {"fields": ["a"], "salt": "{vars.salt}"}}]),
            r#"{"a": "abc"}"#,
            r#"[{"a":"95ac8d48c4886bae06029b433c46c419019bf03a65a842069d84b7755b1d08c4"}]"#,
        ),
        // `printf '["abc",null]' | sha256sum`
        (
            json!([{"hash": {"fields": ["a", "b"], "as": "key"}}]),
            r#"{"a": "abc"}"#,
            r#"[{"a":"abc","key":"1ff0b6fee47522d61c861a5fae2c7fcffacd156795d65dbfae5780b6cbd678b0"}]"#,
        ),
        (
            json!([{"hash": {"fields": ["a", "b"], "as": "u.key"}}]),
            r#"{"a": "abc"}"#,
            r#"[{"a":"abc","u":{"key":"1ff0b6fee47522d61c861a5fae2c7fcffacd156795d65dbfae5780b6cbd678b0"}}]"#,
        ),
        (
            json!([{"hash": {"fields": ["a"], "salt": "{vars.nothing}"}}]),
            "[]",
            "error: the salt is empty, which is as good as none",
        ),
        (
            json!([{"hash": {"fields": []}}]),
            "[]",
            "error: `fields` names no field",
        ),
    ]);
}

#[test]
fn jq() {
    check(&[
        (
            json!([{"jq": ".lines[] + {order: .id} | select(.n > 1)"}]),
            r#"[{"id": 1, "lines": [{"n": 1}, {"n": 2}, {"n": 3}]}, {"id": 2, "lines": []}]"#,
            r#"[{"n":2,"order":1},{"n":3,"order":1}]"#,
        ),
        (json!([{"jq": "empty"}]), r#"[{"id": 1}]"#, "[]"),
        (
            json!([{"jq": "del(.b) | .c = (.a | ascii_upcase | test(\"^A\"))"}]),
            r#"{"a": "ä", "b": 1}"#,
            r#"[{"a":"ä","c":false}]"#,
        ),
        (
            json!([{"jq": "{big, small: (.small + 1), text: (.big | tostring), half: 0.5, whole: 2.0, nan: nan}"}]),
            r#"{"big": 123456789012345678901234567890, "small": 9223372036854775807}"#,
            r#"[{"big":123456789012345678901234567890,"small":9223372036854775808,"text":"123456789012345678901234567890","half":0.5,"whole":2.0,"nan":null}]"#,
        ),
        (
            json!([{"cast": {"n": "numeric"}}, {"jq": "."}]),
            r#"{"n": 0.12345678901234567890, "o": 1.50}"#,
            r#"[{"n":0.12345678901234567890,"o":1.50}]"#,
        ),
        (
            json!([{"jq": ".at | fromdate | {at: ., day: strftime(\"%d\")}"}]),
            r#"{"at": "2024-01-02T03:04:05Z"}"#,
            r#"[{"at":1704164645,"day":"02"}]"#,
        ),
        (
            json!([{"jq": ".a.b"}]),
            r#"[{"a": {}}, {"a": 5}]"#,
            "error: step 1, `jq`, cannot take record 2: cannot index 5 with \"b\" (try the program on that record; `?` and \
             `//` stand for what some records lack)",
        ),
        (
            json!([{"jq": "\"x\" * 1000000 | repeat(.)"}]),
            "[{}]",
            "error: step 1, `jq`, cannot take record 1: the program gives more than 64 MiB (see that it comes to an end: \
             `repeat`, `recurse` and `range` may not)",
        ),
        (
            json!([{"jq": ".a |"}]),
            "[]",
            "error: jq, column 5: expected term, found nothing",
        ),
        (
            json!([{"jq": ".a\n | )"}]),
            "[]",
            "error: jq, line 2, column 4: expected token, found `)`",
        ),
        (
            json!([{"jq": "{a: (.b}"}]),
            "[]",
            "error: jq, column 8: expected closing parenthesis, found `}`",
        ),
        (
            json!([{"jq": ".a | frobnicate"}]),
            "[]",
            "error: jq, column 6: the filter `frobnicate` is not known",
        ),
        (
            json!([{"jq": "{a: now}"}]),
            "[]",
            "error: jq, column 5: the filter `now` is not known (a step sees its record and nothing else; `set` has `vars` \
             and `run.started_at`)",
        ),
        (
            json!([{"jq": "import \"x\" as x; ."}]),
            "[]",
            "error: jq, column 9: a step cannot import modules",
        ),
    ]);
    for name in REACHING_OUT {
        let found = run(&json!([{"jq": name}]), "[{}]");
        assert!(found.contains("is not known"), "{name}: {found}");
    }
}

#[test]
fn dlts_python_steps_are_refused_with_advice() {
    for (name, advice) in PYTHON_STEPS {
        assert_eq!(
            run(&json!([{name: "<function>"}]), "[]"),
            format!("unreadable: {advice}")
        );
    }
}
