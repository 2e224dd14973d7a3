//! From samples and signs of life to transitions.
//!
//! An entry's sets are judged in order, each at the time it was measured. What comes back is applied by the caller; until then
//! the agent's slots hold the machines' state. Invariant: only here and in the pages beside is telemetry changed, and nothing
//! here changes an alert except by an event that is returned.

use super::dropped::{self, Dropped};
use super::machine::{self, Position};
use super::telemetry::{Finding, Transition};
use super::{
    Alert, AlertEvent, AlertKey, AlertState, collected, external, flapping, inventory, mute, outage, output, silence, suppress, target,
    wording,
};
use crate::ci::CiEvent;
use crate::ci::lifecycle::is_out_of_use;
use crate::id::{AlertId, CiId};
use crate::incident::{self, IncidentEvent};
use crate::journal::JournalEntry;
use crate::rule::expression;
use crate::rule::select::effective;
use crate::rule::{Condition, NoData, Rule, RuleEvent};
use crate::trust::collector;
use crate::{Content, Context, Event, World};
use rollcall_shared::{AgentId, Timestamp};

/// Intervals that a series may miss before its alert becomes unknown.
const MISSED_INTERVALS: u64 = 5;

/// How long a series that is sampled so often may be missing before its alert becomes unknown, ms. Agents sample no faster than by default.
pub(super) fn patience_ms(interval_ms: u64) -> u64 {
    MISSED_INTERVALS.saturating_mul(interval_ms.max(rollcall_shared::message::Settings::default().sample_interval_ms))
}

/// Takes in an entry; the transitions it means come back as events, not yet applied.
pub fn observe(world: &mut World, entry: &JournalEntry, context: &mut Context<'_>) -> Vec<Event> {
    let ci = world.trust.host_of(entry.agent);
    let speaks_for = spoken_for(world, entry.agent);
    world.telemetry.hear(entry, speaks_for);
    let mut events = speaks_for.map(|ci| silence::ended(world, ci, entry.received_at)).unwrap_or_default();
    let mut first = true;
    // What is out of use may still run; nobody is to be called for it.
    let is_judged = ci.is_some_and(|ci| world.cmdb.cis.get(&ci).is_none_or(|ci| !is_out_of_use(ci.status)));
    for set in &entry.sets {
        // Selectors look at the state beside the telemetry that is changed here.
        let mut telemetry = std::mem::take(&mut world.telemetry);
        let findings = telemetry.prepare(world, set, (entry.agent, ci), (context.content, entry.received_at)).map(|state| {
            if let Some(ci) = ci {
                state.reconcile(&world.alerts, ci, std::mem::take(&mut first));
            }
            state.fold(set, entry.received_at, is_judged)
        });
        world.telemetry = telemetry;
        let Some(findings) = findings else { continue };
        if let Some(ci) = ci {
            events.extend(findings.iter().filter_map(|finding| match finding {
                Finding::Moved(transition) => measured(world, (entry.agent, ci), transition, context),
                Finding::Flapped { entry: position, percent, at } => flapped(world, entry.agent, (*position, *percent), *at),
            }));
        }
    }
    world.telemetry.note_ended(entry);
    events
}

/// Takes in an entry of the stored journal: what it meant is in the log already.
pub fn recall(world: &mut World, entry: &JournalEntry, content: &dyn Content) {
    let ci = world.trust.host_of(entry.agent);
    world.telemetry.hear(entry, spoken_for(world, entry.agent));
    let mut telemetry = std::mem::take(&mut world.telemetry);
    for set in &entry.sets {
        if let Some(state) = telemetry.prepare(world, set, (entry.agent, ci), (content, entry.received_at)) {
            state.fold(set, entry.received_at, false);
        }
    }
    telemetry.note_ended(entry);
    world.telemetry = telemetry;
}

/// What the passing of time means: silence, vanished series, incidents that close.
pub fn tick(world: &mut World, context: &mut Context<'_>) -> Vec<Event> {
    world.telemetry.sweep();
    for agent in world.telemetry.catch_up(context.now) {
        world.index_agent(agent);
    }
    let mut events = silence::tick(world, context);
    events.extend(vanished(world, context.now));
    events.extend(collected::tick(world, context));
    events.extend(inventory::tick(world, context));
    events.extend(target::tick(world, context));
    events.extend(mute::tick(world, context.now));
    events.extend(suppress::tick(world, context.now));
    events.extend(external::suppress::tick(world, context.now));
    events.extend(flapping::tick(world, context.now));
    events.extend(external::flap::tick(world, context.now));
    events.extend(incident::decide::tick(world, context.now));
    events
}

/// What follows for alerts from an event that has just been applied: those of a rule that is switched off, or that no longer
/// applies to their CI, are dropped. It is people who did that: nothing is claimed to have recovered. Those of an outage are told about
/// in its incident.
#[must_use]
pub fn react(world: &World, event: &Event, context: &Context<'_>) -> Vec<Event> {
    if let Event::Ci(CiEvent::CiStatusChanged { ci, after, .. }) = event {
        return if is_out_of_use(*after) { out_of_use(world, *ci, context.now) } else { Vec::new() };
    }
    if let Event::Alert(AlertEvent::ExternalAlertChanged { alert, .. }) = event {
        return external::flap::turned(world, alert, context.now).into_iter().collect();
    }
    if let Event::Incident(IncidentEvent::IncidentOpened { incident }) = event {
        return outage::told(world, incident, context.now);
    }
    let Event::Rule(RuleEvent::RuleSet { rule }) = event else { return Vec::new() };
    let live = world.alerts.live.iter().filter_map(|id| world.alerts.alerts.get(id)).filter(|alert| alert.key.rule == rule.id);
    let dropped = live.filter(|alert| !still_covers(world, rule, alert));
    let reason = |alert: &Alert| {
        if rule.enabled { dropped::not_for_it(world, rule, alert) } else { Dropped::SwitchedOff.as_str().to_owned() }
    };
    let drop = |alert: &Alert| {
        let dropped = moved(alert, machine::drop_it(alert.position(), context.now), context.now, None, reason(alert));
        alert.flaps().then(|| flapping::ends(alert, context.now)).into_iter().chain(dropped)
    };
    dropped.flat_map(drop).collect()
}

/// All live alerts of an item that is out of use from now on.
fn out_of_use(world: &World, ci: CiId, now: Timestamp) -> Vec<Event> {
    let alerts = world.alerts.by_ci.get(&ci).into_iter().flat_map(|host| &host.alerts);
    let live = alerts.filter(|id| world.alerts.live.contains(id)).filter_map(|id| world.alerts.alerts.get(id));
    let reason = || Dropped::OutOfUse.as_str().to_owned();
    live.filter_map(|alert| moved(alert, machine::drop_it(alert.position(), now), now, None, reason())).collect()
}

/// The host that an agent speaks for. A collector speaks for nobody: that it is heard shows no agent to be alive.
fn spoken_for(world: &World, agent: AgentId) -> Option<CiId> {
    world.trust.agents.get(&agent).and_then(|agent| agent.ci)
}

/// The event that brings an alert to a position; none when that is no transition.
pub(super) fn moved(alert: &Alert, after: Position, at: Timestamp, value: Option<f64>, reason: String) -> Option<Event> {
    let before = alert.position();
    after.differs(before).then(|| transitioned(alert.id, alert.key.clone(), (before, after), (value, at), reason))
}

pub(super) fn transitioned(
    alert: AlertId,
    key: AlertKey,
    (before, after): (Position, Position),
    (value, at): (Option<f64>, Timestamp),
    reason: String,
) -> Event {
    if !after.is_other(before) {
        return Event::Alert(AlertEvent::AlertWorsening { alert, key, since: after.worse_since, at });
    }
    let (before, severity, worse_since) = (before.state, after.severity, after.worse_since);
    Event::Alert(AlertEvent::AlertTransitioned { alert, key, before, after: after.state, severity, worse_since, value, at, reason })
}

fn measured(world: &mut World, (agent, ci): (AgentId, CiId), transition: &Transition, context: &mut Context<'_>) -> Option<Event> {
    let state = world.telemetry.agents.get_mut(&agent)?;
    let plan = state.view.plan.as_ref()?;
    let entry = plan.entries.get(transition.entry)?;
    let key = AlertKey { rule: entry.judge.rule.clone(), ci, attributes: plan.attributes(entry) };
    let known = world.alerts.keys.get(&key).copied();
    let slot = state.view.slots.get_mut(transition.entry)?;
    let alert = *slot.alert.get_or_insert_with(|| known.unwrap_or_else(|| AlertId(context.ids.next_bits())));
    let rule = &world.rules.rules.get(&key.rule)?.rule;
    let plain = wording::measured(rule, (world, world.cmdb.cis.get(&ci)), transition.after, transition.value);
    // What must last yet is told in full when it has.
    let lasts = !matches!(transition.after.state, AlertState::Pending | AlertState::Recovering);
    let check = key.attributes.get(target::CHECK).filter(|_| lasts && matches!(rule.condition, Condition::Check { .. }));
    let reason = output::said(plain, check.and_then(|check| output::of(world, ci, (check, transition.value), context.content)));
    Some(transitioned(alert, key, (transition.before, transition.after), (Some(transition.value), transition.at), reason))
}

/// An alert that has fired before begins or ends to flap.
fn flapped(world: &World, agent: AgentId, (entry, percent): (usize, Option<f64>), at: Timestamp) -> Option<Event> {
    let id = world.telemetry.agents.get(&agent)?.view.slots.get(entry)?.alert?;
    let alert = world.alerts.alerts.get(&id)?;
    Some(percent.map_or_else(|| flapping::ends(alert, at), |percent| flapping::begins(alert, percent, at)))
}

/// Alerts whose series stopped coming while their host lives.
fn vanished(world: &World, now: Timestamp) -> Vec<Event> {
    let patience = u128::from(patience_ms(0));
    let gone = |alert: &&Alert| {
        let rule = world.rules.rules.get(&alert.key.rule).map(|known| &known.rule);
        let judged = rule.is_some_and(|rule| rule.no_data == NoData::Unknown && rule.condition.is_of_samples());
        if alert.key.attributes.contains_key(collector::FEED) {
            return judged && collected::lost(world, alert, now).is_some();
        }
        let state = world.telemetry.hosts.get(&alert.key.ci).and_then(|agent| world.telemetry.agents.get(agent));
        judged
            && state.is_some_and(|state| match (state.measured_at, state.vanished_since(alert)) {
                (Some(newest), Some(since)) => newest.since(since).as_millis() >= patience,
                _ => false,
            })
    };
    let live = world.alerts.live.iter().filter_map(|id| world.alerts.alerts.get(id));
    let lost = live.filter(gone);
    lost.filter_map(|alert| {
        let rule = world.rules.rules.get(&alert.key.rule).map(|known| &known.rule)?;
        let (after, reason) = if effective(rule, world, world.cmdb.cis.get(&alert.key.ci)).is_some() {
            let of_feed = alert.key.attributes.contains_key(collector::FEED);
            if !of_feed && world.telemetry.speaker(alert.key.ci).is_some_and(|agent| world.telemetry.is_silent(agent)) {
                // Its silence has said so, perhaps in this very tick.
                return None;
            }
            let reason = collected::lost(world, alert, now).unwrap_or_else(|| wording::unreported(&rule.condition));
            (machine::lose(alert.position(), now), reason.to_owned())
        } else {
            // The item or what selects it has changed: nothing is claimed to have recovered.
            (machine::drop_it(alert.position(), now), dropped::not_for_it(world, rule, alert))
        };
        moved(alert, after, now, None, reason)
    })
    .collect()
}

fn still_covers(world: &World, rule: &Rule, alert: &Alert) -> bool {
    let has = |attributes: &std::collections::BTreeMap<String, String>| {
        attributes.iter().all(|(name, value)| alert.key.attributes.get(name).map_or("", String::as_str) == value)
    };
    let selected = match &rule.condition {
        Condition::Absent { attributes, .. } => {
            alert.key.attributes == *attributes || (alert.key.attributes.contains_key(collector::FEED) && has(attributes))
        }
        Condition::AgentSilent { .. } | Condition::HostSilent { .. } | Condition::Inventory { .. } => alert.key.attributes.is_empty(),
        Condition::CollectorSilent { feed, .. } => {
            alert.key.attributes.get(collector::FEED).is_some_and(|told| feed.as_ref().is_none_or(|feed| feed == told))
        }
        Condition::TargetCheck { check, .. } => check.as_ref().is_none_or(|check| alert.key.attributes.get(target::CHECK) == Some(check)),
        condition => {
            let expression = expression::of(condition);
            let is_of_agent = !alert.key.attributes.contains_key(collector::FEED);
            let first = expression.as_ref().and_then(|value| value.reads().first().copied());
            first.is_some_and(|read| has(&read.attributes) && (is_of_agent || collector::may_be_judged(&read.metric, &read.attributes)))
        }
    };
    selected && effective(rule, world, world.cmdb.cis.get(&alert.key.ci)).is_some()
}

#[cfg(test)]
mod tests;
