//! Feeds that used to measure an item and say nothing of it any more.
//!
//! What one feed says of one item is one thing, by however many resources it comes: services that call themselves otherwise after each
//! start go on under another key. Silence counts by the server's clock, from the last word or from the server's own start, whichever is
//! later. Nobody waits for a feed that said something once: it must have told of the item for as long as its silence has to last.
//!
//! Invariants: the feed's word on the item is all that resolves such an alert; when nothing is known of its collectors any more it becomes
//! unknown. Items are looked at a few at a time.

use super::super::dropped::Dropped;
use super::super::machine::{self, Judged, Timing};
use super::super::observe::{moved, transitioned};
use super::super::telemetry::STEADY;
use super::super::{Alert, AlertKey, silence, wording};
use crate::ci::Lifecycle;
use crate::ci::lifecycle::is_out_of_use;
use crate::id::{AlertId, CiId};
use crate::rule::select::effective;
use crate::rule::{Condition, Rule};
use crate::trust::collector::FEED;
use crate::trust::feed::FeedName;
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

/// Items looked at in one tick, for agents wait meanwhile: all of 100,000 have been after twenty seconds.
const ITEMS: usize = 5_000;

/// What a feed said of an item.
#[derive(Clone, Debug)]
struct Heard {
    /// When it said something last, by any of its resources.
    last: Timestamp,
    /// Its keys, each with the time for which it had been heard when it fell silent: without a long pause, and in all.
    told: Vec<(String, u128, u128)>,
}

/// What the passing of time means for feeds that say nothing, and for alerts of those that spoke again.
pub(super) fn tick(world: &mut World, context: &mut Context<'_>) -> Vec<Event> {
    let mut events = settle(world, context.now);
    let rules = world.rules.rules.values().map(|known| &known.rule).filter(|rule| rule.enabled);
    let rules: Vec<&Rule> = rules.filter(|rule| matches!(rule.condition, Condition::CollectorSilent { .. })).collect();
    let Some(patience) = rules.iter().filter_map(|rule| patience_ms(&rule.condition)).min() else { return events };
    let items: Vec<CiId> = world.trust.collectors.items(world.telemetry.round.after).take(ITEMS).collect();
    let now = context.now;
    let has_quiet = |world: &World, ci: CiId| {
        let mut voices = world.trust.collectors.of(ci).filter_map(|(voice, _)| world.telemetry.last_seen(voice));
        voices.any(|last| quiet_ms(world, last, now) >= patience)
    };
    let quiet: Vec<CiId> = items.iter().copied().filter(|&ci| has_quiet(world, ci)).collect();
    for ci in quiet {
        for (feed, heard) in heard(world, ci) {
            if quiet_ms(world, heard.last, now) >= patience {
                events.extend(rules.iter().filter_map(|rule| breach(world, rule, (ci, &feed, &heard), context)));
            }
        }
    }
    world.telemetry.round.after = items.last().copied().filter(|_| items.len() == ITEMS);
    events
}

/// What each feed that counts has said of an item.
fn heard(world: &World, ci: CiId) -> BTreeMap<String, Heard> {
    let mut feeds: BTreeMap<String, Heard> = BTreeMap::new();
    for (voice, collector) in world.trust.collectors.of(ci).filter(|(_, collector)| counts(world, &collector.feed)) {
        let Some(state) = world.telemetry.agents.get(&voice) else { continue };
        let last = state.last_seen;
        let steady = state.steady_since.map_or(0, |since| last.since(since).as_millis());
        let told = (collector.key.clone(), steady, last.since(collector.placed_at).as_millis());
        let known = feeds.entry(collector.feed.to_string()).or_insert_with(|| Heard { last, told: Vec::new() });
        known.last = known.last.max(last);
        known.told.push(told);
    }
    feeds
}

/// Whether a feed is not withdrawn.
pub(super) fn counts(world: &World, feed: &FeedName) -> bool {
    world.trust.feeds.get(feed).is_some_and(|known| !known.revoked)
}

/// Whether anybody is to be heard of an item.
pub(super) fn is_in_use(world: &World, ci: CiId) -> bool {
    world.cmdb.cis.get(&ci).is_some_and(|item| item.status != Lifecycle::InStock && !is_out_of_use(item.status))
}

fn breach(world: &World, rule: &Rule, (ci, feed, heard): (CiId, &str, &Heard), context: &mut Context<'_>) -> Option<Event> {
    let Condition::CollectorSilent { after_ms, feed: asked } = &rule.condition else { return None };
    let (now, quiet) = (context.now, quiet_ms(world, heard.last, context.now));
    let told = heard.told.iter().find(|(_, steady, whole)| is_awaited(*after_ms, (*steady, *whole)));
    let (key, _, _) = told.filter(|_| quiet >= *after_ms && asked.as_deref().is_none_or(|asked| asked == feed))?;
    // A host that says nothing at all is told about already; when it is back and the feed is not, that is told.
    if world.telemetry.speaker(ci).is_some_and(|agent| world.telemetry.is_silent(agent)) {
        return None;
    }
    let item = world.cmdb.cis.get(&ci).filter(|_| is_in_use(world, ci))?;
    let rule = &*effective(rule, world, Some(item))?;
    let severity = Some(silence::severity(rule));
    let attributes = BTreeMap::from([(FEED.to_owned(), feed.to_owned())]);
    let alert_key = AlertKey { rule: rule.id.clone(), ci, attributes };
    let known = world.alerts.keys.get(&alert_key).and_then(|id| world.alerts.alerts.get(id));
    let before = known.map_or(machine::Position::INACTIVE, Alert::position);
    let after = machine::step(before, Judged::Level { raised: severity, held: severity }, now, Timing::of(rule));
    if !after.differs(before) {
        return None;
    }
    let id = known.map_or_else(|| AlertId(context.ids.next_bits()), |alert| alert.id);
    let reason = wording::collector_silent((feed, key), heard.last, quiet);
    Some(transitioned(id, alert_key, (before, after), (None, now), reason))
}

/// Whether a feed that told for so long, ms, is waited for: without a long pause, and in all. Who comes by once a night is waited for by a
/// rule that is as patient.
pub(super) fn is_awaited(after_ms: u64, (steady, whole): (u128, u128)) -> bool {
    let by_pause = u128::from(after_ms) <= STEADY.as_millis();
    (if by_pause { steady } else { whole }) >= u128::from(after_ms)
}

/// Live alerts whose feed has spoken since, or is waited for no more.
fn settle(world: &World, now: Timestamp) -> Vec<Event> {
    let live = world.alerts.live.iter().filter_map(|id| world.alerts.alerts.get(id));
    live.filter_map(|alert| {
        let rule = &world.rules.rules.get(&alert.key.rule)?.rule;
        let patience = patience_ms(&rule.condition)?;
        let feed = alert.key.attributes.get(FEED)?;
        if !world.trust.feeds.values().any(|known| known.name.as_str() == feed && !known.revoked) {
            return moved(alert, machine::drop_it(alert.position(), now), now, None, Dropped::FeedWithdrawn.as_str().into());
        }
        let Some(heard) = heard(world, alert.key.ci).remove(feed) else {
            let reason = "nothing is known of its collectors any more".to_owned();
            return moved(alert, machine::lose(alert.position(), now), now, None, reason);
        };
        // Its word alone counts, not that the server was away.
        if now.since(heard.last).as_millis() >= u128::from(patience) {
            return None;
        }
        let after = machine::step(alert.position(), Judged::Level { raised: None, held: None }, now, Timing::of(rule));
        moved(alert, after, now, None, format!("feed {feed} tells of it again"))
    })
    .collect()
}

/// How long nothing has come, as far as the server was there to hear it.
fn quiet_ms(world: &World, last: Timestamp, now: Timestamp) -> u64 {
    let since = world.telemetry.resumed_at.map_or(last, |resumed| resumed.max(last));
    u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)
}

/// After how long a feed's silence counts, ms; `None` of what is no rule on it.
pub(super) fn patience_ms(condition: &Condition) -> Option<u64> {
    match condition {
        Condition::CollectorSilent { after_ms, .. } => Some(*after_ms),
        _ => None,
    }
}
