//! What one looks for first in a Kubernetes object stands first, in kubectl's words and order.

use serde_json::{Map, Value, json};

use super::{
    super::object::{Object, list, text},
    scalar,
};

type Fields = Map<String, Value>;

/// Takes fields out, in an order of its own, and leaves the rest.
struct Taking {
    rest: Fields,
    taken: Fields,
}

impl Taking {
    fn from(rest: Fields) -> Self {
        Self { rest, taken: Map::new() }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.rest.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Takes `name` and shows it as `title`, if it is there.
    fn show(&mut self, title: &str, name: &str) {
        if let Some(value) = self.take(name) {
            self.say(title, value);
        }
    }

    fn say(&mut self, title: &str, value: impl Into<Value>) {
        self.taken.insert(title.to_owned(), value.into());
    }

    fn begin(mut self) -> Self {
        for name in ["name", "namespace", "labels", "annotations"] {
            self.show(name, name);
        }
        self
    }

    /// What was taken, then the rest.
    fn end(mut self) -> Fields {
        self.taken.extend(self.rest);
        self.taken
    }
}

/// A pod; its containers say themselves whether they are ready.
pub(super) fn pod(fields: Fields) -> Fields {
    let mut pod = Taking::from(fields);
    let node = [pod.take("nodeName"), pod.take("hostIP")].into_iter().flatten().map(|part| scalar(&part));
    let node = node.collect::<Vec<_>>().join("/");
    pod.take("hostIPs");
    pod.show("name", "name");
    pod.show("namespace", "namespace");
    pod.say("node", node);
    for (title, name) in [
        ("labels", "labels"),
        ("annotations", "annotations"),
        ("status", "phase"),
        ("IP", "podIP"),
        ("IPs", "podIPs"),
    ] {
        pod.show(title, name);
    }
    pod.take("generateName");
    controlled_by(&mut pod);
    let statuses = pod.take("containerStatuses").unwrap_or_default();
    let containers = pod.rest.get_mut("containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let name = text(container, "/name");
        let status = list(&statuses, "").iter().find(|status| text(status, "/name") == name);
        if let Some(Value::Bool(ready)) = status.and_then(|status| status.get("ready")) {
            container["ready"] = if *ready { "True" } else { "False" }.into();
        }
    }
    pod.end()
}

/// `Controlled By: ReplicaSet/web-5d7f8c9b6d`.
fn controlled_by(object: &mut Taking) {
    let owners = object.take("ownerReferences").unwrap_or_default();
    if let Some(owner) = list(&owners, "").first() {
        object.say("controlledBy", format!("{}/{}", text(owner, "/kind"), text(owner, "/name")));
    }
}

/// A Service, with its endpoints that are ready by `slices`.
pub(super) fn service(fields: Fields, object: &Object, slices: &[Object]) -> Fields {
    let mut service = Taking::from(fields).begin();
    service.take("uid");
    let selector = service.take("selector");
    service.say("selector", selector.unwrap_or_default());
    service.show("type", "type");
    service.show("IPFamilyPolicy", "ipFamilyPolicy");
    service.show("IPFamilies", "ipFamilies");
    service.show("IP", "clusterIP");
    service.show("IPs", "clusterIPs");
    service.show("externalName", "externalName");
    let balancer = service.take("loadBalancer").unwrap_or_default();
    let ingress: Vec<String> = list(&balancer, "/ingress").iter().map(|one| text(one, "/ip")).collect();
    if !ingress.is_empty() {
        service.say("loadBalancerIngress", ingress.join(", "));
    }
    let ports = service.take("ports").unwrap_or_default();
    let described = list(&ports, "").iter().map(|port| {
        let name = text(port, "/name");
        let name = if name.is_empty() { "<unset>".to_owned() } else { name };
        let protocol = text(port, "/protocol");
        let mut described = json!({
            "port": format!("{name}  {}/{protocol}", text(port, "/port")),
            "targetPort": format!("{}/{protocol}", text(port, "/targetPort")),
        });
        if let Some(node_port) = port.get("nodePort") {
            described["nodePort"] = format!("{name}  {}/{protocol}", scalar(node_port)).into();
        }
        described["endpoints"] = endpoints(object, port, slices).into();
        described
    });
    let mut described: Vec<Value> = described.collect();
    match described.as_mut_slice() {
        [] => {}
        [one] => {
            for (title, value) in one.as_object().into_iter().flatten() {
                service.say(title, value.clone());
            }
        }
        several => {
            // kubectl repeats the same words for each port; here each has them under its name.
            for (described, port) in several.iter_mut().zip(list(&ports, "")) {
                described["name"] = text(port, "/name").into();
            }
            service.say("ports", described);
        }
    }
    service.show("sessionAffinity", "sessionAffinity");
    service.show("externalTrafficPolicy", "externalTrafficPolicy");
    service.show("internalTrafficPolicy", "internalTrafficPolicy");
    service.show("healthCheckNodePort", "healthCheckNodePort");
    service.end()
}

/// `10.244.0.5:80,10.244.1.7:80 + 2 more...`: those of a port that are ready.
fn endpoints(service: &Object, port: &Value, slices: &[Object]) -> String {
    const SHOWN: usize = 3;
    let own = slices.iter().filter(|slice| {
        slice.namespace == service.namespace
            && text(&slice.json, "/metadata/labels/kubernetes.io~1service-name") == service.name
    });
    let mut all = vec![];
    for slice in own {
        let name = text(port, "/name");
        let Some(port) = list(&slice.json, "/ports").iter().find(|port| text(port, "/name") == name) else {
            continue;
        };
        let ready = list(&slice.json, "/endpoints").iter();
        let ready = ready.filter(|endpoint| text(endpoint, "/conditions/ready") == "true");
        let addresses = ready.flat_map(|endpoint| list(endpoint, "/addresses"));
        all.extend(addresses.map(|address| format!("{}:{}", scalar(address), text(port, "/port"))));
    }
    match all.len() {
        0 => String::new(),
        1..=SHOWN => all.join(","),
        count => format!("{} + {} more...", all[..SHOWN].join(","), count - SHOWN),
    }
}

/// An EndpointSlice.
pub(super) fn endpoint_slice(fields: Fields) -> Fields {
    let mut slice = Taking::from(fields).begin();
    for name in ["generateName", "ownerReferences", "uid"] {
        slice.take(name);
    }
    slice.show("addressType", "addressType");
    let ports = slice.take("ports").unwrap_or_default();
    let ports = list(&ports, "").iter().map(|port| {
        let name = text(port, "/name");
        let name = if name.is_empty() { "<unset>" } else { &name };
        format!("{name}  {}/{}", text(port, "/port"), text(port, "/protocol"))
    });
    slice.say("ports", ports.collect::<Vec<String>>());
    let endpoints = slice.take("endpoints").unwrap_or_default();
    let endpoints = list(&endpoints, "").iter().map(|endpoint| {
        json!({
            "addresses": endpoint.get("addresses"),
            "conditions": { "ready": endpoint.pointer("/conditions/ready") },
            "targetRef": format!("Pod/{}", text(endpoint, "/targetRef/name")),
            "nodeName": endpoint.get("nodeName"),
        })
    });
    slice.say("endpoints", endpoints.collect::<Vec<Value>>());
    slice.end()
}

/// A Deployment or ReplicaSet: how many pods it wants and has.
pub(super) fn replicated(fields: Fields) -> Fields {
    let mut object = Taking::from(fields).begin();
    object.take("uid");
    let selector = object.take("selector").unwrap_or_default();
    object.say("selector", selector.get("matchLabels").cloned().unwrap_or_default());
    controlled_by(&mut object);
    let mut number = |name: &str| object.take(name).map_or(0, |value| value.as_u64().unwrap_or_default());
    let total = number("replicas");
    let [updated, ready, available] =
        ["updatedReplicas", "readyReplicas", "availableReplicas"].map(&mut number);
    let unavailable = number("unavailableReplicas");
    let labelled = number("fullyLabeledReplicas");
    let said = if labelled > 0 {
        format!("{total} current / {total} desired, {ready} ready")
    } else {
        format!(
            "{total} desired | {updated} updated | {total} total | {available} available | {unavailable} unavailable"
        )
    };
    object.say("replicas", said);
    if let Some(template) = object.take("template") {
        let mut pod = Map::new();
        if let Some(labels) = template.pointer("/metadata/labels") {
            pod.insert("labels".to_owned(), labels.clone());
        }
        if let Some(Value::Object(spec)) = template.get("spec") {
            pod.extend(spec.clone());
        }
        object.say("podTemplate", Value::Object(pod));
    }
    object.end()
}
