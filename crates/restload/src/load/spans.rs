//! Where each key and value of a YAML text stands.
//!
//! The parser that reads the values drops their places, so the text is scanned a second time with `saphyr-parser` into a tree of nodes. An
//! alias leads to the node of its anchor; nothing is expanded, so a text of nested aliases costs no more than it is
//! long. A place is looked up by walking the tree along a key path.

use std::collections::HashMap;
use std::ops::Range;

use restload_model::diagnostics::{Anchor, KeyPath, Segment};
use saphyr_parser::{Event, Parser, Span as ParsedSpan};

use super::source::{START, Source, Span};

/// The key that merges another map into its own.
pub(crate) const MERGE_KEY: &str = "<<";

/// Merges of merges deeper than this are a map that contains itself.
const DEEPEST_MERGE: usize = 16;

/// The tree of keys and values of one text.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    nodes: Vec<Node>,
    root: Option<NodeId>,
    repeated_keys: Vec<RepeatedKey>,
    second_document: Option<Range<usize>>,
}

type NodeId = usize;

#[derive(Debug)]
struct Node {
    /// Character offsets; for a block map or list, where its first entry begins.
    range: Range<usize>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Scalar(String),
    List(Vec<NodeId>),
    Map(Vec<Entry>),
}

#[derive(Debug)]
struct Entry {
    key: Key,
    value: NodeId,
}

/// A key as it is written; a list or map as a key has no text.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
}

/// A key that its map already has.
#[derive(Debug)]
pub(crate) struct RepeatedKey {
    /// The path of the key.
    pub(crate) path: KeyPath,
    /// The later one.
    pub(crate) range: Range<usize>,
    /// The earlier one.
    pub(crate) first: Range<usize>,
}

/// What a path leads to: the last node on it that the text has.
struct Found {
    /// How many steps of the path the text has.
    depth: usize,
    key: Option<Range<usize>>,
    node: NodeId,
}

impl Spans {
    /// Scans a text as far as it is YAML.
    pub(crate) fn scan(text: &str) -> Self {
        let mut tree = Scan::default();
        for event in Parser::new_from_str(text) {
            // What is wrong with the text is said by the parser that reads the values.
            let Ok((event, span)) = event else { break };
            tree.take(event, span);
        }
        tree.spans
    }

    /// Keys that stand twice in one map.
    pub(crate) fn repeated_keys(&self) -> &[RepeatedKey] {
        &self.repeated_keys
    }

    /// Where a second document begins.
    pub(crate) fn second_document(&self) -> Option<Range<usize>> {
        self.second_document.clone()
    }

    /// The key of a map's entry, by its position in the text.
    pub(crate) fn key_at(&self, map: &KeyPath, position: usize) -> Option<&Key> {
        let found = self.walk(map.segments())?;
        match &self.nodes[found.node].content {
            Content::Map(entries) if found.depth == map.segments().len() => Some(&entries.get(position)?.key),
            _ => None,
        }
    }

    /// The span of what a path names, or of the nearest thing above it that the text has.
    pub(crate) fn find(&self, source: &Source, path: &KeyPath, anchor: Anchor) -> Span {
        let Some(found) = self.walk(path.segments()) else {
            return START;
        };
        let found = self.in_defaults(path, found.depth).unwrap_or(found);
        // A missing key has no place; the key of the map that lacks it does.
        let exact = found.depth == path.segments().len();
        // In a short form, such as a path in the place of an endpoint, the value stands for what is in it.
        let is_short_form = matches!(self.nodes[found.node].content, Content::Scalar(_));
        match (anchor, &found.key) {
            (Anchor::Value, Some(key)) if exact || is_short_form => {
                source.span(self.value_range(found.node, Some(key)))
            }
            (_, Some(key)) => source.span(key.clone()),
            (_, None) => source.span(self.value_range(found.node, None)),
        }
    }

    /// The line of what a path names, where the text has it: itself, in `resource_defaults`, or in a short form such as a
    /// name in the place of a map.
    pub(crate) fn line_of(&self, source: &Source, path: &KeyPath) -> Option<usize> {
        let found = self.walk(path.segments())?;
        let found = self.in_defaults(path, found.depth).unwrap_or(found);
        let is_there = found.depth == path.segments().len();
        let is_short_form = matches!(self.nodes[found.node].content, Content::Scalar(_));
        (is_there || is_short_form).then(|| {
            let range = self.value_range(found.node, found.key.as_ref());
            source.span(range).line
        })
    }

    /// What a path below a resource leads to in `resource_defaults`, if that is further than in the resource itself:
    /// then the value was merged in from there.
    fn in_defaults(&self, path: &KeyPath, own_depth: usize) -> Option<Found> {
        let [Segment::Key(list), Segment::Index(_), below @ ..] = path.segments() else {
            return None;
        };
        if list != "resources" || below.is_empty() {
            return None;
        }
        let mut segments = vec![Segment::Key("resource_defaults".to_owned())];
        segments.extend_from_slice(below);
        let mut found = self.walk(&segments)?;
        // The defaults' paths are one step shorter.
        found.depth += 1;
        (found.depth > own_depth.max(2)).then_some(found)
    }

    fn walk(&self, segments: &[Segment]) -> Option<Found> {
        let mut found = Found {
            depth: 0,
            key: None,
            node: self.root?,
        };
        for segment in segments {
            match (segment, &self.nodes[found.node].content) {
                (Segment::Index(index), Content::List(elements)) => {
                    let Some(element) = elements.get(*index) else { break };
                    found.key = None;
                    found.node = *element;
                }
                (Segment::Key(key), Content::Map(_)) => {
                    let Some(entry) = self.entry(found.node, key, 0) else {
                        break;
                    };
                    found.key = Some(entry.key.range.clone());
                    found.node = entry.value;
                }
                _ => break,
            }
            found.depth += 1;
        }
        Some(found)
    }

    /// The entry of a map under a key, its own before a merged one.
    fn entry(&self, map: NodeId, key: &str, depth: usize) -> Option<&Entry> {
        let Content::Map(entries) = &self.nodes[map].content else {
            return None;
        };
        if let Some(own) = entries.iter().find(|entry| entry.key.text == key) {
            return Some(own);
        }
        if depth == DEEPEST_MERGE {
            return None;
        }
        for merge in entries.iter().filter(|entry| entry.key.text == MERGE_KEY) {
            let maps: &[NodeId] = match &self.nodes[merge.value].content {
                Content::List(elements) => elements,
                _ => std::slice::from_ref(&merge.value),
            };
            for map in maps {
                if let Some(entry) = self.entry(*map, key, depth + 1) {
                    return Some(entry);
                }
            }
        }
        None
    }

    /// The part of a value that is pointed at. A block below its key and a value that is not written are pointed at
    /// by the key, as their own first character says nothing.
    fn value_range(&self, node: NodeId, key: Option<&Range<usize>>) -> Range<usize> {
        let value = &self.nodes[node];
        if !value.range.is_empty() {
            return value.range.clone();
        }
        if let Some(key) = key {
            return key.clone();
        }
        match &value.content {
            Content::Map(entries) => entries.first().map(|entry| entry.key.range.clone()),
            Content::List(elements) => elements.first().map(|element| self.nodes[*element].range.clone()),
            Content::Scalar(_) => None,
        }
        .unwrap_or_else(|| value.range.clone())
    }

    /// Every scalar with the key it stands under; elements of a list stand under the list's key.
    pub(crate) fn scalars_by_key(&self) -> Vec<(&str, &str, Range<usize>)> {
        let mut scalars = Vec::new();
        for node in &self.nodes {
            let Content::Map(entries) = &node.content else { continue };
            for entry in entries {
                let values: &[NodeId] = match &self.nodes[entry.value].content {
                    Content::List(elements) => elements,
                    _ => std::slice::from_ref(&entry.value),
                };
                for value in values {
                    let value = &self.nodes[*value];
                    if let Content::Scalar(text) = &value.content {
                        scalars.push((entry.key.text.as_str(), text.as_str(), value.range.clone()));
                    }
                }
            }
        }
        scalars
    }
}

/// The tree under construction.
#[derive(Default)]
struct Scan {
    spans: Spans,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    documents: usize,
}

/// A list or map whose end has not come yet.
struct Open {
    node: NodeId,
    /// The key that waits for its value.
    key: Option<Key>,
    seen: HashMap<String, Range<usize>>,
}

impl Scan {
    fn take(&mut self, event: Event<'_>, span: ParsedSpan) {
        let range = span.start.index()..span.end.index();
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.spans.second_document = Some(range);
                }
            }
            Event::Scalar(text, _, anchor, _) => {
                self.add(range, Content::Scalar(text.into_owned()), anchor);
            }
            Event::SequenceStart(anchor, _) => self.enter(range, Content::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.enter(range, Content::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => self.leave(&range),
            Event::Alias(anchor) => {
                if let Some(node) = self.anchors.get(&anchor).copied() {
                    self.attach(node, range);
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn enter(&mut self, range: Range<usize>, content: Content, anchor: usize) {
        let node = self.add(range, content, anchor);
        self.open.push(Open {
            node,
            key: None,
            seen: HashMap::new(),
        });
    }

    /// Ends a list or map. Only `[…]` and `{…}` have a written end; a block is known by its empty range.
    fn leave(&mut self, end: &Range<usize>) {
        if let Some(open) = self.open.pop() {
            let range = &mut self.spans.nodes[open.node].range;
            if end.is_empty() {
                range.end = range.start;
            } else {
                range.end = end.end;
            }
        }
    }

    fn add(&mut self, range: Range<usize>, content: Content, anchor: usize) -> NodeId {
        let node = self.spans.nodes.len();
        self.spans.nodes.push(Node {
            range: range.clone(),
            content,
        });
        // The parser numbers anchors from 1.
        if anchor > 0 {
            self.anchors.insert(anchor, node);
        }
        self.attach(node, range);
        node
    }

    /// Puts a node where the text has it: as root, element, key or value.
    fn attach(&mut self, node: NodeId, range: Range<usize>) {
        let Some(parent) = self.open.last_mut() else {
            self.spans.root.get_or_insert(node);
            return;
        };
        let text = match &self.spans.nodes[node].content {
            Content::Scalar(text) => text.clone(),
            Content::List(_) | Content::Map(_) => String::new(),
        };
        match (&mut self.spans.nodes[parent.node].content, parent.key.take()) {
            (Content::List(elements), _) => elements.push(node),
            (Content::Map(_), None) => {
                parent.key = Some(Key { text, range });
                self.note_repetition();
            }
            (Content::Map(entries), Some(key)) => entries.push(Entry { key, value: node }),
            (Content::Scalar(_), _) => {}
        }
    }

    /// Notes the key just read if its map already has it.
    fn note_repetition(&mut self) {
        let path = self.path();
        let Some(Open {
            key: Some(key), seen, ..
        }) = self.open.last_mut()
        else {
            return;
        };
        if key.text.is_empty() {
            return;
        }
        match seen.get(&key.text) {
            Some(first) => self.spans.repeated_keys.push(RepeatedKey {
                path,
                range: key.range.clone(),
                first: first.clone(),
            }),
            None => {
                seen.insert(key.text.clone(), key.range.clone());
            }
        }
    }

    /// The path of the key that is being read.
    fn path(&self) -> KeyPath {
        let mut segments = Vec::new();
        for open in &self.open {
            match (&self.spans.nodes[open.node].content, &open.key) {
                (Content::List(elements), _) => segments.push(Segment::Index(elements.len().saturating_sub(1))),
                (Content::Map(_), Some(key)) => segments.push(Segment::Key(key.text.clone())),
                // The value being read is already attached under its key.
                (Content::Map(entries), None) => {
                    segments.extend(entries.last().map(|entry| Segment::Key(entry.key.text.clone())));
                }
                (Content::Scalar(_), _) => {}
            }
        }
        KeyPath::from(segments)
    }
}
