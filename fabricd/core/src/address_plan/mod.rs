//! How many addresses a lab needs, of what, and where that ends.
//!
//! `fabctl plan addresses` shows an [`AddressPlan`]; a lab that does not fit is refused for the
//! [`Shortage`]s of the same [`Demands`].

mod demand;
pub mod formula;
mod shortage;
mod what_if;

use ipnet::Ipv4Net;
use serde::Serialize;

pub use self::{
    demand::{Cluster, Demands, Each, Mode, Pool, Share, Stage, Supply, SupplyKind, Unit, WholeSubnet},
    formula::MaxSurge,
    shortage::Shortage,
    what_if::{Need, WhatIf},
};

/// Nodes of a node pool. Source: AKS quotas and limits.
pub const POOL_NODES_MAX: u32 = 1_000;

/// A number for each [`Stage`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stages<T> {
    /// [`Stage::Now`].
    pub now: T,
    /// [`Stage::Upgrade`].
    pub upgrade: T,
    /// [`Stage::Maximum`].
    pub maximum: T,
    /// [`Stage::MaximumUpgrade`].
    pub maximum_upgrade: T,
    /// [`Stage::Full`].
    pub full: T,
}

impl<T: Copy> Stages<T> {
    fn of(each: impl Fn(Stage) -> T) -> Self {
        let [now, upgrade, maximum, maximum_upgrade, full] = Stage::ALL.map(each);
        Self { now, upgrade, maximum, maximum_upgrade, full }
    }

    /// In the order of [`Stage::ALL`].
    pub fn all(&self) -> [T; 5] {
        [self.now, self.upgrade, self.maximum, self.maximum_upgrade, self.full]
    }
}

/// All supplies with who takes of them, and the same pools under other modes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressPlan {
    /// Subnets, pod CIDRs and route tables.
    pub supplies: Vec<Account>,
    /// Each cluster under each mode.
    pub what_if: Vec<WhatIf>,
}

/// One supply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// `aks-vnet/aks-subnet`, `aks podCidr`.
    pub name: String,
    /// What it is.
    pub kind: SupplyKind,
    /// Its addresses; a route table has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_prefix: Option<Ipv4Net>,
    /// What all numbers here count.
    pub unit: Unit,
    /// How many there are to give.
    pub has: u64,
    /// Who takes of it, those that are no node pools first.
    pub takers: Vec<Taker>,
    /// What is left; below zero is what is missing.
    pub free: Stages<i64>,
    /// Whether it is enough.
    pub fits: Stages<bool>,
    /// The first node of each pool that would be too many, the others being as now.
    pub runs_out: Vec<RunsOut>,
}

/// Who takes of a supply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Taker {
    /// `aks/nodepool1`, or `2 VMs`.
    pub name: String,
    /// What each node takes, as a formula; none for what is no node pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each_node: Option<String>,
    /// Nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Stages<u64>>,
    /// What all take.
    pub takes: Stages<u64>,
}

/// Where a supply ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunsOut {
    /// `aks/nodepool1`.
    pub pool: String,
    /// The first node that does not fit, from 1.
    pub node: u32,
    /// What all takers need with it.
    pub needs: u64,
}

impl Demands {
    /// The whole plan.
    pub fn plan(&self) -> AddressPlan {
        let mut shares: Vec<Vec<(&Pool, Share)>> = vec![vec![]; self.supplies.len()];
        for pool in &self.pools {
            pool.shares.iter().for_each(|share| shares[share.supply].push((pool, *share)));
        }
        let supplies = self.supplies.iter().zip(&shares).map(|(supply, shares)| account(supply, shares));
        AddressPlan { supplies: supplies.collect(), what_if: self.what_if() }
    }
}

/// `shares` are what pools take of the supply.
fn account(supply: &Supply, shares: &[(&Pool, Share)]) -> Account {
    let Supply { name, kind, address_prefix, unit, has, others, .. } = supply;
    let other = |(name, amount): &(String, u64)| Taker {
        name: name.clone(),
        each_node: None,
        nodes: None,
        takes: Stages::of(|_| *amount),
    };
    let pool = |(pool, share): &(&Pool, Share)| Taker {
        name: pool.name.clone(),
        each_node: Some(share.each.to_string()),
        nodes: Some(Stages::of(|stage| pool.nodes(stage).into())),
        takes: Stages::of(|stage| pool.takes(*share, stage)),
    };
    let takers: Vec<Taker> = others.iter().map(other).chain(shares.iter().map(pool)).collect();
    let amount = |stage: Stage| -> u64 {
        let pools = shares.iter().map(|(pool, share)| pool.takes(*share, stage));
        others.iter().map(|(_, amount)| *amount).chain(pools).sum()
    };
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let needed_now = amount(Stage::Now);
    Account {
        name: name.clone(),
        kind: *kind,
        address_prefix: *address_prefix,
        unit: *unit,
        has: *has,
        takers,
        free: Stages::of(|stage| signed(*has) - signed(amount(stage))),
        fits: Stages::of(|stage| amount(stage) <= *has),
        runs_out: shares
            .iter()
            .filter_map(|(pool, share)| runs_out(pool, *share, *has, needed_now))
            .collect(),
    }
}

/// The first node of `pool` that does not fit, if everything else stays: `all_now` includes the pool.
fn runs_out(pool: &Pool, share: Share, has: u64, all_now: u64) -> Option<RunsOut> {
    let elsewhere = all_now - pool.takes(share, Stage::Now);
    let needs = |nodes: u32| elsewhere + pool.take(share.each, nodes, Some(&pool.pods));
    // What is needed grows with each node.
    let (mut fit, mut too_many) = (0, POOL_NODES_MAX);
    if needs(too_many) <= has {
        return None;
    }
    while too_many - fit > 1 {
        let middle = fit.midpoint(too_many);
        *(if needs(middle) <= has { &mut fit } else { &mut too_many }) = middle;
    }
    Some(RunsOut { pool: pool.name.clone(), node: too_many, needs: needs(too_many) })
}
