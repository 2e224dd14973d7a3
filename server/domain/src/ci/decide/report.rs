//! From an inventory to events.
//!
//! An inventory that says nothing new causes no event and reads no content. What is new goes one way: which host is it, what
//! changed in each section, what that means for its attributes, its parts and its software. Only a `complete` section makes
//! something disappear.

use super::components::Parts;
use super::dependents::Dependents;
use super::reconcile::Weighing;
use super::{attributes, confirm, packages};
use crate::ci::attribute::{Attribute, Method, Proposal};
use crate::ci::identify::{Doubt, Identification, bound, identify};
use crate::ci::{AttributeChange, Ci, CiEvent, Class, Lifecycle, Operation, Reporter, ReviewTask, SectionState, Source, normalise};
use crate::id::{CiId, Family, TaskId};
use crate::trust::decide::authorise;
use crate::{Content, Context, Event, Rejection, World};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::{ContentHash, Outcome, Section, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes of the reason why a section is not complete.
const REASON_BYTES: usize = 1024;

/// Decides an inventory.
///
/// # Errors
/// The agent may not report, the report contradicts itself, content is missing, or too many hosts match.
pub fn report(world: &World, reporter: &Reporter, report: &Report, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    if let Reporter::Agent(agent) = reporter {
        authorise(world, *agent)?;
    }
    check(report)?;
    let binding = bound(world, reporter);
    let known = binding.and_then(|id| world.cmdb.cis.get(&id)).filter(|host| host.duplicate_of.is_none());
    if let Some(host) = known
        && !comes_back(host)
        && report.sections.iter().all(|entry| says_nothing_new(host, reporter, entry))
    {
        let confirmed = confirm::confirm(world, host, &reporter.source(), report, context.now);
        return Ok(confirmed.into_iter().map(Event::Ci).collect());
    }
    let identified = identified(world, reporter, known, report, context.content)?;
    if let Some(refused) = identified.refused {
        return Err(Rejection::Conflict(refused));
    }
    let known = identified.ci.and_then(|id| world.cmdb.cis.get(&id));
    let id = known.map_or_else(|| CiId { family: Family::Host, bits: context.ids.next_bits() }, |known| known.id);
    let news = load_news(known, reporter, report, context.content)?;
    let mut taking = Taking::new(world, reporter, report, id, known, &identified, context.now);
    taking.events.extend(known.map(|host| confirm::confirm(world, host, &taking.source, report, context.now)).unwrap_or_default());
    taking.identify(&identified, binding, &news, context);
    taking.take_dependents(&news, context);
    for (entry, section) in &news {
        taking.take(entry, section.as_deref(), context);
    }
    Ok(taking.finish())
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

/// Whether a report from this host ends its absence.
fn comes_back(host: &Ci) -> bool {
    matches!(host.status, Lifecycle::Planned | Lifecycle::Missing | Lifecycle::Retired)
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
fn load_news<'r>(known: Option<&Ci>, reporter: &Reporter, report: &'r Report, content: &dyn Content) -> Result<News<'r>, Rejection> {
    let fresh = report.sections.iter().filter(|entry| !known.is_some_and(|host| says_nothing_new(host, reporter, entry)));
    fresh.map(|entry| Ok((entry, load(entry, content)?))).collect()
}

/// The host that this report is of. A certificate that reports the very system section of its host is that host.
fn identified(
    world: &World,
    reporter: &Reporter,
    bound: Option<&Ci>,
    report: &Report,
    content: &dyn Content,
) -> Result<Identification, Rejection> {
    let entry = report.sections.iter().find(|entry| entry.name == SectionName::System);
    if let (Some(host), Some(entry)) = (bound, entry)
        && says_nothing_new(host, reporter, entry)
    {
        let (operation, ci, class) = (Operation::NoChange, Some(host.id), host.class);
        return Ok(Identification { operation, ci, class, attempts: Vec::new(), doubts: Vec::new(), refused: None });
    }
    let section = entry.map(|entry| load(entry, content)).transpose()?.flatten();
    let system = match section.as_deref() {
        Some(Section::System(rows)) => rows.first(),
        _ => None,
    };
    Ok(identify(world, reporter, system))
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
        if binding != Some(ci) || identified.operation == Operation::UpdateWithReclassification {
            let (operation, attempts) = (identified.operation, identified.attempts.clone());
            self.events.push(match self.reporter.clone() {
                Reporter::Agent(agent) => CiEvent::HostIdentified { agent, ci, operation, attempts },
                Reporter::Feed { name, key } => CiEvent::FeedIdentified { feed: name, key, ci, operation, attempts },
            });
        }
        for doubt in &identified.doubts {
            self.open_review(doubt, context);
        }
        let Some(known) = self.known else { return };
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
        let system = news.iter().find_map(|(_, section)| match section.as_deref() {
            Some(Section::System(rows)) => rows.first(),
            _ => None,
        });
        let hostname = system.and_then(|system| normalise::text(system.hostname.as_deref()?));
        let serial = || system.and_then(|system| normalise::serial(system.serial.as_deref()?, None));
        hostname.or_else(serial).unwrap_or_else(|| self.reporter.to_string())
    }

    /// One review for one doubt, however often it comes up.
    fn open_review(&mut self, doubt: &Doubt, context: &mut Context<'_>) {
        let mut cis: BTreeSet<CiId> = doubt.cis.clone();
        cis.insert(self.id);
        let cis: Vec<CiId> = cis.into_iter().collect();
        if self.world.cmdb.reviews.values().any(|task| task.cis == cis && task.reason == doubt.reason) {
            return;
        }
        let id = TaskId(context.ids.next_bits());
        let task = ReviewTask { id, cis, reason: doubt.reason.clone(), opened_at: context.now, settled: None };
        self.events.push(CiEvent::ReviewOpened { task });
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
            let (events, fresh) = packages::discover(&self.world.cmdb, rows, context.ids);
            self.events.extend(events);
            if let Some(Section::Packages(before)) = base.as_deref() {
                let mut changes = packages::changes(&self.world.cmdb, &fresh, before, rows);
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
        for doubt in &taken.doubts {
            self.open_review(doubt, context);
        }
    }

    /// What a section says of the host's attributes.
    fn observe(&mut self, section: &Section, outcome: Outcome) {
        let policy = &self.world.cmdb.policy.reconciliation;
        for (name, value) in attributes::of_section(section) {
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

    /// Agents that may not report any more have no say once another one measured the same.
    fn is_superseded(&self, source: &Source) -> bool {
        let Source::Agent { id } = source else { return false };
        Some(*id) != self.reporter.agent() && self.world.trust.agents.get(id).is_none_or(|agent| agent.status != AgentStatus::Approved)
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
        self.events.into_iter().map(Event::Ci).collect()
    }
}
