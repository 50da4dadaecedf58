//! Configs in every form that dlt takes.

use super::*;

/// C-07: the configs that dlt's own tests hold to be valid. Classes and functions of Python have a declarative form.
#[test]
fn every_form_of_a_valid_config_is_planned() {
    let resolve = json!({"type": "resolve", "resource": "repos", "field": "name"});
    for (form, config, expected) in [
        (
            "resolve",
            json!({"resources": ["repos", {"name": "issues", "endpoint": {"path": "repos/{repo}/issues", "params": {"repo": resolve}}}]}),
            "repos; issues of repos",
        ),
        (
            "reference",
            json!({"resources": ["repos", {"name": "issues", "endpoint": {"path": "repos/{resources.repos.name}/issues"}}]}),
            "repos; issues of repos",
        ),
        (
            "a reference in the place of an endpoint",
            json!({"resources": ["repos", {"name": "issues", "endpoint": "repos/{resources.repos.name}/issues"}]}),
            "repos; issues of repos",
        ),
        (
            "json_link by name",
            json!({"client": {"paginator": "json_link"}, "resources": ["repos"]}),
            "repos",
        ),
        (
            "single_page with its type",
            json!({"client": {"paginator": {"type": "single_page"}}, "resources": ["repos"]}),
            "repos",
        ),
        (
            "bearer",
            json!({"client": {"auth": {"type": "bearer", "token": "t"}}, "resources": ["repos"]}),
            "repos",
        ),
        (
            "bearer without its type",
            json!({"client": {"auth": {"token": "t"}}, "resources": ["repos"]}),
            "repos",
        ),
        (
            "a paginator and credentials with all options, a table by record",
            json!({
                "client": {
                    "auth": {"type": "api_key", "name": "X-Key", "api_key": "k", "location": "header"},
                    "paginator": {"type": "header_link", "links_next_key": "next"},
                },
                "resources": [{"name": "events", "table_name": "events_{type}"}],
            }),
            "events",
        ),
        (
            "basic with header_link",
            json!({
                "client": {"auth": {"type": "http_basic", "username": "u", "password": "p"}, "paginator": {"type": "header_link"}},
                "resources": [{"name": "repos", "endpoint": {"data_selector": "items"}}],
            }),
            "repos",
        ),
        (
            "incremental in a parameter",
            json!({"resources": [{"name": "repos", "endpoint": {"params": {
                "sort": "updated",
                "since": {"type": "incremental", "cursor_path": "updated_at", "initial_value": "2024-01-25T11:21:28Z"},
            }}}]}),
            "repos",
        ),
        (
            "incremental as a block",
            json!({"resources": [{"name": "repos", "endpoint": {"incremental": {
                "start_param": "since", "end_param": "until", "cursor_path": "updated_at", "initial_value": "2024-01-25T11:21:28Z",
            }}}]}),
            "repos",
        ),
        (
            "headers of the client",
            json!({"client": {"headers": {"X-Test": "yes"}}, "resources": ["repos", {"name": "issues", "endpoint": {"path": "issues"}}]}),
            "repos; issues",
        ),
        (
            "a name, a name with a path",
            json!({"resources": ["repos", {"name": "issues", "endpoint": "all/issues"}, {"name": "labels"}]}),
            "repos; issues; labels",
        ),
        (
            "a child with a table by record",
            json!({"resources": ["repos", {
                "name": "issues",
                "table_name": "issues_{_repos_name}",
                "include_from_parent": ["name"],
                "endpoint": "repos/{resources.repos.name}/issues",
            }]}),
            "repos; issues of repos",
        ),
        (
            "parameters of the path",
            json!({"resources": [{"name": "repos", "endpoint": {"path": "{org}/repos", "params": {"org": "acme"}}}]}),
            "repos",
        ),
        (
            "given records with resolve",
            json!({"resources": [
                {"name": "repos", "records": [{"name": "one"}]},
                {"name": "issues", "endpoint": {"path": "repos/{repo}/issues", "params": {"repo": resolve}}},
            ]}),
            "repos; issues of repos",
        ),
        (
            "given records with a reference",
            json!({"resources": [
                {"name": "repos", "records": [{"name": "one"}]},
                {"name": "issues", "endpoint": "repos/{resources.repos.name}/issues"},
            ]}),
            "repos; issues of repos",
        ),
        (
            "credentials of an endpoint",
            json!({"resources": ["repos", {"name": "issues", "endpoint": {"auth": {"type": "bearer", "token": "t"}}}]}),
            "repos; issues",
        ),
    ] {
        let planned = plan_of(&config, &[]).unwrap_or_else(|mistakes| panic!("{form}: {mistakes}"));
        assert_eq!(linked(&planned), expected, "{form}");
    }
}

/// a child that names two parents, by either syntax. dlt refuses it; here it is requested for every pair.
#[test]
fn a_child_of_two_parents_is_of_both() {
    let resolve = |resource: &str| json!({"type": "resolve", "resource": resource, "field": "id"});
    for endpoint in [
        json!({"path": "{shop}/{user}/orders", "params": {"shop": resolve("shops"), "user": resolve("users")}}),
        json!("{resources.shops.id}/{resources.users.id}/orders"),
        json!({"path": "{shop}/{resources.users.id}/orders", "params": {"shop": resolve("shops")}}),
    ] {
        let config = json!({"resources": ["users", {"name": "orders", "endpoint": endpoint}, "shops"]});
        let planned = plan_of(&config, &[]).unwrap_or_else(|mistakes| panic!("{endpoint}: {mistakes}"));
        assert_eq!(
            linked(&planned),
            "users; shops; orders of shops and users",
            "{endpoint}"
        );
        let orders = planned.resources.last().unwrap();
        assert!(orders.pairs_parents(), "{endpoint}");
        let parents = [("shops", 1), ("users", 2)].map(|(name, id)| (name.to_owned(), json!({ "id": id })));
        let context = partition_context(&planned.context, &parents.into_iter().collect());
        let request = orders.request(&Position::Start, &context).unwrap();
        assert_eq!(request.url.as_str(), "https://api.test/v1/1/2/orders", "{endpoint}");
    }
}

/// The resources in the order in which they are loaded, with their parents.
fn linked(plan: &Plan) -> String {
    let shown = plan.resources.iter().map(|resource| {
        let mut parents: Vec<&str> = resource.direct_parents().map(|link| link.resource.as_str()).collect();
        if parents.is_empty() {
            resource.name.to_string()
        } else {
            parents.sort_unstable();
            format!("{} of {}", resource.name, parents.join(" and "))
        }
    });
    shown.collect::<Vec<_>>().join("; ")
}
