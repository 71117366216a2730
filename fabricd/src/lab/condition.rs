//! Pods that become ready or not, and nodes that a load balancer finds healthy or not: the same files, with other
//! conditions.
//!
//! Nothing is read again and the generation stays: what differs are endpoints, and the rules that are made of them.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use fabric_core::{
    condition::Conditions,
    event::{self, Event, Object, Reason, shortened},
    inventory::{Kind, load_balancer_of_rule},
    kernel::Kernel,
    plan::{self, Observed},
    topology::Topology,
};

use super::{
    ChangeError, ChangeEvent, Lab,
    goal::Goal,
    reconcile,
    worker::{Worker, milliseconds_since},
};
use crate::{
    health_probe::{Finding, Subject},
    ledger::Intent,
};

impl<K: Kernel> Worker<K> {
    /// Switches the pod `CLUSTER/NAMESPACE/NAME` to not ready, or back.
    pub(super) fn set_pod_ready(&self, pod: &str, ready: bool) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        if !has_pod(&lab.topology, pod) {
            let pod = pod.chars().take(400).collect();
            return Err(ChangeError::NoPod { lab: self.name.clone(), pod });
        }
        let mut conditions = lab.topology.conditions.clone();
        let changed = match ready {
            true => conditions.switched_off.remove(pod),
            false => conditions.switched_off.insert(pod.to_owned()),
        };
        if changed {
            let event = match ready {
                true => pod_event(pod, Reason::Ready, "switched back to ready"),
                false => pod_event(pod, Reason::Unhealthy, "switched to not ready"),
            };
            self.set_conditions(&lab, conditions, vec![event])?;
        }
        let milliseconds = milliseconds_since(begun);
        Ok(ChangeEvent::Applied { generation: lab.generation, changed, created: false, milliseconds })
    }

    /// Takes what probes have found. What it is about may have gone meanwhile.
    pub(super) fn probed(&self, findings: &[Finding]) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        let mut conditions = lab.topology.conditions.clone();
        let mut events = vec![];
        for Finding { subject, healthy, reason } in findings {
            let (changed, event) = match subject {
                Subject::Pod(pod) if *healthy => {
                    (conditions.unready.remove(pod), pod_event(pod, Reason::Ready, "ready"))
                }
                Subject::Pod(pod) => {
                    let is_new = has_pod(&lab.topology, pod) && conditions.unready.insert(pod.clone());
                    (is_new, pod_event(pod, Reason::Unhealthy, reason))
                }
                Subject::Backend { rule, node } => {
                    let event = backend_event(&lab.topology, rule, node, *healthy, reason);
                    let down = &mut conditions.unhealthy;
                    (set_backend(down, rule, node, *healthy), event)
                }
            };
            events.extend(changed.then_some(event));
        }
        let changed = !events.is_empty();
        if changed {
            self.set_conditions(&lab, conditions, events)?;
        }
        let milliseconds = milliseconds_since(begun);
        Ok(ChangeEvent::Applied { generation: lab.generation, changed, created: false, milliseconds })
    }

    /// Makes the lab what it is with these conditions.
    fn set_conditions(
        &self,
        lab: &Arc<Lab>,
        conditions: Conditions,
        events: Vec<Event>,
    ) -> Result<(), ChangeError> {
        let topology = Arc::new(lab.topology.with_conditions(conditions));
        let followed = event::endpoints(&lab.topology, &topology);
        let whole = Goal::new(lab.sources.clone(), topology, lab.faults.clone(), self.kernel.machine());
        let plan = plan::between(&Observed::of(&lab.blueprint), &lab.owned, &whole.blueprint);
        let intent = Intent {
            lab: self.name.clone(),
            generation: lab.generation,
            wanted: Some(whole.design()),
            before: Some(lab.design()),
        };
        self.ledger.write(&intent)?;
        if !plan.is_empty() {
            let result =
                reconcile::change(&*self.kernel, &self.name, &plan, &lab.owned, &whole.blueprint, &|_, _| {});
            if let Err(error) = result {
                return Err(self.go_back(&whole.owned, Some(lab), error));
            }
        }
        self.ledger.write(&Intent { before: None, ..intent })?;
        self.responder.show(&self.name, whole.topology.clone());
        let now = whole.reached(lab.generation, self.open_places.subscribe(), self.programs.clone());
        self.publish.send_replace(Some(Arc::new(now)));
        let events = events.into_iter().chain(followed).collect();
        self.tell(shortened(events));
        Ok(())
    }
}

fn set_backend(
    unhealthy: &mut BTreeMap<String, std::collections::BTreeSet<String>>,
    rule: &str,
    node: &str,
    healthy: bool,
) -> bool {
    if !healthy {
        return unhealthy.entry(rule.to_owned()).or_default().insert(node.to_owned());
    }
    let Some(nodes) = unhealthy.get_mut(rule) else { return false };
    let changed = nodes.remove(node);
    if nodes.is_empty() {
        unhealthy.remove(rule);
    }
    changed
}

fn has_pod(topology: &Topology, key: &str) -> bool {
    let mut parts = key.splitn(3, '/');
    let (Some(cluster), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let mut clusters = topology.managed_clusters.iter().filter(|known| known.name == cluster);
    clusters.any(|cluster| cluster.pods.iter().any(|pod| pod.namespace == namespace && pod.name == name))
}

fn pod_event(key: &str, reason: Reason, message: &str) -> Event {
    let mut parts = key.splitn(3, '/').skip(1);
    let namespace = parts.next().map(str::to_owned);
    let name = parts.next().unwrap_or_default().to_owned();
    Event::new(Object { kind: Kind::Pods, namespace, name }, reason, message)
}

/// Of the load balancer, for the rule `CLUSTER/NAMESPACE/SERVICE/TCP-80`.
fn backend_event(topology: &Topology, key: &str, node: &str, healthy: bool, why: &str) -> Event {
    let (cluster, rule) = key.split_once('/').unwrap_or_default();
    let name = format!("{cluster}/{}", load_balancer_of_rule(topology, key));
    let object = Object { kind: Kind::LoadBalancers, namespace: None, name };
    if healthy {
        return Event::new(object, Reason::Ready, format!("{rule}: the node {node} is healthy"));
    }
    Event::new(object, Reason::Unhealthy, format!("{rule}: the node {node} is left out: {why}"))
}
