//! What an item stands on is down: its own alerts say nothing that the alert there does not say better.
//!
//! An item is down when an alert fires on it whose rule says so: silence without a goodbye, or a rule that means that
//! ([`Rule::means_down`](crate::rule::Rule)), at a tier that people hear of, or an alert of another system that says so
//! ([`ExternalAlert::means_down`]). What stands on it is the container, the virtual machine,
//! the host behind a switch, what depends on it. Parents of one kind and class stand in for each other: only when all of them are down is
//! what stands on them suppressed. When they are back, it is held for one interval of its own agent more, so that it can come back
//! too.
//!
//! Invariants: the answer is a function of the state and the moment, whatever came first; items that stand on each other are not each
//! other's cause, so that of a ring somebody is always told; the walk is bounded.

use super::external::ExternalAlert;
use super::target::TARGET;
use super::{Alert, AlertState};
use crate::World;
use crate::ci::{Class, Lifecycle, RelationKind};
use crate::id::{CiId, IncidentId};
use crate::incident::react::tier;
use crate::rule::{Condition, Severity, Tier};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Settings;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Relations from an item to what it stands on, in a row: container, virtual machine, hypervisor, cluster, switch, router, and some.
const DEPTH: usize = 10;

/// Items that are looked at for a ring; what stands on more than these is nobody's cause.
const RING: usize = 500;

/// Relations of one item that are looked at.
const FANOUT: usize = 1_000;

/// Parents named in a reason.
const NAMED: usize = 3;

/// One full interval at the default: in so much time every host that is there has spoken, unless it told another one.
#[must_use]
pub fn interval() -> Duration {
    Duration::from_millis(Settings::default().push_interval_ms)
}

/// One full interval of an item: that of the agent that speaks for it, or for what it is part of or runs on.
#[must_use]
pub(super) fn interval_of(world: &World, ci: CiId) -> Duration {
    let speaker = |ci: CiId| world.telemetry.hosts.get(&ci).copied();
    let agent = speaker(ci).or_else(|| speaker(world.cmdb.cis.get(&ci)?.parent?));
    agent.map_or_else(interval, |agent| world.trust.pace(agent))
}

/// Why an alert is not told about, and which incident tells of it instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// For people.
    pub reason: String,
    /// Where it is told about.
    pub incident: Option<IncidentId>,
}

/// How an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Up,
    /// It was down until then, and what stands on it is held for an interval.
    Returned(Timestamp),
    Down,
}

impl Standing {
    /// What it means for something that stands on it and has an interval of its own.
    fn held_for(self, interval: Duration, now: Timestamp) -> Self {
        match self {
            Self::Returned(at) if now >= at.plus(interval) => Self::Up,
            standing => standing,
        }
    }
}

/// What all parents of one kind have in common.
type Kind = (RelationKind, Class);

/// What is known of the items at a moment; remembers what it has found.
pub struct Outlook<'a> {
    world: &'a World,
    now: Timestamp,
    known: BTreeMap<CiId, Standing>,
}

impl<'a> Outlook<'a> {
    /// At a moment.
    #[must_use]
    pub fn new(world: &'a World, now: Timestamp) -> Self {
        Self { world, now, known: BTreeMap::new() }
    }

    /// Why an alert of an item is suppressed by what the item stands on.
    pub fn behind(&mut self, ci: CiId) -> Option<Behind> {
        let mut held: Option<Behind> = None;
        let interval = interval_of(self.world, ci);
        for ((kind, _), group) in parents(self.world, ci) {
            let standing = self.all(&group, 0).held_for(interval, self.now);
            if standing == Standing::Up || group.iter().any(|&parent| reaches(self.world, parent, ci)) {
                continue;
            }
            let names = names(self.world, &group);
            let (which, is) = (word(kind), if group.len() > 1 { "are" } else { "is" });
            match standing {
                Standing::Down => {
                    let incident = group.iter().find_map(|&parent| self.incident(parent, DEPTH));
                    return Some(Behind { reason: format!("{names}, {which}, {is} down"), incident });
                }
                Standing::Returned(at) => {
                    let until = at.plus(interval);
                    let reason = format!("{names}, {which}, {is} back; what stands on it is held until {until}");
                    held = Some(Behind { reason, incident: None });
                }
                Standing::Up => {}
            }
        }
        held
    }

    /// Whether an item is down by an alert of its own.
    #[must_use]
    pub fn is_down(&self, ci: CiId) -> bool {
        self.own(ci) == Standing::Down
    }

    fn all(&mut self, group: &[CiId], depth: usize) -> Standing {
        group.iter().map(|&parent| self.standing(parent, depth)).min().unwrap_or(Standing::Up)
    }

    fn standing(&mut self, ci: CiId, depth: usize) -> Standing {
        if let Some(&known) = self.known.get(&ci) {
            return known;
        }
        let own = self.own(ci);
        // What speaks is not cut off by what it stands on.
        if own == Standing::Down || depth >= DEPTH || speaks(self.world, ci) {
            self.known.insert(ci, own);
            return own;
        }
        // In a ring nothing is down by way of itself.
        self.known.insert(ci, own);
        let mut worst = own;
        for group in parents(self.world, ci).into_values() {
            worst = worst.max(self.all(&group, depth + 1));
        }
        self.known.insert(ci, worst);
        worst
    }

    /// By its own alerts.
    fn own(&self, ci: CiId) -> Standing {
        let mut own = Standing::Up;
        for alert in down_alerts(self.world, ci) {
            own = own.max(match (alert.state, alert.before_unknown) {
                (AlertState::Firing | AlertState::Recovering, _)
                | (AlertState::Unknown, Some(AlertState::Firing | AlertState::Recovering)) => Standing::Down,
                (AlertState::Resolved, _) => alert.resolved_at.map_or(Standing::Up, Standing::Returned),
                _ => Standing::Up,
            });
        }
        for alert in self.world.alerts.external.about(ci).filter(|alert| alert.means_down()) {
            own = own.max(if alert.fires() { Standing::Down } else { Standing::Returned(alert.changed_at) });
        }
        own
    }

    /// The open incident that tells of an item being down: its own, or of what it stands on itself.
    fn incident(&self, ci: CiId, depth: usize) -> Option<IncidentId> {
        let open = |key: &str, told_by: Option<IncidentId>| {
            let live = self.world.incidents.live.get(key).copied();
            told_by.or(live).filter(|id| self.world.incidents.incidents.get(id).is_some_and(|one| one.state.is_open()))
        };
        let of = |alert: &Alert| open(&alert.key.dedup_key(), alert.told_by);
        let of_external = |alert: &ExternalAlert| open(&alert.dedup_key(), alert.told_by);
        let external = || self.world.alerts.external.about(ci).filter(|alert| alert.means_down());
        let own = down_alerts(self.world, ci).find_map(of).or_else(|| external().find_map(of_external));
        let above = || parents(self.world, ci).into_values().flatten().find_map(|parent| self.incident(parent, depth - 1));
        if own.is_none() && depth > 1 && !self.is_down(ci) { above() } else { own }
    }
}

/// Alerts of an item that say that it is down, whatever their state.
fn down_alerts(world: &World, ci: CiId) -> impl Iterator<Item = &Alert> {
    let alerts = world.alerts.by_ci.get(&ci).map(|host| &host.alerts).into_iter().flatten();
    alerts.filter_map(|id| world.alerts.alerts.get(id)).filter(|alert| says_down(world, alert))
}

fn says_down(world: &World, alert: &Alert) -> bool {
    let Some(rule) = world.rules.rules.get(&alert.key.rule).map(|known| &known.rule) else { return false };
    let severity = alert.severity.unwrap_or(Severity::Critical);
    let means = match rule.condition {
        // Somebody stopped the agent: the host is as it was.
        Condition::AgentSilent { .. } | Condition::HostSilent { .. } => !said_goodbye(world, alert.key.ci),
        // One whose target nobody knows is told of the host that looks, which is up.
        Condition::TargetCheck { .. } => rule.means_down && !alert.key.attributes.contains_key(TARGET),
        _ => rule.means_down,
    };
    rule.enabled && means && tier(rule, severity) >= Tier::Ticket
}

fn said_goodbye(world: &World, ci: CiId) -> bool {
    let agent = world.telemetry.hosts.get(&ci).and_then(|agent| world.telemetry.agents.get(agent));
    agent.is_some_and(|state| state.goodbye.is_some())
}

fn speaks(world: &World, ci: CiId) -> bool {
    let agent = world.telemetry.hosts.get(&ci).and_then(|agent| world.telemetry.agents.get(agent));
    agent.is_some_and(|state| !state.silent)
}

/// What an item stands on, by kind: its host, its hypervisor or cluster, what it depends on, the switches that it is wired to; for a
/// cluster or a service its members.
pub(super) fn parents(world: &World, ci: CiId) -> BTreeMap<Kind, Vec<CiId>> {
    let cmdb = &world.cmdb;
    let mut found: BTreeMap<Kind, Vec<CiId>> = BTreeMap::new();
    let Some(own) = cmdb.cis.get(&ci) else { return found };
    let is_device = |id: CiId| cmdb.record(id).is_some_and(|ci| ci.class.is_a(Class::NetworkDevice));
    let mut add = |kind: RelationKind, other: CiId, of_class: bool| {
        let Some(other) = cmdb.record(other).filter(|other| other.id != ci && is_there(other.status)) else { return };
        let class = if of_class { other.class } else { own.class };
        let group = found.entry((kind, class)).or_default();
        if !group.contains(&other.id) {
            group.push(other.id);
        }
    };
    if let Some(host) = own.parent {
        add(RelationKind::RunsOn, host, true);
    }
    for relation in cmdb.links.of(ci).take(FANOUT) {
        let other = if relation.from == ci { relation.to } else { relation.from };
        match relation.kind {
            RelationKind::RunsOn | RelationKind::HostedOn | RelationKind::DependsOn if relation.from == ci => {
                add(relation.kind, other, true);
            }
            RelationKind::ConnectsTo if is_device(other) && !own.class.is_a(Class::NetworkDevice) => add(relation.kind, other, true),
            RelationKind::MemberOf if relation.to == ci => add(relation.kind, other, false),
            _ => {}
        }
    }
    found
}

/// Whether the way from one item to what it stands on leads to another. What stands on too much to say counts as if it did.
fn reaches(world: &World, from: CiId, to: CiId) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut next = VecDeque::from([from]);
    while let Some(here) = next.pop_front() {
        for parent in parents(world, here).into_values().flatten() {
            if parent == to || seen.len() >= RING {
                return true;
            }
            if seen.insert(parent) {
                next.push_back(parent);
            }
        }
    }
    false
}

fn is_there(status: Lifecycle) -> bool {
    !matches!(status, Lifecycle::Missing | Lifecycle::Retired | Lifecycle::Disposed)
}

fn names(world: &World, group: &[CiId]) -> String {
    let name = |id: &CiId| world.cmdb.cis.get(id).map_or_else(|| id.to_string(), |ci| ci.name.clone());
    let mut names: Vec<String> = group.iter().take(NAMED).map(name).collect();
    if group.len() > NAMED {
        names.push(format!("{} more", group.len() - NAMED));
    }
    names.join(" and ")
}

fn word(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::RunsOn => "which it runs on",
        RelationKind::HostedOn => "which it lives on",
        RelationKind::DependsOn => "which it depends on",
        RelationKind::MemberOf => "which it consists of",
        RelationKind::ConnectsTo => "which it is connected to",
        RelationKind::Contains | RelationKind::InstalledOn | RelationKind::ManagedBy => "which it needs",
    }
}

#[cfg(test)]
mod tests;
