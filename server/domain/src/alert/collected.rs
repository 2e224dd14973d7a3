//! Alerts on what collectors measure, when nothing more comes.
//!
//! A collector that falls silent is no silent host: its alerts become unknown one by one, as those of series that vanish do, at once where it
//! said that they ended; and that it is silent is a matter of its own (`silent`). One that stays silent is forgotten: pods and services that call themselves otherwise
//! after each start would fill the list.

pub mod past;
mod silent;

use super::telemetry::LastWord;
use super::{Alert, wording};
use crate::id::CiId;
use crate::rule::Condition;
use crate::trust::TrustEvent;
use crate::trust::collector::FEED;
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// For how long a value counts that is not renewed: what Prometheus looks back for, and five times the longest usual interval.
const PATIENCE_MS: u128 = 300_000;

/// After so long a silence a collector is forgotten: its values are no longer kept but by the hour.
const FORGOTTEN: Duration = Duration::from_secs(90 * 86_400);

/// Time between two looks for silent ones.
const LOOK: Duration = Duration::from_secs(3_600);

/// Collectors forgotten at once.
const AT_ONCE: usize = 1_000;

/// When collectors to forget were last looked for, and the item up to which silent feeds were.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    looked: Option<Timestamp>,
    after: Option<CiId>,
}

// Two worlds that know the same are equal whenever they looked.
impl PartialEq for Round {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Feeds that fell silent, and collectors that nobody has heard for very long.
pub(super) fn tick(world: &mut World, context: &mut Context<'_>) -> Vec<Event> {
    let mut events = silent::tick(world, context);
    events.extend(forgotten(world, context.now));
    events
}

fn forgotten(world: &mut World, now: Timestamp) -> Vec<Event> {
    let round = &mut world.telemetry.round;
    if round.looked.is_some_and(|looked| looked <= now && now.since(looked) < LOOK) {
        return Vec::new();
    }
    round.looked = Some(now);
    let is_silent = |voice, placed_at| now.since(world.telemetry.last_seen(voice).unwrap_or(placed_at)) > FORGOTTEN;
    let silent = world.trust.collectors.iter().filter(|(voice, collector)| is_silent(*voice, collector.placed_at));
    silent.take(AT_ONCE).map(|(voice, _)| Event::Trust(TrustEvent::CollectorForgotten { voice })).collect()
}

/// Why an alert on a collector's series can no longer be judged: it has had no value for too long, it was said to have ended by all that
/// measured it, or its feed was withdrawn.
pub(super) fn lost(world: &World, alert: &Alert, now: Timestamp) -> Option<&'static str> {
    let condition = world.rules.rules.get(&alert.key.rule).map(|known| &known.rule.condition);
    // That nothing comes is what this one says.
    if matches!(condition, Some(Condition::Absent { .. })) {
        return None;
    }
    let feed = alert.key.attributes.get(FEED)?;
    if !world.trust.feeds.values().any(|known| known.name.as_str() == feed && !known.revoked) {
        return Some("the feed that measured this value was withdrawn");
    }
    let voices = world.trust.collectors.of(alert.key.ci).filter(|(_, collector)| collector.feed.as_str() == feed);
    let (mut last, mut ended) = (None, false);
    for word in voices.filter_map(|(voice, _)| world.telemetry.agents.get(&voice)?.last_word(alert)) {
        match word {
            LastWord::Number(at) => last = last.max(Some(at)),
            LastWord::Ended => ended = true,
        }
    }
    if ended && last.is_none() {
        return Some("who measured this value has said that it ended");
    }
    // While the server was away nobody could be heard.
    let since = last.max(world.telemetry.resumed_at).unwrap_or(Timestamp(0));
    (now.since(since).as_millis() >= PATIENCE_MS).then_some(wording::unmeasured(condition))
}

#[cfg(test)]
mod tests;
