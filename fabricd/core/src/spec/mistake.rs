//! What serde finds wrong, in the words of someone who writes YAML.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::{
    suggest::{advice, quoted},
    tree::Step,
};

/// Parts a message from its advice in the text of a custom error: serde carries one string only.
const HELP: &str = "\u{1f}";

/// A message with advice, for [`de::Error::custom`].
pub(super) fn advised(message: impl Display, help: impl Display) -> String {
    format!("{message}{HELP}{help}")
}

/// A value that does not fit.
#[derive(Debug)]
pub(super) struct Mistake {
    pub message: String,
    pub help: Option<String>,
    /// From the value up to the document.
    pub reversed_path: Vec<Step>,
    /// The field that is missing in the value, if that is the mistake.
    pub missing: Option<&'static str>,
}

impl Mistake {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, reversed_path: vec![], missing: None }
    }

    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same, seen from one step further up.
    pub fn under(mut self, step: Step) -> Self {
        self.reversed_path.push(step);
        self
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once(HELP) {
            Some((message, help)) => Self::new(message).help(help),
            None => Self::new(text),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let mistake = Self::new(format!("expected {}, found {}", wanted(&expected), thing(found)));
        if expected == "a boolean" && matches!(found, Unexpected::Str(_)) {
            return mistake.help("write `true` or `false`, without quotes");
        }
        let number = matches!(wanted(&expected), "a whole number" | "a whole number from 0");
        match found {
            Unexpected::Str(text) if number && text.parse::<i64>().is_ok() => {
                mistake.help(format!("write {text} without quotes"))
            }
            _ => mistake,
        }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {}", wanted(&expected.to_string()), thing(found)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("{} is not one of the possible values", quoted(variant))).help(advice(
            variant,
            "possible values",
            expected.iter().copied(),
        ))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::new(format!("missing field `{field}`")) }
    }
}

fn wanted(expected: &str) -> &str {
    match expected {
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "f32" | "f64" => "a number",
        other => other,
    }
}

/// The kind of a value, with the value where that is short.
pub(super) fn thing(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) => format!("the text {}", quoted(text)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
