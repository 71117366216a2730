//! What a running lab's pods and backends are like, apart from what its files say.
//!
//! It is kept with the lab, and a change of the files leaves it as it is for all who stay.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What was switched by hand or found by probing, by the names of whom it is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Pods that were switched to not ready by hand, as `CLUSTER/NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub switched_off: BTreeSet<String>,
    /// Pods whose readiness probe fails, in the same form.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unready: BTreeSet<String>,
    /// Nodes whose health probe fails, for each rule of a load balancer, as
    /// `CLUSTER/NAMESPACE/SERVICE/TCP-80`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unhealthy: BTreeMap<String, BTreeSet<String>>,
}

impl Conditions {
    /// Whether everything is as the files say.
    pub fn is_empty(&self) -> bool {
        self.switched_off.is_empty() && self.unready.is_empty() && self.unhealthy.is_empty()
    }

    /// Whether the pod `CLUSTER/NAMESPACE/NAME` is ready.
    pub fn is_ready(&self, pod: &str) -> bool {
        !self.switched_off.contains(pod) && !self.unready.contains(pod)
    }
}
