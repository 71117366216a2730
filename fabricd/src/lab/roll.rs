//! Changes of nodes: scaling, restarting, upgrading. Each is one or several applies of the one path.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use fabric_core::{
    blueprint::Blueprint,
    kernel::Kernel,
    place::Place,
    plan::{self, Observed},
    spec::{
        self, Reading, Source,
        edit::{self, PoolIndex},
    },
    topology::{Rollout, Topology},
};

use super::{
    ChangeError, ChangeEvent, Lab,
    goal::Goal,
    worker::{Caller, Seen, Worker, milliseconds_since, says_the_same},
};

impl<K: Kernel> Worker<K> {
    /// Gives a node pool another size: the lab's file with another `count`.
    pub(super) fn scale(
        &self,
        agent_pool: &str,
        count: u32,
        caller: &Caller,
    ) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        let pool = find_pool(&lab.sources, agent_pool)?;
        let sources = edit::set_count(&lab.sources, pool, count)?;
        self.become_edited(sources, begun, caller)
    }

    /// Takes a node with its pods away and makes it anew, with the same names and addresses.
    pub(super) fn restart_node(&self, node: &str, caller: &Caller) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        if !has_node(&lab.topology, node) {
            let node = node.chars().take(64).collect();
            return Err(ChangeError::NoNode { lab: self.name.clone(), node });
        }
        let _ = caller.blocking_send(ChangeEvent::Stage(format!("{node} goes down")));
        let down = Goal { blueprint: Arc::new(without_node(&lab, node)), ..Goal::of(&lab) };
        self.go(down, caller)?;
        let _ = caller.blocking_send(ChangeEvent::Stage(format!("{node} comes up")));
        let generation = self.go(Goal::of(&lab), caller)?;
        Ok(applied(generation, true, begun))
    }

    /// Upgrades a node pool as AKS does: surge nodes come, then each node is drained, made anew with the
    /// version and opened again; at last the surge nodes go (AKS "Upgrade an AKS cluster").
    pub(super) fn upgrade(
        &self,
        agent_pool: &str,
        version: Option<&str>,
        caller: &Caller,
    ) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        let index = find_pool(&lab.sources, agent_pool)?;
        let sources = match version {
            Some(version) => edit::set_version(&lab.sources, index, version)?,
            None => lab.sources.clone(),
        };
        let cluster = &lab.topology.managed_clusters[index.cluster];
        let pool = &cluster.agent_pools[index.pool];
        let nodes: Vec<(String, String)> = cluster
            .nodes
            .iter()
            .filter(|node| node.pool == index.pool)
            .map(|node| (node.name.clone(), node.kubernetes_version.clone()))
            .collect();
        let mut rollout = Rollout {
            cluster: cluster.name.clone(),
            agent_pool: pool.name.clone(),
            surge: pool.max_surge.nodes(pool.count).max(1),
            drained: BTreeSet::new(),
            versions: nodes.iter().cloned().collect::<BTreeMap<_, _>>(),
        };
        let say = |stage: String| drop(caller.blocking_send(ChangeEvent::Stage(stage)));
        if let Err(rejected) = self.step(sources.clone(), &rollout, caller)? {
            return Ok(rejected);
        }
        say(format!("{} surge node{} in", rollout.surge, if rollout.surge == 1 { "" } else { "s" }));
        for (node, _) in &nodes {
            say(format!("{node} is drained"));
            rollout.drained.insert(node.clone());
            if let Err(rejected) = self.step(sources.clone(), &rollout, caller)? {
                return self.give_up(&lab, rejected, caller);
            }
            say(format!("{node} is made anew"));
            let drained = self.running()?;
            let down = Goal { blueprint: Arc::new(without_node(&drained, node)), ..Goal::of(&drained) };
            self.go(down, caller)?;
            rollout.versions.remove(node);
            rollout.drained.remove(node);
            if let Err(rejected) = self.step(sources.clone(), &rollout, caller)? {
                return self.give_up(&lab, rejected, caller);
            }
        }
        say("surge out".to_owned());
        match self.step(sources, &Rollout::default(), caller)? {
            Ok(generation) => Ok(applied(generation, true, begun)),
            Err(rejected) => self.give_up(&lab, rejected, caller),
        }
    }

    /// Back to the lab before an upgrade that found no room for its pods.
    fn give_up(&self, lab: &Lab, rejected: ChangeEvent, caller: &Caller) -> Result<ChangeEvent, ChangeError> {
        let _ = caller.blocking_send(ChangeEvent::Stage("no room: back to what was before".to_owned()));
        self.go(Goal::of(lab), caller)?;
        Ok(rejected)
    }

    /// One stage: the lab as `sources` and `rollout` say. Inside, its generation or why the files are wrong.
    pub(super) fn step(
        &self,
        sources: Vec<Source>,
        rollout: &Rollout,
        caller: &Caller,
    ) -> Result<Result<u64, ChangeEvent>, ChangeError> {
        let lab = self.running()?;
        let reading = Reading::of(&sources);
        match self.goal((sources, &reading), Some(&lab), rollout) {
            Ok(goal) => self.go(goal, caller).map(Ok),
            Err(diagnostics) => Ok(Err(ChangeEvent::Rejected(diagnostics))),
        }
    }

    fn go(&self, goal: Goal, caller: &Caller) -> Result<u64, ChangeError> {
        let lab = self.running()?;
        let plan = plan::between(&Observed::of(&lab.blueprint), &lab.owned, &goal.blueprint);
        if plan.is_empty() && says_the_same(&lab.sources, &goal.sources) {
            return Ok(lab.generation);
        }
        self.reach(goal, (plan, Seen::Nothing), Some(lab), caller)
    }
}

pub(super) fn applied(generation: u64, changed: bool, begun: Instant) -> ChangeEvent {
    ChangeEvent::Applied { generation, changed, created: false, milliseconds: milliseconds_since(begun) }
}

fn find_pool(sources: &[Source], name: &str) -> Result<PoolIndex, ChangeError> {
    let spec = spec::read(sources).0.ok_or(edit::EditError::Unwritable("agentPoolProfiles"))?;
    Ok(edit::find_pool(&spec, name)?)
}

fn has_node(topology: &Topology, name: &str) -> bool {
    topology.managed_clusters.iter().flat_map(|cluster| &cluster.nodes).any(|node| node.name == name)
}

/// The lab without the node's machine, its host, and its pods.
fn without_node(lab: &Lab, node: &str) -> Blueprint {
    let mut gone = vec![Place::Node { name: node.to_owned() }, Place::Host { vm: node.to_owned() }];
    for cluster in &lab.topology.managed_clusters {
        let pods = cluster.pods.iter().filter(|pod| cluster.nodes[pod.node].name == node);
        gone.extend(pods.filter(|pod| !pod.host_network).map(|pod| cluster.pod_place(pod)));
    }
    lab.blueprint.without(&gone)
}
