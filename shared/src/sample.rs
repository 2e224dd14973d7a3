//! Health samples: numbers against a table of series, so that a push carries numbers and not names.

use crate::{ContentHash, Timestamp};
use serde::{Deserialize, Serialize};

mod bits;
mod column;
pub mod packed;

/// One measured quantity of a host: an OpenTelemetry metric name and the attributes that tell its instances apart.
/// A section (`series`) lists them; the position in that list is what a [`SampleSet`] refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Series {
    /// Metric name of the OpenTelemetry semantic conventions, such as `system.filesystem.utilization`.
    pub metric: String,
    /// Attributes in order of their names, such as `[("mountpoint", "/var")]`.
    pub attributes: Vec<(String, String)>,
}

/// All values of one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleSet {
    /// Name of the `series` section that says what the values are.
    pub table: ContentHash,
    /// The agent's wall clock when the values were read.
    pub at: Timestamp,
    /// One value a series, in the table's order; `None` where nothing could be measured. Always finite.
    pub values: Vec<Option<f64>>,
}
