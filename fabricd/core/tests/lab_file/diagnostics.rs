//! What is said about each family of mistakes (`tests/bad/`), word for word.

use std::fs;

use fabric_core::spec::{Source, load};

use crate::text::{mistakes, rendered};

#[test]
fn bad_files_are_explained() {
    insta::glob!("../bad", "*.yaml", |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap();
        let diagnostics = load(&[Source { name, text }]).unwrap_err();
        insta::assert_snapshot!(rendered(&diagnostics));
    });
}

#[test]
fn hundreds_of_mistakes_are_told_to_be_more() {
    let vms = "- {name: 5, subnet: a/b}\n".repeat(5_000);
    let text = format!("apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: x}}\nvirtualMachines:\n{vms}");
    let told = mistakes(&text);
    assert!(told.matches("quote it").count() >= 100, "{told}");
    assert!(told.contains("this document has more mistakes"), "{told}");
}
