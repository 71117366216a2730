//! The elements of a set of nftables rules, by `nft -j list set`.

use std::{io, path::Path};

use fabric_core::{
    kernel::{CountedElement, KernelError, RuleSet},
    name::LabName,
    place::Place,
};
use serde_json::Value;

use crate::{ruleset::Loaders, socket::in_place};

/// Reads those that count packets, in `place` of the lab whose namespaces are named in `directory`; `None` if there
/// is no such set.
pub(crate) fn read(
    directory: &Path,
    loaders: &Loaders,
    (lab, place): (&LabName, &Place),
    set: RuleSet,
) -> Result<Option<Vec<CountedElement>>, KernelError> {
    let inside = || {
        let Some(json) = loaders.list(set).map_err(io::Error::other)? else { return Ok(None) };
        serde_json::from_slice(&json).map(|listed| Some(elements(&listed))).map_err(io::Error::other)
    };
    in_place(directory, lab, place, inside).map_err(|error| {
        KernelError::new(format!("cannot read the rules' set {} of {place}", set.name), error)
    })
}

fn elements(listed: &Value) -> Vec<CountedElement> {
    let objects = listed["nftables"].as_array().into_iter().flatten();
    let elements = objects.filter_map(|object| object["set"]["elem"].as_array()).flatten();
    elements.filter_map(|element| element_of(&element["elem"])).collect()
}

fn element_of(element: &Value) -> Option<CountedElement> {
    let packets = element["counter"]["packets"].as_u64()?;
    let parts = match element["val"]["concat"].as_array() {
        Some(parts) => parts.iter().collect(),
        None => vec![&element["val"]],
    };
    let text = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
    Some(CountedElement { key: parts.into_iter().map(text).collect(), packets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nfts_json_is_read() {
        // As nft 1.0.6 printed it.
        let listed = r#"{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}, {"set": {
            "family": "ip", "name": "failed", "table": "outbound",
            "type": ["mark", "ipv4_addr", "inet_proto", "inet_service"], "handle": 14, "size": 65535,
            "elem": [{"elem": {"val": {"concat": [1, "203.0.113.10", "tcp", 80]},
                               "counter": {"packets": 18, "bytes": 1080}}},
                     {"elem": {"val": "203.0.113.20", "counter": {"packets": 1, "bytes": 60}}},
                     {"elem": {"val": "203.0.113.30", "ct count": {"val": 64, "inv": true}}}],
            "stmt": [{"counter": null}]}}]}"#;
        let listed: Value = serde_json::from_str(listed).unwrap();
        let element = |key: &[&str], packets| CountedElement {
            key: key.iter().map(|part| (*part).to_owned()).collect(),
            packets,
        };
        assert_eq!(
            elements(&listed),
            [element(&["1", "203.0.113.10", "tcp", "80"], 18), element(&["203.0.113.20"], 1)]
        );
        assert_eq!(elements(&Value::Null), []);
    }
}
