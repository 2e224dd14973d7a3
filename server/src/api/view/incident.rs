//! Incidents.

use super::attachment::Attachment;
use super::chart::Chart;
use super::watcher::Watcher;
use super::word::{Grade, HoldReason, IncidentChannel, IncidentState, RelationKind, Severity, SlaMeasure, SlaState, SlaTick};
use super::{Actor, Stamp, Time, texts};
use rollcall_domain::World;
use rollcall_domain::ci::impact;
use rollcall_domain::incident as domain;
use rollcall_domain::incident::clock::{self, ClockPolicy};
use rollcall_domain::problem::workaround;
use rollcall_shared::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A note.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Note {
    /// When.
    pub at: Time,
    /// Who.
    pub by: Actor,
    /// What.
    pub text: String,
    /// Whether the caller may read it.
    pub public: bool,
}

impl From<&domain::Note> for Note {
    fn from(note: &domain::Note) -> Self {
        Self { at: Time(note.at), by: (&note.by).into(), text: note.text.clone(), public: note.public }
    }
}

/// Somebody who has to do with an incident: who used the API or the machine, a contact, or but a name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Party {
    /// Who used the API, or the machine.
    pub actor: Option<Actor>,
    /// The contact.
    #[schema(example = "con_00000000000000000000000001")]
    pub contact: Option<String>,
    /// As people say it.
    pub name: Option<String>,
}

/// A relation on a path.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PathStep {
    /// From this configuration item,
    pub from: String,
    /// in this way,
    pub kind: RelationKind,
    /// to that one.
    pub to: String,
}

/// A configuration item that the failure affects.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reach {
    /// Which.
    pub ci: String,
    /// The relations that lead to it.
    pub path: Vec<PathStep>,
}

/// An open incident nearby.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RelatedIncident {
    /// Which.
    pub incident: String,
    /// Of which configuration item.
    pub ci: String,
    /// How one gets there; empty for the configuration item itself.
    pub path: Vec<PathStep>,
}

/// A resolved incident like this one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SimilarIncident {
    /// Which.
    pub incident: String,
    /// How similar, 0 to 100.
    pub percent: u8,
    /// How it was resolved.
    pub close_code: Option<String>,
    /// How it was resolved, in words.
    pub close_notes: Option<String>,
    /// Group that resolved it.
    pub group: Option<String>,
}

/// A problem whose cause is known.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KnownError {
    /// Which.
    pub problem: String,
    /// Its line.
    pub title: String,
    /// What helps until it is fixed.
    pub workaround: Option<String>,
    /// Why it may be this one.
    pub because: String,
}

/// Who ought to have an incident.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SuggestedGroup {
    /// Group.
    pub group: String,
    /// Why.
    pub because: String,
}

/// A moment of a service-level clock.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClockMoment {
    /// When.
    pub at: Time,
    /// What happened.
    pub what: SlaTick,
}

/// A service-level clock. Targets come with service levels; this is what they are measured by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SlaClock {
    /// What it measures.
    pub measure: SlaMeasure,
    /// How it stands.
    pub state: SlaState,
    /// Actual time that counted so far, ms.
    pub elapsed_ms: u64,
    /// What happened to it, oldest first.
    pub moments: Vec<ClockMoment>,
}

/// What the breach was.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Breach {
    /// Alert instance.
    pub alert: String,
    /// Rule.
    pub rule: String,
    /// Attributes of the series, such as the mount point.
    pub attributes: BTreeMap<String, String>,
    /// How bad at the last update.
    pub severity: Severity,
    /// Value that raised it; null when unknown.
    pub value: Option<f64>,
    /// In words: value, threshold, window.
    pub reason: String,
    /// What to do next, from the rule.
    pub guidance: String,
    /// Runbook link.
    pub runbook: Option<String>,
    /// The metric that the rule names first. The value is that metric's own only where the chart's `lines_of` says `series`.
    pub metric: Option<String>,
    /// What a chart must show, where the rule looks at samples; `/incidents/{id}/chart` has it with the points.
    pub chart: Option<Chart>,
}

/// A change on the configuration item shortly before the incident.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecentChange {
    /// Log revision of the change.
    pub revision: u64,
    /// When.
    pub at: Time,
    /// In words.
    pub summary: String,
    /// How many other configuration items went through the same on that day.
    pub also_on: u32,
}

/// An incident.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Incident {
    /// Its id.
    #[schema(example = "inc_00000000000000000000000001")]
    pub id: String,
    /// Its number for people.
    #[schema(example = "INC0000001")]
    pub number: String,
    /// A line.
    pub title: String,
    /// Already filled in. While it is open, the known errors in it are as they are known by now.
    pub description: String,
    /// Where it is.
    pub state: IncidentState,
    /// What it waits for.
    pub hold_reason: Option<HoldReason>,
    /// How far it reaches.
    pub impact: Grade,
    /// Why so far.
    pub impact_reason: String,
    /// How fast it must be dealt with.
    pub urgency: Grade,
    /// 1 (highest) to 5: impact × urgency.
    pub priority: u8,
    /// Whether people decided impact or urgency, so that no alert moves them.
    pub graded_by_hand: bool,
    /// The business service that suffers.
    pub service: Option<String>,
    /// The configuration item.
    pub primary_ci: Option<String>,
    /// Others affected.
    pub affected_cis: Vec<String>,
    /// How the failure gets to them, as it was when it opened.
    pub reach: Vec<Reach>,
    /// Whether more was affected than is named.
    pub reaches_further: bool,
    /// The rule's id for monitoring.
    pub category: Option<String>,
    /// How it came.
    pub channel: IncidentChannel,
    /// Who reported it.
    pub caller: Party,
    /// Group that has it.
    pub group: Option<String>,
    /// Group that ought to have it, when it opened.
    pub suggested_group: Option<SuggestedGroup>,
    /// Person who has it.
    pub assignee: Option<String>,
    /// When it opened.
    pub opened_at: Time,
    /// Who opened it.
    pub opened_by: Actor,
    /// When somebody took notice, and who.
    pub acknowledged: Option<Stamp>,
    /// When it was resolved, and by whom.
    pub resolved: Option<Stamp>,
    /// When it was closed, and by whom.
    pub closed: Option<Stamp>,
    /// When it last changed.
    pub updated_at: Time,
    /// How often it was reopened.
    pub reopen_count: u32,
    /// How often it changed hands.
    pub reassignment_count: u32,
    /// How often its alert came back while it was open.
    pub flap_count: u32,
    /// How it was resolved, such as `fixed` or `recovered_by_itself`.
    pub close_code: Option<String>,
    /// How it was resolved, in words.
    pub close_notes: Option<String>,
    /// One live incident per key.
    pub dedup_key: Option<String>,
    /// The breach.
    pub breach: Option<Breach>,
    /// What changed on the configuration item in the 72 hours before.
    pub recent_changes: Vec<RecentChange>,
    /// Open incidents on the same configuration item and around it when it opened.
    pub related: Vec<RelatedIncident>,
    /// Resolved incidents like this one when it opened, those that people solved first.
    pub similar: Vec<SimilarIncident>,
    /// Problems with a known cause that this may be due to, as they are known by now while it is open, later as they were when it opened.
    pub known_errors: Vec<KnownError>,
    /// Alert instances that it stands for; those of other systems are at `/api/v1/external_alerts/{id}`.
    pub alerts: Vec<String>,
    /// The change that resolves it.
    pub change: Option<String>,
    /// The change that caused it.
    pub caused_by_change: Option<String>,
    /// Articles that help.
    pub knowledge: Vec<String>,
    /// The incident that it is part of.
    pub parent: Option<String>,
    /// The incidents that are part of it, the first 1000; `parent` of the list finds all.
    pub children: Vec<String>,
    /// How many are.
    pub child_count: u64,
    /// How many of them are open.
    pub open_child_count: u32,
    /// Whether it stands for a storm: many incidents of one rule at once, told of as one.
    pub storm: bool,
    /// The incident that it turned out to be the same as.
    pub duplicate_of: Option<String>,
    /// The incidents that turned out to be this one.
    pub merged: Vec<String>,
    /// Who is told what becomes of it.
    pub watchers: Vec<Watcher>,
    /// Its service-level clocks.
    pub sla: Vec<SlaClock>,
    /// Its problem.
    pub problem: Option<String>,
    /// The incident that this one follows.
    pub follows: Option<String>,
    /// Notes, oldest first.
    pub notes: Vec<Note>,
    /// Files that are attached, oldest first; see `/incidents/{id}/attachments/{name}`.
    pub attachments: Vec<Attachment>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl Breach {
    fn new(world: &World, breach: &domain::Breach) -> Self {
        Self {
            alert: breach.alert.to_string(),
            rule: breach.key.rule.to_string(),
            attributes: breach.key.attributes.clone(),
            severity: breach.severity.into(),
            value: breach.value,
            reason: breach.reason.clone(),
            guidance: breach.guidance.clone(),
            runbook: breach.runbook.clone(),
            metric: breach.metric.clone(),
            chart: breach.chart.as_ref().map(|chart| Chart::new(world, chart)),
        }
    }
}

impl Party {
    /// Somebody; a contact as it is called now, or was when it was still there.
    pub fn new(world: &World, party: &domain::Party) -> Self {
        let written = Self::from(party);
        match party {
            domain::Party::Contact { contact, .. } => match world.contacts.contacts.get(contact) {
                Some(known) => Self { name: Some(known.contact.name.clone()), ..written },
                None => written,
            },
            _ => written,
        }
    }
}

/// As it was written.
impl From<&domain::Party> for Party {
    fn from(party: &domain::Party) -> Self {
        let nobody = Self { actor: None, contact: None, name: None };
        match party {
            domain::Party::Actor { actor } => Self { actor: Some(actor.into()), ..nobody },
            domain::Party::Contact { contact, name } => Self { contact: Some(contact.to_string()), name: Some(name.clone()), ..nobody },
            domain::Party::Named { name } => Self { name: Some(name.clone()), ..nobody },
        }
    }
}

fn path(steps: &[impact::Step]) -> Vec<PathStep> {
    steps.iter().map(|step| PathStep { from: step.from.to_string(), kind: step.kind.into(), to: step.to.to_string() }).collect()
}

impl From<&domain::Reach> for Reach {
    fn from(reach: &domain::Reach) -> Self {
        Self { ci: reach.ci.to_string(), path: path(&reach.path) }
    }
}

impl From<&domain::Related> for RelatedIncident {
    fn from(related: &domain::Related) -> Self {
        Self { incident: related.incident.to_string(), ci: related.ci.to_string(), path: path(&related.path) }
    }
}

impl SimilarIncident {
    fn new(world: &World, similar: &domain::Similar) -> Self {
        let domain::Similar { incident, percent, close_code, close_notes, group } = similar.clone();
        let group = group.map(|group| world.contacts.called(&group));
        Self { incident: incident.to_string(), percent, close_code, close_notes, group }
    }
}

impl From<&domain::KnownError> for KnownError {
    fn from(error: &domain::KnownError) -> Self {
        let domain::KnownError { problem, title, workaround, because } = error.clone();
        Self { problem: problem.to_string(), title, workaround, because }
    }
}

impl From<clock::SlaClock> for SlaClock {
    fn from(clock: clock::SlaClock) -> Self {
        Self {
            measure: clock.measure.into(),
            state: clock.state.into(),
            elapsed_ms: u64::try_from(clock.elapsed.as_millis()).unwrap_or(u64::MAX),
            moments: clock.ticks.into_iter().map(|(at, what)| ClockMoment { at: Time(at), what: what.into() }).collect(),
        }
    }
}

impl From<&domain::RecentChange> for RecentChange {
    fn from(change: &domain::RecentChange) -> Self {
        Self { revision: change.revision, at: Time(change.at), summary: change.summary.clone(), also_on: change.also_on }
    }
}

/// Children shown with their parent: a page of them.
const CHILDREN: usize = 1_000;

impl Incident {
    /// As it is at a moment, with who has to do with it as they are called now.
    pub fn new(world: &World, incident: &domain::Incident, now: Timestamp) -> Self {
        let called = |text: &String| world.contacts.called(text);
        let group = incident.suggested_group.as_ref();
        Self {
            id: incident.id.to_string(),
            number: format!("INC{:07}", incident.number),
            title: incident.title.clone(),
            description: workaround::described_by_now(world, incident).into_owned(),
            state: incident.state.into(),
            hold_reason: incident.hold_reason.map(Into::into),
            impact: incident.impact.into(),
            impact_reason: incident.impact_reason.clone(),
            graded_by_hand: incident.graded_by_hand,
            service: incident.service.map(|id| id.to_string()),
            urgency: incident.urgency.into(),
            priority: incident.priority,
            primary_ci: incident.primary_ci.map(|id| id.to_string()),
            affected_cis: texts(&incident.affected_cis),
            reach: incident.reach.iter().map(Into::into).collect(),
            reaches_further: incident.reaches_further,
            category: incident.category.clone(),
            channel: incident.channel.into(),
            caller: Party::new(world, &incident.caller),
            group: incident.group.as_ref().map(called),
            suggested_group: group.map(|one| SuggestedGroup { group: called(&one.group), because: one.because.clone() }),
            assignee: incident.assignee.as_ref().map(called),
            opened_at: Time(incident.opened_at),
            opened_by: (&incident.opened_by).into(),
            acknowledged: incident.acknowledged.as_ref().map(Into::into),
            resolved: incident.resolved.as_ref().map(Into::into),
            closed: incident.closed.as_ref().map(Into::into),
            updated_at: Time(incident.updated_at),
            reopen_count: incident.reopen_count,
            reassignment_count: incident.reassignment_count,
            flap_count: incident.flap_count,
            close_code: incident.close_code.clone(),
            close_notes: incident.close_notes.clone(),
            dedup_key: incident.dedup_key.clone(),
            breach: incident.breach.as_ref().map(|breach| Breach::new(world, breach)),
            recent_changes: incident.recent_changes.iter().map(Into::into).collect(),
            related: incident.related.iter().map(Into::into).collect(),
            similar: incident.similar.iter().map(|similar| SimilarIncident::new(world, similar)).collect(),
            known_errors: workaround::known_by_now(world, incident).iter().map(Into::into).collect(),
            alerts: texts(&incident.alerts),
            change: incident.change.clone(),
            caused_by_change: incident.caused_by_change.clone(),
            knowledge: incident.knowledge.clone(),
            parent: incident.parent.map(|id| id.to_string()),
            children: texts(incident.children.iter().take(CHILDREN)),
            child_count: incident.children.len() as u64,
            open_child_count: incident.open_children,
            storm: incident.storm.is_some(),
            duplicate_of: incident.duplicate_of.map(|id| id.to_string()),
            merged: texts(&incident.merged),
            watchers: incident.watchers.iter().map(|watcher| Watcher::new(world, watcher)).collect(),
            sla: clock::clocks(incident, &ClockPolicy::default(), now).into_iter().map(Into::into).collect(),
            problem: incident.problem.map(|id| id.to_string()),
            follows: incident.follows.map(|id| id.to_string()),
            notes: incident.notes.iter().map(Into::into).collect(),
            attachments: incident.attachments.iter().map(Into::into).collect(),
            revision: incident.revision,
        }
    }
}
