//! From a document to a typed value: a [`serde::Deserializer`] over [`Node`].
//!
//! Beside what serde does, it knows where each value is, and it finds fields that a struct does not
//! have, also in types that would ignore them (those of Kubernetes).

use std::{cell::RefCell, collections::BTreeSet};

use serde::{
    de::{
        Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected,
        VariantAccess, Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{
    limits::{DIAGNOSTICS_MAX, RETRIES_MAX},
    mistake::{Mistake, thing},
    problem::{Problem, Span},
    scalar::{Scalar, resolve},
    tree::{Entry, Node, Step, Value},
};

/// A key that its struct does not have.
pub(super) struct UnknownField<'a> {
    /// The struct, as the program calls it.
    pub owner: &'static str,
    pub key: &'a str,
    pub span: Span,
    pub fields: &'static [&'static str],
}

/// A typed value, and whether it is all of what was written.
pub(super) struct Read<T> {
    pub value: T,
    /// False if a part was taken out because of a mistake.
    pub whole: bool,
}

/// Reads `root` as a `T`, noting every mistake; what was wrong is taken out of `root`.
///
/// `None` if nothing of it can be used.
pub(super) fn read<T>(
    root: &mut Node,
    explain: &dyn Fn(&UnknownField<'_>) -> Problem,
    problems: &mut Vec<Problem>,
) -> Option<Read<T>>
where
    T: for<'de> Deserialize<'de>,
{
    let unknown = RefCell::new(BTreeSet::new());
    let mut value = None;
    let mut whole = true;
    let mut gave_up = true;
    for _ in 0..=RETRIES_MAX {
        let reading = Reading { explain, unknown: &unknown };
        match T::deserialize(Typed { node: root, reading: &reading, numbers_as_text: false }) {
            Ok(read) => {
                value = Some(read);
                break;
            }
            Err(mistake) => {
                whole = false;
                if !take_out(root, mistake, problems) {
                    gave_up = false;
                    break;
                }
            }
        }
    }
    problems.extend(unknown.into_inner());
    if value.is_none() && gave_up {
        problems.push(
            Problem::new(root.span, "this document has more mistakes").help("correct the others first"),
        );
    }
    value.map(|value| Read { value, whole })
}

/// Notes a mistake and takes its value out of the document, so that the rest can be read. False if the
/// value is the document.
fn take_out(root: &mut Node, mistake: Mistake, problems: &mut Vec<Problem>) -> bool {
    let path: Vec<Step> = mistake.reversed_path.into_iter().rev().collect();
    let Some(node) = root.find(&path) else { return false };
    // A field that is missing because it was taken out before is told already.
    let told = mistake.missing.is_some_and(|field| node.at().key(field).is_lost());
    if !told {
        problems.push(Problem::new(node.span, mistake.message).maybe_help(mistake.help));
    }
    root.prune(&path)
}

struct Reading<'r> {
    explain: &'r dyn Fn(&UnknownField<'_>) -> Problem,
    unknown: &'r RefCell<BTreeSet<Problem>>,
}

#[derive(Clone, Copy)]
struct Typed<'a> {
    node: &'a Node,
    reading: &'a Reading<'a>,
    /// Kubernetes reads `cpu: 1` like `cpu: "1"`, in quantities only.
    numbers_as_text: bool,
}

impl<'a> Typed<'a> {
    fn of(self, node: &'a Node) -> Self {
        Self { node, numbers_as_text: false, ..self }
    }

    fn unexpected(self) -> Unexpected<'a> {
        match &self.node.value {
            Value::Sequence(_) => Unexpected::Seq,
            Value::Mapping(_) => Unexpected::Map,
            Value::Text(text) => Unexpected::Str(text),
            Value::Plain(text) => match resolve(text) {
                Scalar::Null => Unexpected::Unit,
                Scalar::Bool(value) => Unexpected::Bool(value),
                Scalar::Integer(value) => Unexpected::Signed(value),
                Scalar::Unsigned(value) => Unexpected::Unsigned(value),
                Scalar::Float(value) => Unexpected::Float(value),
                Scalar::Text(text) => Unexpected::Str(text),
            },
        }
    }

    fn text(self) -> Result<&'a str, Mistake> {
        let found = self.unexpected();
        match (&self.node.value, found) {
            (Value::Text(text), _) => Ok(text),
            (Value::Plain(_), Unexpected::Str(text)) => Ok(text),
            (Value::Plain(text), Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_)) => {
                if self.numbers_as_text {
                    return Ok(text);
                }
                // As written: `1.30` must not be told as 1.3.
                Err(Mistake::new(format!("expected a string, found the number {text}"))
                    .help(format!("quote it: \"{text}\"")))
            }
            (Value::Plain(text), Unexpected::Bool(_)) => {
                Err(Mistake::new(format!("expected a string, found `{text}`"))
                    .help(format!("quote it: \"{text}\"")))
            }
            _ => Err(Mistake::new(format!("expected a string, found {}", thing(found)))),
        }
    }
}

impl<'de> Deserializer<'de> for Typed<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Sequence(sequence) => {
                visitor.visit_seq(Items { typed: self, items: &sequence.items, next: 0 })
            }
            Value::Mapping(mapping) => visitor.visit_map(Entries::new(self, &mapping.entries, None)),
            Value::Text(text) => visitor.visit_str(text),
            Value::Plain(text) => match resolve(text) {
                Scalar::Null => visitor.visit_unit(),
                Scalar::Bool(value) => visitor.visit_bool(value),
                Scalar::Integer(value) => visitor.visit_i64(value),
                Scalar::Unsigned(value) => visitor.visit_u64(value),
                Scalar::Float(value) => visitor.visit_f64(value),
                Scalar::Text(text) => visitor.visit_str(text),
            },
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Mapping(mapping) => {
                visitor.visit_map(Entries::new(self, &mapping.entries, Some((name, fields))))
            }
            _ => Err(Mistake::new(format!("expected a mapping, found {}", thing(self.unexpected())))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(Self { numbers_as_text: name == "Quantity", ..self })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_enum(Word(self.text()?))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

struct Items<'a> {
    typed: Typed<'a>,
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Some(node) = self.items.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(self.typed.of(node)).map(Some).map_err(|mistake| mistake.under(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

struct Entries<'a> {
    typed: Typed<'a>,
    entries: std::slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
    /// Name and fields, if it is a struct and not any mapping.
    shape: Option<(&'static str, &'static [&'static str])>,
}

impl<'a> Entries<'a> {
    fn new(
        typed: Typed<'a>,
        entries: &'a [Entry],
        shape: Option<(&'static str, &'static [&'static str])>,
    ) -> Self {
        Self { typed, entries: entries.iter(), current: None, shape }
    }

    /// Whether `entry` belongs to the struct and says anything; notes a field that does not belong.
    fn counts(&self, entry: &Entry) -> bool {
        let Some((owner, fields)) = self.shape else { return true };
        if fields.contains(&entry.key.as_str()) {
            return !entry.value.is_null();
        }
        let Reading { explain, unknown } = self.typed.reading;
        if unknown.borrow().len() > DIAGNOSTICS_MAX {
            return false;
        }
        let field = UnknownField { owner, key: &entry.key, span: entry.key_span, fields };
        unknown.borrow_mut().insert(explain(&field));
        false
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        loop {
            let Some(entry) = self.entries.next() else { return Ok(None) };
            if self.counts(entry) {
                self.current = Some(entry);
                return seed.deserialize(StrDeserializer::new(&entry.key)).map(Some);
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let Some(entry) = self.current.take() else { return Err(Mistake::new("a value without a key")) };
        seed.deserialize(self.typed.of(&entry.value))
            .map_err(|mistake| mistake.under(Step::Key(entry.key.clone())))
    }
}

/// A value of an enum without data.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Mistake> {
        Ok((seed.deserialize(StrDeserializer::new(self.0))?, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'_> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Mistake> {
        Err(Mistake::new("expected more than one word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Mistake> {
        Err(Mistake::new("expected more than one word"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Mistake> {
        Err(Mistake::new("expected more than one word"))
    }
}
