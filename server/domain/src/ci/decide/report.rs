//! From an inventory to events.
//!
//! An inventory that says nothing new causes no event and reads no content. What is new goes one way: which host is it, what
//! changed in each section, what that means for its attributes, its parts and its software. Only a `complete` section makes
//! something disappear.

use super::components::Parts;
use super::dependents::Dependents;
use super::park::{self, Newcomer};
use super::reconcile::Weighing;
use super::{attributes, confirm, packages, voice};
use crate::ci::attribute::{Attribute, Method, Proposal};
use crate::ci::dead_letter::{self, Refused};
use crate::ci::identify::{Doubt, EVIDENCE, Explanation, Identification, Refusal, bound, identify};
use crate::ci::voice::Speaking;
use crate::ci::{
    AttributeChange, AttributeValue, Ci, CiEvent, Class, DeadLetterCode, Lifecycle, Operation, Reporter, ReviewTask, SectionState, Source,
    lifecycle, normalise,
};
use crate::id::{CiId, Family, TaskId};
use crate::trust::decide::authorise;
use crate::trust::{Agent, TrustEvent};
use crate::{Content, Context, Event, Rejection, World};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::section::System;
use rollcall_shared::{ContentHash, Outcome, Section, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes of the reason why a section is not complete.
const REASON_BYTES: usize = 1024;

/// Decides an inventory.
///
/// # Errors
/// The agent may not report, the report contradicts itself, or content is missing. A machine that cannot be told from others is no error:
/// its refusal is the one thing that is written.
pub fn report(world: &World, reporter: &Reporter, report: &Report, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    judge(world, reporter, report, context).map(|judged| match judged {
        Judged::Taken(events) | Judged::Refused(events) => events,
    })
}

/// What became of an inventory.
pub enum Judged {
    /// It counts; no event when it says nothing new.
    Taken(Vec<Event>),
    /// It was set aside: nothing of it counts. No event when that was written down within the hour.
    Refused(Vec<Event>),
}

/// Decides an inventory, and tells whether it counts.
///
/// # Errors
/// As [`report`].
pub fn judge(world: &World, reporter: &Reporter, report: &Report, context: &mut Context<'_>) -> Result<Judged, Rejection> {
    if let Reporter::Agent(agent) = reporter {
        authorise(world, *agent)?;
    }
    check(report)?;
    let binding = bound(world, reporter);
    let known = binding.and_then(|id| world.cmdb.cis.get(&id)).filter(|host| stands_for(world, reporter, host));
    let goes_on = |host: &Ci, entry: &SectionEntry| {
        Speaking::of(&world.cmdb, host.id, reporter).is_none_or(|speaking| content_of(entry).is_none() || speaking.goes_on(entry.name))
    };
    if let Some(host) = known
        && !comes_back(host)
        && report.sections.iter().all(|entry| says_nothing_new(host, reporter, entry))
        && report.sections.iter().all(|entry| goes_on(host, entry))
    {
        let confirmed = confirm::confirm(world, host, &reporter.source(), report, context.now);
        let returned = lifecycle::disposed_returns(world, host, context);
        return Ok(Judged::Taken(returned.into_iter().chain(confirmed).map(Event::Ci).collect()));
    }
    let identified = identified(world, reporter, known, report, context)?;
    if let Some(refusal) = &identified.refused {
        return Ok(Judged::Refused(refuse(world, reporter, refusal, &identified.doubts, context)));
    }
    let known = identified.ci.and_then(|id| world.cmdb.cis.get(&id));
    let id = known.map_or_else(|| CiId { family: Family::Host, bits: context.ids.next_bits() }, |known| known.id);
    let is_old = |entry: &SectionEntry| known.is_some_and(|host| says_nothing_new(host, reporter, entry) && goes_on(host, entry));
    let news = load_news(report, is_old, context.content)?;
    let mut taking = Taking::new(world, reporter, report, id, known, &identified, context.now);
    if known.is_none() {
        let (class, name, system) = (identified.class, taking.first_name(&news), system_of(&news));
        let newcomer = Newcomer { reporter, class, name, system, report };
        if let Some(instead) = park::instead_of_inserting(world, &newcomer, context)? {
            return Ok(Judged::Taken(instead.into_iter().map(Event::Ci).collect()));
        }
    }
    taking.events.extend(park::ended(world, reporter, id, known.is_none()));
    taking.events.extend(known.map(|host| confirm::confirm(world, host, &taking.source, report, context.now)).unwrap_or_default());
    let delivered = news.iter().filter(|(entry, _)| content_of(entry).is_some()).map(|(entry, _)| entry.name);
    taking.events.extend(voice::change(&world.cmdb, id, reporter, delivered));
    taking.identify(&identified, binding, &news, context);
    taking.take_dependents(&news, context);
    for (entry, section) in &news {
        taking.take(entry, section.as_deref(), context);
    }
    Ok(Judged::Taken(taking.finish()))
}

/// Sets a report aside that was refused before it was known what it is of.
#[must_use]
pub fn refused(world: &World, reporter: &Reporter, rejection: &Rejection, context: &mut Context<'_>) -> Vec<Event> {
    let detail = rejection.to_string();
    let letter = Refused { reporter, code: DeadLetterCode::ReportRefused, reason: &detail, candidates: BTreeSet::new() };
    let letter = dead_letter::letter(&world.cmdb, letter, context);
    let audited = Event::Trust(TrustEvent::Refused { code: DeadLetterCode::ReportRefused.as_str().into(), detail });
    std::iter::once(audited).chain(letter).collect()
}

/// Nothing of the report is written but that it was refused, and what people should look at.
fn refuse(world: &World, reporter: &Reporter, refusal: &Refusal, doubts: &[Doubt], context: &mut Context<'_>) -> Vec<Event> {
    let Refusal { code, reason, candidates } = refusal;
    let letter = Refused { reporter, code: *code, reason, candidates: candidates.clone() };
    let mut events: Vec<Event> = dead_letter::letter(&world.cmdb, letter, context).into_iter().collect();
    if !events.is_empty() {
        events.push(Event::Trust(TrustEvent::Refused { code: code.as_str().to_owned(), detail: format!("{reporter}: {reason}") }));
    }
    let refused = Doubt { cis: candidates.clone(), reason: reason.clone() };
    let tasks = doubts.iter().chain([&refused]).filter_map(|doubt| review(world, doubt, None, context));
    events.extend(tasks.map(|task| Event::Ci(CiEvent::ReviewOpened { task })));
    events
}

/// The review of a doubt, unless it is open; one review for one doubt, however often it comes up.
pub(super) fn review(world: &World, doubt: &Doubt, of: Option<CiId>, context: &mut Context<'_>) -> Option<ReviewTask> {
    let cis: BTreeSet<CiId> = doubt.cis.iter().copied().chain(of).collect();
    let cis: Vec<CiId> = cis.into_iter().collect();
    if world.cmdb.reviews.values().any(|task| task.cis == cis && task.reason == doubt.reason) {
        return None;
    }
    let id = TaskId(context.ids.next_bits());
    Some(ReviewTask { id, cis, reason: doubt.reason.clone(), opened_at: context.now, settled: None })
}

/// Order, repetition and root: a report that contradicts itself is refused before anything of it counts.
fn check(report: &Report) -> Result<(), Rejection> {
    if !report.sections.is_sorted_by(|a, b| a.name < b.name) {
        return Err(Rejection::invalid("sections", "must be in order of their names, each name once"));
    }
    for (i, entry) in report.sections.iter().enumerate() {
        if matches!(entry.outcome, Outcome::Complete | Outcome::Partial) && entry.hash.is_none() {
            return Err(Rejection::invalid(
                format!("sections[{i}].hash"),
                format!("section {} is {} without content", entry.name, entry.outcome.as_str()),
            ));
        }
    }
    if report.root != root_hash(&report.sections) {
        return Err(Rejection::invalid("root", "is not the hash over these sections"));
    }
    Ok(())
}

/// Whether what a reporter tells is of this very record. What identification took for a duplicate is one only when people say so:
/// until then a feed speaks of both, each under its own key. An agent is one source, whichever record it speaks of.
fn stands_for(world: &World, reporter: &Reporter, host: &Ci) -> bool {
    host.duplicate_of.is_none() || (reporter.feed().is_some() && !world.cmdb.merges.contains_key(&host.id))
}

/// Whether a report from this host ends its absence.
fn comes_back(host: &Ci) -> bool {
    matches!(host.status, Lifecycle::Planned | Lifecycle::Stale | Lifecycle::Missing | Lifecycle::Retired)
}

fn says_nothing_new(host: &Ci, reporter: &Reporter, entry: &SectionEntry) -> bool {
    let Some(state) = host.sections_of(reporter.feed()).and_then(|sections| sections.get(&entry.name)) else { return false };
    let same_content = match content_of(entry) {
        Some(hash) => current(state) == Some(hash),
        None => true,
    };
    same_content && !state.reverted && state.outcome == entry.outcome && state.reason.as_deref() == reason_of(entry).as_deref()
}

/// The content that a collection brought; a failed or skipped one brings none, whatever it claims.
fn content_of(entry: &SectionEntry) -> Option<ContentHash> {
    entry.hash.filter(|_| matches!(entry.outcome, Outcome::Complete | Outcome::Partial))
}

fn reason_of(entry: &SectionEntry) -> Option<String> {
    let reason = normalise::text(entry.reason.as_deref()?)?;
    Some(normalise::cut(&reason, REASON_BYTES).to_owned())
}

/// The content read last, complete or partial.
fn current(state: &SectionState) -> Option<ContentHash> {
    state.partial.or(state.hash)
}

fn load(entry: &SectionEntry, content: &dyn Content) -> Result<Option<Arc<Section>>, Rejection> {
    let Some(hash) = content_of(entry) else { return Ok(None) };
    let field = || format!("sections.{}.hash", entry.name);
    let section = content.section(&hash).ok_or_else(|| Rejection::invalid(field(), format!("content {hash} is not stored here")))?;
    if section.name() != entry.name {
        return Err(Rejection::invalid(field(), format!("content {hash} is a section {}", section.name())));
    }
    Ok(Some(section))
}

type News<'r> = Vec<(&'r SectionEntry, Option<Arc<Section>>)>;

/// Sections that differ from what is known, with their content.
fn load_news<'r>(report: &'r Report, is_old: impl Fn(&SectionEntry) -> bool, content: &dyn Content) -> Result<News<'r>, Rejection> {
    let fresh = report.sections.iter().filter(|entry| !is_old(entry));
    fresh.map(|entry| Ok((entry, load(entry, content)?))).collect()
}

/// The host that this report is of. A certificate that reports the very system section of its host is that host.
fn identified(
    world: &World,
    reporter: &Reporter,
    bound: Option<&Ci>,
    report: &Report,
    context: &Context<'_>,
) -> Result<Identification, Rejection> {
    let entry = report.sections.iter().find(|entry| entry.name == SectionName::System);
    if let (Some(host), Some(entry)) = (bound, entry)
        && says_nothing_new(host, reporter, entry)
    {
        let (operation, ci, class) = (Operation::NoChange, Some(host.id), host.class);
        let (attempts, doubts, duplicates) = (Vec::new(), Vec::new(), Vec::new());
        return Ok(Identification { operation, ci, class, attempts, doubts, duplicates, explained: None, refused: None });
    }
    // A partial list of parts is not the set of them.
    let counts =
        |entry: &&SectionEntry| EVIDENCE.contains(&entry.name) && (entry.outcome == Outcome::Complete || entry.name == SectionName::System);
    let evidence: Result<Vec<Option<Arc<Section>>>, Rejection> =
        report.sections.iter().filter(counts).map(|entry| load(entry, context.content)).collect();
    let evidence: Vec<Arc<Section>> = evidence?.into_iter().flatten().collect();
    Ok(identify(world, reporter, &evidence, context.now))
}

/// The known host that a report would be identified as; `None` when it would make a new one, or may not be written.
pub fn known_host(world: &World, reporter: &Reporter, report: &Report, context: &Context<'_>) -> Option<CiId> {
    let identified = identified(world, reporter, None, report, context).ok()?;
    identified.ci.filter(|_| identified.refused.is_none())
}

/// What a report says of the machine as a whole.
fn system_of<'n>(news: &'n News<'_>) -> Option<&'n System> {
    news.iter().find_map(|(_, section)| match section.as_deref() {
        Some(Section::System(rows)) => rows.first(),
        _ => None,
    })
}

/// One report being taken in.
struct Taking<'a> {
    world: &'a World,
    reporter: &'a Reporter,
    id: CiId,
    known: Option<&'a Ci>,
    class: Class,
    /// Who measured, and when: at most now, so that a clock that runs ahead does not outlast later reports.
    source: Source,
    observed_at: Timestamp,
    /// Attributes of the host that the report touches, as they will be.
    attributes: BTreeMap<&'static str, Option<Attribute>>,
    events: Vec<CiEvent>,
    /// Agents that do not speak for the host any more, and why.
    suspended: Vec<TrustEvent>,
}

impl<'a> Taking<'a> {
    fn new(
        world: &'a World,
        reporter: &'a Reporter,
        report: &Report,
        id: CiId,
        known: Option<&'a Ci>,
        identified: &Identification,
        now: Timestamp,
    ) -> Self {
        Self {
            world,
            reporter,
            id,
            known,
            class: identified.class,
            source: reporter.source(),
            observed_at: report.collected_at.max(Timestamp(0)).min(now),
            attributes: BTreeMap::new(),
            events: Vec::new(),
            suspended: Vec::new(),
        }
    }

    /// What is said of the record itself, before its content.
    fn identify(&mut self, identified: &Identification, binding: Option<CiId>, news: &News<'_>, context: &mut Context<'_>) {
        let ci = self.id;
        if self.known.is_none() {
            let (class, source) = (self.class, self.source.clone());
            let name = self.first_name(news);
            self.events.push(CiEvent::CiCreated { ci, class, name, key: None, parent: None, source });
        }
        let is_news = binding != Some(ci) || identified.explained.is_some();
        if is_news || identified.operation == Operation::UpdateWithReclassification {
            self.events.push(self.identification(identified));
        }
        self.explain(identified);
        let duplicates = identified.duplicates.iter();
        self.events.extend(duplicates.map(|&duplicate| CiEvent::DuplicateFound { ci: duplicate, duplicate_of: ci }));
        let tasks = identified.doubts.iter().filter_map(|doubt| review(self.world, doubt, Some(ci), context));
        let tasks: Vec<CiEvent> = tasks.map(|task| CiEvent::ReviewOpened { task }).collect();
        self.events.extend(tasks);
        let Some(known) = self.known else { return };
        self.events.extend(lifecycle::disposed_returns(self.world, known, context));
        if known.class != self.class {
            self.events.push(CiEvent::CiReclassified { ci, before: known.class, after: self.class });
        }
        if comes_back(known) {
            let reason = format!("{} reported from it again", self.reporter);
            self.events.push(CiEvent::CiStatusChanged { ci, before: known.status, after: Lifecycle::Operational, reason });
        }
    }

    /// A new host is called by its host name, else its serial number, else its agent.
    fn first_name(&self, news: &News<'_>) -> String {
        let system = system_of(news);
        let hostname = system.and_then(|system| normalise::text(system.hostname.as_deref()?));
        let serial = || system.and_then(|system| normalise::serial(system.serial.as_deref()?, None));
        hostname.or_else(serial).unwrap_or_else(|| self.reporter.to_string())
    }

    /// What the reporter was identified as. An agent whose state is on another machine stays bound to its own.
    fn identification(&self, identified: &Identification) -> CiEvent {
        let (ci, operation, attempts) = (self.id, identified.operation, identified.attempts.clone());
        let home = identified.explained.as_ref().filter(|explained| explained.explanation == Explanation::DiskMoved);
        match (self.reporter.clone(), home) {
            (Reporter::Agent(agent), Some(home)) => CiEvent::ForeignHostIdentified { agent, ci, home: home.other, operation, attempts },
            (Reporter::Agent(agent), None) => CiEvent::HostIdentified { agent, ci, operation, attempts },
            (Reporter::Feed { name, key }, _) => CiEvent::FeedIdentified { feed: name, key, ci, operation, attempts },
        }
    }

    /// A record of why the machine was taken for what it is, though not everything agrees.
    fn explain(&mut self, identified: &Identification) {
        let (Some(explained), Some(agent)) = (&identified.explained, self.reporter.agent()) else { return };
        let (ci, explanation, reason) = (self.id, explained.explanation, explained.reason.clone());
        for &old in &explained.agents {
            self.suspended.push(TrustEvent::AgentSuspended { agent: old, reason: reason.clone() });
        }
        self.events.push(CiEvent::IdentityExplained { ci, agent, explanation, reason });
    }

    /// One section that is not what it was.
    fn take(&mut self, entry: &SectionEntry, section: Option<&Section>, context: &mut Context<'_>) {
        let state = self.known.and_then(|known| known.sections_of(self.reporter.feed())?.get(&entry.name));
        let base = state.and_then(|state| state.hash).and_then(|hash| context.content.section(&hash));
        if let Some(section) = section {
            self.observe(section, entry.outcome);
            if !self.agent_knows_better(entry.name) {
                self.take_components(section, entry.outcome, context);
            }
        }
        let mut software = None;
        if let Some(Section::Packages(rows)) = section {
            let before = match base.as_deref() {
                Some(Section::Packages(before)) => Some(before),
                _ => None,
            };
            let lists = packages::Lists::new(before.map_or(&[], Vec::as_slice), rows);
            let (events, fresh) = packages::discover(&self.world.cmdb, &lists, context.ids);
            self.events.extend(events);
            if before.is_some() {
                let mut changes = packages::changes(&self.world.cmdb, &fresh, &lists);
                // What a partial list lacks is unknown.
                changes.retain(|change| change.after.is_some() || entry.outcome == Outcome::Complete);
                software = Some(changes).filter(|changes| !changes.is_empty());
            }
        }
        self.events.push(self.section_changed(entry, state, section, base.as_deref()));
        if let Some(changes) = software {
            self.events.push(CiEvent::SoftwareChanged { ci: self.id, changes });
        }
    }

    /// A feed says nothing of the parts of a host whose agent reports them.
    fn agent_knows_better(&self, section: SectionName) -> bool {
        self.reporter.agent().is_none() && self.known.is_some_and(|known| known.sections.contains_key(&section))
    }

    fn section_changed(
        &self,
        entry: &SectionEntry,
        state: Option<&SectionState>,
        section: Option<&Section>,
        base: Option<&Section>,
    ) -> CiEvent {
        let before = state.and_then(current);
        let (added, removed, changed) = match (section, base) {
            (None, _) => (0, 0, 0),
            (Some(section), None) => (section.len(), 0, 0),
            (Some(section), Some(base)) => {
                let diff = section.diff(base);
                let removed = if entry.outcome == Outcome::Complete { diff.removed.len() } else { 0 };
                (diff.added.len(), removed, diff.changed.len())
            }
        };
        CiEvent::SectionChanged {
            ci: self.id,
            section: entry.name,
            feed: self.reporter.feed().map(str::to_owned),
            before,
            after: content_of(entry).or(before),
            outcome: entry.outcome,
            reason: reason_of(entry),
            added: added as u64,
            removed: removed as u64,
            changed: changed as u64,
        }
    }

    fn parts(&self) -> Parts<'a> {
        Parts {
            cmdb: &self.world.cmdb,
            host: self.id,
            host_name: self.known.map_or("its host", |known| &known.name),
            physical: self.class.is_a(Class::Server) || self.class == Class::Workstation,
            source: self.source.clone(),
            observed_at: self.observed_at,
        }
    }

    fn take_components(&mut self, section: &Section, outcome: Outcome, context: &mut Context<'_>) {
        let events = self.parts().reconcile(section, outcome, context);
        self.events.extend(events);
    }

    /// Services, guests, containers, certificates and neighbours.
    fn take_dependents(&mut self, news: &News<'_>, context: &mut Context<'_>) {
        let dependents = Dependents { parts: self.parts(), known: self.known, class: self.class, reporter: self.reporter, news };
        let taken = dependents.take(context);
        self.events.extend(taken.events);
        self.class = taken.class;
        let tasks = taken.doubts.iter().filter_map(|doubt| review(self.world, doubt, Some(self.id), context));
        let tasks: Vec<CiEvent> = tasks.map(|task| CiEvent::ReviewOpened { task }).collect();
        self.events.extend(tasks);
    }

    /// What a section says of the host's attributes.
    fn observe(&mut self, section: &Section, outcome: Outcome) {
        let policy = &self.world.cmdb.policy.reconciliation;
        for (name, value) in attributes::of_section(section) {
            let value = value.filter(|value| !self.is_placeholder(name, value));
            let known = self.known.and_then(|known| known.attributes.get(name));
            let weighing = Weighing::new(policy, self.class, name);
            let after = match value {
                Some(value) => {
                    let has_superseded = |known: &&Attribute| known.proposals().iter().any(|word| self.is_superseded(word.source()));
                    let kept = match known.filter(has_superseded) {
                        Some(known) => weighing.withdraw(known, |source| self.is_superseded(source)),
                        None => known.cloned(),
                    };
                    let method = Method::Section(section.name());
                    weighing.propose(kept.as_ref(), Proposal::new(value, self.source.clone(), self.observed_at, method))
                }
                None if outcome == Outcome::Complete => {
                    let gone = |source: &Source| *source == self.source || self.is_superseded(source);
                    known.and_then(|known| weighing.withdraw(known, gone))
                }
                None => known.cloned(),
            };
            self.attributes.insert(name, after);
        }
    }

    /// Whether an administrator listed the value as one that stands for none.
    fn is_placeholder(&self, name: &str, value: &AttributeValue) -> bool {
        let AttributeValue::Text(text) = value else { return false };
        self.world.cmdb.policy.identification.lists_attribute(name, text)
    }

    /// Agents that may not report from here any more have no say once another one measured the same.
    fn is_superseded(&self, source: &Source) -> bool {
        let Source::Agent { id } = source else { return false };
        let speaks = |agent: &Agent| {
            let suspended = |event: &TrustEvent| matches!(event, TrustEvent::AgentSuspended { agent, .. } if agent == id);
            agent.status == AgentStatus::Approved && agent.ci == Some(self.id) && !self.suspended.iter().any(suspended)
        };
        Some(*id) != self.reporter.agent() && !self.world.trust.agents.get(id).is_some_and(|agent| speaks(agent))
    }

    fn finish(mut self) -> Vec<Event> {
        let mut changes = Vec::new();
        for (name, after) in std::mem::take(&mut self.attributes) {
            let before = self.known.and_then(|known| known.attributes.get(name));
            if before != after.as_ref() {
                changes.push(AttributeChange { name: name.to_owned(), before: before.map(|before| before.value().clone()), after });
            }
        }
        if !changes.is_empty() {
            self.events.push(CiEvent::AttributesChanged { ci: self.id, changes });
        }
        self.events.into_iter().map(Event::Ci).chain(self.suspended.into_iter().map(Event::Trust)).collect()
    }
}
