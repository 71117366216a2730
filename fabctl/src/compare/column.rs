//! What is known of one lab.

use fabric_core::compare::Network;
use serde::Serialize;

use super::measure::Measured;

/// One lab of a comparison.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// Its title.
    pub lab: String,
    /// Where it was read from.
    pub path: String,
    /// How its cluster connects pods.
    #[serde(flatten)]
    pub network: Option<Network>,
    /// What was found out.
    #[serde(flatten)]
    pub measured: Option<Measured>,
    /// Why nothing was.
    pub error: Option<String>,
}
