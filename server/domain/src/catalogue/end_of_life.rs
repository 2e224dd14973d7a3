//! Until when the makers of a product care for each of its cycles.

use super::{Catalogue, Day};
use crate::Rejection;
use crate::ci::normalise::{cut, text};
use serde::{Deserialize, Serialize};

/// Cycles known at most: all of endoflife.date are about 6,000.
pub const CYCLES: usize = 20_000;

/// Cycles of one import.
pub const CYCLES_PER_IMPORT: usize = 20_000;

/// Cycles in one event, so that no record of the log is larger than stores like.
pub const CYCLES_PER_EVENT: usize = 1_000;

/// Bytes of a product's name.
const NAME_BYTES: usize = 255;

/// Bytes of a cycle.
const CYCLE_BYTES: usize = 64;

/// A cycle of a product: all versions that begin alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// Name of the product as the catalogue or the package has it; case does not count.
    pub product: String,
    /// What its versions begin with, such as `3.0`.
    pub cycle: String,
    /// The last day on which it is cared for; `None` forgets the cycle.
    pub end_of_life: Option<Day>,
}

impl Cycle {
    /// A row of a table, checked.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] names the column.
    pub fn read(product: &str, cycle: &str, end_of_life: &str) -> Result<Self, Rejection> {
        let named = |field: &str, raw: &str, bytes: usize| {
            let kept = text(raw).ok_or_else(|| Rejection::invalid(field, "is empty"))?;
            if cut(&kept, bytes).len() < kept.len() {
                return Err(Rejection::invalid(field, format!("is longer than {bytes} bytes")));
            }
            Ok(kept)
        };
        let day = Some(end_of_life.trim()).filter(|day| !day.is_empty()).map(str::parse).transpose();
        let end_of_life = day.map_err(|error: super::day::NotADay| Rejection::invalid("end_of_life", error.to_string()))?;
        Ok(Self { product: named("product", product, NAME_BYTES)?, cycle: named("cycle", cycle, CYCLE_BYTES)?, end_of_life })
    }

    /// What the table is ordered by.
    #[must_use]
    pub fn key(&self) -> (String, String) {
        (self.product.to_lowercase(), self.cycle.clone())
    }

    fn covers(&self, version: &str) -> bool {
        let Some(rest) = version.strip_prefix(self.cycle.as_str()) else { return false };
        // `3` covers 3.1 and 3b, not 31.
        !(self.cycle.ends_with(|last: char| last.is_ascii_digit()) && rest.starts_with(|next: char| next.is_ascii_digit()))
    }
}

impl Catalogue {
    /// The cycle that a version of a product belongs to: the longest that fits, under whichever of its names. Epochs and a leading
    /// `v` do not count.
    #[must_use]
    pub fn cycle_of<'a>(&'a self, names: &[&str], version: &str) -> Option<&'a Cycle> {
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        let version = version.strip_prefix('v').unwrap_or(version);
        let known = names.iter().filter_map(|name| self.end_of_life.get(&name.to_lowercase()));
        known.flat_map(|cycles| cycles.values()).filter(|cycle| cycle.covers(version)).max_by_key(|cycle| cycle.cycle.len())
    }
}
