//! Whom a back-test looks at.
//!
//! The state is looked at a portion at a time, so that nobody waits for it.

use super::super::super::Api;
use crate::backtest::Host;
use rollcall_domain::World;
use rollcall_domain::alert::collected::past::awaited;
use rollcall_domain::alert::replay::Census;
use rollcall_domain::alert::{inventory, silence};
use rollcall_domain::ci::Ci;
use rollcall_domain::id::CiId;
use rollcall_domain::rule::select::{Selector, Variant, variant};
use rollcall_domain::rule::{Condition, Rule};
use rollcall_shared::{AgentId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Items looked at together.
const PORTION: usize = 10_000;

/// What the rule applies to.
pub(super) fn of(api: &Api, rule: &Rule, wanted: Option<&BTreeSet<CiId>>) -> Vec<Host> {
    let rule = Rule { enabled: true, ..rule.clone() };
    match rule.condition {
        Condition::Inventory { .. } => items(api, &rule, wanted),
        Condition::AgentSilent { .. } | Condition::HostSilent { .. } => {
            let mut hosts = api.engine.read(|world| reporting(world, &rule, wanted, &|agent, ci| silence::is_expected(world, agent, ci)));
            hosts.sort_by(|a, b| a.agents.cmp(&b.agents));
            hosts
        }
        Condition::CollectorSilent { .. } => api.engine.read(|world| told_of(world, &rule, wanted)),
        // What is asked for is what they look at.
        Condition::TargetCheck { .. } => {
            let looking = Rule { classes: Vec::new(), selector: Selector::default(), overrides: Vec::new(), ..rule };
            api.engine.read(|world| reporting(world, &looking, None, &|_, _| true))
        }
        _ => measured(api, &rule, wanted),
    }
}

/// The hosts with samples, in the order that their samples lie in. What each collector measured is replayed by itself, as it is judged by
/// itself.
fn measured(api: &Api, rule: &Rule, wanted: Option<&BTreeSet<CiId>>) -> Vec<Host> {
    let mut hosts = api.engine.read(|world| {
        let is_wanted = |ci: &CiId| wanted.is_none_or(|wanted| wanted.contains(ci));
        let collectors = world.trust.collectors.iter().filter(|(_, collector)| is_wanted(&collector.ci));
        let of = |(voice, ci): (AgentId, CiId)| {
            let variant = variant_of(world, rule, ci)?;
            Some(Host { ci: Some(ci), agents: vec![voice], variant, goodbye: None, interval_ms: None })
        };
        let mut hosts: Vec<Host> = collectors.filter_map(|(voice, collector)| of((voice, collector.ci))).collect();
        hosts.extend(reporting(world, rule, wanted, &|_, _| true));
        hosts
    });
    hosts.sort_by(|a, b| a.agents.cmp(&b.agents));
    hosts
}

/// The items that feeds tell of, each with all agents that ever spoke for it.
fn told_of(world: &World, rule: &Rule, wanted: Option<&BTreeSet<CiId>>) -> Vec<Host> {
    let mut agents: BTreeMap<CiId, Vec<AgentId>> = awaited(world, rule).into_keys().map(|ci| (ci, Vec::new())).collect();
    agents.retain(|ci, _| wanted.is_none_or(|wanted| wanted.contains(ci)));
    for agent in world.trust.agents.values() {
        if let Some(known) = agent.ci.and_then(|ci| agents.get_mut(&ci)) {
            known.push(agent.id);
        }
    }
    let host = |(ci, agents)| {
        let (variant, interval_ms) = (variant_of(world, rule, ci)?, interval_ms(world, ci));
        Some(Host { ci: Some(ci), agents, variant, goodbye: None, interval_ms })
    };
    agents.into_iter().filter_map(host).collect()
}

/// The hosts of which an agent must fulfil something, each with all agents that ever spoke for it.
fn reporting(world: &World, rule: &Rule, wanted: Option<&BTreeSet<CiId>>, fulfils: &dyn Fn(AgentId, CiId) -> bool) -> Vec<Host> {
    let mut agents: BTreeMap<CiId, Vec<AgentId>> = BTreeMap::new();
    for agent in world.trust.agents.values() {
        if let Some(ci) = agent.ci.filter(|ci| wanted.is_none_or(|wanted| wanted.contains(ci))) {
            agents.entry(ci).or_default().push(agent.id);
        }
    }
    agents.retain(|ci, agents| agents.iter().any(|agent| fulfils(*agent, *ci)));
    let host = |(ci, agents)| {
        let variant = variant_of(world, rule, ci)?;
        Some(Host { ci: Some(ci), agents, variant, goodbye: world.telemetry.left_at(ci), interval_ms: interval_ms(world, ci) })
    };
    agents.into_iter().filter_map(host).collect()
}

/// The push interval of the agent that spoke last for a host, ms.
fn interval_ms(world: &World, ci: CiId) -> Option<u64> {
    world.telemetry.speaker(ci).map(|agent| world.trust.push_interval_ms(agent))
}

fn variant_of(world: &World, rule: &Rule, ci: CiId) -> Option<Variant> {
    world.cmdb.cis.get(&ci).and_then(|ci| variant(rule, world, Some(ci)))
}

/// The items that a rule on the inventory is meant for.
fn items(api: &Api, rule: &Rule, wanted: Option<&BTreeSet<CiId>>) -> Vec<Host> {
    let of = |world: &World, ci: &Ci| {
        let variant = variant(rule, world, Some(ci)).filter(|_| inventory::is_meant(rule, ci))?;
        Some(Host { ci: Some(ci.id), agents: Vec::new(), variant, goodbye: None, interval_ms: None })
    };
    if let Some(wanted) = wanted {
        return api.engine.read(|world| wanted.iter().filter_map(|id| of(world, world.cmdb.cis.get(id)?)).collect());
    }
    all_of(api, of)
}

/// Hosts that may have had software since a moment, whatever the rule is meant for.
pub(super) fn counted(api: &Api, since: Timestamp) -> Vec<CiId> {
    all_of(api, |_, ci| Some(ci.id).filter(|_| Census::may_count(ci, since)))
}

/// What there is of all items.
fn all_of<T>(api: &Api, of: impl Fn(&World, &Ci) -> Option<T>) -> Vec<T> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let last = api.engine.read(|world| {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let portion = world.cmdb.cis.range((from, Bound::Unbounded)).take(PORTION);
            portion.fold(None, |_, (id, ci)| {
                found.extend(of(world, ci));
                Some(*id)
            })
        });
        let Some(last) = last else { return found };
        after = Some(last);
    }
}
