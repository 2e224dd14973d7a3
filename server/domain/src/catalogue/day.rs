//! A day of the calendar, without a time or a time zone.

use rollcall_shared::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A day in the years 1 to 9999. Text form is that of ISO 8601: `2026-11-25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that is not a day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a day such as 2026-11-25")]
pub struct NotADay(pub String);

impl Day {
    /// The day of a moment, in UTC.
    #[must_use]
    pub fn of(moment: Timestamp) -> Self {
        // The text form of a moment is clamped to years of four digits, so its first ten characters are a day.
        moment.to_string().get(..10).and_then(|text| text.parse().ok()).unwrap_or(Self { year: 1, month: 1, day: 1 })
    }
}

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        parse(text).ok_or_else(|| NotADay(text.chars().take(32).collect()))
    }
}

fn parse(text: &str) -> Option<Day> {
    let bytes = text.as_bytes();
    let is_shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(place, byte)| if matches!(place, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() });
    if !is_shaped {
        return None;
    }
    let (year, month, day): (u16, u8, u8) = (text[..4].parse().ok()?, text[5..7].parse().ok()?, text[8..].parse().ok()?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    (year > 0 && (1..=days).contains(&day)).then_some(Day { year, month, day })
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, fits: bool) {
        assert_eq!(text.parse::<Day>().map(|day| day.to_string()).ok(), fits.then(|| text.to_owned()), "{text}");
    }

    #[test]
    fn days_of_the_calendar_are_read_and_others_are_not() {
        for text in ["2026-11-25", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            check(text, true);
        }
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-04-31",
            "0000-01-01",
            "26-11-25",
            "2026-11-25T00:00:00Z",
            "2026/11/25",
            "2026-1é-1",
            "",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn a_moment_is_on_its_day_in_utc() {
        assert_eq!(Day::of(Timestamp(1_795_235_460_000)).to_string(), "2026-11-21");
        assert_eq!(Day::of(Timestamp(-1)).to_string(), "1969-12-31");
    }
}
