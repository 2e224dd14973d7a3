//! One representation of a moment, so that nobody has to guess a unit.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// Text form is RFC 3339 in UTC with milliseconds (`2026-11-21T04:31:00.000Z`), binary form the bare number.
/// Values outside the years 0000 to 9999 are clamped when written as text: hosts claim such times, and they must not break a page. So are
/// the last hours of 9999 when read, which people write for "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment plus a duration; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment minus a duration; saturates.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time from `earlier` to this moment; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// From the year 0000 to the last moment that every time zone can write with a four-digit year.
const WRITABLE: (i64, i64) = (-62_167_219_200_000, 253_402_207_200_000);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clamped = self.0.clamp(WRITABLE.0, WRITABLE.1);
        let moment = jiff::Timestamp::from_millisecond(clamped).map_err(|_| fmt::Error)?;
        write!(f, "{moment:.3}")
    }
}

/// A text that is not an RFC 3339 moment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not an RFC 3339 time such as 2026-11-21T04:31:00Z")]
pub struct NotATime(pub String);

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let moment = text.parse().map(jiff::Timestamp::as_millisecond).ok().or_else(|| at_the_end(text));
        moment.map(Self).ok_or_else(|| NotATime(text.chars().take(64).collect()))
    }
}

/// The last writable moment, or the first, for one that the calendar has and not every time zone can write.
fn at_the_end(text: &str) -> Option<i64> {
    let written = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    (written.time().is_some() && written.offset().is_some()).then_some(if written.date().year() > 0 { WRITABLE.1 } else { WRITABLE.0 })
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_rfc_3339_with_milliseconds() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!("2026-11-21T04:31:00Z".parse(), Ok(Timestamp(1_795_235_460_000)));
    }

    #[test]
    fn a_moment_beyond_the_calendar_is_clamped_and_does_not_panic() {
        assert_eq!(Timestamp(i64::MAX).to_string(), "9999-12-30T22:00:00.000Z");
        assert_eq!(Timestamp(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn the_last_moments_of_the_calendar_are_the_last_that_can_be_written() {
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999+00:00", "9999-12-31T00:00:00-12:00"] {
            assert_eq!(text.parse().map(|at: Timestamp| at.to_string()), Ok("9999-12-30T22:00:00.000Z".into()), "{text}");
        }
        for text in ["9999-12-31T23:59:59", "9999-12-31", "10000-01-01T00:00:00Z", "9999-12-32T00:00:00Z", "99999-01-01T00:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATime(text.into())), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_time_is_named_in_the_error() {
        assert_eq!("yesterday".parse::<Timestamp>(), Err(NotATime("yesterday".into())));
    }
}
