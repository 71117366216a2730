//! `docs/normalising.md` has the table of rules as the code has it.

use std::{env, fs, path::Path};

use fabric_core::document::rules_as_markdown;

const BEGIN: &str = "<!-- rules -->\n";
const END: &str = "<!-- end of rules -->\n";

#[test]
fn the_page_has_the_rules_of_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/normalising.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let right = format!("{before}{BEGIN}{}{END}{after}", rules_as_markdown());
    if env::var_os("FABRIC_UPDATE_DOCS").is_some() {
        fs::write(&page, right).unwrap();
    } else {
        assert_eq!(text, right, "write it anew with FABRIC_UPDATE_DOCS=1");
    }
}
