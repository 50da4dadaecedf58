//! Configs that dlt takes, in every form that its checklist has: `check` finds nothing wrong, `plan` shows the first
//! requests, and the file stays as it is.

use crate::support::restload;

/// What the config is of, its resources and the client's further keys, and the first request of each resource in order.
const SOUND: [(&str, &str, &str, &[&str]); 22] = [
    (
        "a parent by resolve",
        "",
        "[posts, { name: comments, endpoint: { path: 'posts/{id}/comments', params: { id: { type: resolve, resource: posts, field: id } } } }]",
        &["GET /posts", "GET /posts/<id>/comments"],
    ),
    (
        "a parent by reference",
        "",
        "[posts, { name: comments, endpoint: { path: 'posts/{resources.posts.id}/comments' } }]",
        &["GET /posts", "GET /posts/<id>/comments"],
    ),
    (
        "an endpoint that is a path",
        "",
        "[posts, { name: comments, endpoint: 'posts/{resources.posts.id}/comments' }]",
        &["GET /posts", "GET /posts/<id>/comments"],
    ),
    (
        "json_link",
        "paginator: { type: json_link, next_url_path: paging.next }",
        "[users, { name: groups, endpoint: { path: groups, paginator: json_link } }]",
        &["GET /users", "GET /groups"],
    ),
    (
        "single_page",
        "paginator: { type: single_page }",
        "[users, { name: groups, endpoint: { path: groups, paginator: single_page } }]",
        &["GET /users", "GET /groups"],
    ),
    (
        "bearer",
        "auth: { type: bearer, token: t0ken }",
        "[users]",
        &["GET /users"],
    ),
    (
        "bearer by its token",
        "auth: { token: t0ken }",
        "[users]",
        &["GET /users"],
    ),
    (
        "basic, and header_link",
        "auth: { type: http_basic, username: u, password: p4ssword }, paginator: header_link",
        "[users]",
        &["GET /users"],
    ),
    (
        "an incremental parameter",
        "",
        "[{ name: posts, endpoint: { params: { limit: 100, since: { type: incremental, cursor_path: updated_at, initial_value: '2024-01-25T11:21:28Z' } }, paginator: json_link } }]",
        &["GET /posts?limit=100&since=2024-01-25T11%3A21%3A28Z"],
    ),
    (
        "an incremental block",
        "",
        "[{ name: posts, endpoint: { params: { limit: 100 }, paginator: json_link, incremental: { start_param: since, end_param: until, cursor_path: updated_at, initial_value: '2024-01-25T11:21:28Z' } } }]",
        &["GET /posts?limit=100&since=2024-01-25T11%3A21%3A28Z"],
    ),
    (
        "a table by record",
        "auth: { type: api_key, name: X-Key, api_key: k3yk3y }, paginator: { type: header_link, links_next_key: more }",
        "[{ name: events, table_name: 'events_{type}' }]",
        &["GET /events"],
    ),
    (
        "a child with a table by record",
        "",
        "[users, { name: events, table_name: 'events_{type}', endpoint: 'users/{resources.users.id}/events' }]",
        &["GET /users", "GET /users/<id>/events"],
    ),
    (
        "headers of the client",
        "headers: { X-Test: test42 }",
        "[users]",
        &["GET /users"],
    ),
    (
        "names, and paths as endpoints",
        "",
        "[users, { name: posts }, { name: groups, endpoint: org/groups }, { name: teams, endpoint: {} }]",
        &["GET /users", "GET /posts", "GET /org/groups", "GET /teams"],
    ),
    (
        "values of the path in the parameters",
        "",
        "[{ name: users, endpoint: { path: '{org}/users/{team}', params: { org: dlt-hub, team: 7, sort: desc } } }]",
        &["GET /dlt-hub/users/7?sort=desc"],
    ),
    (
        "a given parent by resolve",
        "",
        "[{ name: given, records: [{ id: 1 }] }, { name: posts, endpoint: { path: 'posts/{id}', params: { id: { type: resolve, resource: given, field: id } } } }]",
        &["GET /posts/<id>"],
    ),
    (
        "a given parent by reference",
        "",
        "[{ name: given, selected: false, records: [{ id: 1 }] }, { name: posts, endpoint: 'posts/{resources.given.id}' }]",
        &["GET /posts/<id>"],
    ),
    (
        "credentials of an endpoint",
        "auth: { token: t0ken }",
        "[{ name: users, endpoint: { auth: { type: api_key, name: key, api_key: k3yk3y, location: query } } }]",
        &["GET /users?key=***"],
    ),
    (
        "nulls of the client, a resource and its endpoint",
        "headers: null, auth: null, paginator: null, session: null",
        "[{ name: users, parallelized: null, max_table_nesting: null, table_name: null, write_disposition: null, primary_key: null, merge_key: null, columns: null, schema_contract: null, table_format: null, file_format: null, references: null, nested_hints: null, include_from_parent: null, processing_steps: null, endpoint: { path: null, method: null, data: null, paginator: null, data_selector: null, response_actions: null, incremental: null, auth: null, headers: null, json: null, params: { sort: null } } }, { name: groups, selected: null, endpoint: null }, { name: teams, selected: null, endpoint: { params: null } }]",
        &["GET /users"],
    ),
    (
        "nulls of columns and contracts",
        "",
        "[{ name: users, schema_contract: { tables: null, columns: null, data_type: null }, columns: { id: { name: null, data_type: null, nullable: null, precision: null, scale: null, timezone: null, description: null, partition: null, cluster: null, unique: null, sort: null, primary_key: null, row_key: null, parent_key: null, root_key: null, merge_key: null, variant: null, hard_delete: null, dedup_sort: null, incremental: null, x-normalizer: null } } }]",
        &["GET /users"],
    ),
    (
        "nulls of an incremental load",
        "",
        "[{ name: users, endpoint: { params: { since: '{incremental.start_value}' }, incremental: { cursor_path: at, initial_value: null, end_value: null, row_order: null, lag: null, range_start: null, range_end: null, primary_key: null, start_param: null, end_param: null, convert: null, allow_external_schedulers: null } } }, { name: groups, endpoint: { params: { since: { type: incremental, cursor_path: at, initial_value: 5, range_start: null, allow_external_schedulers: null } } } }]",
        &["GET /users", "GET /groups?since=5"],
    ),
    (
        "nulls of paginators",
        "",
        "[{ name: a, endpoint: { paginator: { type: page_number, page: null, page_param: null, page_body_path: null, maximum_page: null, stop_after_empty_page: null, has_more_path: null } } }, { name: b, endpoint: { paginator: { type: page_number, total_path: null } } }, { name: c, endpoint: { paginator: { type: offset, limit: 5, offset_param: null, offset_body_path: null, limit_param: null, limit_body_path: null, maximum_offset: null, stop_after_empty_page: null, has_more_path: null } } }, { name: d, endpoint: { paginator: { type: cursor, cursor_param: null, cursor_body_path: null, stop_after_empty_page: null, has_more_path: null } } }, { name: e, endpoint: { paginator: { type: header_cursor, cursor_param: null } } }]",
        &[
            "GET /a?page=0",
            "GET /b?page=0",
            "GET /c?offset=0&limit=5",
            "GET /d",
            "GET /e",
        ],
    ),
];

/// What was written stays as it was (C-08), too.
#[test]
fn configs_that_dlt_takes_are_sound() {
    for (what, client, resources, requests) in SOUND {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("shop.yaml");
        let separator = if client.is_empty() { "" } else { ", " };
        let config =
            format!("client: {{ base_url: 'https://api.example.com'{separator}{client} }}\nresources: {resources}\n");
        std::fs::write(&file, &config).expect("files can be written");
        let said = |command: &str| {
            let output = restload(folder.path()).args([command, "shop.yaml"]).output();
            let output = output.expect("restload starts");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{what}: {stderr}");
            (String::from_utf8_lossy(&output.stdout).into_owned(), stderr)
        };
        let (verdict, report) = said("check");
        assert!(
            verdict.contains("no mistakes") || report.contains("no mistakes"),
            "{what}: {verdict}{report}"
        );
        let (plan, _) = said("plan");
        let shown: Vec<String> = plan
            .lines()
            .filter_map(|line| Some(line.split_once("GET https://api.example.com")?.1))
            .map(|rest| format!("GET {}", rest.trim_end()))
            .collect();
        assert_eq!(shown, requests, "{what}: {plan}");
        assert_eq!(std::fs::read_to_string(&file).expect("it is there"), config, "{what}");
        let files = std::fs::read_dir(folder.path()).expect("it is there").count();
        assert_eq!(files, 1, "{what}: nothing is written");
    }
}
