//! Whether anybody would be told of anything now, and what stands in the way.

use super::route::Route;
use crate::World;
use crate::delivery::retry::LONGEST_NOTIFICATION_WAIT;
use crate::delivery::{Content, Delivery, DeliveryState, MessageStatus, queue};
use crate::id::ChannelId;
use crate::rule::Tier;
use rollcall_shared::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long notifications must have failed for a channel to count as no way: by then one has been tried six times, and what waits is tried
/// as seldom as it ever is.
const FAILING: Duration = LONGEST_NOTIFICATION_WAIT;

/// Problems that are named: more are not read, and the first are those of the routes that are looked at first.
const NAMED: usize = 100;

/// How notification stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether a route that counts and takes pages reaches somebody now: a channel of its own, or one of a step of escalation, that has
    /// not failed for five minutes.
    pub works: bool,
    /// Whether one that takes tickets does.
    pub tells_tickets: bool,
    /// What is not as it should be, in words, each once.
    pub problems: Vec<String>,
}

/// Whether routes reach anybody at a moment. Schedules and methods are looked up as they are then.
#[must_use]
pub fn standing(world: &World, now: Timestamp) -> Standing {
    let routes: Vec<&Route> = world.notifications.in_order().filter(|route| route.enabled).collect();
    let mut standing = Standing { works: false, tells_tickets: false, problems: Vec::new() };
    if routes.is_empty() {
        let problem = "no route counts: nobody is told of anything; POST /api/v1/notification_routes makes one";
        standing.problems.push(problem.into());
    } else if !routes.iter().any(|route| route.when.tiers.contains(&Tier::Page)) {
        let problem = "no route that counts takes pages: nobody is told of them; when.tiers of a route says what it takes";
        standing.problems.push(problem.into());
    }
    standing.problems.extend(lost_pages(world));
    for route in routes {
        let (works, problems) = of_route(world, route, now);
        standing.works |= works && route.when.tiers.contains(&Tier::Page);
        standing.tells_tickets |= works && route.when.tiers.contains(&Tier::Ticket);
        standing.problems.extend(problems);
        if !works {
            standing.problems.push(format!("{}: nobody would be told", route.name));
        }
    }
    let mut seen = BTreeSet::new();
    standing.problems.retain(|problem| seen.insert(problem.clone()));
    standing.problems.truncate(NAMED);
    standing
}

/// Pages of open incidents that were given up, of which the same people have been told nothing newer; for each channel the latest.
fn lost_pages(world: &World) -> impl Iterator<Item = String> {
    let channels = world.delivery.channels.values();
    channels.filter_map(|known| {
        let dead = world.delivery.of(known.channel.id, DeliveryState::Dead).filter(|dead| is_lost_page(world, dead));
        let dead: Vec<&Delivery> = dead.collect();
        let (count, latest) = (dead.len(), dead.last()?);
        let reason = latest.last_error.as_deref().unwrap_or("unknown");
        let pages = if count == 1 { "a page was".to_owned() } else { format!("{count} pages were") };
        let latest = latest.id;
        Some(format!(
            "channel {}: {pages} given up, {latest} last: {reason}; deliveries/{latest}/resend sends it again",
            known.channel.name
        ))
    })
}

fn is_lost_page(world: &World, dead: &Delivery) -> bool {
    let Content::Notification { message } = &dead.content else { return false };
    let is_open = |id| world.incidents.incidents.get(&id).is_some_and(|incident| incident.state.is_open());
    message.tier == Tier::Page
        && message.status == MessageStatus::Firing
        && message.incidents.iter().any(|incident| is_open(incident.id))
        && queue::told_after(world, dead).is_none()
}

fn of_route(world: &World, route: &Route, now: Timestamp) -> (bool, Vec<String>) {
    let problem = |channel: &ChannelId| unusable(world, *channel).or_else(|| failing(world, *channel, now));
    let mut works = route.channels.iter().any(|channel| problem(channel).is_none());
    let mut problems: Vec<String> = route.channels.iter().filter_map(problem).map(|problem| format!("{}: {problem}", route.name)).collect();
    let Some(known) = route.escalation.and_then(|id| world.notifications.policies.get(&id)) else { return (works, problems) };
    for step in 0..known.policy.steps.len() {
        let reached = known.policy.reach(world, step, now);
        let channels: BTreeSet<ChannelId> = reached.addresses.iter().map(|address| address.channel).collect();
        works |= channels.iter().any(|channel| problem(channel).is_none());
        let failing = channels.iter().filter_map(problem);
        let place = format!("{}: {}, step {}", route.name, known.policy.name, step + 1);
        problems.extend(reached.missed.into_iter().chain(failing).map(|missed| format!("{place}: {missed}")));
    }
    (works, problems)
}

/// Since when, and why, what a channel is to tell does not get through, in words. It is tried all the same.
fn failing(world: &World, channel: ChannelId, now: Timestamp) -> Option<String> {
    let known = world.delivery.channels.get(&channel)?;
    let since = known.health.messages_failing_since.filter(|since| now.since(*since) >= FAILING)?;
    let reason = known.health.last_error.as_ref().map(|(_, reason)| format!(": {reason}")).unwrap_or_default();
    Some(format!("nothing has got through channel {} since {since}{reason}", known.channel.name))
}

/// Whether a notification that is given to a channel leaves.
#[must_use]
pub fn is_usable(world: &World, channel: ChannelId) -> bool {
    unusable(world, channel).is_none()
}

/// Why a channel takes no notification now, in words.
#[must_use]
pub fn unusable(world: &World, channel: ChannelId) -> Option<String> {
    let Some(known) = world.delivery.channels.get(&channel) else { return Some(format!("channel {channel} is no more")) };
    let name = &known.channel.name;
    if !known.is_active() {
        return Some(format!("channel {name} is {}", known.standing().as_str()));
    }
    (!known.channel.takes_notifications()).then(|| format!("channel {name} takes no notifications: it follows the feed alone"))
}
