//! The state: the fold of the log, and beside it the fold of the sample journal.
//!
//! Invariants: only [`World::apply`] changes what comes from the log; [`World::observe`] changes telemetry alone and
//! *returns* what it concludes as events; nothing here fails on an event, however old.

use crate::advisory::{self, Advisories};
use crate::alert::observe;
use crate::alert::telemetry::Telemetry;
use crate::alert::{self, Alerts};
use crate::attribute::{self, Attributes};
use crate::catalogue::{self, Catalogue};
use crate::ci::{self, Cmdb, Reporter};
use crate::command::Command;
use crate::contact::{self, Contacts};
use crate::context::{Content, Context};
use crate::delivery::{self, Deliveries};
use crate::event::{Event, Record};
use crate::group::{self, Groups};
use crate::import::{self, Imports};
use crate::incident::{self, Incidents};
use crate::journal::JournalEntry;
use crate::notification::{self, Notifications};
use crate::problem::{self, Problems};
use crate::rejection::Rejection;
use crate::rule::{self, Rules};
use crate::trust::collector::Spoken;
use crate::trust::feed::FeedName;
use crate::trust::{self, Trust, TrustEvent};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::{Loss, Report, Settings};
use rollcall_shared::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Idempotency keys remembered: a client that retries does so within minutes.
const IDEMPOTENCY_KEYS: usize = 10_000;

/// In an idempotency key: what stands behind it tells what was asked for under the key.
pub const BODY_MARK: &str = " body:";

/// Whether a key that is kept stands for what is asked for under `key`. Earlier releases kept some keys without what was asked for: they
/// stand for whatever comes under them.
#[must_use]
pub fn is_same_request(kept: &str, key: &str) -> bool {
    kept == key || key.rsplit_once(BODY_MARK).is_some_and(|(base, _)| base == kept)
}

/// Everything the server knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Of the last applied record; 0 for none.
    pub revision: u64,
    /// Agents and tokens.
    pub trust: Trust,
    /// Configuration items.
    pub cmdb: Cmdb,
    /// Attributes that people defined.
    #[serde(default)]
    pub attributes: Attributes,
    /// People and teams.
    #[serde(default)]
    pub contacts: Contacts,
    /// Groups of configuration items.
    #[serde(default)]
    pub groups: Groups,
    /// Files that people loaded.
    #[serde(default)]
    pub imports: Imports,
    /// Rules.
    pub rules: Rules,
    /// Alert instances.
    pub alerts: Alerts,
    /// Incidents.
    pub incidents: Incidents,
    /// Problems.
    pub problems: Problems,
    /// What people decided about software.
    #[serde(default)]
    pub catalogue: Catalogue,
    /// What is known to be wrong with software.
    #[serde(default)]
    pub advisories: Advisories,
    /// Channels and what they deliver.
    #[serde(default)]
    pub delivery: Deliveries,
    /// Who is told of what.
    #[serde(default)]
    pub notifications: Notifications,
    /// The fold of the journal.
    pub telemetry: Telemetry,
    /// Idempotency keys with the revision of the first record each led to, oldest first.
    pub requests: VecDeque<(String, u64)>,
}

impl World {
    /// Judges a command of people.
    ///
    /// # Errors
    /// The rejection; nothing has changed then.
    pub fn decide(&self, command: &Command, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Trust(command) => Ok(trust::decide::command(self, command, context)?.into_iter().map(Event::Trust).collect()),
            Command::Ci(command) => ci::decide::command(self, command, context),
            Command::Attribute(command) => attribute::decide::command(self, command),
            Command::Contact(command) => contact::command(self, command, context),
            Command::Group(command) => group::command(self, command, context),
            Command::Import(command) => import::command(self, command, context),
            Command::Rule(command) => rule::decide::command(self, command, context),
            Command::Alert(command) => alert::decide::command(self, command, context),
            Command::Incident(command) => incident::decide::command(self, command, context),
            Command::Problem(command) => problem::decide::command(self, command, context),
            Command::Catalogue(command) => catalogue::decide::command(self, command, context),
            Command::Advisory(command) => advisory::decide::command(self, command),
            Command::Delivery(command) => delivery::decide::command(self, command, context),
            Command::Notification(command) => notification::decide::command(self, command, context),
        }
    }

    /// Judges an inventory whose content is all there.
    ///
    /// # Errors
    /// The rejection; nothing has changed then.
    pub fn report(&self, agent: AgentId, report: &Report, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
        ci::decide::report(self, &Reporter::Agent(agent), report, context)
    }

    /// How far an agent had come in the epoch of a push.
    ///
    /// # Errors
    /// The push is not taken in: its epoch is over, or that of a copy of the agent.
    pub fn begin_push(&self, agent: AgentId, epoch: u64) -> Result<u64, trust::session::Turned> {
        trust::session::begin(self, agent, epoch)
    }

    /// What a report tells of the epoch that it came in, once it is decided what it causes.
    #[must_use]
    pub fn reported(&self, agent: AgentId, epoch: u64, events: &[Event]) -> Vec<Event> {
        trust::session::reported(self, agent, epoch, events)
    }

    /// Sets a refused report aside for people to see.
    #[must_use]
    pub fn refused(&self, agent: AgentId, rejection: &Rejection, context: &mut Context<'_>) -> Vec<Event> {
        ci::decide::refused(self, &Reporter::Agent(agent), rejection, context)
    }

    /// Takes note of a declared loss.
    #[must_use]
    pub fn loss(&self, agent: AgentId, loss: &Loss) -> Vec<Event> {
        ci::decide::loss(agent, loss)
    }

    /// The event that an agent's push interval, as it tells it with a push, is another than was known.
    #[must_use]
    pub fn hear_interval(&self, agent: AgentId, interval_ms: Option<u64>, now: Timestamp) -> Option<Event> {
        trust::pace::told(self, agent, interval_ms, now).map(Event::Trust)
    }

    /// Judges what a feed measured: whose voice it is, with the event that makes a new one known.
    ///
    /// # Errors
    /// The rejection; nothing has changed then.
    pub fn hear_collector(&self, spoken: &Spoken, context: &Context<'_>) -> Result<(AgentId, Vec<Event>), Rejection> {
        let (voice, event) = trust::collector::hear(self, spoken, context)?;
        Ok((voice, event.map(Event::Trust).into_iter().collect()))
    }

    /// The event of units that a feed tells with what it measured; none when all of them are known.
    #[must_use]
    pub fn hear_units(&self, feed: &FeedName, told: &BTreeMap<String, String>) -> Option<Event> {
        let units = self.trust.units.news(told);
        (!units.is_empty()).then(|| Event::Trust(TrustEvent::UnitsTold { feed: feed.clone(), units }))
    }

    /// The unit of a metric: that of the catalogue, else as feeds tell it.
    #[must_use]
    pub fn unit_of(&self, metric: &str) -> Option<&str> {
        match rollcall_shared::metric::find(metric) {
            Some(known) => known.unit,
            None => self.trust.units.get(metric),
        }
    }

    /// Takes in samples and signs of life; what they mean comes back as events, not yet applied.
    pub fn observe(&mut self, entry: &JournalEntry, context: &mut Context<'_>) -> Vec<Event> {
        let events = observe::observe(self, entry, context);
        self.index_agent(entry.agent);
        events
    }

    /// Takes in an entry of the stored journal after a restart: what it meant is in the log already.
    pub fn recall(&mut self, entry: &JournalEntry, content: &dyn Content) {
        observe::recall(self, entry, content);
        self.index_agent(entry.agent);
    }

    /// What the passing of time means: silence, missing series.
    pub fn tick(&mut self, context: &mut Context<'_>) -> Vec<Event> {
        let mut events = ci::upkeep::tick(self, context);
        events.extend(ci::lifecycle::tick(self, context));
        events.extend(import::tick(self, context));
        events.extend(observe::tick(self, context));
        events.extend(problem::correlate::tick(self, context));
        events.extend(delivery::decide::tick(self, context));
        events
    }

    /// What follows from an event that has just been applied: an alert opens an incident, incidents suggest a problem.
    pub fn react(&self, event: &Event, context: &mut Context<'_>) -> Vec<Event> {
        let mut follow = observe::react(self, event, context);
        follow.extend(incident::react::react(self, event, context));
        follow.extend(problem::correlate::react(self, event, context));
        follow.extend(ci::decide::react(self, event, context));
        follow.extend(notification::react::react(self, event, context));
        follow
    }

    /// What an agent that works with a version of its settings is to be told: the current ones, when it has others.
    pub fn answer(&mut self, agent: AgentId, applied: u64, now: Timestamp) -> Option<Settings> {
        let mut telemetry = std::mem::take(&mut self.telemetry);
        let settings = telemetry.settings(self, agent, (applied, now));
        self.telemetry = telemetry;
        (settings.version != applied).then(|| Settings::clone(&settings))
    }

    /// What is due once inputs that came together have been decided and applied, and whenever time has passed: people are told.
    #[must_use]
    pub fn settle(&self, context: &mut Context<'_>) -> Vec<Event> {
        notification::tell::settle(self, context)
    }

    /// Which lines an agent should hurry for, and which it has.
    #[must_use]
    pub fn thresholds(&self, agent: AgentId, now: Timestamp) -> rule::thresholds::Standing {
        let explained = rule::thresholds::explained(self, agent, now);
        let (settings, left_out) = (explained.settings, explained.left_out);
        let applied = self.telemetry.applied(agent);
        rule::thresholds::Standing { version: settings.version, lines: settings.thresholds.len(), left_out, applied }
    }

    /// Remembers a record. Total; a record that is older than the state changes nothing.
    pub fn apply(&mut self, record: &Record, content: &dyn Content) {
        if record.revision <= self.revision {
            return;
        }
        self.revision = record.revision;
        match &record.event {
            Event::Trust(event) => {
                self.trust.apply(record.revision, event);
                if let trust::TrustEvent::CollectorForgotten { voice } = event {
                    self.telemetry.forget(*voice);
                }
            }
            Event::Ci(event) => {
                incident::history::note_change(&mut self.incidents, &self.cmdb, record, event);
                ci::fold::apply(&mut self.cmdb, record, event, content);
                self.advisories.follow(&mut self.cmdb);
                match event {
                    ci::CiEvent::HostIdentified { agent, ci, .. } => {
                        self.trust.bind(record.revision, *agent, *ci);
                        self.index_agent(*agent);
                    }
                    ci::CiEvent::CiMerged { merge, .. } => {
                        let voices = merge.agents.iter().chain(&merge.collectors);
                        voices.for_each(|&agent| self.trust.bind(record.revision, agent, merge.into));
                        merge.agents.iter().for_each(|&agent| self.index_agent(agent));
                    }
                    ci::CiEvent::CiUnmerged { ci, agents, .. } => {
                        agents.iter().for_each(|&agent| self.trust.bind(record.revision, agent, *ci));
                        agents.iter().for_each(|&agent| self.index_agent(agent));
                    }
                    _ => {}
                }
            }
            Event::Attribute(event) => self.attributes.apply(record, event),
            Event::Contact(event) => self.contacts.apply(record, event),
            Event::Group(event) => self.groups.apply(record, event),
            Event::Import(event) => self.imports.apply(record, event),
            Event::Rule(event) => self.rules.apply(record, event),
            Event::Alert(event) => alert::machine::apply(&mut self.alerts, record, event),
            Event::Incident(event) => incident::fold::apply(self, record, event),
            Event::Problem(event) => problem::fold::apply(&mut self.problems, record, event),
            Event::Catalogue(event) => catalogue::fold::apply(&mut self.catalogue, record, event),
            Event::Advisory(event) => advisory::fold::apply(&mut self.advisories, &self.cmdb, record, event),
            Event::Delivery(event) => {
                self.notifications.follow(record, event);
                self.delivery.apply(record, event);
            }
            Event::Notification(event) => self.notifications.apply(record, event),
        }
        if let Some(key) = &record.idempotency_key {
            self.remember_request(key, record.revision);
        }
    }

    /// A copy of all that a snapshot stores, without the projections: cheap, as records are taken over and not copied ([`CopyOnWrite`]).
    ///
    /// Each part that has projections names its fields one by one: a new one must say whether it is stored.
    ///
    /// [`CopyOnWrite`]: crate::copy_on_write::CopyOnWrite
    #[must_use]
    pub fn without_projections(&self) -> Self {
        Self {
            revision: self.revision,
            trust: self.trust.without_projections(),
            cmdb: self.cmdb.without_projections(),
            attributes: self.attributes.clone(),
            contacts: self.contacts.clone(),
            groups: self.groups.clone(),
            imports: self.imports.clone(),
            rules: self.rules.clone(),
            alerts: self.alerts.clone(),
            incidents: self.incidents.clone(),
            problems: self.problems.clone(),
            catalogue: self.catalogue.clone(),
            advisories: self.advisories.without_projections(),
            delivery: self.delivery.clone(),
            notifications: self.notifications.clone(),
            telemetry: self.telemetry.without_projections(),
            requests: self.requests.clone(),
        }
    }

    /// Rebuilds what is never stored (indexes over content) after a snapshot was loaded.
    pub fn rebuild_projections(&mut self, content: &dyn Content) {
        self.problems.watch = problem::watch::Watch::after_restart(&self.incidents);
        let Self { trust, cmdb, advisories, .. } = self;
        std::thread::scope(|scope| {
            scope.spawn(|| trust.rebuild_projections());
            cmdb.rebuild_projections(content);
        });
        advisories.rebuild(cmdb);
        self.rebuild_telemetry(content);
    }

    /// Takes over what was heard before the log was folded anew, save for agents and hosts that are no more.
    pub fn adopt_telemetry(&mut self, mut telemetry: Telemetry, content: &dyn Content) {
        let trust = &self.trust;
        telemetry
            .keep(|agent| trust.agents.contains_key(&agent) || trust.collectors.contains(agent), |host| self.cmdb.cis.contains_key(&host));
        self.telemetry = telemetry;
        self.rebuild_telemetry(content);
    }

    /// Waits for approved agents of which nothing is known but that they spoke for a host: from now on they are missed as others are.
    pub fn await_agents(&mut self) {
        let spoke = self.trust.agents.values().filter(|agent| agent.status == AgentStatus::Approved);
        let spoke: Vec<_> = spoke.filter_map(|agent| Some((agent.id, agent.ci?, agent.enrolled_at))).collect();
        for (agent, ci, enrolled_at) in spoke {
            if self.telemetry.await_agent(agent, ci, enrolled_at) {
                self.index_agent(agent);
            }
        }
    }

    fn rebuild_telemetry(&mut self, content: &dyn Content) {
        let mut telemetry = std::mem::take(&mut self.telemetry);
        telemetry.rebuild(self, content);
        self.telemetry = telemetry;
        let Self { telemetry, cmdb, .. } = self;
        telemetry.heard().for_each(|(agent, last_seen, silent)| cmdb.index.hear(agent, last_seen, silent));
    }

    /// Brings the index in line with what is known of an agent's signs of life.
    pub(crate) fn index_agent(&mut self, agent: AgentId) {
        if let Some(last_seen) = self.telemetry.last_seen(agent) {
            self.cmdb.index.hear(agent, last_seen, self.telemetry.is_silent(agent));
        }
        let host = self.trust.agents.get(&agent).and_then(|agent| self.cmdb.cis.get(&agent.ci?));
        if let Some(host) = host.filter(|host| matches!(host.status, ci::Lifecycle::Stale | ci::Lifecycle::Missing)) {
            self.cmdb.round.returns(host.id);
        }
    }

    /// The revision that an idempotency key first led to.
    #[must_use]
    pub fn request(&self, key: &str) -> Option<u64> {
        self.requests.iter().rev().find(|(known, _)| is_same_request(known, key)).map(|(_, revision)| *revision)
    }

    /// Whether an idempotency key was used for something else: the same key, and something else behind the last [`BODY_MARK`].
    #[must_use]
    pub fn is_reused(&self, key: &str) -> bool {
        let Some((base, _)) = key.rsplit_once(BODY_MARK) else { return false };
        self.requests.iter().any(|(known, _)| known != key && known.rsplit_once(BODY_MARK).is_some_and(|(known, _)| known == base))
    }

    fn remember_request(&mut self, key: &str, revision: u64) {
        if self.requests.back().is_some_and(|(last, _)| last == key) {
            return;
        }
        self.requests.push_back((key.to_owned(), revision));
        if self.requests.len() > IDEMPOTENCY_KEYS {
            self.requests.pop_front();
        }
    }
}

/// Maps whose keys are no texts, as lists of pairs: every format can hold those.
pub mod pairs {
    use super::BTreeMap;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the pairs in order.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(map: &BTreeMap<K, V>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    /// Reads the pairs.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
