//! Hours of the week by the wall clock of a time zone: quiet hours, and the hours that a layer of a schedule is for.
//!
//! Invariant: a span begins and ends by the wall clock, so that it is an hour longer or shorter where the clock is set back or
//! forward within it; one that would begin or end in the missing hour does so when the clock has jumped.

use crate::Rejection;
use crate::alert::mute::{Day, clock};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};

/// Days that one look at a calendar may cover: the longest range that is rendered, and a day on each side.
const DAYS: usize = 110;

/// From one time of day to another, on days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// Days on which it begins.
    pub weekdays: Vec<Day>,
    /// Begin, `HH:MM`.
    pub from: String,
    /// End, `HH:MM`, not included; on the next day when it is not after the begin.
    pub to: String,
}

/// From one moment to another, which is not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Begin.
    pub from: Timestamp,
    /// End.
    pub to: Timestamp,
}

/// The time zone of an IANA name.
///
/// # Errors
/// A name that is none.
pub fn zone(field: &str, name: &str) -> Result<TimeZone, Rejection> {
    TimeZone::get(name).map_err(|_| Rejection::invalid(field, "must be an IANA name, such as Europe/Berlin"))
}

/// The calendar day of a moment.
pub(super) fn date_of(at: Timestamp, zone: &TimeZone) -> Option<Date> {
    Some(jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone()).date())
}

impl WeeklyHours {
    /// Refuses what is no time of a week.
    ///
    /// # Errors
    /// The field that is wrong, below `field`.
    pub fn check(&self, field: &str) -> Result<(), Rejection> {
        if !(1..=7).contains(&self.weekdays.len()) {
            return Err(Rejection::invalid(format!("{field}.weekdays"), "must be 1 to 7 days"));
        }
        for (name, text) in [("from", &self.from), ("to", &self.to)] {
            if clock(text).is_none() {
                return Err(Rejection::invalid(format!("{field}.{name}"), "must be a time such as 22:00"));
            }
        }
        Ok(())
    }

    /// The span that holds at a moment.
    #[must_use]
    pub fn span(&self, at: Timestamp, zone: &TimeZone) -> Option<Span> {
        let today = date_of(at, zone)?;
        let days = [today.yesterday().ok(), Some(today)];
        days.into_iter().flatten().filter_map(|day| self.on(day, zone)).find(|span| span.from <= at && at < span.to)
    }

    /// Spans that touch a range, in order.
    #[must_use]
    pub fn spans(&self, range: Span, zone: &TimeZone) -> Vec<Span> {
        let Some(first) = date_of(range.from, zone).and_then(|day| day.yesterday().ok()) else { return Vec::new() };
        let days = std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(DAYS);
        let spans = days.filter_map(|day| self.on(day, zone));
        spans.filter(|span| span.to > range.from && span.from < range.to).collect()
    }

    fn on(&self, day: Date, zone: &TimeZone) -> Option<Span> {
        if !self.weekdays.iter().any(|known| known.weekday() == day.weekday()) {
            return None;
        }
        let ((from_hour, from_minute), (to_hour, to_minute)) = (clock(&self.from)?, clock(&self.to)?);
        let last = if (to_hour, to_minute) > (from_hour, from_minute) { day } else { day.tomorrow().ok()? };
        let moment = |day: Date, hour, minute| {
            let zoned = day.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
            Some(Timestamp(zoned.timestamp().as_millisecond()))
        };
        Some(Span { from: moment(day, from_hour, from_minute)?, to: moment(last, to_hour, to_minute)? })
    }
}
