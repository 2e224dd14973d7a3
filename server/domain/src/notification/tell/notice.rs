//! Saying that somebody has taken notice, of all of a group or of a part of it, and that all of it is over.

use super::{Plan, Turn};
use crate::delivery::MessageStatus;
use crate::id::IncidentId;
use crate::incident::Incident;
use crate::notification::Cause;
use crate::notification::escalation::Address;
use crate::notification::group::{Progress, Timers};
use crate::{Context, Event};
use std::collections::BTreeSet;

impl<'a> Turn<'a> {
    pub(super) fn take_notice(&mut self, context: &mut Context<'_>) -> Vec<Event> {
        // What waits on hold, or is worked on, may be without anybody having acknowledged it.
        let acknowledged = |id| self.world.incidents.incidents.get(&id).is_none_or(|incident| incident.acknowledged.is_some());
        let is_news = self.group.status == Some(MessageStatus::Firing)
            && self.route.tell_acknowledged
            && !self.group.told_to.is_empty()
            && self.group.open().all(acknowledged);
        if is_news {
            return self.say(Cause::Acknowledged, MessageStatus::Acknowledged, Timers::default(), context);
        }
        let missed: BTreeSet<Address> = &self.missed() & &self.told_to();
        if self.group.status != Some(MessageStatus::Acknowledged) || missed.is_empty() {
            return self.timed(Timers::default(), self.group.held);
        }
        self.say_to(missed, (Cause::Acknowledged, MessageStatus::Acknowledged), Timers::default(), context)
    }

    /// Says how the group stands to everybody who has been told of it.
    pub(super) fn say(&mut self, cause: Cause, status: MessageStatus, timers: Timers, context: &mut Context<'_>) -> Vec<Event> {
        self.say_to(self.told_to(), (cause, status), timers, context)
    }

    fn say_to(
        &mut self,
        addresses: BTreeSet<Address>,
        (cause, status): (Cause, MessageStatus),
        timers: Timers,
        context: &mut Context<'_>,
    ) -> Vec<Event> {
        let steps = vec![(self.group.progress.step, addresses)];
        let progress = Progress::default();
        self.carry_out(Plan { cause, status, steps, waiting: BTreeSet::new(), progress, timers, notes: Vec::new() }, context)
    }

    /// Says that somebody took notice of a part of it, to everybody who has been told of it.
    pub(super) fn take_notice_in_part(&mut self, context: &mut Context<'_>) -> Vec<Event> {
        let timers = Timers { notice_at: None, ..self.group.timers };
        if self.unsaid().next().is_none() {
            return self.timed(timers, self.group.held);
        }
        let steps = vec![(self.group.progress.step, self.told_to())];
        let plan = Plan { steps, timers, ..self.again(Cause::Acknowledged) };
        self.carry_out(plan, context)
    }

    /// Acknowledged incidents of which that has not been said yet.
    pub(super) fn unsaid(&self) -> impl Iterator<Item = &'a Incident> {
        let known = |id: &IncidentId| self.world.incidents.incidents.get(id);
        self.group.unsaid.iter().filter_map(known).filter(|incident| incident.acknowledged.is_some())
    }
}
