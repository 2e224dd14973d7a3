//! What other people's collectors measured, on its way into sample sets: which item it means, and how single values become tables and
//! sets. Pure; nothing here is state.
//!
//! A value is taken as it was measured or refused with a reason that is counted, never changed: a counter stays a counter, a rule makes a
//! rate of it.

mod compose;
mod identity;

pub use compose::{Base, Composed, Growth, Table, compose};
pub use identity::{APART, Resource, SERVER_PORT};

use rollcall_shared::Timestamp;
use rollcall_shared::sample::Series;
use std::time::Duration;

/// Bytes of a metric's or an attribute's name.
pub(crate) const NAME_BYTES: usize = 255;

/// Bytes of an attribute's value: what Prometheus' remotes commonly take at most.
const VALUE_BYTES: usize = 1_024;

/// Attributes of one series.
const ATTRIBUTES: usize = 64;

/// As old as a sample of an agent is believed to be.
const OLDEST: Duration = Duration::from_secs(7 * 86_400);

/// As far as a clock may be ahead of the server's: what is not newer than the newest of its series is not judged, so a clock that is set
/// right is not heard for as long as it was ahead. Half of what Prometheus takes.
pub(crate) const AHEAD: Duration = Duration::from_secs(5 * 60);

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Of what.
    pub series: Series,
    /// When it was measured.
    pub at: Timestamp,
    /// The value; `None` when the series has ended.
    pub value: Option<f64>,
}

/// Why a value is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// A sum or a distribution of differences.
    Delta,
    /// It was in this server before.
    FromHere,
    /// A name or an attribute that no series can have.
    Malformed,
    /// Of a series that came too soon after other new ones.
    NewSeries,
    /// Not a number, or infinite.
    NotFinite,
    /// Of one series more than a collector may have.
    TooManySeries,
    /// Of one moment more than a request may have.
    TooMuch,
    /// Dated later than now.
    TooNew,
    /// Measured too long ago.
    TooOld,
    /// It means no item.
    Unplaced,
    /// Of one collector more than there may be.
    Voices,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Delta,
        Self::FromHere,
        Self::Malformed,
        Self::NewSeries,
        Self::NotFinite,
        Self::TooManySeries,
        Self::TooMuch,
        Self::TooNew,
        Self::TooOld,
        Self::Unplaced,
        Self::Voices,
    ];

    /// The name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::FromHere => "from_here",
            Self::Malformed => "malformed",
            Self::NewSeries => "new_series",
            Self::NotFinite => "not_finite",
            Self::TooManySeries => "too_many_series",
            Self::TooMuch => "too_much",
            Self::TooNew => "too_new",
            Self::TooOld => "too_old",
            Self::Unplaced => "unplaced",
            Self::Voices => "voices",
        }
    }

    /// The reason, for people, with what to do.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Delta => {
                "are sums or distributions that are not cumulative: have them made so, by the SDK's preference of temporality or the processor deltatocumulative"
            }
            Self::FromHere => "came from this server or another Rollcall by remote write",
            Self::Malformed => {
                "have a name that is empty or too long, an attribute that is too long or no text, number or truth value, or too many attributes"
            }
            Self::NewSeries => "are of new series, of which a collector may bring some 16 times an hour: send them again later",
            Self::NotFinite => "are not numbers, or infinite",
            Self::TooManySeries => "are of more series than the 4096 that one collector may have: leave some out at the sender",
            Self::TooMuch => "are of more moments than one request may have: send fewer at once",
            Self::TooNew => "are dated more than five minutes later than now: check the clock of who measured them",
            Self::TooOld => "were measured more than seven days ago",
            Self::Unplaced => "mean no configuration item: GET /api/v1/collectors?placed=false tells why",
            Self::Voices => "are of one collector more than may be known",
        }
    }
}

/// The moment of a value, as its sender says it: only so are the values of one request told apart, and what is sent again from what is new.
/// Of much later and of long ago is refused.
///
/// # Errors
/// [`Refusal::TooOld`] and [`Refusal::TooNew`].
pub fn moment(at: Timestamp, now: Timestamp) -> Result<Timestamp, Refusal> {
    match (now.since(at), at.since(now)) {
        (age, _) if age > OLDEST => Err(Refusal::TooOld),
        (_, ahead) if ahead > AHEAD => Err(Refusal::TooNew),
        _ => Ok(at),
    }
}

/// Whether a text can be the name of a metric or of an attribute.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES && !text.chars().any(char::is_control)
}

/// Judges a series: its names and attributes, which come in any order.
///
/// # Errors
/// [`Refusal::Malformed`], and [`Refusal::FromHere`] for what was a collector's series before.
pub fn check_series(metric: &str, attributes: &std::collections::BTreeMap<String, String>) -> Result<(), Refusal> {
    let fits = |(name, value): (&String, &String)| is_name(name) && value.len() <= VALUE_BYTES;
    if !is_name(metric) || attributes.len() > ATTRIBUTES || !attributes.iter().all(fits) {
        return Err(Refusal::Malformed);
    }
    let from_here = [crate::trust::collector::FEED, "rollcall_feed"].iter().any(|name| attributes.contains_key(*name));
    if from_here { Err(Refusal::FromHere) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
