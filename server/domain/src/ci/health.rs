//! How good the CMDB is: completeness, correctness, staleness, duplicates and orphans, for each class and over time.
//!
//! One function judges one item ([`Examiner::examine`]) and says why; everything else counts what it says. Each figure leads so to
//! the items behind it, and neither can say what the other does not. Judged is the state as it is: nothing here changes an item,
//! and nothing is stored of an item but how many were counted. Items that are out of use, and records that people merged into
//! others, are not counted.
//!
//! A metric's score is 100 when nothing is wrong: `100 × (1 − failing / items)`. That of completeness counts shares instead:
//! 100 times the mean, over the items, of `(2 × required present + recommended present) / (2 × required + recommended)`. Health is
//! the mean of the five.
//!
//! What an orphan is depends on its class: a part, or what runs on a host, whose host is unknown or out of use; a product that
//! nobody has installed; a host or business service that nobody looks after (no owner, no support group, in no group); a
//! certificate, device, network, cluster, place or business service that is related to nothing; and whatever runs on, is hosted
//! on, depends on or is a member of something that is out of use.

mod examine;
mod expectations;
mod measure;
mod reason;
mod tally;

pub use examine::{Examined, Examiner};
pub use expectations::{BUILT_IN, ClassExpectation, Expected, expected};
pub use measure::{DAYS_KEPT, Health, LIVE, Measurement, PRODUCTS, Sweep, counts_for, current, due, is_live, next};
pub use reason::{Reason, ReasonCode};
pub use tally::{Scores, Tally};

use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Whether items have the attributes that their class should have.
    Completeness,
    /// Whether what is known is right, as far as one can tell.
    Correctness,
    /// Whether items were heard of lately.
    Staleness,
    /// Whether there is one record of each thing.
    Duplicates,
    /// Whether items belong to something and somebody.
    Orphans,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Completeness, Self::Correctness, Self::Staleness, Self::Duplicates, Self::Orphans];

    /// The name in JSON and paths.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completeness => "completeness",
            Self::Correctness => "correctness",
            Self::Staleness => "staleness",
            Self::Duplicates => "duplicates",
            Self::Orphans => "orphans",
        }
    }
}

/// A text that names no metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no metric; completeness, correctness, staleness, duplicates and orphans are")]
pub struct UnknownMetric;

impl std::str::FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == text).ok_or(UnknownMetric)
    }
}

#[cfg(test)]
mod tests;
