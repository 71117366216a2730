//! Looking into the JSON that the daemon sends.

use std::str::FromStr;

use anyhow::Context;
use fabric_core::inventory::Kind;
use fabric_proto::v1;
use serde_json::Value;

/// One object, as it came.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its Kubernetes namespace; empty if it has none.
    pub namespace: String,
    /// Its name; a part of another object has the other's name before it: `aks-vnet/aks-subnet`.
    pub name: String,
    /// The rest.
    pub json: Value,
}

/// Reads a daemon's answer.
///
/// # Errors
/// If the answer is not what the interface promises.
pub fn from_wire(answer: v1::ListResponse) -> anyhow::Result<Vec<Object>> {
    let v1::ListResponse { kind, resources } = answer;
    let asked = Kind::from_str(&kind).ok();
    let object = |resource| {
        let v1::Resource { namespace, name, json } = resource;
        let json: Value = serde_json::from_str(&json).context("the daemon's answer is no JSON")?;
        let own = [text(&json, "/kind"), text(&json, "/type")];
        let own = own.into_iter().find_map(|name| Kind::from_type_name(&name));
        let kind = asked
            .filter(|kind| *kind != Kind::All)
            .or(own)
            .context("the daemon sent an object of no kind")?;
        Ok(Object { kind, namespace, name, json })
    };
    resources.into_iter().map(object).collect()
}

impl Object {
    /// `pod/a`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.kind.singular(), self.name)
    }
}

/// The text at a JSON pointer; numbers as digits, nothing as the empty string.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// The list at a JSON pointer; nothing as the empty list.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The last part of the resource id at a JSON pointer.
pub fn id_name(value: &Value, pointer: &str) -> String {
    text(value, pointer).rsplit('/').next().unwrap_or_default().to_owned()
}

/// The name of the object that the one at a JSON pointer is a part of, from its resource id:
/// `…/routeTables/TABLE/routes/ROUTE` gives `TABLE`.
pub fn id_parent(value: &Value, pointer: &str) -> String {
    text(value, pointer).rsplit('/').nth(2).unwrap_or_default().to_owned()
}

/// The status of the condition `name` of a Kubernetes object.
pub fn condition(value: &Value, name: &str) -> String {
    let conditions = list(value, "/status/conditions");
    conditions
        .iter()
        .find(|one| text(one, "/type") == name)
        .map(|one| text(one, "/status"))
        .unwrap_or_default()
}
