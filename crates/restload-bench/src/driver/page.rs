//! The page that the figures go to. It has a part for each way of measuring, which the others leave alone.

use std::path::Path;

use crate::error::{BenchError, During as _};

/// Puts a part into the file at `path`: in the place of the part with the same first line, else at the end. A part that
/// begins with `# ` is all that stands before the first one that begins with `## `.
pub(super) fn put(path: &Path, part: &str) -> Result<(), BenchError> {
    let act = format!("could not write `{}`", path.display());
    let page = match std::fs::read_to_string(path) {
        Ok(page) => page,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).during(&act),
    };
    std::fs::write(path, with_part(&page, part)).during(&act)
}

/// The part with that first line, if the page has one.
pub(super) fn part<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    parts(page).into_iter().find(|part| first_line(part) == heading)
}

fn with_part(page: &str, part: &str) -> String {
    let is_same = |known: &str| {
        if known.starts_with("## ") {
            first_line(known) == first_line(part)
        } else {
            !part.starts_with("## ")
        }
    };
    let mut parts = parts(page);
    match parts.iter().position(|known| is_same(known)) {
        Some(place) => parts[place] = part,
        None if part.starts_with("## ") => parts.push(part),
        None => parts.insert(0, part),
    }
    let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).collect();
    format!("{}\n", parts.join("\n\n"))
}

/// What stands before the first second-level heading, then each such heading with what follows it.
fn parts(page: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = page;
    while let Some(end) = rest.find("\n## ") {
        parts.push(&rest[..=end]);
        rest = &rest[end + 1..];
    }
    parts.push(rest);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn first_line(part: &str) -> &str {
    part.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_the_place_of_its_like_and_leaves_the_others_alone() {
        let page = "# Performance\n\nold\n\n## By hand\n\nkept\n\n## Counts\n\n1\n";
        for (part, expected) in [
            (
                "# Performance\n\nnew\n",
                "# Performance\n\nnew\n\n## By hand\n\nkept\n\n## Counts\n\n1\n",
            ),
            (
                "## Counts\n\n2\n",
                "# Performance\n\nold\n\n## By hand\n\nkept\n\n## Counts\n\n2\n",
            ),
            (
                "## More\n\n3\n",
                "# Performance\n\nold\n\n## By hand\n\nkept\n\n## Counts\n\n1\n\n## More\n\n3\n",
            ),
        ] {
            assert_eq!(with_part(page, part), expected);
        }
        assert_eq!(with_part("", "## Counts\n\n2\n"), "## Counts\n\n2\n");
        assert_eq!(
            with_part("## Counts\n\n2\n", "# Performance\n"),
            "# Performance\n\n## Counts\n\n2\n"
        );
    }

    #[test]
    fn parts_are_found_by_their_first_line() {
        let page = "# Performance\n\n## Counts\n\n1\n";
        assert_eq!(part(page, "## Counts"), Some("## Counts\n\n1\n"));
        assert_eq!(part(page, "## Count"), None);
    }
}
