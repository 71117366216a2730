//! Objects as text to read, as `kubectl describe` lays it out.

mod kubernetes;

use fabric_core::inventory::Kind;
use serde_json::{Map, Value};

use super::{
    object::{Object, text},
    table::{self, Look},
};

/// One object, with its parts below each other; of a Service with what `slices` say of its endpoints.
pub fn render(object: &Object, slices: &[Object]) -> String {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), Value::String(object.name.clone()));
    if !object.namespace.is_empty() {
        fields.insert("namespace".to_owned(), Value::String(object.namespace.clone()));
    }
    let Value::Object(json) = &object.json else { return String::new() };
    for (name, value) in json {
        match (name.as_str(), value) {
            ("apiVersion" | "kind" | "type" | "name" | "id", _) => {}
            // What describes the object itself is not put into boxes of its own.
            ("metadata" | "spec" | "status", Value::Object(inner)) => {
                for (name, value) in inner {
                    if !matches!(name.as_str(), "name" | "namespace") {
                        fields.insert(name.clone(), value.clone());
                    }
                }
            }
            _ => {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
    fields = match object.kind {
        Kind::Pods => kubernetes::pod(fields),
        Kind::Services => kubernetes::service(fields, object, slices),
        Kind::EndpointSlices => kubernetes::endpoint_slice(fields),
        Kind::Deployments | Kind::ReplicaSets => kubernetes::replicated(fields),
        _ => fields,
    };
    let mut out = String::new();
    write_fields(&mut out, &fields, 0);
    out
}

fn write_fields(out: &mut String, fields: &Map<String, Value>, depth: usize) {
    let titles: Vec<String> = fields.keys().map(|name| title(name, depth)).collect();
    let width = titles.iter().map(|title| title.chars().count()).max().unwrap_or(0) + 3;
    let indent = "  ".repeat(depth);
    for (title, (name, value)) in titles.iter().zip(fields) {
        let label = format!("{indent}{:width$}", format!("{title}:"));
        match (name.as_str(), value) {
            ("labels" | "matchLabels" | "nodeSelector" | "selector", Value::Object(pairs))
                if !pairs.is_empty() =>
            {
                write_lines(out, &label, pairs.iter().map(|(key, value)| format!("{key}={}", scalar(value))));
            }
            ("annotations", Value::Object(pairs)) if !pairs.is_empty() => {
                write_lines(
                    out,
                    &label,
                    pairs.iter().map(|(key, value)| format!("{key}: {}", scalar(value))),
                );
            }
            ("conditions", Value::Array(items)) if !items.is_empty() => {
                line(out, &format!("{indent}{title}:"));
                let row = |item: &Value| vec![text(item, "/type"), text(item, "/status")];
                let rows: Vec<_> = items.iter().map(row).collect();
                let table = table::render(Look::Kubectl, Some(&["Type", "Status"]), &rows);
                table.lines().for_each(|row| line(out, &format!("{indent}  {row}")));
            }
            ("addresses", Value::Array(items)) if items.first().is_some_and(Value::is_object) => {
                line(out, &format!("{indent}{title}:"));
                let row = |item: &Value| vec![text(item, "/type") + ":", text(item, "/address")];
                let rows: Vec<_> = items.iter().map(row).collect();
                table::render(Look::Az, None, &rows)
                    .lines()
                    .for_each(|row| line(out, &format!("{indent}  {row}")));
            }
            (_, Value::Object(inner)) if !inner.is_empty() => {
                line(out, &format!("{indent}{title}:"));
                write_fields(out, inner, depth + 1);
            }
            (_, Value::Array(items))
                if !items.is_empty() && items.iter().all(|item| only_value(item).is_some()) =>
            {
                write_lines(out, &label, items.iter().filter_map(only_value).map(scalar));
            }
            (_, Value::Array(items)) if items.iter().any(Value::is_object) => {
                line(out, &format!("{indent}{title}:"));
                items.iter().for_each(|item| write_item(out, item, depth + 1));
            }
            (_, Value::Array(items)) if !items.is_empty() => {
                write_lines(out, &label, items.iter().map(scalar));
            }
            _ => line(out, &format!("{label}{}", scalar(value))),
        }
    }
}

/// The value of an object that has only one, such as a reference's id.
fn only_value(item: &Value) -> Option<&Value> {
    let mut values = item.as_object()?.values();
    values.next().filter(|value| value.is_string() && values.next().is_none())
}

/// Several values of one field, below each other.
fn write_lines(out: &mut String, label: &str, values: impl Iterator<Item = String>) {
    let continuation = " ".repeat(label.chars().count());
    for (number, value) in values.enumerate() {
        let before = if number == 0 { label } else { &continuation };
        line(out, &format!("{before}{value}"));
    }
}

/// One of several: under its name if it has one, else behind a dash.
fn write_item(out: &mut String, item: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let Value::Object(fields) = item else { return line(out, &format!("{indent}{}", scalar(item))) };
    let mut rest = fields.clone();
    let named = rest.shift_remove("name").filter(Value::is_string);
    if named.is_some() {
        // In a list of parts they only say again where the part stands.
        rest.retain(|key, _| key != "id" && key != "type");
    }
    line(out, &format!("{indent}{}", named.map_or_else(|| "-".to_owned(), |name| scalar(&name) + ":")));
    write_fields(out, &rest, depth + 1);
}

fn line(out: &mut String, text: &str) {
    out.extend(text.trim_end().chars().filter(|c| !c.is_control()));
    out.push('\n');
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\n', " "),
        Value::Null => "<none>".to_owned(),
        Value::Array(items) if items.is_empty() => "<none>".to_owned(),
        Value::Object(fields) if fields.is_empty() => "<none>".to_owned(),
        other => other.to_string(),
    }
}

/// Words that are not words.
const ABBREVIATIONS: [&str; 8] = ["CIDR", "CIDRs", "DNS", "ID", "IP", "IPs", "OS", "VNet"];

/// Titles that kubectl writes in a way of its own.
const AS_IN_KUBECTL: [(&str, &str); 7] = [
    ("Address Type", "AddressType"),
    ("Health Check Node Port", "HealthCheck NodePort"),
    ("Load Balancer Ingress", "LoadBalancer Ingress"),
    ("Node Name", "NodeName"),
    ("Node Port", "NodePort"),
    ("Target Port", "TargetPort"),
    ("Target Ref", "TargetRef"),
];

/// `addressPrefix` as `Address Prefix`. Keys below the first level may be names that somebody gave
/// (labels, annotations): with a dot, slash or dash in them they stay as they are.
fn title(name: &str, depth: usize) -> String {
    if depth > 0 && !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return name.to_owned();
    }
    let letters: Vec<char> = name.chars().collect();
    let lower = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        // `podIP` ends a word before `I`, `IPForwarding` before `F`, and `CIDRs` nowhere.
        let begins_word =
            at > 0 && letter.is_ascii_uppercase() && (lower(at - 1) || lower(at + 1) && lower(at + 2));
        if begins_word {
            out.push(' ');
        }
        out.push(if at == 0 { letter.to_ascii_uppercase() } else { *letter });
    }
    let word = |word: &str| {
        ABBREVIATIONS
            .iter()
            .find(|one| one.eq_ignore_ascii_case(word))
            .map_or(word.to_owned(), |one| (*one).to_owned())
    };
    let words = out.split(' ').map(word).collect::<Vec<_>>().join(" ");
    AS_IN_KUBECTL.iter().find(|(read, _)| *read == words).map_or(words, |(_, kubectl)| (*kubectl).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_reads_as_kubectl_describes_it() {
        let json = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "a", "namespace": "default", "labels": {"app": "web", "x/y": "z"}, "annotations": {}},
            "spec": {"nodeName": "n", "containers": [{"name": "shell", "image": "busybox", "command": ["sleep", "1d"]}]},
            "status": {"podIP": "10.244.0.15", "podIPs": [{"ip": "10.244.0.15"}], "hostIP": "10.224.0.4", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        let object = Object { kind: Kind::Pods, namespace: "default".into(), name: "a".into(), json };
        insta::assert_snapshot!(render(&object, &[]), @"
        Name:         a
        Namespace:    default
        Node:         n/10.224.0.4
        Labels:       app=web
                      x/y=z
        Annotations:  <none>
        Status:       Running
        IP:           10.244.0.15
        IPs:          10.244.0.15
        Containers:
          shell:
            Image:    busybox
            Command:  sleep
                      1d
        Conditions:
          Type    Status
          Ready   True
        ");
    }

    #[test]
    fn titles_are_words() {
        let titles =
            ["podIP", "podCIDRs", "IPs", "addressPrefix", "enableIPForwarding", "osImage", "vnetSubnetId"];
        let read: Vec<_> = titles.map(|name| title(name, 0)).to_vec();
        assert_eq!(
            read.join(", "),
            "Pod IP, Pod CIDRs, IPs, Address Prefix, Enable IP Forwarding, OS Image, VNet Subnet ID"
        );
        assert_eq!(title("kubernetes.io/hostname", 1), "kubernetes.io/hostname");
    }
}
