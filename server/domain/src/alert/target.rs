//! Checks that agents run against other items: a switch has no agent, but others see whether it answers.
//!
//! A check that names a target is judged as a state of the item that the name means. Several agents may run one check against one item: it
//! is as good as the best of their fresh results says, for what one of them reaches can be reached. A name that means no item, or several,
//! leaves the alert with the host of the agent that looks, with the reason.
//!
//! Invariants: only results of agents that have spoken lately count; without any an alert becomes unknown and never resolves; names are
//! looked up a few at a time, for each look-up goes through all items.

use super::dependency::interval;
use super::dropped::{self, Dropped};
use super::external::place;
use super::machine::{self, Judged, Timing};
use super::observe::{moved, transitioned};
use super::{Alert, AlertKey, flapping, output, wording};
use crate::ci::lifecycle::is_out_of_use;
use crate::id::{AlertId, CiId, RuleId};
use crate::rule::plan::{Plan, TARGET_STATE};
use crate::rule::select::effective;
use crate::rule::{Asks, Condition, Flapping, NoData, Rule, Severity};
use crate::{Content, Context, Event, World};
use rollcall_shared::{AgentId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Attribute of an alert: the name of its check.
pub const CHECK: &str = "check";

/// Attribute of an alert whose target means no item: the name of the target.
pub const TARGET: &str = "target";

/// Attribute of a series: what its check asks of the item.
const ASKS: &str = "asks";

/// Push intervals for which the newest result of an agent counts: after as many it is silent.
const FRESH_INTERVALS: u32 = 3;

/// How long it is known which item a name means.
const KNOWN: Duration = Duration::from_secs(60);

/// Names looked up in one tick: each takes up to three milliseconds with 100,000 hosts, and agents wait meanwhile.
const LOOKUPS: usize = 5;

/// Results judged in one tick, in the order of their agents: what a fleet with some probes on each network has, many times over.
const OUTCOMES: usize = 20_000;

/// Hosts named in a reason.
const NAMED: usize = 3;

/// What is looked at, and what names mean. Memory of the process alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    /// Agents that look at other items.
    agents: BTreeSet<AgentId>,
    places: BTreeMap<String, Place>,
    /// The last states of alerts that fresh results are about.
    histories: BTreeMap<AlertKey, flapping::History>,
}

#[derive(Clone, Debug)]
struct Place {
    looked_at: Timestamp,
    found: Result<CiId, String>,
}

// A cache: two worlds that know the same are equal whatever they have looked up.
impl PartialEq for Targets {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Targets {
    /// Takes note of whether an agent looks at other items.
    pub(super) fn note(&mut self, agent: AgentId, plan: Option<&Plan>) {
        let looks = plan.is_some_and(|plan| !plan.probes.is_empty());
        if looks != self.agents.contains(&agent) {
            if looks {
                self.agents.insert(agent)
            } else {
                self.agents.remove(&agent)
            };
        }
    }

    /// Takes note of where an alert is; the event that it begins or ends to flap.
    fn flapped(
        &mut self,
        world: &World,
        key: &AlertKey,
        (position, lines): (machine::Position, Flapping),
        now: Timestamp,
    ) -> Option<Event> {
        let alert = world.alerts.alerts.get(world.alerts.keys.get(key)?)?;
        let history = self.histories.entry(key.clone()).or_default();
        history.note(flapping::noted(position), now);
        let flaps = history.turns(alert.flaps(), lines)?;
        Some(if flaps { flapping::begins(alert, history.percent(), now) } else { flapping::ends(alert, now) })
    }

    /// Finds out what names mean, the longest unseen first; forgets those that nobody uses.
    fn look_up(&mut self, world: &World, names: &BTreeSet<&str>, now: Timestamp) {
        self.places.retain(|name, _| names.contains(name.as_str()));
        let age = |name: &&str| self.places.get(*name).map(|place| place.looked_at);
        let is_due = |name: &&str| age(name).is_none_or(|at| at > now || now.since(at) >= KNOWN);
        let mut due: Vec<&str> = names.iter().copied().filter(|name| is_due(name)).collect();
        due.sort_by_key(age);
        for name in due.into_iter().take(LOOKUPS) {
            let found = place::find(world, name, now);
            self.places.insert(name.to_owned(), Place { looked_at: now, found });
        }
    }
}

/// What a rule says of one subject.
struct Verdict {
    key: AlertKey,
    /// Where its alert is from now on, and from when on it counts as flapping; `None` when the results say nothing.
    position: Option<(machine::Position, Flapping)>,
    event: Option<Event>,
}

/// A fresh result of a check about another item.
#[derive(Clone, Debug)]
struct Outcome {
    host: CiId,
    check: String,
    target: String,
    asks: Asks,
    state: f64,
}

/// What is judged together: the results of one check about one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    ci: CiId,
    asks: Asks,
    attributes: BTreeMap<String, String>,
}

/// What fresh results say now.
pub(super) fn tick(world: &mut World, context: &mut Context<'_>) -> Vec<Event> {
    let now = context.now;
    let rules: Vec<Rule> = world.rules.rules.values().map(|known| &known.rule).filter(|rule| asks(rule).is_some()).cloned().collect();
    if world.telemetry.targets.agents.is_empty() && world.alerts.live.is_empty() {
        return Vec::new();
    }
    let outcomes = outcomes(world, now);
    let mut targets = std::mem::take(&mut world.telemetry.targets);
    targets.look_up(world, &outcomes.iter().map(|one| one.target.as_str()).collect(), now);
    let is_placed = |one: &Outcome| targets.places.contains_key(&one.target);
    let all_placed = outcomes.iter().all(is_placed);
    let subjects = subjects(&targets, outcomes);
    let mut events = Vec::new();
    let mut judged: BTreeSet<AlertKey> = BTreeSet::new();
    for rule in rules.iter().filter(|rule| rule.enabled) {
        for (subject, outcomes) in &subjects {
            if let Some(Verdict { key, position, event }) = judge(world, rule, (subject, outcomes, &targets), context) {
                events.extend(event);
                events.extend(position.and_then(|position| targets.flapped(world, &key, position, now)));
                judged.insert(key);
            }
        }
    }
    if all_placed {
        events.extend(unjudged(world, &rules, (&judged, &targets), now));
    }
    targets.histories.retain(|key, _| judged.contains(key));
    world.telemetry.targets = targets;
    events
}

fn asks(rule: &Rule) -> Option<(Asks, Option<&str>)> {
    match &rule.condition {
        Condition::TargetCheck { asks, check } => Some((*asks, check.as_deref())),
        _ => None,
    }
}

fn outcomes(world: &World, now: Timestamp) -> Vec<Outcome> {
    let speaks = |agent: AgentId| {
        let host = world.trust.agents.get(&agent)?.ci?;
        let is_used = world.cmdb.cis.get(&host).is_none_or(|ci| !is_out_of_use(ci.status));
        (is_used && world.telemetry.speaker(host) == Some(agent)).then_some((agent, host))
    };
    let agents = world.telemetry.targets.agents.iter().filter_map(|agent| speaks(*agent));
    let of = |(agent, host): (AgentId, CiId)| {
        let since = now.minus(world.trust.pace(agent) * FRESH_INTERVALS);
        world.telemetry.probed(agent, since).map(move |(probe, state)| Outcome {
            host,
            check: probe.check.clone(),
            target: probe.target.clone(),
            asks: probe.asks,
            state,
        })
    };
    agents.flat_map(of).take(OUTCOMES).collect()
}

/// Results by what they are about. One whose name has not been looked up yet waits for that.
fn subjects(targets: &Targets, outcomes: Vec<Outcome>) -> BTreeMap<Subject, Vec<Outcome>> {
    let mut subjects: BTreeMap<Subject, Vec<Outcome>> = BTreeMap::new();
    for one in outcomes {
        let Some(place) = targets.places.get(&one.target) else { continue };
        let mut attributes = BTreeMap::from([(CHECK.to_owned(), one.check.clone())]);
        let ci = place.found.clone().unwrap_or_else(|_| {
            attributes.insert(TARGET.to_owned(), one.target.clone());
            one.host
        });
        subjects.entry(Subject { ci, asks: one.asks, attributes }).or_default().push(one);
    }
    subjects
}

/// The alert that a rule judges, where it is and what became of it; `None` when the rule is not for it.
fn judge(
    world: &World,
    rule: &Rule,
    (subject, outcomes, targets): (&Subject, &[Outcome], &Targets),
    context: &mut Context<'_>,
) -> Option<Verdict> {
    let (asks, check) = asks(rule)?;
    let is_meant = asks == subject.asks && check.is_none_or(|check| subject.attributes.get(CHECK).is_some_and(|known| known == check));
    let ci = world.cmdb.cis.get(&subject.ci);
    if !is_meant || ci.is_some_and(|ci| is_out_of_use(ci.status)) {
        return None;
    }
    let rule = &*effective(rule, world, ci)?;
    let key = AlertKey { rule: rule.id.clone(), ci: subject.ci, attributes: subject.attributes.clone() };
    let known = world.alerts.keys.get(&key).and_then(|id| world.alerts.alerts.get(id));
    let best = outcomes.iter().map(|one| one.state).filter(|state| STATES.contains(state)).min_by(f64::total_cmp);
    let Some(best) = best else { return Some(Verdict { key, position: None, event: None }) };
    let before = known.map_or(machine::Position::INACTIVE, Alert::position);
    let after = machine::step(before, means(rule, asks, best), context.now, Timing::of(rule));
    let position = Some((after, rule.flapping));
    if !after.differs(before) {
        return Some(Verdict { key, position, event: None });
    }
    let id = known.map_or_else(|| AlertId(context.ids.next_bits()), |alert| alert.id);
    let reason = reason(world, (outcomes, best), targets, context.content);
    let event = transitioned(id, key.clone(), (before, after), (Some(best), context.now), reason);
    Some(Verdict { key, position, event: Some(event) })
}

/// The state of a check that somebody must act on.
const CRITICAL: f64 = 2.0;

/// States that say something: OK, WARNING, CRITICAL. With any other the check could not tell.
const STATES: [f64; 3] = [0.0, 1.0, CRITICAL];

/// The series of the results that an alert is judged by, each with the host that looks.
pub(crate) fn watched<'a>(world: &'a World, alert: &'a Alert) -> impl Iterator<Item = (CiId, String, BTreeMap<String, String>)> + use<'a> {
    let targets = &world.telemetry.targets;
    let told = (alert.key.attributes.get(CHECK), alert.key.attributes.get(TARGET));
    let is_meant = move |one: &Outcome| match (told, targets.places.get(&one.target).map(|place| &place.found)) {
        ((Some(check), None), Some(Ok(ci))) => *check == one.check && *ci == alert.key.ci,
        ((Some(check), Some(target)), _) => *check == one.check && *target == one.target && one.host == alert.key.ci,
        _ => false,
    };
    let rule = world.rules.rules.get(&alert.key.rule).and_then(|known| asks(&known.rule)).map(|(asks, _)| asks);
    let meant = outcomes(world, alert.since.max(Timestamp(0))).into_iter().filter(move |one| Some(one.asks) == rule).filter(is_meant);
    meant.map(|one| {
        let attributes = [(ASKS, one.asks.as_str()), (CHECK, one.check.as_str()), (TARGET, one.target.as_str())];
        (one.host, TARGET_STATE.to_owned(), attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    })
}

/// What a state means under a rule's levels.
fn means(rule: &Rule, asks: Asks, state: f64) -> Judged {
    let level = |severity: Option<Severity>| Judged::Level { raised: severity, held: severity };
    let warning = rule.levels.warning.as_ref().map(|_| Severity::Warning);
    let critical = rule.levels.critical.as_ref().map(|_| Severity::Critical);
    match (asks, state) {
        (_, CRITICAL) => level(critical.or(warning)),
        (Asks::State, 1.0) => level(warning),
        _ => level(None),
    }
}

/// Such as `ping CRITICAL on web-1 and web-2, 2 of 3 that look: no answer within 5 s`, with what the check said on the first of them.
fn reason(world: &World, (outcomes, best): (&[Outcome], f64), targets: &Targets, content: &dyn Content) -> String {
    let Some(first) = outcomes.first() else { return String::new() };
    let name = |ci: CiId| world.cmdb.cis.get(&ci).map_or_else(|| ci.to_string(), |ci| ci.name.clone());
    let saying: BTreeSet<CiId> = outcomes.iter().filter(|one| one.state.total_cmp(&best).is_eq()).map(|one| one.host).collect();
    let looking: BTreeSet<CiId> = outcomes.iter().map(|one| one.host).collect();
    let mut names: Vec<String> = saying.iter().take(NAMED).map(|ci| name(*ci)).collect();
    if saying.len() > NAMED {
        names.push(format!("{} more", saying.len() - NAMED));
    }
    let of = if looking.len() > 1 { format!(", {} of {} that look", saying.len(), looking.len()) } else { String::new() };
    let text = format!("{} {} on {}{of}", first.check, wording::state_of_check(best), names.join(" and "));
    let text = match targets.places.get(&first.target).map(|place| &place.found) {
        Some(Err(why)) => format!("{text}; told of the host that looks, as its target {} is not known: {why}", first.target),
        _ => text,
    };
    let output = saying.iter().find_map(|host| output::of(world, *host, (&first.check, best), content));
    output::said(text, output)
}

/// Live alerts that no fresh result is about.
fn unjudged(world: &World, rules: &[Rule], (judged, targets): (&BTreeSet<AlertKey>, &Targets), now: Timestamp) -> Vec<Event> {
    let rules: BTreeMap<&RuleId, &Rule> = rules.iter().map(|rule| (&rule.id, rule)).collect();
    let live = world.alerts.live.iter().filter_map(|id| world.alerts.alerts.get(id)).filter(|alert| !judged.contains(&alert.key));
    let slowest = targets.agents.iter().map(|agent| world.trust.pace(*agent)).max();
    let (fresh, resumed_at) = (slowest.unwrap_or_else(interval) * FRESH_INTERVALS, world.telemetry.resumed_at);
    // A server that was away has yet to hear what is fresh.
    let listens = resumed_at.is_none_or(|at| now.since(at) >= fresh);
    live.filter_map(|alert| {
        let rule = rules.get(&alert.key.rule)?;
        let place = alert.key.attributes.get(TARGET).and_then(|target| targets.places.get(target));
        let (after, reason) = if place.is_some_and(|place| place.found.is_ok()) {
            (machine::drop_it(alert.position(), now), Dropped::TargetKnown.as_str().to_owned())
        } else if effective(rule, world, world.cmdb.cis.get(&alert.key.ci)).is_none() {
            (machine::drop_it(alert.position(), now), dropped::not_for_it(world, rule, alert))
        } else if listens && rule.no_data == NoData::Unknown {
            (machine::lose(alert.position(), now), "no fresh result of the check".to_owned())
        } else {
            return None;
        };
        moved(alert, after, now, None, reason)
    })
    .collect()
}

pub mod past;
#[cfg(test)]
mod tests;
