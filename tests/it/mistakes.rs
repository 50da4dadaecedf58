//! Mistakes that dlt refuses, each in a config of its own: they are errors of `check`, and name what is wrong.

use crate::support::restload;

/// The cases of dlt's checklist, the config, and what the report says.
const MISTAKES: [(&str, &str, &[&str]); 22] = [
    (
        "C-01",
        "client: { base_url: 'https://a.example.com' }",
        &["missing key `resources`"],
    ),
    ("C-01", "resources: [a]", &["missing key `client`"]),
    (
        "L-06",
        "",
        &["the file is empty", "at least the keys `client` and `resources`"],
    ),
    (
        "O-22",
        "client: { base_url: 'https://a.example.com' }\nresources: [{ name: c, endpoint: { headers: { 'x-{{braces}}': y } } }]",
        &["`x-{braces}` is not a header name", "in resources[0].endpoint.headers"],
    ),
    (
        "C-03",
        "client: { base_url: 'https://a.example.com', base_urls: x }\nresources: [a]",
        &["unknown key `base_urls`", "in client"],
    ),
    (
        "C-04",
        "client: { base_url: 'https://a.example.com', paginator: nothing_known }\nresources: [a]",
        &[
            "unknown value `nothing_known`",
            "in client",
            "known: `auto`, `single_page`, `page_number`, `cursor`, `json_link`, `header_link`, `header_cursor`",
        ],
    ),
    (
        "C-04, P-09",
        "client: { base_url: 'https://a.example.com', paginator: { type: nothing_known } }\nresources: [a]",
        &[
            "unknown paginator type `nothing_known`",
            "in client.paginator",
            "known: `auto`, `single_page`, `page_number`, `offset`, `cursor`, `keyset`, `json_link`, `header_link`, `header_cursor`",
        ],
    ),
    (
        "C-04",
        "client: { base_url: 'https://a.example.com', paginator: { type: 5 } }\nresources: [a]",
        &[
            "expected a string, found a number",
            "known types: `auto`, `single_page`, `page_number`, `offset`",
        ],
    ),
    (
        "C-05",
        "client: { base_url: 'https://a.example.com' }\nresources: [posts, { name: c, endpoint: { path: 'posts/{id}/c', params: { id: { type: resolve, resource: post, field: id } } } }]",
        &["there is no resource `post`"],
    ),
    (
        "C-06, R-03",
        "client: { base_url: 'https://a.example.com' }\nresources: [{ name: c, endpoint: 'posts/{id}/c' }]",
        &["`{id}` refers to `id`, which is unknown here", "posts/{id}/c"],
    ),
    (
        "R-03",
        "client: { base_url: 'https://a.example.com' }\nresources: [posts, { name: c, endpoint: { path: '{org}/posts/{id}/{part}', params: { org: acme, id: { type: resolve, resource: posts, field: id } } } }]",
        &[
            "`{part}` refers to `part`, which is unknown here",
            "{org}/posts/{id}/{part}",
            "1 error in",
        ],
    ),
    (
        "O-06, R-05",
        "client: { base_url: 'https://a.example.com' }\nresources: [posts, { name: c, endpoint: { path: c, params: { id: { type: resolve, resource: posts, field: id } } } }]",
        &["the path has no `{id}` for this value"],
    ),
    (
        "O-07",
        "client: { base_url: 'https://a.example.com' }\nresources: [{ name: c, endpoint: { params: { a: '{unknown.b}' } } }]",
        &[
            "refers to `unknown`",
            "in resources[0].endpoint.params",
            "begins with one of: env, incremental, resources",
        ],
    ),
    (
        "O-07",
        "client: { base_url: 'https://a.example.com' }\nresources: [{ name: c, endpoint: { method: post, json: { a: '{unknown.b}' } } }]",
        &[
            "refers to `unknown`",
            "in resources[0].endpoint.json",
            "begins with one of: env, incremental, resources",
        ],
    ),
    (
        "R-22",
        "client: { base_url: 'https://a.example.com' }\nresources: [{ name: a, endpoint: { path: 'a/{i}', params: { i: { type: resolve, resource: b, field: id } } } }, { name: b, endpoint: { path: 'b/{i}', params: { i: { type: resolve, resource: a, field: id } } } }]",
        &["in a circle: a -> b -> a"],
    ),
    (
        "R-22",
        "client: { base_url: 'https://a.example.com' }\nresources: [{ name: a, endpoint: 'a/{resources.b.id}' }, { name: b, endpoint: 'b/{resources.a.id}' }]",
        &["in a circle: a -> b -> a"],
    ),
    (
        "N-01",
        "client: { base_url: 'https://a.example.com' }\nresources: [{ name: c, endpoint: { params: { a: { type: unknown } } } }]",
        &["`unknown`", "known: `resolve`, `incremental`"],
    ),
    (
        "K-22, L-05, O-29",
        "client: { base_url: 'https://a.example.com' }\nresources: [{ name: c, endpoint: { method: post, json: { a: 1 }, data: { b: 2 } } }]",
        &["`json` and `data` exclude each other"],
    ),
    (
        "U-07",
        "client: { base_url: null }\nresources: [a]",
        &["expected a string, found nothing", "in client"],
    ),
    (
        "U-07",
        "client: { base_url: 5 }\nresources: [a]",
        &["expected a string, found a number", "in client"],
    ),
    (
        "U-07",
        "client: { base_url: 'https://a.example.com' }\nresources: [{ name: a, endpoint: { path: 5 } }]",
        &["expected a string, found a number", "in resources[0].endpoint"],
    ),
    (
        "U-07",
        "client: { base_url: [https://a.example.com] }\nresources: [a]",
        &["expected a string, found a list", "in client"],
    ),
];

#[test]
fn mistakes_that_dlt_refuses() {
    for (cases, config, said) in MISTAKES {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(folder.path().join("shop.yaml"), config).expect("files can be written");
        let output = restload(folder.path()).args(["check", "shop.yaml"]).output();
        let output = output.expect("restload starts");
        let report = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{cases}: {report}");
        for part in said {
            assert!(report.contains(part), "{cases}: `{part}` is not in\n{report}");
        }
    }
}
