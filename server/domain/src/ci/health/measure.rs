//! Health over time: one measurement a day, taken in portions so that it never holds anybody up.
//!
//! A large CMDB takes minutes to look through. Each second a portion of it is judged as it is then, and what was counted so far is
//! in the log, so that a restart goes on where it was. Small ones are measured whenever somebody asks.

use super::{Examiner, Tally};
use crate::World;
use crate::catalogue::Day;
use crate::ci::{CiEvent, Class, Cmdb};
use crate::id::{CiId, Family};
use crate::world::pairs;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

/// Work of one portion, in items: some ten milliseconds of a second.
pub const PORTION: usize = 4_000;

/// Items of a CMDB that is measured whenever somebody asks: some ten milliseconds. Software products count less, see [`PRODUCTS`].
pub const LIVE: usize = 4_000;

/// Software products that take as long as one other item: they have three attributes, no parts and no relations. One host brings a
/// thousand of them.
pub const PRODUCTS: usize = 5;

/// Days whose measurements are kept: two years and a month, to compare this month with the one of last year's budget.
pub const DAYS_KEPT: usize = 762;

/// A new CMDB is measured first when it is this old: by then whoever tries it out has filled it.
const FIRST_AFTER: Duration = Duration::from_secs(3_600);

const DAY_MS: i64 = 86_400_000;

/// What was counted, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// When it was complete.
    pub at: Timestamp,
    /// Counts of items of exactly each class.
    pub classes: BTreeMap<Class, Tally>,
}

/// A measurement that is going on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The last item that was looked at.
    pub through: Option<CiId>,
    /// What was counted.
    pub classes: BTreeMap<Class, Tally>,
}

/// What is remembered of measurements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// The one that is going on.
    pub sweep: Option<Sweep>,
    /// The last of each day in UTC.
    #[serde(with = "pairs")]
    pub days: BTreeMap<Day, Measurement>,
}

impl Measurement {
    /// Counts of a class and of all that inherit from it; without one of everything but software products: one host has thousands
    /// of those, and they would hide all else.
    #[must_use]
    pub fn of(&self, class: Option<Class>) -> Tally {
        let mut sum = Tally::default();
        let counted = self.classes.iter().filter(|(one, _)| counts_for(**one, class));
        counted.for_each(|(_, tally)| sum.add(tally));
        sum
    }
}

/// Whether items of a class count for another one, or for everything.
#[must_use]
pub fn counts_for(one: Class, class: Option<Class>) -> bool {
    class.map_or(one != Class::SoftwareProduct, |class| one.is_a(class))
}

impl Health {
    /// The last complete measurement.
    #[must_use]
    pub fn last(&self) -> Option<&Measurement> {
        self.days.last_key_value().map(|(_, last)| last)
    }

    /// Remembers an event. Total.
    pub fn apply(&mut self, event: &CiEvent) {
        match event {
            CiEvent::HealthExamined { through, classes } => {
                let sweep = self.sweep.get_or_insert_default();
                sweep.through = Some(*through);
                add(&mut sweep.classes, classes);
            }
            CiEvent::HealthMeasured { measurement } => {
                self.sweep = None;
                self.days.insert(Day::of(measurement.at), (**measurement).clone());
                while self.days.len() > DAYS_KEPT {
                    self.days.pop_first();
                }
            }
            _ => {}
        }
    }
}

fn add(sum: &mut BTreeMap<Class, Tally>, portion: &BTreeMap<Class, Tally>) {
    for (class, tally) in portion {
        sum.entry(*class).or_default().add(tally);
    }
}

/// The next portion of today's measurement, when it is time for one.
#[must_use]
pub fn due(world: &World, now: Timestamp) -> Option<CiEvent> {
    let health = &world.cmdb.health;
    if health.sweep.is_none() && !is_due(&world.cmdb, now) {
        return None;
    }
    let sweep = health.sweep.clone().unwrap_or_default();
    let (through, portion) = portion(world, now, sweep.through, PORTION);
    if let Some(through) = through {
        return Some(CiEvent::HealthExamined { through, classes: portion });
    }
    let mut classes = sweep.classes;
    add(&mut classes, &portion);
    Some(CiEvent::HealthMeasured { measurement: Box::new(Measurement { at: now, classes }) })
}

fn is_due(cmdb: &Cmdb, now: Timestamp) -> bool {
    match (cmdb.health.last(), cmdb.cis.values().next()) {
        (_, None) => false,
        (Some(last), _) => now.0.div_euclid(DAY_MS) > last.at.0.div_euclid(DAY_MS),
        (None, Some(first)) => now.since(first.created_at) >= FIRST_AFTER,
    }
}

/// Counts items after one until so much work is done; the last one, unless it was the last of all.
fn portion(world: &World, now: Timestamp, after: Option<CiId>, work: usize) -> (Option<CiId>, BTreeMap<Class, Tally>) {
    let mut examiner = Examiner::new(world, now);
    let mut classes: BTreeMap<Class, Tally> = BTreeMap::new();
    let mut left = world.cmdb.cis.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)).peekable();
    let mut through = None;
    while let Some((id, ci)) = left.next_if(|_| examiner.work < work) {
        through = Some(*id);
        if let Some(examined) = examiner.examine(ci) {
            classes.entry(ci.class).or_default().count(&examined);
        }
    }
    (through.filter(|_| left.peek().is_some()), classes)
}

/// Whether the CMDB is small enough to be measured whenever somebody asks.
#[must_use]
pub fn is_live(world: &World) -> bool {
    let all = world.cmdb.cis.len();
    let first = CiId { family: Family::Software, bits: 0 };
    let last = CiId { family: Family::Software, bits: u128::MAX };
    // A CMDB that is large for certain is not counted through.
    all <= LIVE
        || all <= LIVE * (PRODUCTS + 1) && {
            let products = world.cmdb.cis.range(first..=last).count();
            all - products + products / PRODUCTS <= LIVE
        }
}

/// When a CMDB that is too large to be measured whenever somebody asks is measured next: this moment when that is going on. `None` for
/// one that is measured when asked, and for an empty one.
#[must_use]
pub fn next(world: &World, now: Timestamp) -> Option<Timestamp> {
    if is_live(world) {
        return None;
    }
    let health = &world.cmdb.health;
    if health.sweep.is_some() {
        return Some(now);
    }
    let due = match health.last() {
        Some(last) => Timestamp((last.at.0.div_euclid(DAY_MS) + 1) * DAY_MS),
        None => world.cmdb.cis.values().next()?.created_at.plus(FIRST_AFTER),
    };
    Some(due.max(now))
}

/// Health now: of a small CMDB as it is, of a large one as it was last measured; `None` for one that never was.
#[must_use]
pub fn current(world: &World, now: Timestamp) -> Option<Measurement> {
    if !is_live(world) {
        return world.cmdb.health.last().cloned();
    }
    let (_, classes) = portion(world, now, None, usize::MAX);
    Some(Measurement { at: now, classes })
}
