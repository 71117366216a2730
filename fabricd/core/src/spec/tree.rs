//! A YAML document of which every value knows its place.

use super::problem::Span;

/// A value.
#[derive(Clone, Debug)]
pub struct Node {
    /// A scalar's own text; for a mapping or list the key that it belongs to, else its beginning.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a value is. Scalars are as written; `scalar::resolve` says what an unquoted one means.
#[derive(Clone, Debug)]
pub enum Value {
    /// A scalar without quotes, so perhaps a number or `true`.
    Plain(String),
    /// A scalar that is text in any case.
    Text(String),
    /// A list.
    Sequence(Sequence),
    /// A mapping.
    Mapping(Mapping),
}

/// A list.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// Its items, without the lost ones.
    pub items: Vec<Node>,
    /// The names of items that were taken out after a mistake in them was noted; `None` where the
    /// name could not be read either.
    pub lost: Vec<Option<String>>,
}

/// A mapping.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// In the order of the text; keys are unique.
    pub entries: Vec<Entry>,
    /// The keys of entries that were taken out after a mistake in them was noted.
    pub lost: Vec<String>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// One step down into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Mapping {
    /// The entry of `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Node {
    /// The document from here on, for finding places.
    pub fn at(&self) -> At<'_> {
        At { span: self.span, node: Some(self), lost: false }
    }

    /// A scalar's text as written.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Text(text) => Some(text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Whether there is nothing here: `key:` or `key: null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    pub(super) fn find(&self, path: &[Step]) -> Option<&Self> {
        let Some((step, rest)) = path.split_first() else { return Some(self) };
        match (step, &self.value) {
            (Step::Key(key), Value::Mapping(mapping)) => mapping.entry(key)?.value.find(rest),
            (Step::Index(index), Value::Sequence(sequence)) => sequence.items.get(*index)?.find(rest),
            _ => None,
        }
    }

    /// Takes out what is at `path`, and notes that in its parent. False if it cannot be.
    pub(super) fn prune(&mut self, path: &[Step]) -> bool {
        let Some((step, rest)) = path.split_first() else { return false };
        match (step, &mut self.value) {
            (Step::Key(key), Value::Mapping(mapping)) => {
                let Some(index) = mapping.entries.iter().position(|entry| entry.key == *key) else {
                    return false;
                };
                if !rest.is_empty() {
                    return mapping.entries[index].value.prune(rest);
                }
                mapping.lost.push(mapping.entries.remove(index).key);
                true
            }
            (Step::Index(index), Value::Sequence(sequence)) => {
                if *index >= sequence.items.len() {
                    return false;
                }
                if !rest.is_empty() {
                    return sequence.items[*index].prune(rest);
                }
                let item = sequence.items.remove(*index);
                let name = item.at().key("name").node.and_then(Node::text);
                sequence.lost.push(name.map(str::to_owned));
                true
            }
            _ => false,
        }
    }
}

/// A place in a document: a value that is there, or the one around it where it would be.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    span: Span,
    node: Option<&'a Node>,
    lost: bool,
}

impl<'a> At<'a> {
    /// What to mark.
    pub fn span(self) -> Span {
        self.span
    }

    /// The value, if there is one.
    pub fn node(self) -> Option<&'a Node> {
        self.node
    }

    /// Down to the value of `key`.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        let Some(Value::Mapping(mapping)) = self.node.map(|node| &node.value) else {
            return Self { node: None, ..self };
        };
        match mapping.entry(key) {
            Some(entry) => Self { span: entry.value.span, node: Some(&entry.value), lost: false },
            None => {
                Self { node: None, lost: self.lost || mapping.lost.iter().any(|lost| lost == key), ..self }
            }
        }
    }

    /// Down to the item at `index`.
    #[must_use]
    pub fn item(self, index: usize) -> Self {
        let Some(Value::Sequence(sequence)) = self.node.map(|node| &node.value) else {
            return Self { node: None, ..self };
        };
        match sequence.items.get(index) {
            Some(node) => Self { span: node.span, node: Some(node), lost: false },
            None => Self { node: None, ..self },
        }
    }

    /// Whether nothing was written here: no key, no value, or a list without items.
    pub fn is_unwritten(self) -> bool {
        match self.node {
            None => !self.lost,
            Some(node) => match &node.value {
                Value::Sequence(sequence) => sequence.items.is_empty() && sequence.lost.is_empty(),
                _ => node.is_null(),
            },
        }
    }

    /// Whether a value was here, and was taken out because of a mistake that is told already.
    pub fn is_lost(self) -> bool {
        self.lost
    }

    /// Whether this list had an item that was taken out because of a mistake that is told already.
    pub fn has_lost_any(self) -> bool {
        match self.node.map(|node| &node.value) {
            Some(Value::Sequence(sequence)) => !sequence.lost.is_empty(),
            _ => self.lost,
        }
    }

    /// Whether this list may have had an item called `name` that was taken out because of a mistake
    /// that is told already. A reference to it is no mistake of its own.
    pub fn has_lost(self, name: &str) -> bool {
        let is_name = |lost: &Option<String>| lost.as_deref().is_none_or(|lost| lost == name);
        match self.node.map(|node| &node.value) {
            Some(Value::Sequence(sequence)) => sequence.lost.iter().any(is_name),
            _ => self.lost,
        }
    }
}
