//! The fold of the sample journal: each agent's progress, freshness and recent values, and the windows of its rules.
//!
//! Invariants: bounded per agent (the last value of each series, twelve buckets a window); folding a sample set that matches no
//! transition compares numbers only; plans and slots are caches, rebuilt from rules and alerts, never stored.

use super::flapping::History;
use super::machine::Position;
use super::{AlertState, Alerts};
use crate::ci::Ci;
use crate::copy_on_write::CopyOnWrite;
use crate::id::{AlertId, CiId};
use crate::journal::{JournalEntry, Sign};
use crate::rule::Rules;
use crate::rule::baseline::Baseline;
use crate::rule::plan::{self, Judges, Memories, Plan, PlanKey, Probe};
use crate::rule::query::STALE_MS;
use crate::rule::select;
use crate::rule::thresholds::Tables;
use crate::rule::window::Window;
use crate::{Content, World};
pub use clock::Correction;
pub(super) use lost::LastWord;
pub use newest::{Current, Newest};
pub use overfull::LeftOut;
use rollcall_shared::message::Settings;
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, ContentHash, Timestamp};
pub use seen_by::SeenBy;
use serde::{Deserialize, Serialize};
pub(super) use set_back::CLOCK_STEP_MS;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Characters kept of a goodbye's reason: a line for people.
const GOODBYE_CHARS: usize = 300;

/// A pause after which who speaks again begins anew: three times what Prometheus looks back for.
pub(super) const STEADY: Duration = Duration::from_secs(900);

/// Plans kept beyond those in use, before unused ones are dropped.
const SPARE_PLANS: usize = 256;

/// What is known of each agent's sequence, freshness and recent values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    #[serde(with = "crate::ci::packed")]
    pub(super) agents: BTreeMap<AgentId, CopyOnWrite<AgentState>>,
    /// The agent that spoke last for each host: after a new enrolment the old one's silence means nothing.
    #[serde(with = "crate::ci::packed")]
    pub(super) hosts: BTreeMap<CiId, AgentId>,
    pub(super) resumed_at: Option<Timestamp>,
    #[serde(skip)]
    pub(super) walk: super::inventory::Walk,
    #[serde(skip)]
    pub(super) watch: super::outage::Watch,
    #[serde(skip)]
    pub(super) round: super::collected::Round,
    #[serde(skip)]
    pub(super) targets: super::target::Targets,
    #[serde(skip)]
    overfull: overfull::Overfull,
    #[serde(skip)]
    plans: Plans,
    #[serde(skip)]
    tables: Tables,
}

/// What is known of one agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AgentState {
    pub(super) epoch: u64,
    pub(super) through: u64,
    pub(super) last_seen: Timestamp,
    /// Since when it has spoken without a pause of [`STEADY`]; `None` when it has not spoken since that is noted.
    #[serde(default)]
    pub(super) steady_since: Option<Timestamp>,
    pub(super) skew_ms: i64,
    #[serde(default)]
    correction_ms: i64,
    /// Why it stopped on purpose.
    pub(super) goodbye: Option<String>,
    /// Whether it was found silent and has not spoken since.
    pub(super) silent: bool,
    /// Table of the newest set.
    pub(super) table: Option<ContentHash>,
    /// First set with this table.
    pub(super) table_since: Timestamp,
    /// Time of the newest set, never later than it came.
    pub(super) measured_at: Option<Timestamp>,
    latest: Vec<Option<f64>>,
    /// When each of `latest` was measured, for a collector, whose series come apart from each other; empty for an agent.
    #[serde(default)]
    times: Vec<Timestamp>,
    windows: Vec<Window>,
    #[serde(default)]
    baselines: Vec<Baseline>,
    #[serde(skip)]
    pub(super) view: View,
}

/// An agent's values as its plan sees them.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) slots: Vec<Slot>,
    /// Slots whose series is not in the current table, while an entry is taken in.
    parked: Vec<(u64, Slot)>,
    /// Revision of the host's alerts that the slots agree with.
    reconciled: u64,
    /// Whether there are slots that no alert was looked up for yet.
    unsettled: bool,
    /// Version of its settings at its last push.
    applied: Option<u64>,
    /// What applies to the host beyond its class.
    scope: ScopeFound,
}

/// What applies to a host beyond its class, and how long that holds.
#[derive(Clone, Copy, Debug, Default)]
struct ScopeFound {
    name: u64,
    /// Revisions of the host and of the rules that it was found under.
    under: (u64, u64),
    /// Until when it holds, when rules ask for more than what is written on the host.
    until: Option<Timestamp>,
}

/// What a host is judged by.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    /// What selectors look at.
    pub(super) world: &'a World,
    pub(super) rules: &'a Rules,
    pub(super) host: Option<&'a Ci>,
    pub(super) now: Timestamp,
}

/// The machine of one entry of the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) position: Position,
    pub(super) alert: Option<AlertId>,
    /// When there last was a number to judge, as of the oldest value that it was made of; for an absence, when one of its series came.
    pub(super) last_value: Timestamp,
    /// Whether what its entry looks for is known to come.
    expected: bool,
    /// Its last states.
    history: History,
    /// Whether it counts as flapping.
    pub(super) flaps: bool,
    /// Whether it was carried over or looked up.
    settled: bool,
}

/// What a sample set led to.
#[derive(Clone, Debug)]
pub(super) enum Finding {
    /// A step worth an event.
    Moved(Transition),
    /// The alert of this entry begins (with how much) or ends to flap.
    Flapped { entry: usize, percent: Option<f64>, at: Timestamp },
}

/// A step worth an event.
#[derive(Clone, Debug)]
pub(super) struct Transition {
    pub(super) entry: usize,
    pub(super) before: Position,
    pub(super) after: Position,
    pub(super) value: f64,
    pub(super) at: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Plans {
    known: BTreeMap<PlanKey, Arc<Plan>>,
    judges: Judges,
    foreign: foreign::Foreign,
}

// Caches: two worlds that know the same are equal whatever they have cached.
impl PartialEq for Plans {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl PartialEq for View {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Telemetry {
    /// Forgets agents and hosts that are no more.
    pub fn keep(&mut self, is_agent: impl Fn(AgentId) -> bool, is_host: impl Fn(CiId) -> bool) {
        self.agents.retain(|&agent, _| is_agent(agent));
        self.hosts.retain(|&host, &mut agent| is_host(host) && is_agent(agent));
    }

    /// Forgets one agent.
    pub(crate) fn forget(&mut self, agent: AgentId) {
        self.agents.remove(&agent);
        self.overfull.note(agent, None);
    }

    /// The server begins to listen: silence counts from now at the earliest, for it was the server that was away.
    pub fn resume(&mut self, now: Timestamp) {
        self.resumed_at = Some(now);
    }

    /// Waits for an agent of which nothing is known, as if it had spoken then and never since; `false` when it is known.
    pub(crate) fn await_agent(&mut self, agent: AgentId, ci: CiId, spoke_at: Timestamp) -> bool {
        if self.agents.contains_key(&agent) {
            return false;
        }
        self.agents.entry(agent).or_default().last_seen = spoke_at;
        self.hosts.entry(ci).or_insert(agent);
        true
    }

    /// A copy of all that a snapshot stores, without the caches beside it; those of an agent's own values come along.
    pub(crate) fn without_projections(&self) -> Self {
        let Self { agents, hosts, resumed_at, walk: _, watch: _, round: _, targets: _, overfull: _, plans: _, tables: _ } = self;
        Self { agents: agents.clone(), hosts: hosts.clone(), resumed_at: *resumed_at, ..Self::default() }
    }

    /// Brings back the caches after a snapshot was loaded, so that the newest values can be read at once.
    pub fn rebuild(&mut self, world: &World, content: &dyn Content) {
        for (&agent, state) in &mut self.agents {
            let host = world.trust.host_of(agent).and_then(|ci| world.cmdb.cis.get(&ci));
            let seen = Seen { world, rules: &world.rules, host, now: state.last_seen };
            let scope = state.view.scope(seen);
            if let (Some(table), Some(at)) = (state.table, state.measured_at)
                && let Some(plan) = self.plans.get(seen, (table, scope), content)
            {
                state.attach(plan, at);
            }
            self.targets.note(agent, state.view.plan.as_deref());
            self.overfull.note(agent, state.view.plan.as_deref());
        }
    }

    /// Takes note of who spoke, when, and how far it got.
    pub(super) fn hear(&mut self, entry: &JournalEntry, ci: Option<CiId>) {
        let is_other = ci.is_some_and(|ci| self.hosts.get(&ci) != Some(&entry.agent));
        if let Some(ci) = ci.filter(|_| is_other) {
            self.hosts.insert(ci, entry.agent);
        }
        let state = self.agents.entry(entry.agent).or_default();
        if is_other {
            state.view.distrust();
        }
        if set_back::is_wrong(state.last_seen, entry.received_at) {
            state.forget_times(entry.received_at);
        }
        if entry.epoch > state.epoch {
            (state.epoch, state.through) = (entry.epoch, entry.through);
        } else if entry.epoch == state.epoch {
            state.through = state.through.max(entry.through);
        }
        let is_steady = state.last_seen <= entry.received_at && entry.received_at.since(state.last_seen) < STEADY;
        state.steady_since = state.steady_since.filter(|_| is_steady).or(Some(entry.received_at));
        (state.last_seen, state.skew_ms, state.silent) = (entry.received_at, entry.skew_ms, false);
        state.correction_ms = clock::believed(state.correction_ms, entry.skew_ms);
        if !entry.sets.is_empty() {
            state.goodbye = None;
        }
        for sign in &entry.signs {
            match sign {
                Sign::Started(_) => state.goodbye = None,
                Sign::Goodbye(reason) => state.goodbye = Some(reason.chars().take(GOODBYE_CHARS).collect()),
                Sign::Reported(_) | Sign::Ended { .. } => {}
            }
        }
    }

    /// Makes sure that the agent's slots belong to the table, host and rules at hand. `None` when the table is not stored, and for a set
    /// of an agent that is older than the newest.
    pub(super) fn prepare(
        &mut self,
        world: &World,
        set: &SampleSet,
        (agent, ci): (AgentId, Option<CiId>),
        (content, now): (&dyn Content, Timestamp),
    ) -> Option<&mut AgentState> {
        let state = self.agents.get_mut(&agent)?;
        // What is older than an agent's newest changes nothing, least of all which table the newest values are of. A collector's series
        // are late each by itself.
        if !world.trust.collectors.contains(agent) && state.measured_at.is_some_and(|newest| set.at.min(now) < newest) {
            return None;
        }
        let host = ci.and_then(|ci| world.cmdb.cis.get(&ci));
        let seen = Seen { world, rules: &world.rules, host, now };
        let suits = state.suit(&mut self.plans, seen, set, content);
        self.targets.note(agent, state.view.plan.as_deref());
        self.overfull.note(agent, state.view.plan.as_deref());
        suits.then_some(state)
    }

    /// Newest values of a check about another item; none when they are older than a moment.
    pub(super) fn probed(&self, agent: AgentId, since: Timestamp) -> impl Iterator<Item = (&Probe, f64)> {
        let state = self.agents.get(&agent).filter(|state| !state.silent && state.measured_at.is_some_and(|at| at >= since));
        let plan = state.and_then(|state| Some((state, state.view.plan.as_deref()?)));
        let values = plan.map(|(state, plan)| plan.probes.iter().filter_map(|probe| Some((probe, (*state.latest.get(probe.series)?)?))));
        values.into_iter().flatten()
    }

    /// Drops plans that no agent uses any more.
    pub(super) fn sweep(&mut self) {
        if self.plans.known.len() > self.agents.len() + SPARE_PLANS {
            self.plans.known.retain(|_, plan| Arc::strong_count(plan) > 1);
        }
    }
}

impl Plans {
    fn get(&mut self, seen: Seen<'_>, (table, scope): (ContentHash, u64), content: &dyn Content) -> Option<Arc<Plan>> {
        let key = PlanKey { table, class: seen.host.map(|host| host.class), scope };
        let known = self.known.get(&key);
        if let Some(plan) = known.filter(|plan| plan.revision == seen.rules.revision) {
            return Some(Arc::clone(plan));
        }
        let plan = Arc::new(Plan::compile(seen.rules, key, content.section(&table)?, (seen.world, seen.host), &mut self.judges));
        self.known.insert(key, Arc::clone(&plan));
        self.foreign.note(plan.series());
        Some(plan)
    }
}

impl View {
    /// What applies to the host beyond its class; looked up anew only when the host or the rules changed.
    fn scope(&mut self, seen: Seen<'_>) -> u64 {
        let under = (seen.host.map_or(0, |host| host.revision), seen.rules.revision);
        if self.scope.under != under || self.scope.until.is_some_and(|until| seen.now >= until) {
            let until = seen.rules.rules.values().any(|known| select::asks_around(&known.rule)).then(|| Timestamp(seen.now.0 + STALE_MS));
            self.scope = ScopeFound { under, until, name: plan::scope(seen.rules, seen.world, seen.host) };
        }
        self.scope.name
    }
}

impl Default for AgentState {
    fn default() -> Self {
        Self {
            epoch: 0,
            through: 0,
            last_seen: Timestamp(0),
            steady_since: None,
            skew_ms: 0,
            correction_ms: 0,
            goodbye: None,
            silent: false,
            table: None,
            table_since: Timestamp(0),
            measured_at: None,
            latest: Vec::new(),
            times: Vec::new(),
            windows: Vec::new(),
            baselines: Vec::new(),
            view: View::default(),
        }
    }
}

impl AgentState {
    /// Takes over the plan for the table, host and rules at hand, if it has another one. `false` when the table is not stored.
    pub(super) fn suit(&mut self, plans: &mut Plans, seen: Seen<'_>, set: &SampleSet, content: &dyn Content) -> bool {
        let scope = self.view.scope(seen);
        let key = PlanKey { table: set.table, class: seen.host.map(|host| host.class), scope };
        if self.view.plan.as_ref().is_some_and(|plan| plan.revision == seen.rules.revision && plan.key == key) {
            return true;
        }
        let Some(plan) = plans.get(seen, (set.table, scope), content) else { return false };
        self.attach(plan, set.at);
        true
    }

    /// The states of its machines, also of series that its current table does not have.
    pub(super) fn raised(&self) -> impl Iterator<Item = AlertState> {
        let parked = self.view.parked.iter().map(|(_, slot)| slot);
        self.view.slots.iter().chain(parked).map(|slot| slot.position.state)
    }

    /// Takes over a plan: windows and machines of series that stay are kept.
    fn attach(&mut self, plan: Arc<Plan>, at: Timestamp) {
        let mut windows: BTreeMap<u64, Window> = self.windows.drain(..).map(|window| (window.tag, window)).collect();
        self.windows = plan.windows.iter().map(|&tag| windows.remove(&tag).unwrap_or_else(|| Window::new(tag))).collect();
        let mut baselines: BTreeMap<u64, Baseline> = self.baselines.drain(..).map(|baseline| (baseline.tag, baseline)).collect();
        self.baselines = plan.baselines.iter().map(|&tag| baselines.remove(&tag).unwrap_or_else(|| Baseline::new(tag))).collect();
        self.carry(&plan);
        if let Some(old) = self.view.plan.take() {
            let slots = self.view.slots.drain(..);
            self.view.parked.extend(old.entries.iter().zip(slots).map(|(entry, slot)| (entry.tag, slot)));
        }
        let parked: BTreeMap<u64, Slot> = self.view.parked.drain(..).collect();
        let fresh = Slot {
            position: Position::INACTIVE,
            alert: None,
            last_value: at,
            expected: false,
            history: History::default(),
            flaps: false,
            settled: false,
        };
        self.view.slots = plan.entries.iter().map(|entry| parked.get(&entry.tag).copied().unwrap_or(fresh)).collect();
        let idle = |slot: &Slot| slot.position.state == AlertState::Inactive;
        self.view.parked = parked.into_iter().filter(|(tag, slot)| !idle(slot) && plan.position(*tag).is_none()).collect();
        (self.view.plan, self.view.unsettled) = (Some(plan), true);
    }

    /// Brings the slots in line with the alerts, which are the truth: after a restart, a new table, or a decision made elsewhere.
    /// Within an entry (`first` is false) only slots that are new are looked up: what the entry's earlier sets led to is not yet
    /// among the alerts.
    pub(super) fn reconcile(&mut self, alerts: &Alerts, ci: CiId, first: bool) {
        let Some(plan) = &self.view.plan else { return };
        let host = alerts.by_ci.get(&ci);
        let revision = host.map_or(0, |host| host.revision);
        let whole = first && revision != self.view.reconciled;
        if !whole && !self.view.unsettled {
            return;
        }
        if whole {
            self.view.reconciled = revision;
            self.view.parked.clear();
            self.view.slots.iter_mut().for_each(|slot| slot.settled = false);
        }
        for alert in host.iter().flat_map(|host| &host.alerts).filter_map(|id| alerts.alerts.get(id)) {
            let slot = plan.position(tag(alert)).and_then(|position| self.view.slots.get_mut(position));
            if let Some(slot) = slot.filter(|slot| !slot.settled) {
                // Several collectors may measure what one alert is of.
                let position = if plan.comes_apart { alert.position() } else { slot.caught_up(alert) };
                (slot.position, slot.alert, slot.flaps, slot.settled) = (position, Some(alert.id), alert.flaps(), true);
            }
        }
        for slot in self.view.slots.iter_mut().filter(|slot| !slot.settled) {
            (slot.position, slot.alert, slot.flaps, slot.settled) = (Position::INACTIVE, None, false, true);
        }
        self.view.unsettled = false;
    }

    /// Since when nothing is known of the alert's series; `None` while its values come, before any came, and for an absence.
    pub(super) fn vanished_since(&self, alert: &super::Alert) -> Option<Timestamp> {
        let plan = self.view.plan.as_ref()?;
        match plan.position(tag(alert)) {
            Some(position) if plan.entries.get(position).is_some_and(plan::Entry::is_absence) => None,
            Some(position) => self.view.slots.get(position).map(|slot| slot.last_value),
            None => Some(self.table_since),
        }
    }
}

fn tag(alert: &super::Alert) -> u64 {
    plan::tag(&alert.key.rule, alert.key.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

mod clock;
mod foreign;
mod heard;
mod lost;
mod newest;
mod news;
mod overfull;
mod seen_by;
mod set_back;
mod settings;
#[cfg(test)]
mod tests;
