//! From text to documents.
//!
//! `serde-saphyr`'s parser is used directly: its events give the place of keys too, and it finds the
//! next document after a broken one.

use std::{borrow::Cow, collections::BTreeMap};

use granit_parser::{BorrowedInput, Event, Parser, ScalarStyle, Tag, options};

use super::{
    Source,
    limits::{DIAGNOSTICS_MAX, NESTING_MAX, NODES_MAX},
    problem::{Problem, Span},
    suggest::quoted,
    tree::{Entry, Mapping, Node, Sequence, Value},
};

/// Reads all documents of all sources, in order; empty ones are left out.
///
/// A document that is no YAML gives a problem and is left out, the ones after it are read.
pub(super) fn documents(sources: &[Source], problems: &mut Vec<Problem>) -> Vec<Node> {
    let mut documents = vec![];
    let mut nodes_left = NODES_MAX;
    for (index, source) in sources.iter().enumerate() {
        let options = options! { flow_nesting_limit: NESTING_MAX, block_nesting_limit: NESTING_MAX };
        let parser = Parser::new_from_str_with_options(&source.text, options);
        let source = u32::try_from(index).unwrap_or(u32::MAX);
        let mut reader = Reader { parser, source, anchors: BTreeMap::new(), nodes_left, problems };
        reader.stream(&mut documents);
        nodes_left = reader.nodes_left;
    }
    documents
}

/// The rest of the document cannot be read; the reason is noted.
struct Abandoned;

struct Reader<'a, I: BorrowedInput<'a>> {
    parser: Parser<'a, I>,
    source: u32,
    anchors: BTreeMap<usize, Anchored>,
    nodes_left: usize,
    problems: &'a mut Vec<Problem>,
}

struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

impl<'a, I: BorrowedInput<'a>> Reader<'a, I> {
    fn stream(&mut self, documents: &mut Vec<Node>) {
        loop {
            match self.document() {
                Ok(Some(node)) if node.is_null() => {}
                Ok(Some(node)) => documents.push(node),
                Ok(None) => return,
                Err(Abandoned) => {
                    if self.nodes_left == 0 || !matches!(self.parser.proceed_next_document(), Ok(true)) {
                        return;
                    }
                }
            }
        }
    }

    /// The next document; `None` at the end of the text.
    fn document(&mut self) -> Result<Option<Node>, Abandoned> {
        self.anchors.clear();
        loop {
            let Some((event, span)) = self.next()? else { return Ok(None) };
            match event {
                Event::StreamEnd => return Ok(None),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => return self.node(event, span, 0).map(|(node, _)| Some(node)),
            }
        }
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Abandoned> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                let (start, end) = (span.start, span.end);
                let length = if start.line() == end.line() {
                    end.col().saturating_sub(start.col())
                } else {
                    usize::MAX
                };
                Ok(Some((event, self.span(start.line(), start.col(), length))))
            }
            Some(Err(error)) => {
                let place = error.marker();
                let span = self.span(place.line(), place.col(), 1);
                self.problems.push(
                    Problem::new(span, format!("this is not YAML: {}", error.info()))
                        .help("nothing after this place is read, up to the next `---`"),
                );
                Err(Abandoned)
            }
        }
    }

    fn span(&self, line: usize, column: usize, length: usize) -> Span {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            source: self.source,
            line: number(line).max(1),
            column: number(column.saturating_add(1)),
            length: number(length).max(1),
        }
    }

    fn abandon(&mut self, problem: Problem) -> Abandoned {
        self.problems.push(problem);
        Abandoned
    }

    /// The node that begins with `event`, and its height: 1 for a scalar.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<(Node, usize), Abandoned> {
        if depth > NESTING_MAX {
            return Err(self.too_deep(span));
        }
        self.spend(1, span)?;
        let before = self.nodes_left;
        let (node, anchor, height) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(text, style, tag.as_deref(), span);
                (Node { span, value }, anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                let (sequence, height) = self.sequence(span, depth)?;
                (Node { span, value: Value::Sequence(sequence) }, anchor, height)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                let (mapping, height) = self.mapping(span, depth)?;
                let span = mapping.entries.first().map_or(span, |entry| entry.key_span);
                (Node { span, value: Value::Mapping(mapping) }, anchor, height)
            }
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            _ => return Err(self.abandon(Problem::new(span, "this is not YAML: a value is expected here"))),
        };
        if anchor != 0 {
            let nodes = before - self.nodes_left + 1;
            self.spend(nodes, span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, height });
        }
        Ok((node, height))
    }

    fn sequence(&mut self, span: Span, depth: usize) -> Result<(Sequence, usize), Abandoned> {
        let mut sequence = Sequence::default();
        let mut height = 0;
        loop {
            match self.next()? {
                None => return Err(self.cut_off(span)),
                Some((Event::SequenceEnd, _)) => return Ok((sequence, height + 1)),
                Some((event, span)) => {
                    let (node, item_height) = self.node(event, span, depth + 1)?;
                    height = height.max(item_height);
                    sequence.items.push(node);
                }
            }
        }
    }

    fn mapping(&mut self, span: Span, depth: usize) -> Result<(Mapping, usize), Abandoned> {
        let mut mapping = Mapping::default();
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        let mut height = 0;
        loop {
            let (key, key_span) = match self.next()? {
                None => return Err(self.cut_off(span)),
                Some((Event::MappingEnd, _)) => return Ok((mapping, height + 1)),
                Some((Event::Scalar(key, ..), key_span)) => (key.into_owned(), key_span),
                Some((_, key_span)) => {
                    return Err(self.abandon(Problem::new(key_span, "a key must be plain text")));
                }
            };
            let Some((event, value_span)) = self.next()? else { return Err(self.cut_off(span)) };
            let (mut value, value_height) = self.node(event, value_span, depth + 1)?;
            height = height.max(value_height);
            if matches!(value.value, Value::Sequence(_) | Value::Mapping(_)) || value.is_null() {
                value.span = key_span;
            }
            if let Some(line) = lines.get(&key) {
                let message = format!("{} is given twice", quoted(&key));
                let problem = Problem::new(key_span, message).help(format!("the first is in line {line}"));
                if self.problems.len() > DIAGNOSTICS_MAX {
                    return Err(self.abandon(problem));
                }
                self.problems.push(problem);
                continue;
            }
            lines.insert(key.clone(), key_span.line);
            mapping.entries.push(Entry { key, key_span, value });
        }
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<(Node, usize), Abandoned> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(self.abandon(Problem::new(span, "an alias cannot stand inside what it stands for")));
        };
        let (nodes, height) = (anchored.nodes, anchored.height);
        if depth + height > NESTING_MAX + 1 {
            return Err(self.too_deep(span));
        }
        // Paid before it is copied: this is what stops a "billion laughs".
        self.spend(nodes, span)?;
        let node = self.anchors.get(&anchor).map(|anchored| anchored.node.clone());
        node.map(|node| (node, height)).ok_or(Abandoned)
    }

    fn spend(&mut self, nodes: usize, span: Span) -> Result<(), Abandoned> {
        match self.nodes_left.checked_sub(nodes) {
            Some(left) => {
                self.nodes_left = left;
                Ok(())
            }
            None => {
                self.nodes_left = 0;
                let message = format!(
                    "the files hold more than {NODES_MAX} values, those that aliases repeat included"
                );
                Err(self.abandon(Problem::new(span, message)))
            }
        }
    }

    fn scalar(&mut self, text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Value {
        let text = text.into_owned();
        if tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str")) || style != ScalarStyle::Plain {
            return Value::Text(text);
        }
        self.refuse_tag(tag, span);
        Value::Plain(text)
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: Span) {
        let known = ["str", "int", "bool", "float", "null", "seq", "map"];
        if let Some(tag) = tag.filter(|tag| !known.iter().any(|name| tag.is_yaml_core_schema_tag(name))) {
            let message = format!("the tag {} has no meaning here", quoted(&tag.original()));
            self.problems.push(Problem::new(span, message).help("remove it"));
        }
    }

    fn too_deep(&mut self, span: Span) -> Abandoned {
        self.abandon(Problem::new(span, format!("more than {NESTING_MAX} levels of nesting")))
    }

    fn cut_off(&mut self, span: Span) -> Abandoned {
        self.abandon(Problem::new(span, "this is not YAML: the text ends inside this value"))
    }
}
