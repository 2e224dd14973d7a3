//! Hosts that fall silent together: one incident on what they share, not one for each.
//!
//! When a host is about to fall silent and others that share something with it are too, its silence is held for up to one push interval of
//! its agent. Then either at least three hosts, and at least half of those that share a thing, may have gone at one moment, each between its
//! last word and when its next was due: that is an outage of the thing, one incident with all of them attached. Or each is told about alone.
//! Of the things that explain the most hosts the narrowest counts: what they stand on, then their network, then where they are
//! ([`crate::ci::place`]). Nearly every host at once is the server's own trouble.
//!
//! Invariants: a host that said goodbye is never counted; an outage is over only when each of its hosts has spoken, or is no longer
//! expected to; what is not an outage is told about one interval later at most.

mod sharing;

pub use sharing::{Shared, network_of};

use super::dependency::{self, Outlook, interval, interval_of};
use super::silence::{self, Quiet};
use super::{Alert, AlertEvent, AlertState, Suppression};
use crate::id::{AlertId, CiId};
use crate::incident::Incident;
use crate::incident::react::tier;
use crate::rule::{Severity, Tier};
use crate::{Event, World};
use rollcall_shared::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use sharing::Sharing;
use std::collections::{BTreeMap, BTreeSet};

/// Hosts that make an outage of a thing at least: two may be chance.
const HOSTS: usize = 3;

/// Intervals for which a host counts as newly quiet: until the rules have fired and the others had their time.
const FRESH_INTERVALS: u64 = 3;

/// An outage of something that hosts share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// What they share.
    pub shared: Shared,
    /// How people call it.
    pub name: String,
    /// Hosts that share it and were there before.
    pub of: usize,
    /// Silence alerts that it stands for.
    pub alerts: BTreeSet<AlertId>,
    /// Hosts that fell silent.
    pub hosts: BTreeSet<CiId>,
    /// Those of them that are back.
    #[serde(default)]
    pub returned: BTreeSet<CiId>,
    /// Since when.
    pub began_at: Timestamp,
    /// When its incident last told of hosts that came back.
    pub told_at: Timestamp,
}

impl Outage {
    /// The one live incident of it.
    #[must_use]
    pub fn dedup_key(&self) -> String {
        self.shared.key()
    }

    /// Why its alerts are not told about one by one.
    #[must_use]
    pub fn reason(&self) -> String {
        match self.shared {
            Shared::All => "nearly all hosts fell silent at once".to_owned(),
            _ => format!("hosts {} fell silent together", self.name),
        }
    }

    /// Such as `12 of 20 hosts in 10.2.3.0/24 are silent`.
    #[must_use]
    pub fn title(&self) -> String {
        let silent = self.hosts.len();
        match self.shared {
            Shared::All => format!("{silent} of all {} hosts are silent: is it the server, or its network?", self.of),
            _ if silent >= self.of => format!("All {silent} hosts {} are silent", self.name),
            _ => format!("{silent} of {} hosts {} are silent", self.of, self.name),
        }
    }
}

/// Hosts whose silence waits for that of others. Memory of the process alone, made anew with every tick.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    waits: BTreeSet<CiId>,
    totals: Option<(Timestamp, BTreeMap<Shared, usize>)>,
}

// A cache: two worlds that know the same are equal whatever they wait for.
impl PartialEq for Watch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Why an alert waits or is told about elsewhere, as far as outages go.
pub(super) fn behind(world: &World, alert: &Alert) -> Option<dependency::Behind> {
    if !silence::is_of_silence(world, alert) {
        return None;
    }
    let ci = alert.key.ci;
    let outages = || world.alerts.outages.values();
    let outage = outages().find(|outage| outage.alerts.contains(&alert.id)).or_else(|| {
        let since = silence::quiet_since(world, ci).filter(|quiet| !quiet.goodbye)?.since;
        outages().find(|outage| takes_in(world, outage, (ci, since)) && !outage.returned.contains(&ci))
    });
    if let Some(outage) = outage {
        let incident = world.incidents.live.get(&outage.dedup_key()).copied();
        return Some(dependency::Behind { reason: outage.reason(), incident });
    }
    let waits = world.telemetry.watch.waits.contains(&ci);
    let held_s = || interval_of(world, ci).as_secs();
    let reason = || format!("others near it are overdue: for up to {} s it is seen whether they are silent too", held_s());
    waits.then(|| dependency::Behind { reason: reason(), incident: None })
}

/// Looks which hosts are about to fall silent together, before any of them does.
pub(super) fn look(world: &mut World, now: Timestamp) {
    let fresh = fresh(world, now);
    let mut watch = std::mem::take(&mut world.telemetry.watch);
    watch.waits.clear();
    if !fresh.is_empty() {
        watch.look(world, &fresh, now);
    }
    world.telemetry.watch = watch;
}

/// Hosts that went quiet not long ago, with when they may have.
fn fresh(world: &World, now: Timestamp) -> BTreeMap<CiId, Gone> {
    let Some(patience) = silence::loud_patience_ms(world) else { return BTreeMap::new() };
    let is_fresh = |quiet: &Quiet| {
        let interval = world.trust.pace_ms(quiet.agent);
        let patience = world.trust.patience_ms(quiet.agent, patience);
        let overdue = patience.saturating_sub(interval).max(patience / 2);
        (overdue..patience.saturating_add(interval * FRESH_INTERVALS)).contains(&quiet.ms)
    };
    let quiet = silence::expected(world, now).filter(|quiet| !quiet.goodbye && is_fresh(quiet));
    quiet.map(|Quiet { ci, since, agent, .. }| (ci, gone(world, agent, since))).collect()
}

/// Between which moments a host went: its last word, and when its next was due.
type Gone = (Timestamp, Timestamp);

fn gone(world: &World, agent: AgentId, since: Timestamp) -> Gone {
    (since, since.plus(world.trust.pace(agent)))
}

impl Watch {
    fn look(&mut self, world: &World, fresh: &BTreeMap<CiId, Gone>, now: Timestamp) {
        let outlook = Outlook::new(world, now);
        let fallen = |ci: &CiId| fresh.contains_key(ci) || outlook.is_down(*ci);
        let by_parent = |ci: &CiId| dependency::parents(world, *ci).values().any(|group| group.iter().all(fallen));
        self.waits.extend(fresh.keys().filter(|ci| by_parent(ci)));
        let sharing = Sharing::of(world, fresh.keys().copied());
        let possible: Vec<(&Shared, Vec<CiId>)> = sharing
            .iter()
            .map(|(shared, hosts)| (shared, together(hosts, fresh)))
            .filter(|(_, together)| together.len() >= HOSTS)
            .collect();
        if !possible.is_empty() {
            self.count(world, now);
            for (shared, together) in possible {
                if is_most(*shared == Shared::All, together.len(), self.total(shared)) {
                    self.waits.extend(together);
                }
            }
        }
        self.waits.retain(|ci| !has_waited(world, *ci, now));
    }

    /// Counts who shares what, once an interval.
    fn count(&mut self, world: &World, now: Timestamp) {
        let current = self.totals.as_ref().is_some_and(|(at, _)| *at <= now && now.since(*at) < interval());
        if current {
            return;
        }
        let Some(patience) = silence::loud_patience_ms(world) else { return };
        let stale = |agent: AgentId| world.trust.patience_ms(agent, patience).saturating_add(world.trust.pace_ms(agent) * FRESH_INTERVALS);
        let there = silence::expected(world, now).filter(|quiet| !quiet.goodbye && quiet.ms < stale(quiet.agent));
        let sharing = Sharing::of(world, there.map(|quiet| quiet.ci));
        self.totals = Some((now, sharing.iter().map(|(shared, hosts)| (shared.clone(), hosts.len())).collect()));
    }

    fn total(&self, shared: &Shared) -> usize {
        self.totals.as_ref().and_then(|(_, totals)| totals.get(shared)).copied().unwrap_or(0)
    }
}

/// The most hosts of these that may have gone at one moment.
fn together(hosts: &[CiId], gone: &BTreeMap<CiId, Gone>) -> Vec<CiId> {
    let mut dated: Vec<(Gone, CiId)> = hosts.iter().filter_map(|ci| Some((*gone.get(ci)?, *ci))).collect();
    dated.sort_unstable();
    let mut ends: Vec<Timestamp> = dated.iter().map(|((_, due), _)| *due).collect();
    ends.sort_unstable();
    let (mut best, mut most, mut over) = (None, 0, 0);
    for (place, ((since, _), _)) in dated.iter().enumerate() {
        // Nobody is due before its own last word, so those that are over have begun.
        over += ends[over..].iter().take_while(|due| *due < since).count();
        if place + 1 - over > most {
            (best, most) = (Some(*since), place + 1 - over);
        }
    }
    let includes = |(since, due): Gone| best.is_some_and(|moment| since <= moment && moment <= due);
    dated.iter().filter(|(gone, _)| includes(*gone)).map(|(_, ci)| *ci).collect()
}

fn is_most(of_all: bool, silent: usize, of: usize) -> bool {
    // All of the fleet is said of nine in ten at least: half a fleet that is silent has causes of its own.
    silent >= HOSTS && if of_all { silent * 10 >= of * 9 } else { silent * 2 >= of }
}

/// Whether a host's silence has been held for an interval.
fn has_waited(world: &World, ci: CiId, now: Timestamp) -> bool {
    let alerts = world.alerts.by_ci.get(&ci).map(|host| &host.alerts).into_iter().flatten();
    let mut alerts = alerts.filter_map(|id| world.alerts.alerts.get(id));
    alerts.any(|alert| {
        let fires = alert.state == AlertState::Firing && silence::is_of_silence(world, alert);
        fires && alert.fired_at.is_some_and(|at| now.since(at) >= interval_of(world, ci))
    })
}

/// Outages that begin, grow, shrink and end. Also the alerts of those that begin.
pub(super) fn tick(world: &World, now: Timestamp) -> (Vec<Event>, BTreeSet<AlertId>) {
    let mut events: Vec<AlertEvent> = world.alerts.outages.values().filter_map(|outage| returns(world, outage, now)).collect();
    let mut candidates = candidates(world, now);
    events.extend(joins(world, &mut candidates));
    if !candidates.is_empty() {
        events.extend(begins(world, candidates, now));
    }
    let of = |event: &AlertEvent| match event {
        AlertEvent::OutageBegan { outage } => outage.alerts.clone(),
        _ => BTreeSet::new(),
    };
    let about = events.iter().flat_map(of).collect();
    (events.into_iter().map(Event::Alert).collect(), about)
}

/// A silence alert that is to be told about somewhere.
struct Candidate {
    alert: AlertId,
    ci: CiId,
    agent: AgentId,
    since: Timestamp,
    fired_at: Timestamp,
}

/// Silence alerts that fire and are told about nowhere yet.
fn candidates(world: &World, now: Timestamp) -> Vec<Candidate> {
    let mut outlook = Outlook::new(world, now);
    let told: BTreeSet<AlertId> = world.alerts.outages.values().flat_map(|outage| &outage.alerts).copied().collect();
    let live = world.alerts.live.iter().filter_map(|id| world.alerts.alerts.get(id));
    live.filter(|alert| alert.state == AlertState::Firing && !told.contains(&alert.id) && silence::is_of_silence(world, alert))
        .filter(|alert| is_loud(world, alert) && !world.incidents.live.contains_key(&alert.key.dedup_key()))
        .filter_map(|alert| {
            let Quiet { since, agent, .. } = silence::quiet_since(world, alert.key.ci).filter(|quiet| !quiet.goodbye)?;
            let free = super::mute::mutes(world, alert, now).is_empty() && outlook.behind(alert.key.ci).is_none();
            let (alert, ci, fired_at) = (alert.id, alert.key.ci, alert.fired_at.unwrap_or(alert.since));
            free.then_some(Candidate { alert, ci, agent, since, fired_at })
        })
        .collect()
}

fn is_loud(world: &World, alert: &Alert) -> bool {
    let rule = world.rules.rules.get(&alert.key.rule).map(|known| &known.rule);
    rule.is_some_and(|rule| tier(rule, alert.severity.unwrap_or(Severity::Critical)) >= Tier::Ticket)
}

/// Those that belong to an outage that is there: its own hosts again or by a louder rule, and those that went quiet before it was told.
fn joins(world: &World, candidates: &mut Vec<Candidate>) -> Vec<AlertEvent> {
    let mut joined: BTreeMap<String, BTreeMap<AlertId, CiId>> = BTreeMap::new();
    candidates.retain(|candidate| {
        let suits = |(_, outage): &(&String, &Outage)| takes_in(world, outage, (candidate.ci, candidate.since));
        let Some((key, _)) = world.alerts.outages.iter().find(suits) else { return true };
        joined.entry(key.clone()).or_default().insert(candidate.alert, candidate.ci);
        false
    });
    joined.into_iter().map(|(outage, alerts)| AlertEvent::OutageGrew { outage, alerts }).collect()
}

/// Whether a host that has been quiet since a moment belongs to an outage: one of its own, or one that went quiet before it was told.
fn takes_in(world: &World, outage: &Outage, (ci, since): (CiId, Timestamp)) -> bool {
    outage.hosts.contains(&ci) || (since <= outage.began_at && sharing::shared_by(world, ci).contains(&outage.shared))
}

/// New outages among what is told about nowhere, once all that are overdue have fallen silent or had their time.
fn begins(world: &World, candidates: Vec<Candidate>, now: Timestamp) -> Vec<AlertEvent> {
    let waited = candidates.iter().any(|one| now.since(one.fired_at) >= world.trust.pace(one.agent));
    let silent: BTreeSet<CiId> = candidates.iter().map(|one| one.ci).collect();
    let all_fell = world.telemetry.watch.waits.iter().all(|ci| silent.contains(ci));
    if !waited && !all_fell {
        return Vec::new();
    }
    let mut left: BTreeMap<CiId, Gone> = candidates.iter().map(|one| (one.ci, gone(world, one.agent, one.since))).collect();
    let sharing = Sharing::of(world, left.keys().copied());
    let mut events = Vec::new();
    loop {
        let groups = sharing.iter().map(|(shared, hosts)| (shared, together(hosts, &left)));
        let fits = |(shared, hosts): &(&Shared, Vec<CiId>)| {
            is_most(**shared == Shared::All, hosts.len(), world.telemetry.watch.total(shared).max(hosts.len()))
        };
        // In order from narrow to wide: of equals the first counts.
        let best = groups.filter(fits).min_by_key(|(shared, hosts)| (std::cmp::Reverse(hosts.len()), (*shared).clone()));
        let Some((shared, hosts)) = best else { return events };
        left.retain(|ci, _| !hosts.contains(ci));
        let hosts: BTreeSet<CiId> = hosts.into_iter().collect();
        let alerts = candidates.iter().filter(|one| hosts.contains(&one.ci)).map(|one| one.alert).collect();
        let of = world.telemetry.watch.total(shared).max(hosts.len());
        let name = shared.describe(world);
        let returned = BTreeSet::new();
        let outage = Outage { shared: shared.clone(), name, of, alerts, hosts, returned, began_at: now, told_at: now };
        events.push(AlertEvent::OutageBegan { outage: Box::new(outage) });
    }
}

/// Hosts of an outage that are back: told once an interval, and when all are.
fn returns(world: &World, outage: &Outage, now: Timestamp) -> Option<AlertEvent> {
    let silent: BTreeSet<CiId> = outage
        .alerts
        .iter()
        .filter_map(|id| world.alerts.alerts.get(id))
        .filter(|alert| !matches!(alert.state, AlertState::Resolved | AlertState::Inactive))
        .map(|alert| alert.key.ci)
        .collect();
    let returned: BTreeSet<CiId> = outage.hosts.difference(&silent).copied().collect();
    if silent.is_empty() {
        return Some(AlertEvent::OutageEnded { outage: outage.dedup_key(), at: now });
    }
    let tells = returned != outage.returned && now.since(outage.told_at) >= interval();
    tells.then(|| AlertEvent::OutageShrank { outage: outage.dedup_key(), returned, at: now })
}

/// What follows when the incident of an outage opens: its alerts are told about there.
pub(super) fn told(world: &World, incident: &Incident, now: Timestamp) -> Vec<Event> {
    let outage = incident.dedup_key.as_ref().and_then(|key| world.alerts.outages.get(key));
    let Some(outage) = outage else { return Vec::new() };
    let (axis, reason, incident) = (Suppression::Dependency, Some(outage.reason()), Some(incident.id));
    let told = |&alert| AlertEvent::AlertSuppressed { alert, axis, reason: reason.clone(), incident, at: now };
    outage.alerts.iter().map(told).map(Event::Alert).collect()
}

/// Remembers an event. Total.
pub(super) fn apply(outages: &mut BTreeMap<String, Outage>, event: &AlertEvent) {
    match event {
        AlertEvent::OutageBegan { outage } => {
            outages.insert(outage.dedup_key(), (**outage).clone());
        }
        AlertEvent::OutageGrew { outage, alerts } => {
            if let Some(outage) = outages.get_mut(outage) {
                outage.alerts.extend(alerts.keys());
                outage.hosts.extend(alerts.values());
                outage.of = outage.of.max(outage.hosts.len());
                outage.returned.retain(|ci| !alerts.values().any(|silent| silent == ci));
            }
        }
        AlertEvent::OutageShrank { outage, returned, at } => {
            if let Some(outage) = outages.get_mut(outage) {
                (outage.returned, outage.told_at) = (returned.clone(), *at);
            }
        }
        AlertEvent::OutageEnded { outage, .. } => {
            outages.remove(outage);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
