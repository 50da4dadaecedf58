//! Addresses of pages.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is: what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An address under construction.
#[derive(Debug, Clone)]
pub(crate) struct Link(String);

impl Link {
    pub(crate) fn to(path: &'static str) -> Self {
        Self(path.to_owned())
    }

    /// `/tables/NAME`
    pub(crate) fn table(name: &str) -> Self {
        Self::to("/tables").part(name)
    }

    /// `/runs/ID`
    pub(crate) fn run(load_id: &str) -> Self {
        Self::to("/runs").part(load_id)
    }

    /// The row at a place, which is looked for by its id should it have moved.
    pub(crate) fn row(table: &str, place: Option<&str>, id: Option<&str>) -> Self {
        Self::table(table).part("row").option("at", place).option("id", id)
    }

    pub(crate) fn part(mut self, part: &str) -> Self {
        self.0.push('/');
        self.0.extend(utf8_percent_encode(part, ENCODED));
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, ENCODED));
        self
    }

    pub(crate) fn option(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl maud::Render for Link {
    fn render_to(&self, buffer: &mut String) {
        self.0.render_to(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_holds_is_one_part_of_the_address() {
        let link = Link::table("a/b?c&d\"<é")
            .with("at", "(0,1)")
            .option("id", None)
            .with("id", "x y");
        assert_eq!(link.0, "/tables/a%2Fb%3Fc%26d%22%3C%C3%A9?at=%280%2C1%29&id=x%20y");
    }
}
