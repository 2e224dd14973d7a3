//! Decisions of people on alerts, maintenance windows and silences.

use super::external::{self, ExternalReport};
use super::mute::{self, NewMute};
use super::{Acknowledgement, AlertEvent, AlertState};
use crate::id::{AlertId, MuteId};
use crate::{Context, Event, Rejection, World};
use rollcall_shared::Timestamp;

/// What people ask.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertCommand {
    /// Somebody looks after it: until it is clear, or until a moment.
    Acknowledge {
        /// Which.
        alert: AlertId,
        /// Until when; until it is clear unless given.
        until: Option<Timestamp>,
    },
    /// Nobody looks after it any more.
    Unacknowledge {
        /// Which.
        alert: AlertId,
    },
    /// Make a maintenance window or a silence.
    Mute(Box<NewMute>),
    /// Say anew what one is.
    ChangeMute {
        /// Which.
        mute: MuteId,
        /// What it is to be.
        change: mute::Change,
    },
    /// End one now.
    Unmute {
        /// Which.
        mute: MuteId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Another system says how its alerts are.
    Receive {
        /// The feed that says so.
        source: String,
        /// Which.
        reports: Vec<ExternalReport>,
    },
}

/// Decides a command.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::WrongState`], [`Rejection::Invalid`], [`Rejection::Conflict`].
pub fn command(world: &World, command: &AlertCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    match command {
        AlertCommand::Acknowledge { alert, until } => acknowledge(world, *alert, *until, context),
        AlertCommand::Unacknowledge { alert } => {
            let (_, acknowledged) = find(world, *alert)?;
            let event = AlertEvent::AlertAcknowledged { alert: *alert, acknowledgement: None };
            Ok(acknowledged.map(|_| Event::Alert(event)).into_iter().collect())
        }
        AlertCommand::Mute(new) => mute::create(world, new, context),
        AlertCommand::ChangeMute { mute, change } => mute::change(world, *mute, change, context),
        AlertCommand::Unmute { mute, expected } => mute::end(world, *mute, *expected),
        AlertCommand::Receive { source, reports } => external::receive(world, source, reports, context),
    }
}

fn acknowledge(world: &World, id: AlertId, until: Option<Timestamp>, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    let (is_over, acknowledged) = find(world, id)?;
    if is_over {
        return Err(Rejection::WrongState { subject: id.to_string(), state: "resolved".into(), action: "acknowledged" });
    }
    if until.is_some_and(|until| until <= context.now) {
        return Err(Rejection::invalid("until", "has passed already"));
    }
    let acknowledgement = Some(Acknowledgement { by: crate::rule::decide::who(&context.actor), at: context.now, until });
    let same = |known: &Acknowledgement| known.until == until;
    if acknowledged.is_some_and(same) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Alert(AlertEvent::AlertAcknowledged { alert: id, acknowledgement })])
}

/// Whether an alert is over, our own or that of another system, and who looks after it.
fn find(world: &World, id: AlertId) -> Result<(bool, Option<&Acknowledgement>), Rejection> {
    if let Some(alert) = world.alerts.alerts.get(&id) {
        return Ok((matches!(alert.state, AlertState::Resolved | AlertState::Inactive), alert.acknowledged.as_ref()));
    }
    let alert = world.alerts.external.by_id(id).ok_or_else(|| Rejection::not_found("alert", id))?;
    Ok((!alert.fires(), alert.acknowledged.as_ref()))
}
