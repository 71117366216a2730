//! `maxSurge`, as written in a lab file.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

use super::{mistake::advised, suggest::quoted};
use crate::address_plan::{self, POOL_NODES_MAX};

/// Nodes, or a percentage of the nodes that there are: "1", "33%".
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct MaxSurge(
    #[schemars(with = "String", regex(pattern = r"^([1-9][0-9]{0,2}|1000|([1-9][0-9]?|100)%)$"))]
    pub  address_plan::MaxSurge,
);

impl FromStr for MaxSurge {
    type Err = String;

    /// AKS allows whole numbers from 1 and percentages from 1% to 100%.
    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, most) = text.strip_suffix('%').map_or((text, POOL_NODES_MAX), |digits| (digits, 100));
        let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| plain && (1..=most).contains(number));
        let number = number.ok_or_else(|| {
            advised(
                format!("{} is not a surge", quoted(text)),
                "write a number of nodes from \"1\", or a percentage from \"1%\" to \"100%\"",
            )
        })?;
        Ok(Self(if digits.len() < text.len() {
            address_plan::MaxSurge::Percent(number)
        } else {
            address_plan::MaxSurge::Nodes(number)
        }))
    }
}

impl<'de> Deserialize<'de> for MaxSurge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
