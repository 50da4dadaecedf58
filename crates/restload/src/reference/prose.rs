//! Doc comments as blocks: paragraphs without their line ends, lists, and code.

/// A part of a doc comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    Paragraph(String),
    /// An entry of a list, without its mark.
    Entry(String),
    /// What stands between fences.
    Code(String),
}

/// The blocks of a text in Markdown, as far as doc comments of keys use it.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut code: Option<String> = None;
    let mut is_open = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            match code.take() {
                Some(lines) => blocks.push(Block::Code(lines.trim_end().to_owned())),
                None => code = Some(String::new()),
            }
            is_open = false;
            continue;
        }
        if let Some(lines) = &mut code {
            lines.push_str(line);
            lines.push('\n');
            continue;
        }
        let line = line.trim();
        if line.is_empty() {
            is_open = false;
            continue;
        }
        if let Some(entry) = line.strip_prefix("- ") {
            blocks.push(Block::Entry(entry.to_owned()));
            is_open = true;
            continue;
        }
        match blocks.last_mut() {
            Some(Block::Paragraph(before) | Block::Entry(before)) if is_open => {
                before.push(' ');
                before.push_str(line);
            }
            _ => blocks.push(Block::Paragraph(line.to_owned())),
        }
        is_open = true;
    }
    blocks
}

/// The paragraphs of a text in one line.
pub(crate) fn in_a_line(text: &str) -> String {
    let paragraphs = blocks(text).into_iter().filter_map(|block| match block {
        Block::Paragraph(text) => Some(text),
        Block::Entry(_) | Block::Code(_) => None,
    });
    paragraphs.collect::<Vec<_>>().join(" ")
}

/// The first sentence of a text, without its full stop.
pub(crate) fn first_sentence(text: &str) -> String {
    let Some(Block::Paragraph(paragraph)) = blocks(text).into_iter().next() else {
        return String::new();
    };
    // A sentence ends where a capital or a backtick follows, so that `e.g. this` does not end one.
    let mut from = 0;
    while let Some(at) = paragraph[from..].find(". ") {
        let after = paragraph[from + at + 2..].chars().next();
        if after.is_some_and(|character| character.is_uppercase() || character == '`') {
            return paragraph[..from + at].to_owned();
        }
        from += at + 2;
    }
    paragraph.trim_end_matches('.').to_owned()
}
