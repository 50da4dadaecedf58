//! Names that restload makes itself, out of what an API calls its things.

use url::Url;

/// Longer names are cut: a database takes 63 bytes, and a name is a part of others.
const LONGEST: usize = 40;

/// A name of letters, digits and underscores, as placeholders and tables take it; empty where nothing is left of it.
pub(crate) fn identifier(text: &str) -> String {
    let mut name = String::new();
    let mut before = '_';
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            // `petId` is two words.
            if character.is_ascii_uppercase() && before.is_ascii_lowercase() {
                name.push('_');
            }
            name.push(character.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        before = character;
    }
    name.truncate(LONGEST);
    let name = name.trim_matches('_');
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        format!("n{name}")
    } else {
        name.to_owned()
    }
}

/// The words of a path that are the same in every request, as names: the query, placeholders and endings are none.
pub(crate) fn words_of_path(path: &str) -> Vec<String> {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let parts = path.split('/').filter(|part| !part.contains('{'));
    let words = parts.map(|part| identifier(part.trim_end_matches(".json").trim_end_matches(".xml")));
    words.filter(|word| !word.is_empty()).collect()
}

/// A name for the pipeline of an API, out of its title: `Swagger Petstore - OpenAPI 3.0` is `petstore`.
pub(crate) fn of_title(title: &str) -> String {
    const OF_ALL: [&str; 9] = [
        "the", "api", "apis", "rest", "swagger", "openapi", "open_api", "v1", "v2",
    ];
    let first = title.split([':', '(', '|']).next().unwrap_or(title);
    let first = first.split(" - ").next().unwrap_or(first);
    let words = first
        .split(|character: char| !character.is_alphanumeric())
        .map(identifier);
    let own: Vec<String> = words
        .filter(|word| !word.is_empty() && !OF_ALL.contains(&word.as_str()))
        .collect();
    identifier(&own.join(" "))
}

/// Words that say of a path only that it leads to a list.
const GENERAL: [&str; 10] = [
    "items", "records", "list", "all", "entries", "results", "data", "search", "features", "query",
];

/// The name of what a path leads to: the last word that says what it is.
pub(crate) fn of_path(path: &str) -> String {
    let words = words_of_path(path);
    let mut particular = words.iter().rev().filter(|word| !GENERAL.contains(&word.as_str()));
    let name = particular.next().or(words.last());
    name.cloned().unwrap_or_else(|| "records".to_owned())
}

/// A name for the pipeline of an API, out of its address: `api.shop.example` is `shop`.
pub(crate) fn of_address(address: &Url) -> String {
    let Some(url::Host::Domain(host)) = address.host() else {
        return "api".to_owned();
    };
    let general = ["api", "www", "rest", "data", "v1", "v2"];
    let parts: Vec<&str> = host.split('.').collect();
    let own = parts.len().saturating_sub(1).max(1);
    let mut particular = parts[..own].iter().filter(|part| !general.contains(part));
    let name = identifier(particular.next().unwrap_or(&"api"));
    if name.is_empty() { "api".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_others_call_their_things() {
        for (text, expected) in [
            ("petId", "pet_id"),
            ("Swagger Petstore - OpenAPI 3.0", "swagger_petstore_open_api_3_0"),
            ("X-API-Version", "x_api_version"),
            ("2fa", "n2fa"),
            ("---", ""),
            ("größe", "gr_e"),
        ] {
            assert_eq!(identifier(text), expected);
        }
        for (path, expected) in [
            ("orders", "orders"),
            ("/v1/orders/{id}/order-lines.json?x=1", "order_lines"),
            ("/{id}/", "records"),
            ("/collections/levels/items", "levels"),
            ("/search", "search"),
        ] {
            assert_eq!(of_path(path), expected);
        }
        for (title, expected) in [
            ("Swagger Petstore - OpenAPI 3.0", "petstore"),
            ("Weather: stations and measurements", "weather"),
            ("The Shop API v2", "shop"),
            ("GitHub v3 REST API", "git_hub_v3"),
            ("../../etc", "etc"),
            ("API", ""),
        ] {
            assert_eq!(of_title(title), expected);
        }
        for (address, expected) in [
            ("https://api.shop.example/v1", "shop"),
            ("https://shop.example", "shop"),
            ("http://localhost:8000", "localhost"),
            ("http://127.0.0.1:8000", "api"),
            ("https://api.example", "api"),
        ] {
            assert_eq!(of_address(&Url::parse(address).unwrap()), expected);
        }
    }
}
