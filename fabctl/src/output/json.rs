//! JSON, indented as kubectl and az indent it.

use serde::Serialize;
use serde_json::{Value, json, ser::PrettyFormatter};

use super::object::Object;

/// One object as it is; several Kubernetes objects as a `List`, as kubectl shows them, and several
/// Azure ones as an array, as az does.
pub fn value(mut objects: Vec<Object>, one: bool) -> Value {
    if one && objects.len() == 1 {
        return objects.remove(0).json;
    }
    let kubernetes = !objects.is_empty() && objects.iter().all(|object| object.kind.is_kubernetes());
    let items: Vec<Value> = objects.into_iter().map(|object| object.json).collect();
    if kubernetes { list(items) } else { Value::Array(items) }
}

/// A Kubernetes `List`.
pub fn list(items: Vec<Value>) -> Value {
    json!({ "apiVersion": "v1", "items": items, "kind": "List" })
}

/// The text, with `indent` blanks a level: kubectl takes four, az two.
pub fn render(value: &impl Serialize, indent: usize) -> anyhow::Result<String> {
    let blanks = " ".repeat(indent);
    let mut out = vec![];
    let formatter = PrettyFormatter::with_indent(blanks.as_bytes());
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))?;
    out.push(b'\n');
    Ok(String::from_utf8(out)?)
}
