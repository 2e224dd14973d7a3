//! A small world for tests: enrols agents, takes reports, keeps the log, and replays it.

pub mod rows;

use crate::actor::Actor;
use crate::ci::identify::Fingerprint;
use crate::ci::{Attempt, Ci, CiCommand, CiEvent, Class, Lifecycle, Relation, Source, relation};
use crate::context::{CountingIds, IdSource};
use crate::id::{CiId, Family, TokenId};
use crate::journal::JournalEntry;
use crate::trust::{Agent, TrustEvent};
use crate::{Command, Content, Context, Event, Record, Rejection, World};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::section::{Disk, NetworkInterface, Os, Package, System, Virtualisation};
use rollcall_shared::{AgentId, ContentHash, Outcome, Section, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Sections by hash.
#[derive(Clone, Default)]
pub struct Sections(pub BTreeMap<ContentHash, Arc<Section>>);

impl Content for Sections {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        self.0.get(hash).cloned()
    }
}

impl Sections {
    pub fn put(&mut self, section: Section) -> ContentHash {
        let (hash, bytes) = section.canonical().expect("canonical");
        self.0.insert(hash, Arc::new(Section::decode(&bytes).expect("decodes")));
        hash
    }
}

/// How a collector of a test's host went.
#[derive(Clone, Debug)]
pub enum Collected {
    Complete(Section),
    Partial(Section),
    Failed(SectionName),
}

impl From<Section> for Collected {
    fn from(section: Section) -> Self {
        Self::Complete(section)
    }
}

#[derive(Default)]
pub struct Fleet {
    pub world: World,
    pub content: Sections,
    pub log: Vec<Record>,
    pub ids: CountingIds,
    pub now: Timestamp,
    /// Epochs of agents; 1 unless told.
    pub epochs: BTreeMap<u128, u64>,
}

impl Fleet {
    pub fn with_agents(agents: impl IntoIterator<Item = u128>) -> Self {
        let mut fleet = Self { now: Timestamp(1_000_000), ..Self::default() };
        agents.into_iter().for_each(|agent| fleet.enrol(agent));
        fleet
    }

    pub fn enrol(&mut self, agent: u128) {
        let agent = Box::new(Agent {
            id: AgentId(agent),
            status: AgentStatus::Approved,
            enrolment_id: agent.to_string(),
            public_key: agent.to_string(),
            token: TokenId(0),
            hostname: None,
            agent_version: "0.1.0".into(),
            address: None,
            enrolled_at: self.now,
            certificate_expires_at: Timestamp(4_000_000_000_000),
            certificate: String::new(),
            ci: None,
            revoked_because: None,
            revision: 0,
        });
        self.append(Actor::System, vec![Event::Trust(TrustEvent::AgentEnrolled { agent })]);
    }

    pub fn revoke(&mut self, agent: u128) {
        let event = TrustEvent::AgentRevoked { agent: AgentId(agent), reason: "gone".into() };
        self.append(Actor::System, vec![Event::Trust(event)]);
    }

    /// Takes a report in, a minute after the one before; the events that it caused.
    pub fn report(&mut self, agent: u128, collected: impl IntoIterator<Item = impl Into<Collected>>) -> Vec<CiEvent> {
        self.try_report(agent, collected).expect("accepted")
    }

    pub fn try_report(
        &mut self,
        agent: u128,
        collected: impl IntoIterator<Item = impl Into<Collected>>,
    ) -> Result<Vec<CiEvent>, Rejection> {
        self.now = Timestamp(self.now.0 + 60_000);
        let report = self.prepare(collected);
        let epoch = self.epochs.get(&agent).copied().unwrap_or(1);
        let agent = AgentId(agent);
        let actor = Actor::Agent { id: agent };
        if let Err(turned) = self.world.begin_push(agent, epoch) {
            self.append(actor, turned.events);
            return Err(turned.rejection);
        }
        let mut context = Context { now: self.now, actor: actor.clone(), ids: &mut self.ids, content: &self.content };
        let events = self.world.report(agent, &report, &mut context)?;
        let told = self.world.reported(agent, epoch, &events);
        self.append(actor, events.iter().cloned().chain(told).collect());
        self.hear(agent, epoch);
        Ok(ci_events(events))
    }

    /// The agent speaks.
    fn hear(&mut self, agent: AgentId, epoch: u64) {
        let (sets, signs) = (Vec::new(), Vec::new());
        let entry = JournalEntry { agent, epoch, through: 0, received_at: self.now, skew_ms: 0, sets, signs };
        self.world.recall(&entry, &self.content);
    }

    /// Time passes in which nobody speaks and nothing is judged.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    /// Writes down a record that nothing reported yet.
    pub fn register(&mut self, class: Class, name: &str) -> CiId {
        let ci = CiId { family: class.family(), bits: self.ids.next_bits() };
        let source = Source::Person { name: "ada".into() };
        let created = CiEvent::CiCreated { ci, class, name: name.into(), key: None, parent: None, source };
        let (before, after) = (Lifecycle::Operational, Lifecycle::Planned);
        let planned = CiEvent::CiStatusChanged { ci, before, after, reason: "ordered".into() };
        self.append(Actor::System, vec![Event::Ci(created), Event::Ci(planned)]);
        ci
    }

    /// The report that an agent would send; its content is stored.
    pub fn prepare(&mut self, collected: impl IntoIterator<Item = impl Into<Collected>>) -> Report {
        let mut sections: Vec<SectionEntry> = collected.into_iter().map(|collected| self.entry(collected.into())).collect();
        sections.sort_by_key(|entry| entry.name);
        Report { collected_at: self.now, root: root_hash(&sections), sections }
    }

    fn entry(&mut self, collected: Collected) -> SectionEntry {
        let (name, outcome, hash) = match collected {
            Collected::Complete(section) => (section.name(), Outcome::Complete, Some(self.content.put(section))),
            Collected::Partial(section) => (section.name(), Outcome::Partial, Some(self.content.put(section))),
            Collected::Failed(name) => (name, Outcome::Failed, None),
        };
        let reason = (outcome != Outcome::Complete).then(|| "permission denied".to_owned());
        SectionEntry { name, outcome, hash, reason, duration_us: 0, bytes_read: 0 }
    }

    pub fn command(&mut self, person: &str, command: CiCommand) -> Result<Vec<CiEvent>, Rejection> {
        self.decide(person, &Command::Ci(command)).map(ci_events)
    }

    /// Carries out any command, a minute after what was before.
    pub fn decide(&mut self, person: &str, command: &Command) -> Result<Vec<Event>, Rejection> {
        self.now = Timestamp(self.now.0 + 60_000);
        let actor = Actor::Token { id: TokenId(1), name: person.to_owned() };
        let mut context = Context { now: self.now, actor: actor.clone(), ids: &mut self.ids, content: &self.content };
        let events = self.world.decide(command, &mut context)?;
        self.append(actor, events.clone());
        Ok(events)
    }

    /// Writes events as they are.
    pub fn ci_events(&mut self, events: impl IntoIterator<Item = CiEvent>) {
        self.append(Actor::System, events.into_iter().map(Event::Ci).collect());
    }

    /// A machine as a feed delivers it, a minute after what was before; the events that it caused.
    pub fn deliver(
        &mut self,
        feed: &str,
        key: &str,
        collected: impl IntoIterator<Item = impl Into<Collected>>,
    ) -> Result<Vec<CiEvent>, Rejection> {
        let report = Box::new(self.prepare(collected));
        self.command(feed, CiCommand::Deliver { feed: feed.into(), key: key.into(), former: None, report })
    }

    /// Lets time pass up to now plus `seconds`; the events that this caused at the end of it.
    pub fn wait(&mut self, seconds: i64) -> Vec<CiEvent> {
        self.now = Timestamp(self.now.0 + seconds * 1000);
        let mut context = Context { now: self.now, actor: Actor::System, ids: &mut self.ids, content: &self.content };
        let mut events = crate::ci::upkeep::tick(&self.world, &mut context);
        self.append(Actor::System, events.clone());
        // Measured whenever a day has gone by: news to those who look for it alone.
        events.retain(|event| !matches!(event, Event::Ci(CiEvent::HealthExamined { .. } | CiEvent::HealthMeasured { .. })));
        ci_events(events)
    }

    /// Decides and remembers a command of any kind.
    pub fn carry_out(&mut self, command: Command) -> Vec<Event> {
        let mut context = Context { now: self.now, actor: Actor::System, ids: &mut self.ids, content: &self.content };
        let events = self.world.decide(&command, &mut context).expect("accepted");
        self.append(Actor::System, events.clone());
        events
    }

    /// An agent gives a sign of life.
    pub fn heard(&mut self, agent: u128, received_at: Timestamp) {
        let agent = AgentId(agent);
        let entry = JournalEntry { agent, epoch: 1, through: 1, received_at, skew_ms: 0, sets: Vec::new(), signs: Vec::new() };
        let mut context = Context { now: received_at, actor: Actor::System, ids: &mut self.ids, content: &self.content };
        self.world.observe(&entry, &mut context);
    }

    /// Time has passed.
    pub fn tick(&mut self) {
        let mut context = Context { now: self.now, actor: Actor::System, ids: &mut self.ids, content: &self.content };
        let events = self.world.tick(&mut context);
        self.append(Actor::System, events);
    }

    pub fn append(&mut self, actor: Actor, events: Vec<Event>) {
        for event in events {
            let revision = self.world.revision + 1;
            let record = Record { revision, at: self.now, actor: actor.clone(), request_id: None, idempotency_key: None, event };
            self.world.apply(&record, &self.content);
            let mut context = Context { now: self.now, actor: actor.clone(), ids: &mut self.ids, content: &self.content };
            let follow = self.world.react(&record.event, &mut context);
            self.log.push(record);
            self.append(actor.clone(), follow);
        }
    }

    /// The host that an agent was identified as.
    #[track_caller]
    pub fn host_of(&self, agent: u128) -> &Ci {
        &self.world.cmdb.cis[&self.id_of(agent)]
    }

    /// Every try of the last identification of a host, as the log has it.
    #[track_caller]
    pub fn attempts_of(&self, host: CiId) -> &[Attempt] {
        let revision = self.world.cmdb.identifications[&host].revision;
        let record = self.log.iter().find(|record| record.revision == revision).expect("the log is whole");
        let Event::Ci(event) = &record.event else { panic!("{record:?}") };
        event.identification().expect("an identification").2
    }

    #[track_caller]
    pub fn id_of(&self, agent: u128) -> CiId {
        self.world.trust.agents[&AgentId(agent)].ci.expect("identified")
    }

    /// Laws that hold for every log: written down and read back it folds to the same state, and a rebuilt index is the index.
    #[track_caller]
    pub fn check(&self) {
        let mut replayed = World::default();
        for record in &self.log {
            let text = serde_json::to_string(record).expect("a record is JSON");
            let read: Record = serde_json::from_str(&text).expect("a record reads back");
            assert_eq!(&read, record);
            replayed.apply(&read, &self.content);
        }
        // Who spoke when is the fold of the journal.
        replayed.telemetry.clone_from(&self.world.telemetry);
        self.world.trust.agents.keys().for_each(|&agent| replayed.index_agent(agent));
        assert_eq!(replayed, self.world);
        self.check_histories();
        assert!(replayed.cmdb.index.says_the_same(&self.world.cmdb.index), "the index of a replay differs");
        let snapshot = serde_json::to_string(&self.world).expect("a world is JSON");
        let copied = serde_json::to_string(&self.world.without_projections()).expect("a world is JSON");
        assert!(copied == snapshot, "the copy that a snapshot is made of is not the state");
        let mut rebuilt: World = serde_json::from_str(&snapshot).expect("a snapshot reads back");
        rebuilt.rebuild_projections(&self.content);
        assert_eq!(rebuilt, self.world);
        assert!(rebuilt.cmdb.index.says_the_same(&self.world.cmdb.index), "a rebuilt index differs");
        for host in self.world.cmdb.cis.keys() {
            assert_eq!(rebuilt.cmdb.software.packages_of(*host), self.world.cmdb.software.packages_of(*host));
        }
        for &id in self.world.cmdb.cis.keys() {
            let kept = relation::kept(&self.world.cmdb, id).map(|Relation { kind, from, to, .. }| relation::Step { kind, from, to });
            let steps = relation::steps_of(&self.world.cmdb, id, |_| true);
            assert_eq!(steps.collect::<Vec<_>>(), kept.collect::<Vec<_>>(), "walks go where relations lead");
        }
        for (fact, hosts) in &self.world.cmdb.facts {
            assert!(hosts.iter().all(|host| self.world.cmdb.cis.contains_key(host)) && !hosts.is_empty(), "{fact}");
        }
        let hosts = self.world.cmdb.cis.values().filter(|ci| ci.id.family == Family::Host);
        let facts = hosts.flat_map(|host| Fingerprint::of_host(host).facts().into_iter().map(|fact| (fact, host.id)));
        let indexed = self.world.cmdb.facts.iter().flat_map(|(fact, hosts)| hosts.iter().map(|host| (fact.clone(), *host)));
        assert_eq!(indexed.collect::<BTreeSet<_>>(), facts.collect::<BTreeSet<_>>(), "the index of facts is what is known");
    }
}

impl Fleet {
    /// What was can be folded anew only when a record's history has every event that touched it.
    #[track_caller]
    fn check_histories(&self) {
        for ci in self.world.cmdb.cis.values() {
            let known: BTreeSet<u64> = ci.history.iter().copied().collect();
            for record in &self.log {
                let belongs = crate::ci::past::concerns(record, ci.id);
                assert_eq!(belongs, known.contains(&record.revision), "{} and {:#?}", ci.id, record.event);
            }
        }
    }
}

pub fn ci_events(events: Vec<Event>) -> Vec<CiEvent> {
    let ours = |event| match event {
        Event::Ci(event) => Some(event),
        _ => None,
    };
    events.into_iter().filter_map(ours).collect()
}

/// A physical server with this number in everything that identifies it.
pub fn server(number: u32) -> System {
    System {
        manufacturer: Some("Dell Inc.".into()),
        product: Some("PowerEdge R650".into()),
        serial: Some(format!("SRV{number:05}")),
        uuid: Some(format!("4c4c4544-0042-3510-8056-{number:012x}")),
        chassis_type: Some("rack_mount_chassis".into()),
        virtualisation: Some(Virtualisation::Physical),
        machine_id: Some(format!("0123456789abcdef{number:016x}")),
        hostname: Some(format!("srv{number}")),
        memory_bytes: Some(64 << 30),
        ..System::default()
    }
}

/// A virtual machine with this number in everything that identifies it.
pub fn vm(number: u32) -> System {
    System {
        manufacturer: Some("QEMU".into()),
        serial: None,
        virtualisation: Some(Virtualisation::Vm),
        virtualisation_technology: Some("kvm".into()),
        chassis_type: None,
        hostname: Some(format!("vm{number}")),
        ..server(number)
    }
}

pub fn system(system: System) -> Section {
    Section::System(vec![system])
}

pub fn os(version: &str) -> Section {
    Section::Os(vec![Os { id: Some("debian".into()), version: Some(version.into()), ..Os::default() }])
}

pub fn packages(packages: &[(&str, &str)]) -> Section {
    let row = |&(name, version): &(&str, &str)| Package {
        name: name.into(),
        version: version.into(),
        manager: "dpkg".into(),
        architecture: Some("amd64".into()),
        ..Package::default()
    };
    Section::Packages(packages.iter().map(row).collect())
}

pub fn disk(name: &str, serial: &str) -> Disk {
    Disk {
        name: name.into(),
        model: Some("SSDPF2KX038TZ".into()),
        serial: Some(serial.into()),
        size_bytes: Some(3_840_000_000_000),
        ..Disk::default()
    }
}

pub fn adapter(name: &str, mac: &str) -> NetworkInterface {
    NetworkInterface {
        name: name.into(),
        kind: "ethernet".into(),
        is_virtual: Some(false),
        mac: Some(mac.into()),
        permanent_mac: Some(mac.into()),
        ..NetworkInterface::default()
    }
}
