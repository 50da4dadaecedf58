//! Pages rendered once at the start, so that the server only copies bytes while it is measured against.

use hyper::body::Bytes;

use crate::records::{
    CHILDREN_PER_PARENT, FIRST_ID, ID_DIGITS, ID_OFFSET, write_child, write_flat, write_nested, write_parent,
};

/// Records in a page of the flat resource.
pub(crate) const FLAT_PAGE_RECORDS: usize = 1_000;
/// Records in a page of the nested resource.
pub(crate) const NESTED_PAGE_RECORDS: usize = 500;
/// Records in a page of the offset resource.
pub(crate) const OFFSET_PAGE_RECORDS: usize = 100;

/// Pages held in memory; later ones are copies of these with other ids.
const MAX_RENDERED_PAGES: usize = 100;

/// `{"data": [...], "next": "<cursor or null>"}`; a cursor is the number of its page.
pub(crate) struct CursorPages {
    rendered: Vec<RenderedPage>,
    record_count: usize,
    page_records: usize,
    write: fn(&mut String, usize),
}

struct RenderedPage {
    body: Bytes,
    /// Where `],"next":` begins.
    data_end: usize,
    id_places: Vec<usize>,
}

impl CursorPages {
    pub(crate) fn flat(record_count: usize) -> Self {
        Self::new(record_count, FLAT_PAGE_RECORDS, write_flat)
    }

    pub(crate) fn nested(record_count: usize) -> Self {
        Self::new(record_count, NESTED_PAGE_RECORDS, write_nested)
    }

    fn new(record_count: usize, page_records: usize, write: fn(&mut String, usize)) -> Self {
        let mut pages = Self {
            rendered: Vec::new(),
            record_count,
            page_records,
            write,
        };
        for page in 0..pages.page_count().min(MAX_RENDERED_PAGES) {
            let rendered = pages.render(page);
            pages.rendered.push(rendered);
        }
        pages
    }

    pub(crate) fn page_count(&self) -> usize {
        self.record_count.div_ceil(self.page_records).max(1)
    }

    /// The body that answers a cursor; no cursor asks for the first page.
    pub(crate) fn body(&self, cursor: Option<&str>) -> Option<Bytes> {
        let page = cursor.map_or(Ok(0), str::parse).ok()?;
        if page >= self.page_count() {
            return None;
        }
        if let Some(rendered) = self.rendered.get(page) {
            return Some(rendered.body.clone());
        }
        let is_partial = (page + 1) * self.page_records > self.record_count;
        if is_partial {
            return Some(self.render(page).body);
        }
        Some(self.with_ids_of(page, &self.rendered[page % MAX_RENDERED_PAGES]))
    }

    fn with_ids_of(&self, page: usize, template: &RenderedPage) -> Bytes {
        let tail = self.tail(page);
        let mut body = Vec::with_capacity(template.data_end + tail.len());
        body.extend_from_slice(&template.body[..template.data_end]);
        for (position, &place) in template.id_places.iter().enumerate() {
            let mut id = FIRST_ID + page * self.page_records + position;
            for digit in body[place..place + ID_DIGITS].iter_mut().rev() {
                *digit = b'0' + (id % 10) as u8;
                id /= 10;
            }
        }
        body.extend_from_slice(tail.as_bytes());
        Bytes::from(body)
    }

    fn render(&self, page: usize) -> RenderedPage {
        let first = page * self.page_records;
        let last = (first + self.page_records).min(self.record_count);
        let mut body = String::from(r#"{"data":["#);
        let mut id_places = Vec::with_capacity(last - first);
        for index in first..last {
            if index > first {
                body.push(',');
            }
            id_places.push(body.len() + ID_OFFSET);
            (self.write)(&mut body, index);
        }
        let data_end = body.len();
        body.push_str(&self.tail(page));
        RenderedPage {
            body: Bytes::from(body),
            data_end,
            id_places,
        }
    }

    fn tail(&self, page: usize) -> String {
        if page + 1 < self.page_count() {
            format!(r#"],"next":"{}"}}"#, page + 1)
        } else {
            r#"],"next":null}"#.to_owned()
        }
    }
}

/// `{"data": [...], "total": N}`, asked for by `offset`.
pub(crate) struct OffsetPages {
    rendered: Vec<Bytes>,
}

impl OffsetPages {
    pub(crate) fn new(record_count: usize) -> Self {
        let page = |first: usize| {
            let last = (first + OFFSET_PAGE_RECORDS).min(record_count);
            render_list(first..last, write_flat, &format!(r#","total":{record_count}"#))
        };
        Self {
            rendered: (0..record_count).step_by(OFFSET_PAGE_RECORDS).map(page).collect(),
        }
    }

    /// The body at an offset, which must be a multiple of the page's size.
    pub(crate) fn body(&self, offset: Option<&str>) -> Option<Bytes> {
        let offset: usize = offset.map_or(Ok(0), str::parse).ok()?;
        if !offset.is_multiple_of(OFFSET_PAGE_RECORDS) {
            return None;
        }
        self.rendered.get(offset / OFFSET_PAGE_RECORDS).cloned()
    }
}

/// One page of parents, and one page of children for each.
pub(crate) struct FamilyPages {
    parents: Bytes,
    children: Vec<Bytes>,
}

impl FamilyPages {
    pub(crate) fn new(parent_count: usize) -> Self {
        let children = |parent| render_list(0..CHILDREN_PER_PARENT, |out, child| write_child(out, parent, child), "");
        Self {
            parents: render_list(0..parent_count, write_parent, ""),
            children: (0..parent_count).map(children).collect(),
        }
    }

    pub(crate) fn parents(&self) -> Bytes {
        self.parents.clone()
    }

    /// The children of a parent's id.
    pub(crate) fn children(&self, id: &str) -> Option<Bytes> {
        let index = id.parse::<usize>().ok()?.checked_sub(FIRST_ID)?;
        self.children.get(index).cloned()
    }
}

fn render_list(indexes: std::ops::Range<usize>, write: impl Fn(&mut String, usize), tail: &str) -> Bytes {
    let mut body = String::from(r#"{"data":["#);
    for index in indexes.clone() {
        if index > indexes.start {
            body.push(',');
        }
        write(&mut body, index);
    }
    body.push(']');
    body.push_str(tail);
    body.push('}');
    Bytes::from(body)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    fn parse(body: &Bytes) -> Value {
        serde_json::from_slice(body).unwrap()
    }

    /// Follows the cursors to the end; returns the number of pages and the ids in order.
    fn walk(pages: &CursorPages) -> (usize, Vec<usize>) {
        let mut ids = Vec::new();
        let mut page_count = 0;
        let mut cursor: Option<String> = None;
        loop {
            let page = parse(&pages.body(cursor.as_deref()).unwrap());
            page_count += 1;
            for record in page["data"].as_array().unwrap() {
                ids.push(record["id"].as_u64().unwrap() as usize);
            }
            match &page["next"] {
                Value::Null => return (page_count, ids),
                next => cursor = Some(next.as_str().unwrap().to_owned()),
            }
        }
    }

    fn assert_holds(pages: &CursorPages, page_count: usize, record_count: usize) {
        let (walked_pages, ids) = walk(pages);
        assert_eq!(walked_pages, page_count);
        assert_eq!(ids, (FIRST_ID..FIRST_ID + record_count).collect::<Vec<_>>());
    }

    #[test]
    fn cursors_chain_to_the_end() {
        assert_holds(&CursorPages::flat(2_500), 3, 2_500);
        assert_holds(&CursorPages::nested(1_000), 2, 1_000);
        assert_holds(&CursorPages::flat(10), 1, 10);
        assert_holds(&CursorPages::flat(0), 1, 0);
    }

    #[test]
    fn pages_beyond_the_rendered_ones_get_ids_of_their_own() {
        // Small pages reach the patched ones with little work: 100 are rendered, 3 patched, the last is partial.
        let pages = CursorPages::new(1_035, 10, write_flat);
        assert_holds(&pages, 104, 1_035);
        let patched = parse(&pages.body(Some("101")).unwrap());
        assert_eq!(patched["data"][3]["id"], FIRST_ID + 1_013);
        assert_eq!(
            patched["data"][3]["note"],
            parse(&pages.body(Some("1")).unwrap())["data"][3]["note"]
        );
    }

    #[test]
    fn unknown_cursors_have_no_page() {
        let pages = CursorPages::flat(10);
        assert!(pages.body(Some("1")).is_none());
        assert!(pages.body(Some("x")).is_none());
    }

    #[test]
    fn offset_pages_hold_the_total() {
        let pages = OffsetPages::new(250);
        let mut ids = HashSet::new();
        for offset in ["0", "100", "200"] {
            let page = parse(&pages.body(Some(offset)).unwrap());
            assert_eq!(page["total"], 250);
            for record in page["data"].as_array().unwrap() {
                ids.insert(record["id"].as_u64().unwrap());
            }
        }
        assert_eq!(ids.len(), 250);
        assert!(pages.body(Some("300")).is_none());
    }

    #[test]
    fn every_parent_has_twenty_children_of_its_own() {
        let pages = FamilyPages::new(5);
        let parents = parse(&pages.parents());
        let mut ids = HashSet::new();
        for parent in parents["data"].as_array().unwrap() {
            let children = parse(&pages.children(&parent["id"].to_string()).unwrap());
            for child in children["data"].as_array().unwrap() {
                assert_eq!(child["parent"], parent["id"]);
                ids.insert(child["id"].as_u64().unwrap());
            }
        }
        assert_eq!(ids.len(), 100);
        assert!(pages.children("999").is_none());
        assert!(pages.children("1000005").is_none());
    }
}
