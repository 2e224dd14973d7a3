//! What silence means for configuration items, and what ends it.
//!
//! An item's own sources say how fresh it is: the agent that reports as it, the systems that deliver inventories of it, and
//! people where a rule says so. The freshest of them counts. What is contained in a host, or runs on one and is known from it
//! alone, follows that host. Time moves items between operational, stale and missing only: what people decided stays.
//!
//! Invariant: nobody is found silent because the *server* was away or its clock jumped. After either, nothing gets worse until
//! each source had a whole interval to speak.

mod people;
mod round;

pub use people::{RETIRED_AT_ONCE, check_transition, retirable, retire};
pub use round::Round;

use super::policy::{Candidates, Patience};
use super::review::{Resolution, Settled};
use super::{Ci, CiEvent, Cmdb, Lifecycle, RelationKind, ReviewTask, Source};
use crate::actor::Actor;
use crate::id::{CiId, Family, TaskId};
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Events of one tick; what is due beyond them waits for the next round.
const EVENTS: usize = 2_000;

/// How fresh the word of a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It spoke when it was expected to, or does not have to.
    Fresh,
    /// It has been silent for two intervals and the grace.
    Stale,
    /// It has been silent for so long that what it spoke of counts as missing.
    Warning,
    /// It has been silent for so long that what it spoke of may be retired.
    Candidate,
}

impl Stage {
    /// The name in JSON and queries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Warning => "warning",
            Self::Candidate => "candidate",
        }
    }
}

/// What one source's silence means for an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staleness {
    /// Who.
    pub source: Source,
    /// When it last spoke of the item.
    pub last_seen: Timestamp,
    /// How fresh that is.
    pub stage: Stage,
    /// The times that apply; `None` when its word never goes stale by time.
    pub patience: Option<Patience>,
}

/// An item that has been silent for so long that it may be retired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Since when it is a candidate.
    pub since: Timestamp,
    /// The source that spoke last.
    pub source: Source,
    /// When that was.
    pub last_seen: Timestamp,
}

/// How fresh each of an item's own sources is, by source. Empty for what is known from others alone.
#[must_use]
pub fn staleness(world: &World, ci: &Ci, now: Timestamp) -> Vec<Staleness> {
    let policy = &world.cmdb.policy.lifecycle;
    let of = |(source, last_seen): (Source, Timestamp)| {
        let patience = policy.patience(&source, ci.class);
        let stage = patience.map_or(Stage::Fresh, |patience| stage(now.since(last_seen), patience));
        Staleness { source, last_seen, stage, patience }
    };
    last_words(world, ci).into_iter().map(of).collect()
}

fn stage(age: Duration, patience: Patience) -> Stage {
    match () {
        () if age >= patience.retirement => Stage::Candidate,
        () if age >= patience.warning => Stage::Warning,
        () if age >= patience.stale => Stage::Stale,
        () => Stage::Fresh,
    }
}

/// When each of an item's own sources last spoke of it.
fn last_words(world: &World, ci: &Ci) -> BTreeMap<Source, Timestamp> {
    let cmdb = &world.cmdb;
    let mut words = BTreeMap::new();
    let mut note = |source: Source, at: Timestamp| {
        let last = words.entry(source).or_insert(at);
        *last = at.max(*last);
    };
    if let Some(&agent) = cmdb.reporters.get(&ci.id) {
        let spoke = world.telemetry.last_seen(agent);
        note(Source::Agent { id: agent }, spoke.unwrap_or(ci.created_at));
    }
    let delivered = cmdb.delivered.get(&ci.id);
    for feed in ci.feeds.keys() {
        let at = delivered.and_then(|delivered| delivered.get(feed)).copied();
        note(Source::Feed { name: feed.clone() }, at.unwrap_or(ci.created_at));
    }
    for proposal in ci.attributes.values().flat_map(|attribute| attribute.proposals()) {
        let source = proposal.source();
        let is_own = source.is_of_people() || matches!(source, Source::Feed { name } if ci.feeds.contains_key(name));
        if is_own {
            note(source.clone(), proposal.observed_at());
        }
    }
    for (source, at) in cmdb.confirmed.get(&ci.id).into_iter().flatten() {
        if words.contains_key(source) {
            words.entry(source.clone()).and_modify(|last| *last = (*last).max(*at));
        }
    }
    words
}

/// Whether an item is not there as far as anybody knows, so that what is in it or on it is not better known.
#[must_use]
pub fn is_away(status: Lifecycle) -> bool {
    use Lifecycle as L;
    matches!(status, L::Stale | L::Missing | L::Retired | L::Disposed)
}

/// Whether an item is out of use, so that nothing is judged of it any more.
#[must_use]
pub fn is_out_of_use(status: Lifecycle) -> bool {
    matches!(status, Lifecycle::Retired | Lifecycle::Disposed)
}

/// The host that an item follows, as it is known from it alone.
#[must_use]
pub fn anchor<'a>(cmdb: &'a Cmdb, ci: &Ci) -> Option<&'a Ci> {
    let host = |id: CiId| cmdb.cis.get(&id).filter(|host| host.id.family == Family::Host);
    let is_part = || ci.parent.and_then(host);
    if ci.id.family != Family::Host {
        return is_part();
    }
    let speaks_for_itself = cmdb.reporters.contains_key(&ci.id) || !ci.feeds.is_empty();
    if speaks_for_itself {
        return None;
    }
    let mut runs_on = cmdb.links.from(ci.id).filter(|relation| relation.kind == RelationKind::RunsOn);
    is_part().or_else(|| runs_on.find_map(|relation| host(relation.to)))
}

/// What the passing of time means for the items whose turn it is.
pub fn tick(world: &mut World, context: &mut Context<'_>) -> Vec<Event> {
    let Cmdb { round, cis, .. } = &mut world.cmdb;
    round.beat(context.now);
    let turn = round.next(cis);
    let mut events = Vec::new();
    for id in turn {
        if events.len() >= EVENTS {
            world.cmdb.round.put_back(id);
            continue;
        }
        if let Some(ci) = world.cmdb.cis.get(&id).filter(|ci| ci.duplicate_of.is_none()) {
            events.extend(visit(world, ci, context).into_iter().map(Event::Ci));
        }
    }
    events
}

fn visit(world: &World, ci: &Ci, context: &mut Context<'_>) -> Vec<CiEvent> {
    match anchor(&world.cmdb, ci) {
        Some(host) => follow(ci, host).into_iter().collect(),
        None => judge(world, ci, context),
    }
}

/// A part is never better known than its host.
fn follow(ci: &Ci, host: &Ci) -> Option<CiEvent> {
    let name = &host.name;
    match (ci.status, is_away(host.status)) {
        (Lifecycle::Operational, true) => Some(moved(ci, Lifecycle::Stale, format!("its host {name} is {}", host.status.as_str()))),
        (Lifecycle::Stale, false) => Some(moved(ci, Lifecycle::Operational, format!("its host {name} is {} again", host.status.as_str()))),
        _ => None,
    }
}

/// What the freshest of an item's sources says of it.
struct Verdict {
    freshest: Staleness,
    patience: Patience,
    /// Whether every source has had the time to speak since the server listens.
    is_settled: bool,
}

fn verdict(world: &World, ci: &Ci, now: Timestamp) -> Option<Verdict> {
    let mut timed: Vec<(Staleness, Patience)> =
        staleness(world, ci, now).into_iter().filter_map(|staleness| staleness.patience.map(|patience| (staleness, patience))).collect();
    let since = world.cmdb.round.listening_since(now);
    let is_settled = timed.iter().all(|(_, patience)| now.since(since) >= patience.interval);
    timed.sort_by_key(|(staleness, _)| (staleness.stage, std::cmp::Reverse(staleness.last_seen)));
    let (freshest, patience) = timed.into_iter().next()?;
    Some(Verdict { freshest, patience, is_settled })
}

/// The source that spoke last of an item, when its silence is longer than the policy allows and it had the time to break it.
#[must_use]
pub fn silence(world: &World, ci: &Ci, now: Timestamp) -> Option<Staleness> {
    let Verdict { freshest, is_settled, .. } = verdict(world, ci, now)?;
    (is_settled && freshest.stage > Stage::Fresh).then_some(freshest)
}

fn judge(world: &World, ci: &Ci, context: &mut Context<'_>) -> Vec<CiEvent> {
    let Some(verdict) = verdict(world, ci, context.now) else { return Vec::new() };
    let Verdict { freshest, is_settled, .. } = &verdict;
    let after = target(ci.status, freshest);
    let gets_worse = after.is_some_and(is_away);
    let mut events = Vec::new();
    if let Some(after) = after.filter(|_| !gets_worse || *is_settled) {
        events.push(moved(ci, after, reason(&verdict, context.now)));
    }
    events.extend(candidacy(world, ci, &verdict, after, context));
    events
}

/// Where silence, or its end, moves an item; `None` for nowhere. What people decided, time does not undo.
fn target(status: Lifecycle, freshest: &Staleness) -> Option<Lifecycle> {
    use Lifecycle as L;
    let is_gone = freshest.stage >= Stage::Warning;
    match (status, freshest.stage) {
        (L::Operational | L::Stale, _) if is_gone => Some(L::Missing),
        (L::Operational, Stage::Stale) => Some(L::Stale),
        (L::Stale, Stage::Fresh) => Some(L::Operational),
        // That a list of people does not have it any more is for people to take back.
        (L::Missing, Stage::Fresh) if !freshest.source.is_of_people() => Some(L::Operational),
        _ => None,
    }
}

/// Whether the item begins or ends to be a candidate for retirement.
fn candidacy(world: &World, ci: &Ci, verdict: &Verdict, after: Option<Lifecycle>, context: &mut Context<'_>) -> Vec<CiEvent> {
    let Verdict { freshest, is_settled, .. } = verdict;
    let is_one = world.cmdb.candidates.contains_key(&ci.id);
    let may_be = freshest.stage == Stage::Candidate && matches!(after.unwrap_or(ci.status), Lifecycle::Stale | Lifecycle::Missing);
    match (is_one, may_be) {
        (false, true) if *is_settled => {
            let (source, last_seen) = (freshest.source.clone(), freshest.last_seen);
            let mut events = vec![CiEvent::RetirementSuggested { ci: ci.id, source, last_seen }];
            if world.cmdb.policy.lifecycle.candidates == Candidates::Review {
                events.extend(question(world, ci, review_reason(&freshest.source, freshest.last_seen), context));
            }
            events
        }
        (true, false) => {
            let mut events = vec![CiEvent::RetirementWithdrawn { ci: ci.id }];
            events.extend(answered(world, ci, context));
            events
        }
        _ => Vec::new(),
    }
}

fn review_reason(source: &Source, last_seen: Timestamp) -> String {
    format!("may be retired: {source} was the last to speak of it, at {last_seen}")
}

/// The question whether to retire the item has no object any more.
fn answered(world: &World, ci: &Ci, context: &Context<'_>) -> Vec<CiEvent> {
    let Some(candidate) = world.cmdb.candidates.get(&ci.id) else { return Vec::new() };
    let (cis, asked) = ([ci.id], review_reason(&candidate.source, candidate.last_seen));
    let open = world.cmdb.reviews.values().filter(|task| task.settled.is_none() && task.cis == cis && task.reason == asked);
    let settle = |task: &ReviewTask| {
        let reason = "it is no candidate for retirement any more".to_owned();
        let settled = Settled { resolution: Resolution::Dismissed, reason, at: context.now, by: Actor::System };
        CiEvent::ReviewSettled { task: task.id, settled }
    };
    open.map(settle).collect()
}

/// What is thrown away and yet reports is for people to look at; it is asked once.
#[must_use]
pub fn disposed_returns(world: &World, ci: &Ci, context: &mut Context<'_>) -> Option<CiEvent> {
    if ci.status != Lifecycle::Disposed {
        return None;
    }
    question(world, ci, "it is disposed of, and yet something reports as it".into(), context)
}

fn question(world: &World, ci: &Ci, reason: String, context: &mut Context<'_>) -> Option<CiEvent> {
    let cis = vec![ci.id];
    if world.cmdb.reviews.values().any(|task| task.cis == cis && task.reason == reason) {
        return None;
    }
    let id = TaskId(context.ids.next_bits());
    Some(CiEvent::ReviewOpened { task: ReviewTask { id, cis, reason, opened_at: context.now, settled: None } })
}

fn moved(ci: &Ci, after: Lifecycle, reason: String) -> CiEvent {
    CiEvent::CiStatusChanged { ci: ci.id, before: ci.status, after, reason }
}

fn reason(verdict: &Verdict, now: Timestamp) -> String {
    let Verdict { freshest, patience, .. } = verdict;
    let age = now.since(freshest.last_seen);
    let source = &freshest.source;
    match freshest.stage {
        Stage::Fresh => format!("{source} speaks again"),
        Stage::Stale => format!("{source} has said nothing for {}; after {} it is stale", span(age), span(patience.stale)),
        Stage::Warning | Stage::Candidate => {
            format!("{source} has said nothing for {}; after {} it is missing", span(age), span(patience.warning))
        }
    }
}

/// A time in words: whole days, below two of them whole hours.
fn span(time: Duration) -> String {
    let hours = time.as_secs() / 3_600;
    match hours {
        1 => "an hour".into(),
        0..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

/// Why an item is not simply operational, in words.
#[must_use]
pub fn explained(world: &World, ci: &Ci, now: Timestamp) -> Vec<String> {
    let cmdb = &world.cmdb;
    let mut reasons = Vec::new();
    if let Some(host) = anchor(cmdb, ci).filter(|host| ci.status == Lifecycle::Stale && is_away(host.status)) {
        reasons.push(format!("it is stale because {}, which it is known from, is {}", host.name, host.status.as_str()));
    } else if matches!(ci.status, Lifecycle::Stale | Lifecycle::Missing)
        && let Some(verdict) = verdict(world, ci, now).filter(|verdict| verdict.freshest.stage > Stage::Fresh)
    {
        reasons.push(format!("it is {}: {}", ci.status.as_str(), reason(&verdict, now)));
    }
    if let Some(candidate) = cmdb.candidates.get(&ci.id) {
        let Candidate { since, source, last_seen } = candidate;
        reasons.push(format!("it may be retired, since {since}: {source} was the last to speak of it, at {last_seen}"));
    }
    reasons
}

#[cfg(test)]
mod tests;
