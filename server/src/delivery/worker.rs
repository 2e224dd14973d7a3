//! The tasks that deliver: one for all channels that starts the others, and one a channel.
//!
//! A channel's task holds one batch and no queue. What it knows is in the state and the log: ended at any moment and begun again
//! it sends at most a few seconds' records twice, and none never.

use super::account::Turn;
use super::parcel::{self, Load, Parcel};
use super::secret::Message;
use super::sender::{Outgoing, Sender, seconds};
use super::smtp::MailSender;
use super::{Dispatch, batch};
use crate::clock::Clock;
use crate::engine::{Engine, EngineError, Request};
use batch::Batch;
use rollcall_domain::delivery::{BATCH, ChannelKind, Content, Delivery, DeliveryCommand, Health, KnownChannel, Outcome, Told};
use rollcall_domain::id::ChannelId;
use rollcall_domain::{Actor, Command, Record};
use rollcall_shared::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How often progress is written to the log at most: what is sent twice after a crash is the records of this time.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Records that need no confirmation before progress is written all the same: reading them again takes a fraction of a second.
const SKIP: u64 = 10_000;

/// How long a task rests at most before it looks again; also when the engine takes nothing.
const REST: Duration = Duration::from_secs(60);

/// How long a task waits when the engine could not be asked or told.
const ENGINE_REST: Duration = Duration::from_secs(5);

/// Shows a record as outsiders may see it; `None` for those that they may not.
pub type Show = fn(&Record) -> Option<Value>;

/// Delivers what channels want, until it is stopped.
#[derive(Clone)]
pub struct Courier {
    /// What is read and told.
    pub engine: Engine,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Secrets, and how far channels have come.
    pub dispatch: Dispatch,
    /// What sends requests.
    pub sender: Sender,
    /// What sends mails.
    pub mails: MailSender,
    /// How records look.
    pub show: Show,
}

impl Courier {
    /// Runs a task for each channel until `stop`, then lets them note how far they have come.
    pub async fn run(self, stop: CancellationToken) {
        let mut revisions = self.engine.revisions();
        let mut tasks: BTreeMap<ChannelId, JoinHandle<()>> = BTreeMap::new();
        loop {
            revisions.mark_unchanged();
            tasks.retain(|_, task| !task.is_finished());
            for channel in self.engine.read(|world| world.delivery.channels.keys().copied().collect::<Vec<ChannelId>>()) {
                tasks.entry(channel).or_insert_with(|| tokio::spawn(Run::new(self.clone(), channel, stop.clone()).run()));
            }
            if !matches!(stop.run_until_cancelled(revisions.changed()).await, Some(Ok(()))) {
                break;
            }
        }
        for (channel, task) in tasks {
            if let Err(error) = task.await {
                tracing::error!(%channel, %error, "a bug: a channel's task ended early");
            }
        }
    }

    async fn tell(&self, command: DeliveryCommand) -> Result<(), EngineError> {
        let command = Command::Delivery(command);
        let request = Request { actor: Actor::System, request_id: None, idempotency_key: None, command };
        self.engine.execute(request).await.map(drop)
    }
}

/// What a task does next.
enum Step {
    Again,
    Rest(Duration),
}

/// How long a message that was last changed at a revision has to wait; `None` when it goes out. What is not on disk may yet turn out
/// not to have happened: nobody is told of it, and the next durable revision wakes who waits.
fn wait(revision: u64, due: Timestamp, (now, durable): (Timestamp, u64)) -> Option<Duration> {
    if due > now { Some(due.since(now).min(REST)) } else { (revision > durable).then_some(REST) }
}

/// The task of one channel.
struct Run {
    courier: Courier,
    channel: ChannelId,
    stop: CancellationToken,
    /// Up to where everything is confirmed or not wanted.
    position: u64,
    /// Records confirmed and not yet noted in the log.
    unsaved: u64,
    saved_at: Option<Duration>,
    batch: Option<Batch>,
    /// Records of a batch at most: fewer after the receiver refused a larger one.
    limit: usize,
    /// Revision of the channel that the batch was made for.
    made_for: u64,
    /// How the channel did when it was last looked at.
    health: Option<Health>,
}

impl Run {
    fn new(courier: Courier, channel: ChannelId, stop: CancellationToken) -> Self {
        Self { courier, channel, stop, position: 0, unsaved: 0, saved_at: None, batch: None, limit: BATCH, made_for: 0, health: None }
    }

    async fn run(mut self) {
        let mut revisions = self.courier.engine.revisions();
        while !self.stop.is_cancelled() {
            let durable = *revisions.borrow_and_update();
            let found = self.courier.engine.read(|world| {
                let known = world.delivery.channels.get(&self.channel)?;
                Some((known.clone(), world.delivery.next_message(self.channel).map(|(next, due)| (next.clone(), due))))
            });
            let Some((known, message)) = found else { break };
            self.account(&known);
            let step = match self.step(&known, message, durable).await {
                Ok(step) => step,
                Err(error) => {
                    tracing::warn!(channel = %self.channel, %error, "delivery waits for the engine");
                    Step::Rest(ENGINE_REST)
                }
            };
            self.courier.dispatch.note(self.channel, Some(self.position));
            let Step::Rest(rest) = step else { continue };
            tokio::select! {
                () = self.stop.cancelled() => break,
                changed = revisions.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(rest.min(REST)) => {}
            }
        }
        if let Err(error) = self.save().await {
            tracing::warn!(channel = %self.channel, %error, "progress could not be noted: some records will be sent twice");
        }
        self.courier.dispatch.note(self.channel, None);
    }

    async fn step(&mut self, known: &KnownChannel, message: Option<(Delivery, Timestamp)>, durable: u64) -> Result<Step, EngineError> {
        self.follow(known);
        if !known.is_active() {
            self.save().await?;
            return Ok(Step::Rest(REST));
        }
        let now = self.courier.clock.now();
        let mut rest = REST;
        if let Some((message, due)) = message {
            match wait(message.revision, due, (now, durable)) {
                None => return self.send_message(known, message).await,
                Some(wait) => rest = wait,
            }
        }
        if !known.channel.follows_feed() {
            self.save().await?;
            return Ok(Step::Rest(rest));
        }
        if let Some(due) = known.health.next_attempt_at.filter(|due| *due > now) {
            return Ok(Step::Rest(rest.min(due.since(now))));
        }
        if self.batch.is_none() {
            self.batch = batch::collect(&self.courier, &known.channel, &mut self.position, durable, self.limit).await?;
        }
        match self.batch.take() {
            Some(batch) => self.send_batch(known, batch).await,
            None => self.settle(known, rest).await,
        }
    }

    /// Goes where the state says: past a dead letter, and anew after the channel was changed.
    fn follow(&mut self, known: &KnownChannel) {
        self.position = self.position.max(known.cursor);
        if known.revision != self.made_for || self.batch.as_ref().is_some_and(|batch| batch.last() <= self.position) {
            self.batch = None;
            self.made_for = known.revision;
        }
    }

    /// Nothing to send: progress is noted when it is time.
    async fn settle(&mut self, known: &KnownChannel, rest: Duration) -> Result<Step, EngineError> {
        if self.position.saturating_sub(known.cursor) >= SKIP {
            self.save().await?;
            return Ok(Step::Again);
        }
        if self.unsaved == 0 {
            return Ok(Step::Rest(rest));
        }
        let passed = self.saved_at.map(|at| self.courier.clock.monotonic().saturating_sub(at));
        match passed.and_then(|passed| SAVE_EVERY.checked_sub(passed)).filter(|left| !left.is_zero()) {
            Some(left) => Ok(Step::Rest(rest.min(left))),
            None => {
                self.save().await?;
                Ok(Step::Again)
            }
        }
    }

    async fn save(&mut self) -> Result<(), EngineError> {
        let (cursor, records) = (self.position, self.unsaved);
        let stored = self.courier.engine.read(|world| world.delivery.channels.get(&self.channel).map(|known| known.cursor));
        if records == 0 && stored.is_none_or(|stored| cursor.saturating_sub(stored) < SKIP) {
            return Ok(());
        }
        self.courier.tell(DeliveryCommand::Advance { channel: self.channel, cursor, records }).await?;
        (self.unsaved, self.saved_at) = (0, Some(self.courier.clock.monotonic()));
        Ok(())
    }

    async fn send_batch(&mut self, known: &KnownChannel, batch: Batch) -> Result<Step, EngineError> {
        let (first, last) = (batch.first(), batch.last());
        let id = format!("{}-{first}-{last}", self.channel);
        let body = records_body(self.channel, &batch);
        let Some(outcome) = self.send(known, id, body).await else {
            return Ok(Step::Again);
        };
        match outcome {
            Outcome::Confirmed => {
                self.position = last;
                self.unsaved += batch.records.len() as u64;
                self.limit = (self.limit * 2).min(BATCH);
                let is_due = self.saved_at.is_none_or(|at| self.courier.clock.monotonic().saturating_sub(at) >= SAVE_EVERY);
                if is_due || known.health.failing_since.is_some() {
                    self.save().await?;
                }
            }
            // One record that a receiver cannot take must not take the others with it.
            Outcome::Refused { .. } if batch.records.len() > 1 => self.limit = batch.records.len() / 2,
            outcome => {
                self.save().await?;
                let told = Told::Feed { revisions: batch.records.iter().map(|(revision, _)| *revision).collect() };
                self.batch = Some(batch);
                self.courier.tell(DeliveryCommand::Conclude { channel: self.channel, told, outcome }).await?;
            }
        }
        Ok(Step::Again)
    }

    async fn send_message(&mut self, known: &KnownChannel, delivery: Delivery) -> Result<Step, EngineError> {
        let records = match &delivery.content {
            Content::Records { revisions } => Some(self.records(revisions.clone(), delivery.created_at).await?),
            Content::Test | Content::Notification { .. } => None,
        };
        let now = self.courier.clock.now();
        let packed = parcel::pack(&self.courier.dispatch, Load { known, delivery: &delivery, records, now });
        let Some(mut outcome) = self.post(packed, now).await else {
            return Ok(Step::Again);
        };
        if outcome == Outcome::Confirmed
            && let Some(end) = parcel::end_of_test(&self.courier.dispatch, known, &delivery, now)
        {
            match self.post(end, now).await {
                None => return Ok(Step::Again),
                Some(
                    Outcome::Failed { reason, .. } | Outcome::Refused { reason } | Outcome::Gone { reason } | Outcome::Partly { reason },
                ) => {
                    outcome = Outcome::Partly { reason: format!("the test was taken, and its end was not: {reason}") };
                }
                Some(Outcome::Confirmed) => {}
            }
        }
        let told = Told::Message(delivery.id);
        self.courier.tell(DeliveryCommand::Conclude { channel: self.channel, told, outcome }).await?;
        Ok(Step::Again)
    }

    /// Tells whoever reads the server's log what became of the channel since it was last looked at.
    fn account(&mut self, known: &KnownChannel) {
        let before = self.health.replace(known.health.clone());
        if let Some(turn) = before.and_then(|before| Turn::between(&before, &known.health, self.courier.clock.now())) {
            turn.tell(known);
        }
    }

    /// Sends what was packed. `None` when the server stops meanwhile.
    async fn post(&self, packed: Result<Parcel, Outcome>, now: Timestamp) -> Option<Outcome> {
        match packed {
            Ok(Parcel::Request(outgoing)) => self.stop.run_until_cancelled(self.courier.sender.send(outgoing, now)).await,
            Ok(Parcel::Mail(mail)) => self.stop.run_until_cancelled(self.courier.mails.send(&mail)).await,
            Err(outcome) => Some(outcome),
        }
    }

    async fn records(&self, revisions: Vec<u64>, made_at: Timestamp) -> Result<Batch, EngineError> {
        let records = self.courier.engine.records_at(revisions).await?;
        let shown = records.iter().filter_map(|record| Some((record.revision, (self.courier.show)(record)?.to_string())));
        Ok(Batch { records: shown.collect(), at: records.last().map_or(made_at, |last| last.at) })
    }

    /// Sends a part of the feed. `None` when the server stops meanwhile: the request is broken off, and sent again after the start.
    async fn send(&self, known: &KnownChannel, id: String, body: String) -> Option<Outcome> {
        let ChannelKind::Webhook { url } = &known.channel.kind else { return None };
        let now = self.courier.clock.now();
        let message = Message { id: &id, timestamp: seconds(now), body: body.as_bytes() };
        let signatures = Some(self.courier.dispatch.signer.sign(self.channel, known.signing(now), &message));
        let outgoing = Outgoing { url: url.clone(), id, at: now, signatures, body: body.into_bytes() };
        self.stop.run_until_cancelled(self.courier.sender.send(outgoing, now)).await
    }
}

/// `{"type": "rollcall.records", "timestamp", "data": {"channel", "records": […]}}`: the same bytes at every attempt. The records
/// are texts already.
pub fn records_body(channel: ChannelId, batch: &Batch) -> String {
    let records: Vec<&str> = batch.records.iter().map(|(_, text)| text.as_str()).collect();
    let (at, records) = (batch.at, records.join(","));
    format!(r#"{{"type":"rollcall.records","timestamp":"{at}","data":{{"channel":"{channel}","records":[{records}]}}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_of_what_is_not_on_disk() {
        let check = |revision, due, expected| assert_eq!(wait(revision, Timestamp(due), (Timestamp(1_000), 7)), expected);
        check(7, 1_000, None);
        check(8, 1_000, Some(REST));
        check(7, 1_500, Some(Duration::from_millis(500)));
        check(8, 900_000, Some(REST));
    }
}
