//! Faults on purpose, in the shape of Kubernetes objects.

use serde_json::{Value, json};

use super::{Kind, Resource};
use crate::fault::{Fault, Faults};

/// One object for each machine that is stopped and each link that is down or impaired, by the name of the
/// end that was named.
pub(super) fn faults(faults: &Faults) -> Vec<Resource> {
    let object = |(name, fault): (String, Fault)| {
        let spec: Value = match fault {
            Fault::Stopped => json!({ "stopped": true }),
            Fault::Link { down, impairment } => {
                let mut spec = json!({});
                if down {
                    spec["down"] = true.into();
                }
                for (key, value) in [
                    ("delayMicroseconds", u64::from(impairment.delay)),
                    ("jitterMicroseconds", u64::from(impairment.jitter)),
                    ("lossPerMillion", u64::from(impairment.loss)),
                    ("rateBitsPerSecond", impairment.rate),
                ] {
                    if value != 0 {
                        spec[key] = value.into();
                    }
                }
                spec
            }
        };
        let object = json!({
            "apiVersion": "fabric/v1",
            "kind": Kind::Faults.type_name(),
            "metadata": { "name": name },
            "spec": spec,
            "status": { "state": state(fault) },
        });
        Resource { namespace: None, name, object }
    };
    faults.list().into_iter().map(object).collect()
}

fn state(fault: Fault) -> String {
    match fault {
        Fault::Stopped => "stopped".to_owned(),
        Fault::Link { down: true, impairment } if impairment.is_none() => "down".to_owned(),
        Fault::Link { down: true, impairment } => format!("down, {impairment}"),
        Fault::Link { down: false, impairment } => impairment.to_string(),
    }
}
