//! Rows folded into the buckets of one answer.

use rollcall_domain::sample::{Attributes, Row};
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

/// Series by attributes, each with the same buckets.
pub struct Buckets {
    /// `None` where nothing was measured.
    pub series: BTreeMap<Attributes, Vec<Option<Row>>>,
    from: Timestamp,
    step_ms: i64,
    count: usize,
}

impl Buckets {
    /// No series yet.
    pub fn new(from: Timestamp, step_ms: i64, count: usize) -> Self {
        Self { series: BTreeMap::new(), from, step_ms, count }
    }

    /// Takes in a row, in order of time; one outside the span changes nothing.
    pub fn add(&mut self, attributes: &Attributes, row: &Row) {
        let position = usize::try_from((row.at.0 - self.from.0).div_euclid(self.step_ms)).ok().filter(|position| *position < self.count);
        let Some(position) = position else { return };
        if !self.series.contains_key(attributes) {
            self.series.insert(attributes.clone(), vec![None; self.count]);
        }
        let Some(points) = self.series.get_mut(attributes) else { return };
        match &mut points[position] {
            Some(known) => known.absorb(row),
            empty @ None => *empty = Some(*row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_their_bucket_and_gaps_stay_empty() {
        let mut buckets = Buckets::new(Timestamp(1000), 10, 3);
        for (at, value) in [(999, 9.0), (1000, 1.0), (1005, 4.0), (1029, 7.0), (1030, 9.0)] {
            buckets.add(&Vec::new(), &Row::of(Timestamp(at), value));
        }
        let points = &buckets.series[&Vec::new()];
        let first = points[0].unwrap();
        assert_eq!((first.min, first.max, first.avg(), first.last, first.count), (1.0, 4.0, 2.5, 4.0, 2));
        assert_eq!(points[1], None);
        assert_eq!(points[2].unwrap().count, 1);
    }
}
