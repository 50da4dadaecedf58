//! How the pages of an answer follow each other, by what the document calls its parameters and the fields beside the
//! records. Nothing is asked for, so nothing is proven: `discover` does that.

use restload_source::json_path::JsonPath;
use restload_source::paginators::names::{self, Names};
use restload_source::paginators::plain_name;
use serde_json::{Value, json};
use std::fmt::Write as _;

use super::document::{Document, Field, Shape};
use super::operations::{Operation, Parameter};

/// Larger pages are not asked for, whatever the document allows.
const LARGEST_PAGE: i64 = 1_000;
/// A page's length where the document says nothing of it.
const USUAL_PAGE: i64 = 100;
/// How deep the fields beside the records are looked through.
const DEEPEST: usize = 3;

/// What the document suggests.
#[derive(Debug, Default)]
pub(super) struct Paging {
    /// The paginator, where one can be told.
    pub(super) paginator: Option<Value>,
    /// Why this one, or why none.
    pub(super) reason: String,
    /// The parameter for the length of a page, with its value and the reason for it.
    pub(super) page_size: Option<(String, i64, String)>,
    /// Whether the number of the first page is taken for 1 without the document saying so.
    pub(super) base_is_guessed: bool,
    /// Parameters that the paginator sends.
    pub(super) own: Vec<String>,
}

/// A field beside the records.
struct Sign<'d> {
    path: Vec<String>,
    plain: String,
    shape: Shape<'d>,
}

/// What a document says of an operation's pages. `records` is where its records are, `key` what identifies one.
pub(super) fn paging<'d>(
    document: &Document<'d>,
    operation: &Operation<'d>,
    answer: Option<&'d Value>,
    records: &[String],
    key: Option<&str>,
) -> Paging {
    let mut signs = Vec::new();
    let shape = answer.map(|answer| document.shape(answer)).unwrap_or_default();
    if !shape.is_list() {
        collect(document, &shape.fields, records, &mut Vec::new(), &mut signs);
    }
    let find = |names: &Names| {
        let mut query = operation.query();
        query.find(|parameter| names.is_param(&plain_name(parameter.name)))
    };
    let search = Search {
        document,
        operation,
        signs,
        cursor: find(&names::CURSOR),
        offset: find(&names::OFFSET),
        page: find(&names::PAGE),
        limit: find(&names::LIMIT),
        key,
    };
    let mut paging = search
        .link()
        .or_else(|| search.cursor())
        .or_else(|| search.header())
        .or_else(|| search.offset())
        .or_else(|| search.page())
        .or_else(|| search.keyset())
        .unwrap_or_else(|| search.none());
    search.length_of_page(&mut paging);
    paging
}

/// The parameters that only lists have, for an operation whose answer the document does not describe.
pub(super) fn parameters_of_lists(operation: &Operation<'_>) -> Vec<String> {
    const ALSO_OF_OTHERS: [&str; 9] = ["token", "first", "start", "p", "count", "size", "max", "length", "top"];
    let query = operation.query().filter(|parameter| {
        let plain = plain_name(parameter.name);
        let all = [names::CURSOR, names::OFFSET, names::PAGE, names::LIMIT];
        !ALSO_OF_OTHERS.contains(&plain.as_str()) && all.iter().any(|names| names.is_param(&plain))
    });
    query.map(|parameter| format!("`{}`", parameter.name)).collect()
}

fn collect<'d>(
    document: &Document<'d>,
    fields: &[Field<'d>],
    records: &[String],
    above: &mut Vec<String>,
    signs: &mut Vec<Sign<'d>>,
) {
    for field in fields {
        above.push(field.name.to_owned());
        if above.as_slice() != records {
            let shape = document.shape(field.schema);
            if above.len() < DEEPEST && !shape.is_list() && !document.is_tired() {
                collect(document, &shape.fields, records, above, signs);
            }
            signs.push(Sign {
                path: above.clone(),
                plain: plain_name(field.name),
                shape,
            });
        }
        above.pop();
    }
}

struct Search<'s, 'd> {
    document: &'s Document<'d>,
    operation: &'s Operation<'d>,
    signs: Vec<Sign<'d>>,
    cursor: Option<&'s Parameter<'d>>,
    offset: Option<&'s Parameter<'d>>,
    page: Option<&'s Parameter<'d>>,
    limit: Option<&'s Parameter<'d>>,
    key: Option<&'s str>,
}

impl<'d> Search<'_, 'd> {
    fn found(paginator: Value, reason: String) -> Paging {
        Paging {
            paginator: Some(paginator),
            reason,
            ..Paging::default()
        }
    }

    fn named(&self, is_name: impl Fn(&str) -> bool, fits: impl Fn(&Shape<'d>) -> bool) -> Option<&Sign<'d>> {
        let mut signs = self.signs.iter();
        signs.find(|sign| is_name(&sign.plain) && fits(&sign.shape))
    }

    /// A URL of the next page in the answer.
    fn link(&self) -> Option<Paging> {
        let is_url = |shape: &Shape<'_>| shape.format.is_some_and(|format| format.starts_with("ur"));
        let above = |sign: &Sign<'_>| match sign.path.as_slice() {
            [.., above, _] => plain_name(above),
            _ => String::new(),
        };
        for sign in self.signs.iter().filter(|sign| sign.shape.is_text()) {
            let is_link = names::NEXT_LINK.is_field(&sign.plain)
                || (sign.plain == "next"
                    && (is_url(&sign.shape) || above(sign).contains("link") || self.cursor.is_none()))
                || (matches!(sign.plain.as_str(), "href" | "url") && above(sign) == "next");
            if is_link {
                let path = JsonPath::spell(&sign.path);
                let kind = sign.shape.kind();
                return Some(Self::found(
                    json!({ "type": "json_link", "next_url_path": path }),
                    format!("`{path}` in the answer, {kind}, is taken for the URL of the next page"),
                ));
            }
        }
        // Lists of links with their relations, as the OGC's APIs have them.
        let list = self.named(|name| name == "links", Shape::is_list)?;
        let link = self.document.shape(list.shape.items?);
        let has = |name: &str| link.fields.iter().any(|field| field.name == name);
        if !(has("href") && has("rel")) {
            return None;
        }
        let path = JsonPath::spell(&list.path);
        let root = if path.starts_with('$') {
            path.clone()
        } else {
            format!("$.{path}")
        };
        Some(Self::found(
            json!({ "type": "json_link", "next_url_path": format!("{root}[?(@.rel == \"next\")].href") }),
            format!(
                "`{path}` in the answer is a list of links with `rel` and `href`; the one with rel \"next\" is taken for the URL of the next page"
            ),
        ))
    }

    /// A token in the answer, and a parameter that takes it.
    fn cursor(&self) -> Option<Paging> {
        let param = self.cursor?;
        let fits = |shape: &Shape<'_>| shape.is_text() || shape.is_number();
        let token = self.named(|name| names::CURSOR.is_field(name), fits)?;
        let path = JsonPath::spell(&token.path);
        let mut paginator = json!({ "type": "cursor", "cursor_path": path, "cursor_param": param.name });
        let mut reason = format!(
            "`{path}` in the answer is taken for the token that the parameter `{}` takes",
            param.name
        );
        self.add_flag(&mut paginator, &mut reason);
        let mut paging = Self::found(paginator, reason);
        paging.own.push(param.name.to_owned());
        Some(paging)
    }

    /// What a header of the answer says of the next page.
    fn header(&self) -> Option<Paging> {
        let headers = &self.operation.answer_headers;
        if headers.iter().any(|name| name == "link") {
            return Some(Self::found(
                json!({ "type": "header_link" }),
                "the answer has a header `Link`".to_owned(),
            ));
        }
        if let Some(header) = headers
            .iter()
            .find(|name| *name == "next-page" || *name == "x-next-url")
        {
            return Some(Self::found(
                json!({ "type": "header_link", "header": header }),
                format!("the header `{header}` of the answer is taken for the URL of the next page"),
            ));
        }
        for (header, param) in [("x-next-page", self.page), ("x-next-cursor", self.cursor)] {
            if let Some(param) = param.filter(|_| headers.iter().any(|name| name == header)) {
                let mut paging = Self::found(
                    json!({ "type": "header_cursor", "cursor_key": header, "cursor_param": param.name }),
                    format!(
                        "the answer has a header `{header}`, and the parameter `{}` takes it",
                        param.name
                    ),
                );
                paging.own.push(param.name.to_owned());
                return Some(paging);
            }
        }
        None
    }

    fn offset(&self) -> Option<Paging> {
        let offset = self.offset?;
        let limit = self.limit.filter(|limit| limit.name != offset.name)?;
        let (size, why) = self.size(limit);
        let mut paginator = json!({
            "type": "offset",
            "limit": size,
            "offset_param": offset.name,
            "limit_param": limit.name,
        });
        let mut reason = format!("the parameters `{}` and `{}`; {why}", offset.name, limit.name);
        self.add_total(
            &mut paginator,
            &mut reason,
            &names::TOTAL,
            "x-total-count",
            "the number of records",
        );
        self.add_flag(&mut paginator, &mut reason);
        let mut paging = Self::found(paginator, reason);
        paging.own.extend([offset.name.to_owned(), limit.name.to_owned()]);
        Some(paging)
    }

    fn page(&self) -> Option<Paging> {
        let page = self.page?;
        let (base, why) = self.base(page);
        let mut paginator = json!({ "type": "page_number", "base_page": base.unwrap_or(1), "page_param": page.name });
        let mut reason = format!("the parameter `{}`; {why}", page.name);
        self.add_total(
            &mut paginator,
            &mut reason,
            &names::PAGE_COUNT,
            "x-total-pages",
            "the number of pages",
        );
        self.add_flag(&mut paginator, &mut reason);
        let mut paging = Self::found(paginator, reason);
        paging.base_is_guessed = base.is_none();
        paging.own.push(page.name.to_owned());
        Some(paging)
    }

    /// A parameter that takes the last record's key.
    fn keyset(&self) -> Option<Paging> {
        let param = self.cursor?;
        let key = self.key?;
        if !matches!(
            plain_name(param.name).as_str(),
            "startingafter" | "sinceid" | "afterid" | "lastid"
        ) {
            return None;
        }
        let mut paginator =
            json!({ "type": "keyset", "key_path": JsonPath::spell(&[key.to_owned()]), "key_param": param.name });
        let mut reason = format!(
            "the parameter `{}` is taken for the `{key}` of the last record",
            param.name
        );
        self.add_flag(&mut paginator, &mut reason);
        let mut paging = Self::found(paginator, reason);
        paging.own.push(param.name.to_owned());
        Some(paging)
    }

    /// Nothing that can be told.
    fn none(&self) -> Paging {
        let params = [self.cursor, self.offset, self.page].into_iter().flatten();
        let mut telling: Vec<String> = params
            .map(|parameter| format!("the parameter `{}`", parameter.name))
            .collect();
        let fields = self
            .named(|name| names::HAS_MORE.is_field(name), Shape::is_boolean)
            .into_iter();
        telling.extend(fields.map(|sign| format!("`{}` in the answer", JsonPath::spell(&sign.path))));
        let limited = self.limit.map(|limit| format!("the parameter `{}`", limit.name));
        telling.extend(limited);
        if telling.is_empty() {
            return Paging {
                // Not `single_page`, which would not look at what an answer says.
                reason: "nothing in the document tells of further pages; an answer that does is followed, or refused"
                    .to_owned(),
                ..Paging::default()
            };
        }
        Paging {
            reason: format!(
                "{} may be about pages; how they follow each other cannot be told; `restload discover` asks the API",
                telling.join(", ")
            ),
            ..Paging::default()
        }
    }

    fn add_flag(&self, paginator: &mut Value, reason: &mut String) {
        if let Some(flag) = self.named(|name| names::HAS_MORE.is_field(name), Shape::is_boolean) {
            let path = JsonPath::spell(&flag.path);
            let _ = write!(reason, "; `{path}` says whether more follows");
            paginator["has_more_path"] = path.into();
        }
    }

    /// The place of a total, or that there is none.
    fn add_total(&self, paginator: &mut Value, reason: &mut String, names: &Names, header: &str, what: &str) {
        if let Some(total) = self.named(|name| names.is_field(name), Shape::is_number) {
            let path = JsonPath::spell(&total.path);
            let _ = write!(reason, "; `{path}` is taken for {what}");
            paginator["total_path"] = path.into();
        } else if self.operation.answer_headers.iter().any(|name| name == header) {
            let _ = write!(reason, "; the header `{header}` is {what}");
            paginator["total_path"] = Value::Null;
            paginator["total_header"] = header.into();
        } else {
            paginator["total_path"] = Value::Null;
        }
    }

    /// How long a page is asked for, and why.
    fn size(&self, limit: &Parameter<'d>) -> (i64, String) {
        match self.largest(limit) {
            Some((size, why)) => (size, why),
            None => match limit
                .default(self.document)
                .and_then(Value::as_i64)
                .filter(|size| *size > 0)
            {
                Some(size) => (size, format!("{size} is what the API takes by itself")),
                None => (
                    USUAL_PAGE,
                    format!("{USUAL_PAGE} is a guess, as the document does not say how many the API grants"),
                ),
            },
        }
    }

    /// The longest page that the document allows.
    fn largest(&self, limit: &Parameter<'d>) -> Option<(i64, String)> {
        let choices: Vec<i64> = limit
            .choices(self.document)
            .iter()
            .filter_map(|choice| choice.as_i64())
            .collect();
        let maximum = limit.keyword(self.document, "maximum").and_then(Value::as_i64);
        let exclusive = || {
            Some(
                limit
                    .keyword(self.document, "exclusiveMaximum")?
                    .as_i64()?
                    .saturating_sub(1),
            )
        };
        let maximum = maximum.or_else(exclusive).or_else(|| choices.into_iter().max());
        let maximum = maximum.filter(|maximum| *maximum > 0)?;
        Some(if maximum > LARGEST_PAGE {
            (LARGEST_PAGE, format!("the document allows {maximum}"))
        } else {
            (maximum, format!("{maximum} is the most that the document allows"))
        })
    }

    /// The number of the first page, and why.
    fn base(&self, page: &Parameter<'d>) -> (Option<i64>, String) {
        for name in ["minimum", "default"] {
            let value = page.keyword(self.document, name).and_then(Value::as_i64);
            if let Some(base @ 0..=1) = value {
                return (Some(base), format!("the first page is {base}, its {name}"));
            }
        }
        let description = page.description.or(page.shape(self.document).description);
        let description = description.unwrap_or_default().to_lowercase();
        for (base, words) in [
            (0, ["0-based", "zero-based", "zero based"]),
            (1, ["1-based", "one-based", "one based"]),
        ] {
            let starts = [
                format!("start at {base}"),
                format!("starts at {base}"),
                format!("starting at {base}"),
                format!("starting from {base}"),
                format!("starts from {base}"),
            ];
            if words.iter().any(|word| description.contains(word))
                || starts.iter().any(|word| description.contains(word))
            {
                return (Some(base), format!("the first page is {base}, by its description"));
            }
        }
        (
            None,
            "that the first page is 1 is a guess, as the document does not say it: `discover` finds out".to_owned(),
        )
    }

    /// Asks for long pages, where the paginator does not do that itself and the document says how long they may be.
    fn length_of_page(&self, paging: &mut Paging) {
        let Some(limit) = self
            .limit
            .filter(|limit| !paging.own.iter().any(|own| own == limit.name))
        else {
            return;
        };
        if let Some((size, why)) = self.largest(limit) {
            paging.page_size = Some((limit.name.to_owned(), size, why));
        }
    }
}
