//! When a mute holds: once, or again and again by the wall clock of a time zone.
//!
//! A window begins by the wall clock and lasts as long as it says: at a switch to summer time one that would begin in the missing hour begins
//! when the clock has jumped, and of the two passes of an hour that comes twice the first counts. A day that a month does not have is left
//! out, as calendars do (RFC 5545, section 3.3.10).

mod written;

use super::MuteKind;
use crate::Rejection;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest silence, and the longest single window: beyond a year a rule or an override is the better tool.
const LONGEST_MS: u64 = 366 * 86_400_000;

/// The longest window that recurs.
const RECURRING_MS: u64 = 7 * 86_400_000;

const SHORTEST_MS: u64 = 60_000;

/// How long ago the end may be of one that is to end at once: the clock of who says so may differ, and the request takes its time.
const LATE_MS: i64 = 60_000;

/// Days back in which a window that still holds can have begun: the longest, and a day for its first hours.
const BACK: i32 = 8;

/// Days ahead in which one that recurs begins at least once: five of one weekday come in every third month at the latest.
const AHEAD: i32 = 124;

/// When something holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "repeats", rename_all = "snake_case", try_from = "written::Written")]
pub enum Schedule {
    /// From one moment to another.
    Once {
        /// Begin.
        from: Timestamp,
        /// End, not included.
        to: Timestamp,
    },
    /// On days of the week.
    Weekly {
        /// Such as `["saturday", "sunday"]`.
        weekdays: Vec<Day>,
        /// By the wall clock, `HH:MM`.
        start: String,
        /// How long, ms.
        duration_ms: u64,
        /// IANA name, such as `Europe/Berlin`.
        time_zone: String,
        /// Not before.
        from: Option<Timestamp>,
        /// Not after.
        to: Option<Timestamp>,
    },
    /// On days of the month.
    Monthly {
        /// By their number: 1 to 31, or -1 to -31 from the last one back.
        days: Vec<i8>,
        /// By the weekday, such as the second Tuesday.
        weekdays: Vec<NthDay>,
        /// By the wall clock, `HH:MM`.
        start: String,
        /// How long, ms.
        duration_ms: u64,
        /// IANA name, such as `Europe/Berlin`.
        time_zone: String,
        /// Not before.
        from: Option<Timestamp>,
        /// Not after.
        to: Option<Timestamp>,
    },
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "days of the week")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// One of the days of a month that are one weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NthDay {
    /// Which of them: 1 to 5, or -1 to -5 from the last one back.
    pub nth: i8,
    /// The weekday.
    pub weekday: Day,
}

/// Where what is to have a schedule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has not begun: it must still come.
    Ahead,
    /// It has begun: it may end at once, however short it was.
    Begun,
}

/// What recurring schedules have in common.
struct Wall<'a> {
    falls_on: Box<dyn Fn(Date) -> bool + 'a>,
    start: &'a str,
    duration_ms: u64,
    time_zone: &'a str,
    within: (Option<Timestamp>, Option<Timestamp>),
}

impl Schedule {
    /// Whether it holds at a moment.
    #[must_use]
    pub fn covers(&self, now: Timestamp) -> bool {
        match self.wall() {
            None => matches!(self, Self::Once { from, to } if *from <= now && now < *to),
            Some(wall) => wall.find(now, -BACK..=0).is_some_and(|(from, _)| from <= now),
        }
    }

    /// From when to when it holds at a moment, or next; `None` when it is over, or does not come within four months.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match (self, self.wall()) {
            (Self::Once { from, to }, _) => (now < *to).then_some((*from, *to)),
            (_, wall) => wall.and_then(|wall| wall.find(wall.within.0.map_or(now, |from| from.max(now)), -BACK..=AHEAD)),
        }
    }

    /// When it begins at the earliest; `None` for what recurs since ever.
    #[must_use]
    pub fn begins_at(&self) -> Option<Timestamp> {
        match self {
            Self::Once { from, .. } => Some(*from),
            Self::Weekly { from, .. } | Self::Monthly { from, .. } => *from,
        }
    }

    /// When it is over for good; `None` for what recurs without end.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::Once { to, .. } => Some(*to),
            Self::Weekly { to, .. } | Self::Monthly { to, .. } => *to,
        }
    }

    /// Refuses what can never hold.
    ///
    /// # Errors
    /// The field that is wrong.
    pub(super) fn validate(&self, kind: MuteKind, standing: Standing, now: Timestamp) -> Result<(), Rejection> {
        match self {
            Self::Once { from, to } => {
                let length = u64::try_from(to.since(*from).as_millis()).unwrap_or(u64::MAX);
                // Silences are written with fields of their own.
                let (begin, end) = if kind == MuteKind::Silence { ("starts_at", "expires_at") } else { ("from", "schedule.to") };
                require(standing.may_end(*to, now), end, "has passed already")?;
                require(from < to, end, &format!("must be after {begin}"))?;
                let is_long_enough = length >= SHORTEST_MS || standing == Standing::Begun;
                let fits = is_long_enough && length <= LONGEST_MS;
                return require(fits, end, &format!("must be a minute to 366 days after {begin}"));
            }
            Self::Weekly { weekdays, .. } => {
                require((1..=7).contains(&weekdays.len()), "schedule.weekdays", "must be 1 to 7 days")?;
            }
            Self::Monthly { days, weekdays, .. } => {
                let count = days.len() + weekdays.len();
                require((1..=31).contains(&count), "schedule.days", "and weekdays must be 1 to 31 together")?;
                let is_day = |day: &i8| (1..=31).contains(&day.unsigned_abs());
                let wrong = days.iter().position(|day| !is_day(day)).map(|place| format!("schedule.days[{place}]"));
                wrong.map_or(Ok(()), |field| require(false, &field, "must be 1 to 31, or -1 to -31 from the last day back"))?;
                let is_nth = |day: &NthDay| (1..=5).contains(&day.nth.unsigned_abs());
                let wrong = weekdays.iter().position(|day| !is_nth(day)).map(|place| format!("schedule.weekdays[{place}].nth"));
                wrong.map_or(Ok(()), |field| require(false, &field, "must be 1 to 5, or -1 to -5 from the last one back"))?;
            }
        }
        self.wall().map_or(Ok(()), |wall| wall.validate(kind, standing, now))?;
        if standing == Standing::Begun && self.ends_at().is_some_and(|end| end <= now) {
            return Ok(());
        }
        // Such as the last day of a month, between two days in the middle of one.
        require(self.next(now).is_some(), "schedule", "never comes: no such day lies between from and to")
    }

    fn wall(&self) -> Option<Wall<'_>> {
        let (falls_on, (start, duration_ms, time_zone, within)): (Box<dyn Fn(Date) -> bool + '_>, _) = match self {
            Self::Once { .. } => return None,
            Self::Weekly { weekdays, start, duration_ms, time_zone, from, to } => {
                let falls_on = |date: Date| weekdays.iter().any(|day| day.weekday() == date.weekday());
                (Box::new(falls_on), (start, *duration_ms, time_zone, (*from, *to)))
            }
            Self::Monthly { days, weekdays, start, duration_ms, time_zone, from, to } => {
                let falls_on = |date: Date| days.iter().any(|day| is_day(date, *day)) || weekdays.iter().any(|day| day.is(date));
                (Box::new(falls_on), (start, *duration_ms, time_zone, (*from, *to)))
            }
        };
        Some(Wall { falls_on, start, duration_ms, time_zone, within })
    }
}

fn require(holds: bool, field: &str, reason: &str) -> Result<(), Rejection> {
    if holds { Ok(()) } else { Err(Rejection::invalid(field, reason)) }
}

impl Standing {
    fn may_end(self, end: Timestamp, now: Timestamp) -> bool {
        match self {
            Self::Ahead => end > now,
            Self::Begun => end.0 >= now.0.saturating_sub(LATE_MS),
        }
    }
}

impl Wall<'_> {
    /// The first occurrence that is not over, of those that begin some days before or after a moment.
    fn find(&self, now: Timestamp, days: std::ops::RangeInclusive<i32>) -> Option<(Timestamp, Timestamp)> {
        let zone = TimeZone::get(self.time_zone).ok()?;
        let (hour, minute) = clock(self.start)?;
        let today = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(zone.clone()).date();
        days.filter_map(|day| {
            let date = today.checked_add(jiff::Span::new().days(day)).ok().filter(|date| (self.falls_on)(*date))?;
            let begin = date.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
            let end = Timestamp(begin.saturating_add(i64::try_from(self.duration_ms).unwrap_or(i64::MAX)));
            let (from, to) = self.within;
            let (begin, end) = (from.map_or(Timestamp(begin), |from| from.max(Timestamp(begin))), to.map_or(end, |to| to.min(end)));
            (begin < end && now < end).then_some((begin, end))
        })
        .next()
    }

    fn validate(&self, kind: MuteKind, standing: Standing, now: Timestamp) -> Result<(), Rejection> {
        require(kind != MuteKind::Silence, "schedule.repeats", "a silence happens once")?;
        require(clock(self.start).is_some(), "schedule.start", "must be a time such as 02:30")?;
        let fits = (SHORTEST_MS..=RECURRING_MS).contains(&self.duration_ms);
        require(fits, "schedule.duration_ms", "must be a minute to seven days, in milliseconds")?;
        require(TimeZone::get(self.time_zone).is_ok(), "schedule.time_zone", "must be an IANA name, such as Europe/Berlin")?;
        let (from, to) = self.within;
        let ordered = from.zip(to).is_none_or(|(from, to)| from < to);
        require(ordered && to.is_none_or(|to| standing.may_end(to, now)), "schedule.to", "must be after from, and not have passed")
    }
}

/// Whether a date is a day of its month, counted from the first on or from the last back.
fn is_day(date: Date, day: i8) -> bool {
    day == date.day() || day == date.day() - date.days_in_month() - 1
}

impl NthDay {
    fn is(self, date: Date) -> bool {
        let (from_first, from_last) = ((date.day() - 1) / 7 + 1, (date.days_in_month() - date.day()) / 7 + 1);
        self.weekday.weekday() == date.weekday() && (self.nth == from_first || self.nth == -from_last)
    }
}

/// Hour and minute of a time of day, `HH:MM`.
pub(crate) fn clock(text: &str) -> Option<(i8, i8)> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        return None;
    }
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    if hour < 24 && minute < 60 { Some((hour, minute)) } else { None }
}

impl Day {
    pub(crate) fn weekday(self) -> Weekday {
        match self {
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
