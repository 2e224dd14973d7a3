//! The domain on a stage: inputs in, records applied, what follows followed. As the engine does it, without a store.

use anyhow::{Context as _, Result, ensure};
use rollcall_domain::context::{Content, Context, CountingIds};
use rollcall_domain::delivery::{self, DeliveryCommand, DeliveryEvent};
use rollcall_domain::id::RouteId;
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::notification::NotificationCommand;
use rollcall_domain::notification::route::{self, GroupBy, Route, When};
use rollcall_domain::rule::RuleEvent;
use rollcall_domain::rule::stock::stock;
use rollcall_domain::{Actor, Command, Event, Record, World};
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, ContentHash, Outcome, Section, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Events that one cause may lead to; more is a loop.
const CHAIN: usize = 1_000_000;

/// Sections by hash.
#[derive(Default)]
struct Shelf(BTreeMap<ContentHash, Arc<Section>>);

impl Content for Shelf {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        self.0.get(hash).cloned()
    }
}

/// The domain and what it was told.
pub struct Stage {
    /// The state.
    pub world: World,
    shelf: Shelf,
    ids: CountingIds,
    sequence: u64,
    /// Messages that were handed to channels, with when.
    pub messages: Vec<(Timestamp, delivery::Message)>,
    /// Records written.
    pub records: u64,
}

impl Stage {
    /// An empty world under the stock rules.
    #[must_use]
    pub fn new() -> Self {
        let mut stage =
            Self { world: World::default(), shelf: Shelf::default(), ids: CountingIds(0), sequence: 0, messages: Vec::new(), records: 0 };
        let rules = stock().into_iter().map(|rule| Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule) })).collect();
        stage.commit(Timestamp(super::BEGIN.0 - 86_400_000), &Actor::System, rules);
        stage
    }

    /// Carries out what people ask.
    ///
    /// # Errors
    /// The rejection.
    pub fn command(&mut self, at: Timestamp, command: &Command) -> Result<Vec<Event>> {
        let mut context = Context { now: at, actor: Actor::Local, ids: &mut self.ids, content: &self.shelf };
        let events = self.world.decide(command, &mut context)?;
        self.commit(at, &Actor::Local, events.clone());
        Ok(events)
    }

    /// Takes in an inventory.
    ///
    /// # Errors
    /// When a section has no form, or the report is refused.
    pub fn report(&mut self, agent: AgentId, at: Timestamp, sections: Vec<Section>) -> Result<()> {
        let mut entries = Vec::new();
        for section in sections {
            let name = section.name();
            let hash = self.shelve(section)?;
            entries.push(SectionEntry { name, outcome: Outcome::Complete, hash: Some(hash), reason: None, duration_us: 1, bytes_read: 1 });
        }
        entries.sort_by_key(|entry| entry.name);
        let report = Report { collected_at: at, root: root_hash(&entries), sections: entries };
        let actor = Actor::Agent { id: agent };
        let mut context = Context { now: at, actor: actor.clone(), ids: &mut self.ids, content: &self.shelf };
        let mut events = self.world.report(agent, &report, &mut context)?;
        events.extend(self.world.reported(agent, 1, &events));
        self.commit(at, &actor, events);
        Ok(())
    }

    /// Stores a section; its name.
    ///
    /// # Errors
    /// When it has no canonical form.
    pub fn shelve(&mut self, section: Section) -> Result<ContentHash> {
        let (hash, bytes) = section.canonical()?;
        if let std::collections::btree_map::Entry::Vacant(place) = self.shelf.0.entry(hash) {
            place.insert(Arc::new(Section::decode(&bytes)?));
        }
        Ok(hash)
    }

    /// Takes in a push.
    pub fn push(&mut self, agent: AgentId, at: Timestamp, set: SampleSet) {
        self.sequence += 1;
        let (sets, signs) = (vec![set], Vec::new());
        let entry = JournalEntry { agent, epoch: 1, through: self.sequence, received_at: at, skew_ms: 0, sets, signs };
        let actor = Actor::Agent { id: agent };
        let mut context = Context { now: at, actor: actor.clone(), ids: &mut self.ids, content: &self.shelf };
        let events = self.world.observe(&entry, &mut context);
        self.commit(at, &actor, events);
        self.settle(at);
    }

    /// Lets time pass.
    pub fn tick(&mut self, at: Timestamp) {
        let mut context = Context { now: at, actor: Actor::System, ids: &mut self.ids, content: &self.shelf };
        let events = self.world.tick(&mut context);
        self.commit(at, &Actor::System, events);
        self.settle(at);
    }

    /// Whom inputs that came together concern is told; receivers confirm at once.
    fn settle(&mut self, at: Timestamp) {
        let mut context = Context { now: at, actor: Actor::System, ids: &mut self.ids, content: &self.shelf };
        let events = self.world.settle(&mut context);
        if events.is_empty() {
            return;
        }
        self.commit(at, &Actor::System, events);
        let waiting = self.world.delivery.deliveries.values().filter(|delivery| delivery.state == delivery::DeliveryState::Waiting);
        let told: Vec<_> = waiting.map(|delivery| (delivery.channel, delivery.id)).collect();
        for (channel, id) in told {
            let conclude = DeliveryCommand::Conclude { channel, told: delivery::Told::Message(id), outcome: delivery::Outcome::Confirmed };
            // A message that something newer took the place of has nothing to confirm.
            let _ = self.command(at, &Command::Delivery(conclude));
        }
    }

    /// The host that an agent is.
    ///
    /// # Errors
    /// When it has not reported.
    pub fn host(&self, agent: AgentId) -> Result<rollcall_domain::id::CiId> {
        self.world.trust.agents.get(&agent).and_then(|agent| agent.ci).context("the agent has no host")
    }

    fn commit(&mut self, at: Timestamp, actor: &Actor, events: Vec<Event>) {
        let mut queue: VecDeque<Event> = events.into();
        let mut budget = CHAIN;
        while let Some(event) = queue.pop_front() {
            budget -= 1;
            assert!(budget > 0, "events lead to each other without end");
            if let Event::Delivery(DeliveryEvent::DeliveryQueued { delivery }) = &event
                && let delivery::Content::Notification { message } = &delivery.content
            {
                self.messages.push((at, (**message).clone()));
            }
            let record =
                Record { revision: self.world.revision + 1, at, actor: actor.clone(), request_id: None, idempotency_key: None, event };
            self.world.apply(&record, &self.shelf);
            self.records += 1;
            let mut context = Context { now: at, actor: actor.clone(), ids: &mut self.ids, content: &self.shelf };
            let follow = self.world.react(&record.event, &mut context);
            for event in follow.into_iter().rev() {
                queue.push_front(event);
            }
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

/// A token that hosts join with.
///
/// # Errors
/// The rejection.
pub fn join_token(stage: &mut Stage, uses: u32) -> Result<String> {
    let secret_hash = "0".repeat(64);
    let ttl = std::time::Duration::from_secs(3_600);
    let create =
        rollcall_domain::trust::decide::TrustCommand::CreateJoinToken { secret_hash: secret_hash.clone(), uses, ttl, auto_approve: true };
    let events = stage.command(super::BEGIN, &Command::Trust(create))?;
    ensure!(!events.is_empty(), "no token was made");
    Ok(secret_hash)
}

/// A channel, and a route that tells pages through it, by rule.
///
/// # Errors
/// The rejection.
pub fn page_people(stage: &mut Stage) -> Result<()> {
    let kind = delivery::ChannelKind::Webhook { url: "https://receiver.example/".into() };
    let wanted = delivery::Wanted::default();
    let channel = delivery::NewChannel { name: "on call".into(), kind, enabled: true, wanted };
    stage.command(super::BEGIN, &Command::Delivery(DeliveryCommand::Create { id: None, channel, after: None }))?;
    let channel = *stage.world.delivery.channels.keys().next().context("a channel")?;
    let route = Route {
        id: RouteId(0),
        name: "Pages".into(),
        position: 1,
        enabled: true,
        when: When::default(),
        continues: false,
        channels: [channel].into(),
        escalation: None,
        group_by: [GroupBy::Rule].into(),
        group_wait_ms: None,
        group_interval_ms: route::GROUP_INTERVAL_MS,
        repeat_interval_ms: Some(route::REPEAT_INTERVAL_MS),
        quiet_hours: None,
        tell_resolved: true,
        tell_acknowledged: true,
        title: None,
        text: None,
    };
    let set = NotificationCommand::SetRoute { id: None, route: Box::new(route), expected: None };
    stage.command(super::BEGIN, &Command::Notification(set)).map(drop)
}
