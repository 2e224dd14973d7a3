//! A schedule as it is written. Read field by field, so that what is wrong is told by the field that it is in: a reader that first has to know
//! which form it reads tells the schedule alone.

use super::{Day, NthDay, Schedule};
use crate::rule::condition::WITHIN;
use rollcall_shared::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// All that one of the forms has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    repeats: Repeats,
    #[serde(default)]
    days: Option<Vec<i8>>,
    #[serde(default)]
    weekdays: Option<Vec<Weekday>>,
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    duration_ms: Option<u64>,
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    from: Option<Timestamp>,
    #[serde(default)]
    to: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Repeats {
    Once,
    Weekly,
    Monthly,
}

/// A weekday of each week, or of the month.
enum Weekday {
    Each(Day),
    Nth(NthDay),
}

impl<'de> Deserialize<'de> for Weekday {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WeekdayVisitor)
    }
}

struct WeekdayVisitor;

impl<'de> Visitor<'de> for WeekdayVisitor {
    type Value = Weekday;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a weekday such as \"sunday\", or one of the month such as {\"nth\": 2, \"weekday\": \"tuesday\"}")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Weekday, E> {
        Day::deserialize(text.into_deserializer()).map(Weekday::Each)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Weekday, A::Error> {
        NthDay::deserialize(MapAccessDeserializer::new(map)).map(Weekday::Nth)
    }
}

impl TryFrom<Written> for Schedule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { repeats, days, weekdays, start, duration_ms, time_zone, from, to } = written;
        match repeats {
            Repeats::Once => {
                let fields = [days.map(|_| "days"), weekdays.map(|_| "weekdays"), start.map(|_| "start")];
                let more = [duration_ms.map(|_| "duration_ms"), time_zone.map(|_| "time_zone")];
                absent(fields.into_iter().chain(more).flatten(), "what happens once has `from` and `to`")?;
                Ok(Self::Once { from: needed(from, "from")?, to: needed(to, "to")? })
            }
            Repeats::Weekly => {
                absent(days.map(|_| "days").into_iter(), "what recurs weekly has `weekdays`")?;
                let weekdays = each(needed(weekdays, "weekdays")?, "a weekday such as \"sunday\"", |day| match day {
                    Weekday::Each(day) => Some(day),
                    Weekday::Nth(_) => None,
                })?;
                let (start, duration_ms, time_zone) = wall(start, duration_ms, time_zone)?;
                Ok(Self::Weekly { weekdays, start, duration_ms, time_zone, from, to })
            }
            Repeats::Monthly => {
                let wanted = "one of the month such as {\"nth\": 2, \"weekday\": \"tuesday\"}";
                let weekdays = each(weekdays.unwrap_or_default(), wanted, |day| match day {
                    Weekday::Nth(day) => Some(day),
                    Weekday::Each(_) => None,
                })?;
                let (start, duration_ms, time_zone) = wall(start, duration_ms, time_zone)?;
                Ok(Self::Monthly { days: days.unwrap_or_default(), weekdays, start, duration_ms, time_zone, from, to })
            }
        }
    }
}

/// What all that recurs has.
fn wall(start: Option<String>, duration_ms: Option<u64>, time_zone: Option<String>) -> Result<(String, u64, String), String> {
    Ok((needed(start, "start")?, needed(duration_ms, "duration_ms")?, needed(time_zone, "time_zone")?))
}

fn needed<T>(value: Option<T>, field: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("missing field `{field}`"))
}

fn absent(mut fields: impl Iterator<Item = &'static str>, reason: &str) -> Result<(), String> {
    fields.next().map_or(Ok(()), |field| Err(format!("unknown field `{field}`: {reason}")))
}

fn each<T>(weekdays: Vec<Weekday>, wanted: &str, form: impl Fn(Weekday) -> Option<T>) -> Result<Vec<T>, String> {
    let weekdays = weekdays.into_iter().enumerate();
    weekdays.map(|(place, day)| form(day).ok_or_else(|| format!("{WITHIN}weekdays[{place}]: must be {wanted}"))).collect()
}
