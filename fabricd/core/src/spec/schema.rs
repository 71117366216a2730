//! The JSON schema of `kind: Lab`, for editors.

use serde_json::Value;

use super::lab::Lab;

/// The schema (JSON Schema 2020-12). It knows no reference between parts: only [`super::load`] finds all
/// mistakes.
pub fn schema() -> Value {
    schemars::schema_for!(Lab).to_value()
}
