//! Silence: agents and hosts from which nothing comes.
//!
//! Silence counts by the server's clock, from the last sign of life or from the server's own start, whichever is later: a server
//! that was away declares nobody silent. What makes a silence alert clear is a sign of life, never the absence of one.
//! While a host is silent its other alerts are unknown. How long is too long is counted in the agent's own pushes ([`crate::trust::pace`]).

use super::dropped::Dropped;
use super::machine::{self, Judged, Timing};
use super::observe::{moved, transitioned};
use super::telemetry::AgentState;
use super::{Alert, AlertKey, AlertState, wording};
use crate::ci::Lifecycle;
use crate::ci::lifecycle::is_out_of_use;
use crate::id::{AlertId, CiId};
use crate::rule::select::effective;
use crate::rule::{Condition, Rule, Severity, Tier};
use crate::trust::collector;
use crate::{Context, Event, World};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeMap;

/// When an agent counts as silent where no rule says so.
const DEFAULT_AFTER_MS: u64 = 180_000;

/// What the passing of time means for agents that say nothing, and for alerts of those that spoke again.
pub(super) fn tick(world: &mut World, context: &mut Context<'_>) -> Vec<Event> {
    let now = context.now;
    let (rules, patience) = silence_rules(world);
    let quiet: Vec<(AgentId, CiId)> = world
        .telemetry
        .hosts
        .iter()
        .filter(|(ci, agent)| is_quiet(world, **agent, (patience, now)) && is_expected(world, **agent, **ci))
        .map(|(ci, agent)| (*agent, *ci))
        .collect();
    super::outage::look(world, now);
    let mut events = settle(world, now);
    for (agent, ci) in quiet {
        for rule in &rules {
            events.extend(breach(world, rule, (agent, ci), context));
        }
        let newly = world.telemetry.agents.get_mut(&agent).is_some_and(|state| !std::mem::replace(&mut state.silent, true));
        if newly {
            world.index_agent(agent);
            events.extend(blind(world, &rules, ci, now));
        }
    }
    events
}

/// How a host that must report stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet {
    pub(super) ci: CiId,
    /// Since when nothing has come, as far as the server was there to hear it.
    pub(super) since: Timestamp,
    /// How long that is.
    pub(super) ms: u64,
    /// Whether it stopped on purpose.
    pub(super) goodbye: bool,
    /// Who is quiet.
    pub(super) agent: AgentId,
}

/// Every host that must report.
pub(super) fn expected(world: &World, now: Timestamp) -> impl Iterator<Item = Quiet> {
    let hosts = world.telemetry.hosts.iter().filter(|(ci, agent)| is_expected(world, **agent, **ci));
    hosts.filter_map(move |(ci, _)| {
        let quiet = quiet_since(world, *ci)?;
        Some(Quiet { ms: u64::try_from(now.since(quiet.since).as_millis()).ok()?, ..quiet })
    })
}

/// Since when a host has been quiet; how long that is, is not said.
pub(super) fn quiet_since(world: &World, ci: CiId) -> Option<Quiet> {
    let agent = *world.telemetry.hosts.get(&ci)?;
    let state = world.telemetry.agents.get(&agent)?;
    let since = world.telemetry.resumed_at.map_or(state.last_seen, |resumed| resumed.max(state.last_seen));
    Some(Quiet { ci, since, ms: 0, goodbye: state.goodbye.is_some(), agent })
}

/// Whether an alert says that a host is silent.
pub(super) fn is_of_silence(world: &World, alert: &Alert) -> bool {
    world.rules.rules.get(&alert.key.rule).is_some_and(|known| after_ms(&known.rule.condition).is_some())
}

/// The shortest silence that people hear of, at the default push interval.
pub(super) fn loud_patience_ms(world: &World) -> Option<u64> {
    let rules = world.rules.rules.values().map(|known| &known.rule).filter(|rule| rule.enabled && rule.tier >= Tier::Ticket);
    rules.filter_map(|rule| after_ms(&rule.condition)).min()
}

/// A host spoke: its silence alerts have a clear measurement.
pub(super) fn ended(world: &World, ci: CiId, at: Timestamp) -> Vec<Event> {
    let Some(host) = world.alerts.by_ci.get(&ci) else { return Vec::new() };
    let live = host.alerts.iter().filter(|id| world.alerts.live.contains(id)).filter_map(|id| world.alerts.alerts.get(id));
    live.filter_map(|alert| {
        let rule = &world.rules.rules.get(&alert.key.rule)?.rule;
        after_ms(&rule.condition)?;
        clear(rule, alert, at)
    })
    .collect()
}

/// Enabled silence rules, and the shortest silence that any of them minds.
fn silence_rules(world: &World) -> (Vec<Rule>, u64) {
    let rules: Vec<Rule> = world
        .rules
        .rules
        .values()
        .map(|known| &known.rule)
        .filter(|rule| rule.enabled && after_ms(&rule.condition).is_some())
        .cloned()
        .collect();
    (rules, patience_ms(world))
}

/// After how long an agent counts as silent at the default push interval, ms: the shortest silence that an enabled rule minds.
pub(super) fn patience_ms(world: &World) -> u64 {
    let enabled = world.rules.rules.values().map(|known| &known.rule).filter(|rule| rule.enabled);
    enabled.filter_map(|rule| after_ms(&rule.condition)).min().unwrap_or(DEFAULT_AFTER_MS)
}

/// Live silence alerts whose agent has spoken since or is no longer expected to.
fn settle(world: &World, now: Timestamp) -> Vec<Event> {
    let live = world.alerts.live.iter().filter_map(|id| world.alerts.alerts.get(id));
    live.filter_map(|alert| {
        let rule = &world.rules.rules.get(&alert.key.rule)?.rule;
        let agent = *world.telemetry.hosts.get(&alert.key.ci)?;
        let after = world.trust.patience_ms(agent, after_ms(&rule.condition)?);
        if !is_expected(world, agent, alert.key.ci) {
            let reason = Dropped::NotExpected.as_str().to_owned();
            return moved(alert, machine::drop_it(alert.position(), now), now, None, reason);
        }
        // That more time is given from now on is no sign of life.
        let spoke = !world.telemetry.is_silent(agent)
            && world.telemetry.last_seen(agent).is_some_and(|seen| now.since(seen).as_millis() < u128::from(after));
        if spoke { clear(rule, alert, now) } else { None }
    })
    .collect()
}

fn clear(rule: &Rule, alert: &Alert, at: Timestamp) -> Option<Event> {
    let after = machine::step(alert.position(), Judged::Level { raised: None, held: None }, at, Timing::of(rule));
    moved(alert, after, at, None, "the agent reports again".into())
}

fn breach(world: &World, rule: &Rule, (agent, ci): (AgentId, CiId), context: &mut Context<'_>) -> Option<Event> {
    let now = context.now;
    let state = world.telemetry.agents.get(&agent)?;
    let quiet = quiet_ms(world, agent, now)?;
    let rule = &*effective(rule, world, world.cmdb.cis.get(&ci))?;
    let is_long = |after_ms: u64| quiet >= world.trust.patience_ms(agent, after_ms);
    let minds = match rule.condition {
        Condition::AgentSilent { after_ms } => is_long(after_ms),
        Condition::HostSilent { after_ms } => is_long(after_ms) && state.goodbye.is_none(),
        _ => false,
    };
    if !minds {
        return None;
    }
    let severity = Some(severity(rule));
    let key = AlertKey { rule: rule.id.clone(), ci, attributes: BTreeMap::new() };
    let known = world.alerts.keys.get(&key).and_then(|id| world.alerts.alerts.get(id));
    let before = known.map_or(machine::Position::INACTIVE, Alert::position);
    let after = machine::step(before, Judged::Level { raised: severity, held: severity }, now, Timing::of(rule));
    if !after.differs(before) {
        return None;
    }
    let id = known.map_or_else(|| AlertId(context.ids.next_bits()), |alert| alert.id);
    let reason = wording::silent(state.last_seen, quiet, state.goodbye.as_deref());
    Some(transitioned(id, key, (before, after), (Some(seconds(quiet)), now), reason))
}

/// All other alerts of a host that fell silent.
fn blind(world: &World, silence_rules: &[Rule], ci: CiId, now: Timestamp) -> Vec<Event> {
    let Some(host) = world.alerts.by_ci.get(&ci) else { return Vec::new() };
    let others = host.alerts.iter().filter_map(|id| world.alerts.alerts.get(id));
    // What the inventory says stays said.
    let of_samples = |alert: &&Alert| world.rules.rules.get(&alert.key.rule).is_none_or(|known| known.rule.condition.is_of_samples());
    let others = others.filter(of_samples);
    // What a collector measures goes on being measured.
    let others = others.filter(|alert| !alert.key.attributes.contains_key(collector::FEED));
    let others = others.filter(|alert| alert.state != AlertState::Resolved && !silence_rules.iter().any(|rule| rule.id == alert.key.rule));
    others.filter_map(|alert| moved(alert, machine::lose(alert.position(), now), now, None, "the host is silent".into())).collect()
}

/// How long nothing has come from an agent, as far as the server was there to hear it.
fn quiet_ms(world: &World, agent: AgentId, now: Timestamp) -> Option<u64> {
    let state: &AgentState = world.telemetry.agents.get(&agent)?;
    let since = world.telemetry.resumed_at.map_or(state.last_seen, |resumed| resumed.max(state.last_seen));
    u64::try_from(now.since(since).as_millis()).ok()
}

/// Whether an agent has said nothing for longer than a patience at the default interval means for it.
fn is_quiet(world: &World, agent: AgentId, (patience, now): (u64, Timestamp)) -> bool {
    // Most spoke just now: of them nothing more is looked up.
    quiet_ms(world, agent, now).is_some_and(|ms| ms >= patience && ms >= world.trust.patience_ms(agent, patience))
}

/// How bad a silence is.
pub(super) fn severity(rule: &Rule) -> Severity {
    if rule.levels.critical.is_some() { Severity::Critical } else { Severity::Warning }
}

/// Whether an agent must report for a host.
#[must_use]
pub fn is_expected(world: &World, agent: AgentId, ci: CiId) -> bool {
    let approved = world.trust.agents.get(&agent).is_some_and(|agent| agent.status == AgentStatus::Approved && agent.ci == Some(ci));
    approved && world.cmdb.cis.get(&ci).is_none_or(|ci| ci.status != Lifecycle::InStock && !is_out_of_use(ci.status))
}

/// After how long a silence counts, for a rule on silence, at the default push interval.
pub(super) fn after_ms(condition: &Condition) -> Option<u64> {
    match condition {
        Condition::AgentSilent { after_ms } | Condition::HostSilent { after_ms } => Some(*after_ms),
        _ => None,
    }
}

/// Exact for every time that a clock can show.
pub(super) fn seconds(ms: u64) -> f64 {
    f64::from(u32::try_from(ms / 1_000).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
