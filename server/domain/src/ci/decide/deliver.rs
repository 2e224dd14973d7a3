//! Inventories of other systems.
//!
//! They go the way of an agent's report, under the feed's own key for the machine. What is judged here is what an agent's epochs
//! and sequences do for its own messages: an inventory that is older than the newest one known under its key takes no effect,
//! and a key that replaces another one finds the host of that one, unless the hardware says otherwise.
//!
//! Invariant: as long as there is a dead letter of a key, the last inventory under it was set aside: one that counts is written
//! down then, whatever it says.

use super::report::{Judged, judge};
use crate::ci::dead_letter::{self, Refused};
use crate::ci::{Attempt, AttemptResult, CiEvent, DeadLetterCode, Operation, Reporter, normalise};
use crate::id::CiId;
use crate::trust::TrustEvent;
use crate::{Context, Event, Rejection, World};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Report;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Unchanged inventories are written down as seen at most this often: foreign agents report once a day unless told otherwise.
const SEEN_EVERY: Duration = Duration::from_secs(3_600);

/// Machines that one feed may name. Whoever holds its secret may make up names; the largest site has fewer machines.
const FEED_MACHINES: usize = 200_000;

/// Bytes of the reason for a refusal.
const REASON_BYTES: usize = 1024;

/// An inventory with where it comes from.
pub struct Delivery<'a> {
    /// Name of the feed.
    pub feed: &'a str,
    /// Its own key for the machine.
    pub key: &'a str,
    /// What it called the machine before.
    pub former: Option<&'a str>,
    /// The inventory.
    pub report: &'a Report,
}

/// Decides an inventory of another system.
///
/// # Errors
/// It is older than what is known, or what a report is refused for.
pub fn deliver(world: &World, delivery: &Delivery<'_>, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let Delivery { feed, key, report: inventory, .. } = *delivery;
    // A clock that runs ahead must not lock its machine out once it is set right.
    let collected_at = inventory.collected_at.clamp(Timestamp(0), context.now);
    let newest = world.cmdb.deliveries.get(&(feed.to_owned(), key.to_owned())).copied();
    if let Some(newest) = newest.filter(|_| is_older(world, feed, key, collected_at)) {
        let reason = format!(
            "this inventory of {key} was collected at {collected_at}, before the one of {newest} that is known: nothing of it was taken"
        );
        return Err(Rejection::Conflict(reason));
    }
    let known = world.cmdb.natives.get(&(feed.to_owned(), key.to_owned())).copied();
    if known.is_none() && machines(world, feed) >= FEED_MACHINES {
        return Err(Rejection::Forbidden(format!("feed {feed} names {FEED_MACHINES} machines already")));
    }
    let reporter = reporter(feed, key);
    let (events, host) = match former_host(world, delivery, known) {
        Some((former, host)) => renamed(world, delivery, former, host, context)?,
        None => match judge(world, &reporter, inventory, context)? {
            Judged::Refused(events) => return Ok(events),
            Judged::Taken(events) => {
                let host = identified(&events).or(known);
                (events, host)
            }
        },
    };
    let is_new = world.cmdb.letters_of(&reporter).next().is_some() || newest.is_none_or(|newest| collected_at.since(newest) >= SEEN_EVERY);
    let note = host.filter(|_| is_new || (!events.is_empty() && Some(collected_at) != newest));
    let note = note.map(|ci| CiEvent::FeedDelivered { feed: feed.to_owned(), key: key.to_owned(), ci, collected_at });
    Ok(events.into_iter().chain(note.map(Event::Ci)).collect())
}

/// Whether a later inventory is known under a key than one that was collected so.
#[must_use]
pub fn is_older(world: &World, feed: &str, key: &str, collected_at: Timestamp) -> bool {
    let newest = world.cmdb.deliveries.get(&(feed.to_owned(), key.to_owned()));
    newest.is_some_and(|newest| collected_at < *newest)
}

/// An inventory that was refused before it was one.
pub struct Unread<'a> {
    /// Name of the feed.
    pub feed: &'a str,
    /// Its own key for the machine; empty when nobody could read it.
    pub key: &'a str,
    /// Why, for programs.
    pub code: DeadLetterCode,
    /// The code that the sender was answered with.
    pub answered: &'a str,
    /// Why, for people.
    pub reason: &'a str,
}

/// Sets a refused inventory aside: each refusal is audited, and a dead letter at most once an hour for each key and reason.
#[must_use]
pub fn set_aside(world: &World, unread: &Unread<'_>, context: &mut Context<'_>) -> Vec<Event> {
    let reporter = reporter(unread.feed, unread.key);
    let reason = normalise::cut(unread.reason, REASON_BYTES);
    let audited = TrustEvent::Refused { code: unread.answered.to_owned(), detail: format!("an inventory of {reporter}: {reason}") };
    let refused = Refused { reporter: &reporter, code: unread.code, reason, candidates: BTreeSet::new() };
    let letter = dead_letter::letter(&world.cmdb, refused, context);
    std::iter::once(Event::Trust(audited)).chain(letter).collect()
}

/// How many machines a feed names, counted as far as it matters.
fn machines(world: &World, feed: &str) -> usize {
    let of_feed = world.cmdb.natives.range((feed.to_owned(), String::new())..).take_while(|((name, _), _)| name == feed);
    of_feed.take(FEED_MACHINES).count()
}

fn reporter(feed: &str, key: &str) -> Reporter {
    Reporter::Feed { name: feed.to_owned(), key: key.to_owned() }
}

/// The former key and its host, when the key itself is not known yet.
fn former_host<'d>(world: &World, delivery: &Delivery<'d>, known: Option<CiId>) -> Option<(&'d str, CiId)> {
    let former = delivery.former.filter(|&former| known.is_none() && former != delivery.key)?;
    let host = world.cmdb.natives.get(&(delivery.feed.to_owned(), former.to_owned()))?;
    Some((former, *host))
}

/// Identifies the machine under its former key and binds the new one to what came of it. Where the hardware contradicts, that is
/// another host, and the former key keeps its own.
fn renamed(
    world: &World,
    delivery: &Delivery<'_>,
    former: &str,
    host: CiId,
    context: &mut Context<'_>,
) -> Result<(Vec<Event>, Option<CiId>), Rejection> {
    let Delivery { feed, key, report: inventory, .. } = *delivery;
    let mut events = match judge(world, &reporter(feed, former), inventory, context)? {
        Judged::Refused(events) => return Ok((called_anew(events, key), None)),
        Judged::Taken(events) => events,
    };
    for event in &mut events {
        if let Event::Ci(CiEvent::FeedIdentified { key: called, .. }) = event {
            key.clone_into(called);
        }
    }
    let found = identified(&events);
    // What waits is nobody's host.
    let is_aside = |event: &Event| matches!(event, Event::Ci(CiEvent::ReportParked { .. }));
    if found.is_none() && !events.iter().any(is_aside) {
        let attempts = vec![by_former_key(feed, key, former, host)];
        let (feed, key) = (feed.to_owned(), key.to_owned());
        events.push(Event::Ci(CiEvent::FeedIdentified { feed, key, ci: host, operation: Operation::Update, attempts }));
    }
    Ok((events, found.or(Some(host))))
}

/// What is set aside is so under the key that the machine has now: that is the one that it will report with.
fn called_anew(mut events: Vec<Event>, key: &str) -> Vec<Event> {
    for event in &mut events {
        if let Event::Ci(CiEvent::DeadLettered { letter }) = event
            && let Reporter::Feed { key: called, .. } = &mut letter.reporter
        {
            key.clone_into(called);
        }
    }
    events
}

fn by_former_key(feed: &str, key: &str, former: &str, host: CiId) -> Attempt {
    let attributes = [("feed", feed), ("former_key", former), ("key", key)];
    Attempt {
        entry: crate::ci::identify::BY_NATIVE_KEY,
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>(),
        result: AttemptResult::Matched,
        candidates: vec![host],
        note: Some(format!("{feed} called this machine {former} before")),
    }
}

/// The host that these events identify.
fn identified(events: &[Event]) -> Option<CiId> {
    events.iter().find_map(|event| match event {
        Event::Ci(CiEvent::FeedIdentified { ci, .. }) => Some(*ci),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
