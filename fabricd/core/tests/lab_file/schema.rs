//! The committed JSON schema is that of the code.

use std::{env, fs, path::Path};

use fabric_core::spec::schema;

use crate::text::topology;

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lab.schema.json");
    let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if env::var_os("FABRIC_UPDATE_SCHEMA").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/lab.schema.json is stale; update it with `cargo xtask schema`, or with\n\
         FABRIC_UPDATE_SCHEMA=1 cargo test -p fabric-core --test lab_file schema"
    );
}

#[test]
fn objects_of_a_lab_refuse_unknown_fields() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap();
    let objects = definitions.values().filter(|it| it["type"] == "object").chain([&schema]);
    assert!(objects.clone().count() > 8);
    for object in objects {
        assert_eq!(object["additionalProperties"], false, "{object}");
    }
    let required: Vec<_> = schema["required"].as_array().unwrap().iter().collect();
    assert_eq!(required, ["apiVersion", "kind", "metadata"]);
}

const REFERENCE: &str = include_str!("../../../../docs/lab-file.md");

#[test]
fn the_reference_has_every_field_of_the_schema() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap();
    for object in definitions.values().chain([&schema]) {
        for field in object["properties"].as_object().into_iter().flatten().map(|(field, _)| field) {
            assert!(REFERENCE.contains(field.as_str()), "docs/lab-file.md says nothing about {field}");
        }
    }
}

#[test]
fn the_smallest_lab_of_the_reference_is_one() {
    let blocks = REFERENCE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let labs: Vec<&str> = blocks.filter(|block| block.starts_with("apiVersion: fabric/v1")).collect();
    assert_eq!(labs.len(), 1);
    assert_eq!(topology(labs[0]).managed_clusters[0].nodes.len(), 2);
}
