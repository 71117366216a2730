//! YAML, with lists at the level of their key, as kubectl writes it.

use serde_json::Value;
use serde_saphyr::SerializerOptions;

/// The text.
///
/// # Errors
/// If the value cannot be written as YAML; JSON always can.
pub fn render(value: &Value) -> anyhow::Result<String> {
    let options = {
        let mut options = SerializerOptions::default();
        options.compact_list_indent = true;
        options.prefer_block_scalars = false;
        options.empty_as_braces = true;
        options
    };
    let text = serde_saphyr::to_string_with_options(value, options)?;
    Ok(if text.ends_with('\n') { text } else { text + "\n" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_looks_like_kubectls() {
        let value = json!({
            "apiVersion": "v1",
            "metadata": {"name": "a", "labels": {}, "annotations": {"x/y": "true", "n": "010"}},
            "spec": {"containers": [{"name": "c", "command": ["sleep", "1"], "args": []}], "on": true},
            "text": "two\nlines", "long": "x ".repeat(80), "null": null,
        });
        insta::assert_snapshot!(render(&value).unwrap(), @r#"
        apiVersion: v1
        metadata:
          name: a
          labels: {}
          annotations:
            x/y: "true"
            "n": "010"
        spec:
          containers:
          - name: c
            command:
            - sleep
            - "1"
            args: []
          "on": true
        text: "two\nlines"
        long: "x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x "
        "null": null
        "#);
    }
}
