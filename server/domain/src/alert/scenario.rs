//! Scripts for tests: a small fleet is fed samples, ticks and commands, and tells what happened line by line. Every log that a
//! script produces is replayed into a fresh world and compared.

use crate::actor::Actor;
use crate::alert::{AlertEvent, AlertState};
use crate::ci::{Attribute, AttributeValue, Ci, CiEvent, Class, Method, Proposal, Source};
use crate::command::Command;
use crate::context::{Content, Context, CountingIds};
use crate::copy_on_write::CopyOnWrite;
use crate::id::{CiId, Family, IncidentId, ProblemId, TokenId};
use crate::incident::{IncidentAction, IncidentCommand, IncidentEvent};
use crate::journal::{JournalEntry, Sign};
use crate::problem::{ProblemAction, ProblemCommand, ProblemEvent};
use crate::rule::{Condition, Flapping, Grade, Level, Levels, NoData, Reduce, Rule, RuleEvent, Selector, Tier};
use crate::trust::Agent;
use crate::trust::collector::Spoken;
use crate::{Event, Record, Rejection, World};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::Side;
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, ContentHash, Section, SectionName, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Events that one cause may lead to; more is a loop.
const CHAIN: usize = 1_000;

#[derive(Default)]
pub(crate) struct Tables(BTreeMap<ContentHash, Arc<Section>>);

impl Content for Tables {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        self.0.get(hash).cloned()
    }
}

impl Tables {
    /// Stores a section.
    pub(crate) fn put(&mut self, section: Section) -> ContentHash {
        let (hash, _) = section.clone().canonical().expect("rows that can be stored");
        self.0.insert(hash, Arc::new(section));
        hash
    }
}

#[derive(Default)]
pub(crate) struct Scenario {
    pub(crate) world: World,
    seed: World,
    ids: CountingIds,
    pub(crate) tables: Tables,
    pub(crate) log: Vec<Record>,
    told: usize,
    sequence: u64,
}

pub(crate) fn host(n: u128) -> CiId {
    CiId { family: Family::Host, bits: n }
}

pub(crate) fn agent(n: u128) -> AgentId {
    AgentId(n)
}

pub(crate) fn seconds(at: i64) -> Timestamp {
    Timestamp(at * 1_000)
}

/// A rule on `m`: warning 80↑85, critical 90↑95, ticket.
pub(crate) fn rule(id: &str) -> Rule {
    let level = |raise, clear| Some(Level { raise, clear, and: None, for_ms: None });
    Rule {
        id: id.parse().expect("a proper name"),
        title: "Load".into(),
        description: "Look at it.".into(),
        enabled: true,
        tier: Tier::Ticket,
        warning_tier: None,
        classes: Vec::new(),
        condition: Condition::Threshold {
            metric: "m".into(),
            attributes: BTreeMap::new(),
            reduce: Reduce::Last,
            window_ms: 0,
            side: Side::Above,
        },
        levels: Levels { warning: level(85.0, 80.0), critical: level(95.0, 90.0) },
        for_ms: 0,
        keep_firing_for_ms: 0,
        no_data: NoData::Unknown,
        impact: Grade::Medium,
        group: None,
        runbook: None,
        auto_resolve: true,
        selector: Selector::default(),
        threshold_source: None,
        flapping: Flapping::default(),
        overrides: Vec::new(),
        tests: Vec::new(),
        means_down: false,
        stock: false,
    }
}

pub(crate) fn person() -> Actor {
    Actor::Token { id: TokenId(7), name: "ada".into() }
}

pub(crate) fn text(value: &str) -> Attribute {
    let (value, source) = (AttributeValue::Text(value.into()), Source::Agent { id: agent(1) });
    Attribute::sole(Proposal::new(value, source, Timestamp(0), Method::Section(SectionName::System)))
}

impl Scenario {
    /// One host, `web-1`, under these rules.
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        let mut scenario = Self::default();
        scenario.add_host(1, &[]);
        for rule in rules {
            scenario.commit(0, &Actor::System, vec![Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule) })]);
        }
        scenario.told = scenario.log.len();
        scenario
    }

    pub(crate) fn add_host(&mut self, n: u128, attributes: &[(&str, &str)]) {
        for world in [&mut self.world, &mut self.seed] {
            world.cmdb.cis.insert(host(n), ci(n, attributes));
            world.trust.agents.insert(agent(n), CopyOnWrite::new(enrolled(n)));
            world.trust.rebuild_roster();
        }
    }

    /// Changes what the script takes as given.
    pub(crate) fn seed(&mut self, change: impl Fn(&mut World)) {
        for world in [&mut self.world, &mut self.seed] {
            change(world);
            world.trust.rebuild_roster();
        }
    }

    /// Pushes values of `m`, one per mount point (`""` for none), measured and received at `at`.
    pub(crate) fn values(&mut self, at: i64, n: u128, values: &[(&str, Option<f64>)]) {
        let set = self.set(at, values);
        self.push(at, n, vec![set], Vec::new());
    }

    pub(crate) fn value(&mut self, at: i64, value: f64) {
        self.values(at, 1, &[("", Some(value))]);
    }

    /// Pushes one value each of `m` and `n`.
    pub(crate) fn pair(&mut self, at: i64, m: Option<f64>, n: Option<f64>) {
        let series = |metric: &str| Series { metric: metric.into(), attributes: Vec::new() };
        let section = Section::Series(vec![series("m"), series("n")]);
        let (table, _) = section.clone().canonical().expect("a table");
        self.tables.0.insert(table, Arc::new(section));
        self.push(at, 1, vec![SampleSet { table, at: seconds(at), values: vec![m, n] }], Vec::new());
    }

    /// A table of series, for sets of one's own.
    pub(crate) fn table(&mut self, series: Vec<Series>) -> ContentHash {
        let section = Section::Series(series);
        let (table, _) = section.clone().canonical().expect("a table");
        self.tables.0.insert(table, Arc::new(section));
        table
    }

    pub(crate) fn set(&mut self, at: i64, values: &[(&str, Option<f64>)]) -> SampleSet {
        let series = |mount: &str| Series {
            metric: "m".into(),
            attributes: if mount.is_empty() { Vec::new() } else { vec![("mountpoint".into(), mount.into())] },
        };
        let mut rows: Vec<(Series, Option<f64>)> = values.iter().map(|(mount, value)| (series(mount), *value)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let section = Section::Series(rows.iter().map(|(series, _)| series.clone()).collect());
        let (table, _) = section.clone().canonical().expect("a table");
        self.tables.0.insert(table, Arc::new(section));
        SampleSet { table, at: seconds(at), values: rows.into_iter().map(|(_, value)| value).collect() }
    }

    pub(crate) fn push(&mut self, at: i64, n: u128, sets: Vec<SampleSet>, signs: Vec<Sign>) -> JournalEntry {
        self.sequence += 1;
        let entry = JournalEntry { agent: agent(n), epoch: 1, through: self.sequence, received_at: seconds(at), skew_ms: 0, sets, signs };
        let actor = Actor::Agent { id: agent(n) };
        let mut context = Context { now: seconds(at), actor: actor.clone(), ids: &mut self.ids, content: &self.tables };
        let events = self.world.observe(&entry, &mut context);
        self.commit(at, &actor, events);
        entry
    }

    /// An agent tells its push interval, as with a push.
    pub(crate) fn tell_interval(&mut self, at: i64, n: u128, interval_ms: Option<u64>) {
        let told = self.world.hear_interval(agent(n), interval_ms, seconds(at));
        self.commit(at, &Actor::Agent { id: agent(n) }, told.into_iter().collect());
    }

    /// Lets a feed speak of an item; the id of its voice.
    pub(crate) fn hear(&mut self, at: i64, spoken: &Spoken) -> Result<AgentId, Rejection> {
        let actor = Actor::Feed { name: spoken.feed.to_string() };
        let context = Context { now: seconds(at), actor: actor.clone(), ids: &mut self.ids, content: &self.tables };
        let (voice, events) = self.world.hear_collector(spoken, &context)?;
        self.commit(at, &actor, events);
        Ok(voice)
    }

    /// Takes in what a voice measured.
    pub(crate) fn collect(&mut self, at: i64, voice: AgentId, sets: Vec<SampleSet>, signs: Vec<Sign>) -> JournalEntry {
        let entry = JournalEntry { agent: voice, epoch: 0, through: 0, received_at: seconds(at), skew_ms: 0, sets, signs };
        let mut context = Context { now: seconds(at), actor: Actor::System, ids: &mut self.ids, content: &self.tables };
        let events = self.world.observe(&entry, &mut context);
        self.commit(at, &Actor::System, events);
        entry
    }

    /// What the script takes as given.
    pub(crate) fn given(&self) -> World {
        self.seed.clone()
    }

    pub(crate) fn tick(&mut self, at: i64) {
        let mut context = Context { now: seconds(at), actor: Actor::System, ids: &mut self.ids, content: &self.tables };
        let events = self.world.tick(&mut context);
        self.commit(at, &Actor::System, events);
    }

    /// Ids go on from here, as after the clock was set.
    pub(crate) fn count_ids_from(&mut self, start: u128) {
        self.ids = CountingIds(start);
    }

    /// Tells what is due, as after a batch of inputs.
    pub(crate) fn settle(&mut self, at: i64) {
        let mut context = Context { now: seconds(at), actor: Actor::System, ids: &mut self.ids, content: &self.tables };
        let events = self.world.settle(&mut context);
        self.commit(at, &Actor::System, events);
    }

    pub(crate) fn command(&mut self, at: i64, command: &Command) -> Result<(), Rejection> {
        let mut context = Context { now: seconds(at), actor: person(), ids: &mut self.ids, content: &self.tables };
        let events = self.world.decide(command, &mut context)?;
        self.commit(at, &person(), events);
        Ok(())
    }

    pub(crate) fn act(&mut self, at: i64, number: u64, action: IncidentAction) -> Result<(), Rejection> {
        let incident = self.incident(number);
        self.command(at, &Command::Incident(IncidentCommand::Act { incident, action, expected: None }))
    }

    pub(crate) fn work(&mut self, at: i64, number: u64, action: ProblemAction) -> Result<(), Rejection> {
        let problem = self.problem(number);
        self.command(at, &Command::Problem(ProblemCommand::Act { problem, action, expected: None }))
    }

    pub(crate) fn incident(&self, number: u64) -> IncidentId {
        self.world.incidents.incidents.values().find(|incident| incident.number == number).expect("an incident").id
    }

    pub(crate) fn problem(&self, number: u64) -> ProblemId {
        self.world.problems.problems.values().find(|problem| problem.number == number).expect("a problem").id
    }

    pub(crate) fn commit(&mut self, at: i64, actor: &Actor, events: Vec<Event>) {
        let mut queue: VecDeque<Event> = events.into();
        let mut budget = CHAIN;
        while let Some(event) = queue.pop_front() {
            budget -= 1;
            assert!(budget > 0, "events lead to each other without end");
            let record = Record {
                revision: self.world.revision + 1,
                at: seconds(at),
                actor: actor.clone(),
                request_id: None,
                idempotency_key: None,
                event,
            };
            let stored = serde_json::to_string(&record).expect("a record has a JSON form");
            let record: Record = serde_json::from_str(&stored).expect("a stored record can be read");
            self.world.apply(&record, &self.tables);
            let mut context = Context { now: seconds(at), actor: actor.clone(), ids: &mut self.ids, content: &self.tables };
            let follow = self.world.react(&record.event, &mut context);
            for event in follow.into_iter().rev() {
                queue.push_front(event);
            }
            self.log.push(record);
        }
    }

    /// What happened since the last telling, and proof that a replay of the log knows the same.
    #[track_caller]
    pub(crate) fn story(&mut self) -> Vec<String> {
        self.replay();
        // The daily measurement of the CMDB is no part of any story.
        let is_measured = |record: &&Record| matches!(record.event, Event::Ci(CiEvent::HealthMeasured { .. }));
        let lines = self.log[self.told..].iter().filter(|record| !is_measured(record)).map(|record| self.line(record)).collect();
        self.told = self.log.len();
        lines
    }

    #[track_caller]
    pub(crate) fn replay(&self) {
        let mut again = self.seed.clone();
        self.log.iter().for_each(|record| again.apply(record, &self.tables));
        assert_eq!(again.contacts, self.world.contacts);
        assert_eq!(again.rules, self.world.rules);
        assert_eq!(again.alerts, self.world.alerts);
        assert_eq!(again.incidents, self.world.incidents);
        assert_eq!(again.problems, self.world.problems);
        assert_eq!(again.delivery, self.world.delivery);
        assert_eq!(again.notifications, self.world.notifications);
        crate::incident::past::tests::law(&self.world, &self.log);
        self.thaw();
    }

    /// What a snapshot has of the state is read back as it was.
    #[track_caller]
    fn thaw(&self) {
        let bytes = serde_json::to_vec(&self.world).expect("a state can be written");
        let mut thawed: World = serde_json::from_slice(&bytes).expect("what was written can be read");
        thawed.rebuild_projections(&self.tables);
        assert_eq!(thawed.contacts, self.world.contacts);
        assert_eq!(thawed.rules, self.world.rules);
        assert_eq!(thawed.alerts, self.world.alerts);
        assert_eq!(thawed.incidents, self.world.incidents);
        assert_eq!(thawed.delivery, self.world.delivery);
        assert_eq!(thawed.notifications, self.world.notifications);
    }

    fn line(&self, record: &Record) -> String {
        let at = record.at.0 / 1_000;
        match &record.event {
            Event::Alert(AlertEvent::AlertWorsening { key, since, .. }) => {
                format!("{at} {}: {}", key.rule, if since.is_some() { "may become critical" } else { "is not critical" })
            }
            Event::Alert(AlertEvent::AlertTransitioned { key, before, after, severity, .. }) => {
                let attributes: String = key.attributes.values().map(|value| format!(" {value}")).collect();
                let severity = severity.map(|severity| format!(" {severity:?}")).unwrap_or_default();
                format!("{at} {}{attributes}: {before:?} → {after:?}{severity}", key.rule)
            }
            Event::Alert(AlertEvent::AlertSuppressed { axis, reason, .. }) => {
                format!("{at} {axis:?} {}", if reason.is_some() { "begins" } else { "ends" })
            }
            Event::Alert(AlertEvent::OutageBegan { outage }) => format!("{at} outage begins: {}", outage.title()),
            Event::Alert(AlertEvent::OutageGrew { alerts, .. }) => format!("{at} outage grows by {}", alerts.len()),
            Event::Alert(AlertEvent::OutageShrank { returned, .. }) => format!("{at} outage: {} back", returned.len()),
            Event::Alert(AlertEvent::OutageEnded { .. }) => format!("{at} outage ends"),
            Event::Alert(AlertEvent::AlertAcknowledged { acknowledgement, .. }) => {
                format!("{at} alert {}", if acknowledgement.is_some() { "acknowledged" } else { "no longer acknowledged" })
            }
            Event::Alert(AlertEvent::MuteSet { mute }) => format!("{at} {:?} set", mute.kind),
            Event::Alert(AlertEvent::MuteChanged { mute }) => format!("{at} {:?} changed", mute.kind),
            Event::Alert(AlertEvent::MuteEnded { .. }) => format!("{at} mute ended"),
            Event::Alert(AlertEvent::ExternalAlertChanged { change, .. }) => format!("{at} external alert: {change:?}"),
            Event::Incident(event) => format!("{at} {}", self.incident_line(event)),
            Event::Problem(event) => format!("{at} {}", self.problem_line(event)),
            Event::Catalogue(_) | Event::Advisory(_) => format!("{at} software"),
            Event::Rule(RuleEvent::RuleSet { rule }) => format!("{at} rule {} set", rule.id),
            Event::Rule(RuleEvent::RuleRemoved { rule }) => format!("{at} rule {rule} removed"),
            Event::Trust(_)
            | Event::Ci(_)
            | Event::Attribute(_)
            | Event::Contact(_)
            | Event::Group(_)
            | Event::Import(_)
            | Event::Delivery(_)
            | Event::Notification(_) => {
                format!("{at} something else")
            }
        }
    }

    fn incident_line(&self, event: &IncidentEvent) -> String {
        let number = |id: &IncidentId| self.world.incidents.incidents.get(id).map_or(0, |incident| incident.number);
        match event {
            IncidentEvent::IncidentOpened { incident } => {
                format!("INC{} opened P{}: {}", incident.number, incident.priority, incident.title)
            }
            IncidentEvent::IncidentStateChanged { incident, before, after, .. } => {
                format!("INC{} {} → {}", number(incident), before.as_str(), after.as_str())
            }
            IncidentEvent::IncidentAcknowledged { incident } => format!("INC{} acknowledged", number(incident)),
            IncidentEvent::IncidentAssigned { incident, .. } => format!("INC{} assigned", number(incident)),
            IncidentEvent::IncidentPrioritised { incident, priority, .. } => format!("INC{} P{priority}", number(incident)),
            IncidentEvent::IncidentUpdated { incident, severity, flapped, .. } => {
                format!("INC{} {severity:?}{}", number(incident), if *flapped { ", back" } else { "" })
            }
            IncidentEvent::IncidentNoted { incident, .. } => format!("INC{} noted", number(incident)),
            IncidentEvent::AlertJoined { incident, .. } => format!("INC{} joined", number(incident)),
            IncidentEvent::AlertAttached { incident, .. } => format!("INC{} attached", number(incident)),
            IncidentEvent::IncidentUnlinked { incident, .. } => format!("INC{} unlinked", number(incident)),
            IncidentEvent::IncidentLinked { incident, .. } => format!("INC{} linked", number(incident)),
            IncidentEvent::IncidentEdited { incident, .. } => format!("INC{} edited", number(incident)),
            IncidentEvent::IncidentParentChanged { incident, after: Some(parent), .. } => {
                format!("INC{} part of INC{}", number(incident), number(parent))
            }
            IncidentEvent::IncidentParentChanged { incident, after: None, .. } => format!("INC{} stands alone", number(incident)),
            IncidentEvent::IncidentsRolledUp { incident, children } => format!("INC{} rolls up {}", number(incident), children.len()),
            IncidentEvent::IncidentMerged { incident, into } => format!("INC{} merged into INC{}", number(incident), number(into)),
            IncidentEvent::WatcherAdded { incident, .. } => format!("INC{} watched", number(incident)),
            IncidentEvent::WatcherRemoved { incident, .. } => format!("INC{} watched no more", number(incident)),
            IncidentEvent::AttachmentAdded { incident, attachment } => format!("INC{} attachment {}", number(incident), attachment.name),
            IncidentEvent::AttachmentRemoved { incident, .. } => format!("INC{} attachment removed", number(incident)),
            IncidentEvent::AssignmentRuleSet { rule } => format!("assignment rule {} set", rule.name),
            IncidentEvent::AssignmentRuleDeleted { .. } => "assignment rule deleted".into(),
        }
    }

    fn problem_line(&self, event: &ProblemEvent) -> String {
        let number = |id: &ProblemId| self.world.problems.problems.get(id).map_or(0, |problem| problem.number);
        match event {
            ProblemEvent::ProblemOpened { problem } => format!("PRB{} opened P{}: {}", problem.number, problem.priority, problem.title),
            ProblemEvent::ProblemStateChanged { problem, before, after, .. } => {
                format!("PRB{} {} → {}", number(problem), before.as_str(), after.as_str())
            }
            ProblemEvent::ProblemAcknowledged { problem } => format!("PRB{} acknowledged", number(problem)),
            ProblemEvent::ProblemAssigned { problem, .. } => format!("PRB{} assigned", number(problem)),
            ProblemEvent::ProblemNoted { problem, .. } => format!("PRB{} noted", number(problem)),
            ProblemEvent::ProblemDescribed { problem, .. } => format!("PRB{} described", number(problem)),
            ProblemEvent::ProblemEvidenceAdded { problem, .. } => format!("PRB{} evidence", number(problem)),
            ProblemEvent::ProblemRiskAccepted { problem, .. } => format!("PRB{} risk", number(problem)),
            ProblemEvent::ProblemDuplicated { problem, of } => format!("PRB{} is PRB{}", number(problem), number(of)),
            ProblemEvent::ProblemIncidentRemoved { problem, .. } => format!("PRB{} without an incident", number(problem)),
            ProblemEvent::ProblemEdited { problem, .. } => format!("PRB{} edited", number(problem)),
            ProblemEvent::HypothesesTested { problem, .. } => format!("PRB{} tested again", number(problem)),
            ProblemEvent::HypothesisJudged { problem, verdict, .. } => format!("PRB{} {verdict:?}", number(problem)),
            ProblemEvent::ProblemAttachmentAdded { problem, attachment } => {
                format!("PRB{} attachment {}", number(problem), attachment.name)
            }
            ProblemEvent::ProblemAttachmentRemoved { problem, .. } => format!("PRB{} attachment removed", number(problem)),
        }
    }

    pub(crate) fn state(&self, rule: &str, n: u128) -> AlertState {
        let found = self.world.alerts.alerts.values().find(|alert| alert.key.rule.as_str() == rule && alert.key.ci == host(n));
        found.map_or(AlertState::Inactive, |alert| alert.state)
    }
}

fn ci(n: u128, attributes: &[(&str, &str)]) -> Ci {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
    Ci { attributes, ..Ci::new(host(n), Class::Server, &format!("web-{n}"), seconds(0), 0) }
}

pub(crate) fn enrolled(n: u128) -> Agent {
    Agent {
        id: agent(n),
        status: AgentStatus::Approved,
        enrolment_id: n.to_string(),
        public_key: String::new(),
        token: TokenId(1),
        hostname: None,
        agent_version: String::new(),
        address: None,
        enrolled_at: seconds(0),
        certificate_expires_at: seconds(0),
        certificate: String::new(),
        ci: Some(host(n)),
        revoked_because: None,
        revision: 0,
    }
}
