//! Who is on call when.
//!
//! A schedule has layers of rotations; the last layer that has somebody at a moment counts, so that a layer for the nights lies above one
//! for everything. Overrides lie above all layers, the last one made above the others. Hand-offs are by the wall clock of the
//! schedule's time zone: nine o'clock stays nine o'clock when summer time begins.
//!
//! Invariant: who is on call at a moment is a function of the schedule and the moment alone; where nobody is, that is said.

use super::weekly::{Span, WeeklyHours, zone};
use crate::id::{ContactId, OverrideId, ScheduleId};
use crate::{Rejection, World};
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Layers of one schedule: follow-the-sun needs three, with a second line six.
pub const LAYERS: usize = 10;

/// Members of one layer.
pub const MEMBERS: usize = 100;

/// Overrides of one schedule that are not over: a holiday season of a large team.
pub const OVERRIDES: usize = 200;

/// Restrictions of one layer.
const HOURS: usize = 20;

/// The longest range that is rendered at once.
pub const RENDERED: Duration = Duration::from_secs(100 * 86_400);

/// How far ahead the next shift is looked for.
const AHEAD: Duration = Duration::from_secs(35 * 86_400);

/// The longest stay of one member, in hours: a year.
const LONGEST_HOURS: i64 = 366 * 24;

/// What the length of a stay is counted in. Days and weeks are those of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Hours by the wall clock.
    Hour,
    /// Days.
    Day,
    /// Weeks.
    Week,
}

/// How long each member stays before the next one takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// How many.
    pub every: u32,
    /// Of what.
    pub unit: Unit,
}

/// Members who take turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// What people call it.
    pub name: String,
    /// In the order of their turns.
    pub members: Vec<ContactId>,
    /// When the first member begins, by the wall clock: `2026-11-30T09:00`. Hand-offs are at this time of day.
    pub starts_at: String,
    /// How long a turn is.
    pub rotation: Rotation,
    /// When the layer has somebody at all; always when empty.
    #[serde(default)]
    pub hours: Vec<WeeklyHours>,
}

/// Somebody stands in, or nobody is to be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its id for ever.
    pub id: OverrideId,
    /// Begin.
    pub from: Timestamp,
    /// End, not included.
    pub to: Timestamp,
    /// Who.
    pub contact: ContactId,
}

/// Who is on call when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its id for ever.
    pub id: ScheduleId,
    /// What people call it.
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    /// The last one that has somebody counts.
    pub layers: Vec<Layer>,
    /// Above all layers, in the order in which they were made.
    #[serde(default)]
    pub overrides: Vec<Override>,
}

/// A schedule with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownSchedule {
    /// As it is.
    pub schedule: Schedule,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// Why somebody is on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// Stands in.
    Override(OverrideId),
    /// It is the turn in this layer.
    Layer(String),
}

/// Who is on call from one moment to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// From when to when.
    pub span: Span,
    /// Who and why; `None` for a gap.
    pub duty: Option<(ContactId, Because)>,
}

impl Rotation {
    fn seconds(self) -> i64 {
        let unit = match self.unit {
            Unit::Hour => 3_600,
            Unit::Day => 86_400,
            Unit::Week => 7 * 86_400,
        };
        i64::from(self.every.max(1)) * unit
    }
}

impl Layer {
    /// When a turn begins. Turns are counted from 0.
    fn handoff(&self, turn: i64, zone: &TimeZone) -> Option<Timestamp> {
        let start: DateTime = self.starts_at.parse().ok()?;
        let seconds = self.rotation.seconds().checked_mul(turn)?;
        let local = start.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        Some(Timestamp(local.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond()))
    }

    /// The turn that a moment falls in; negative before the first.
    fn turn(&self, at: Timestamp, zone: &TimeZone) -> Option<i64> {
        let start: DateTime = self.starts_at.parse().ok()?;
        let local = jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone()).datetime();
        let turn = local.duration_since(start).as_secs().div_euclid(self.rotation.seconds());
        // The wall clock shows some moments twice and leaves others out: the moments of the hand-offs decide.
        let near = [turn + 1, turn, turn - 1];
        near.into_iter().find(|turn| self.handoff(*turn, zone).is_some_and(|begin| begin <= at))
    }

    fn on_call(&self, at: Timestamp, zone: &TimeZone) -> Option<ContactId> {
        if !self.hours.is_empty() && !self.hours.iter().any(|hours| hours.span(at, zone).is_some()) {
            return None;
        }
        let turn = usize::try_from(self.turn(at, zone)?).ok()?;
        self.members.get(turn.checked_rem(self.members.len())?).copied()
    }

    fn edges(&self, range: Span, zone: &TimeZone) -> Vec<Timestamp> {
        let first = self.turn(range.from, zone).unwrap_or(0).max(-1) + 1;
        let handoffs = (first..).map_while(|turn| self.handoff(turn, zone).filter(|at| *at < range.to));
        let hours = self.hours.iter().flat_map(|hours| hours.spans(range, zone)).flat_map(|span| [span.from, span.to]);
        handoffs.chain(hours).collect()
    }

    fn check(&self, world: &World, field: &str) -> Result<(), Rejection> {
        super::decide::named(&format!("{field}.name"), &self.name)?;
        if !(1..=MEMBERS).contains(&self.members.len()) {
            return Err(Rejection::invalid(format!("{field}.members"), format!("must be 1 to {MEMBERS} contacts")));
        }
        for (position, member) in self.members.iter().enumerate() {
            super::decide::contact(world, &format!("{field}.members[{position}]"), *member)?;
        }
        if self.starts_at.len() > 32 || self.starts_at.parse::<DateTime>().is_err() {
            return Err(Rejection::invalid(format!("{field}.starts_at"), "must be a local time such as 2026-11-30T09:00"));
        }
        let hours = self.rotation.seconds() / 3_600;
        if self.rotation.every == 0 || hours > LONGEST_HOURS {
            return Err(Rejection::invalid(format!("{field}.rotation.every"), "must make an hour to 366 days"));
        }
        if self.hours.len() > HOURS {
            return Err(Rejection::invalid(format!("{field}.hours"), format!("must be at most {HOURS}")));
        }
        self.hours.iter().enumerate().try_for_each(|(position, hours)| hours.check(&format!("{field}.hours[{position}]")))
    }
}

impl Schedule {
    /// Who is on call at a moment, and why.
    #[must_use]
    pub fn on_call(&self, at: Timestamp) -> Option<(ContactId, Because)> {
        let zone = TimeZone::get(&self.time_zone).ok()?;
        self.on_call_in(at, &zone)
    }

    fn on_call_in(&self, at: Timestamp, zone: &TimeZone) -> Option<(ContactId, Because)> {
        let standing_in = self.overrides.iter().rev().find(|one| one.from <= at && at < one.to);
        if let Some(one) = standing_in {
            return Some((one.contact, Because::Override(one.id)));
        }
        let layers = self.layers.iter().rev();
        layers.filter_map(|layer| Some((layer.on_call(at, zone)?, Because::Layer(layer.name.clone())))).next()
    }

    /// Who is on call from one moment to another, without a hole: gaps are shifts of nobody. At most [`RENDERED`].
    #[must_use]
    pub fn shifts(&self, range: Span) -> Vec<Shift> {
        let Ok(zone) = TimeZone::get(&self.time_zone) else { return Vec::new() };
        let range = Span { to: range.to.min(range.from.plus(RENDERED)), ..range };
        let layers = self.layers.iter().flat_map(|layer| layer.edges(range, &zone));
        let overrides = self.overrides.iter().flat_map(|one| [one.from, one.to]);
        let mut edges: Vec<Timestamp> = layers.chain(overrides).filter(|at| range.from < *at && *at < range.to).collect();
        edges.extend([range.from, range.to]);
        edges.sort_unstable();
        edges.dedup();
        let mut shifts: Vec<Shift> = Vec::new();
        for pair in edges.windows(2) {
            let span = Span { from: pair[0], to: pair[1] };
            let duty = self.on_call_in(span.from, &zone);
            match shifts.last_mut() {
                Some(last) if last.duty == duty => last.span.to = span.to,
                _ => shifts.push(Shift { span, duty }),
            }
        }
        shifts
    }

    /// The shift that holds at a moment, and the one after it, as far as five weeks show.
    #[must_use]
    pub fn now_and_next(&self, at: Timestamp) -> (Option<Shift>, Option<Shift>) {
        let mut shifts = self.shifts(Span { from: at, to: at.plus(AHEAD) }).into_iter();
        (shifts.next(), shifts.next())
    }

    /// Refuses what is no schedule.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn check(&self, world: &World) -> Result<(), Rejection> {
        zone("time_zone", &self.time_zone)?;
        if !(1..=LAYERS).contains(&self.layers.len()) {
            return Err(Rejection::invalid("layers", format!("must be 1 to {LAYERS}")));
        }
        self.layers.iter().enumerate().try_for_each(|(position, layer)| layer.check(world, &format!("layers[{position}]")))
    }
}

#[cfg(test)]
mod tests;
