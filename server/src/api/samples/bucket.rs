//! Values reduced to buckets of equal length.

use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

/// What a bucket's values come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Of all.
    pub sum: f64,
    /// Newest, with its moment.
    pub last: (Timestamp, f64),
    /// How many.
    pub count: u32,
}

/// Series by attributes, each with the same buckets.
pub struct Buckets {
    /// `None` where nothing was measured.
    pub series: BTreeMap<Vec<(String, String)>, Vec<Option<Bucket>>>,
    from: Timestamp,
    step_ms: i64,
    count: usize,
}

impl Buckets {
    /// No series yet.
    pub fn new(from: Timestamp, step_ms: i64, count: usize) -> Self {
        Self { series: BTreeMap::new(), from, step_ms, count }
    }

    /// Takes in a value; one outside the span changes nothing.
    pub fn add(&mut self, attributes: &[(String, String)], at: Timestamp, value: f64) {
        let position = usize::try_from((at.0 - self.from.0).div_euclid(self.step_ms)).ok().filter(|position| *position < self.count);
        let Some(position) = position else { return };
        if !self.series.contains_key(attributes) {
            self.series.insert(attributes.to_vec(), vec![None; self.count]);
        }
        if let Some(points) = self.series.get_mut(attributes) {
            points[position] = Some(points[position].map_or_else(|| Bucket::first(at, value), |bucket| bucket.with(at, value)));
        }
    }
}

impl Bucket {
    fn first(at: Timestamp, value: f64) -> Self {
        Self { min: value, max: value, sum: value, last: (at, value), count: 1 }
    }

    fn with(self, at: Timestamp, value: f64) -> Self {
        Self {
            min: self.min.min(value),
            max: self.max.max(value),
            sum: self.sum + value,
            last: if at >= self.last.0 { (at, value) } else { self.last },
            count: self.count.saturating_add(1),
        }
    }

    /// The mean.
    pub fn avg(&self) -> f64 {
        self.sum / f64::from(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_their_bucket_and_gaps_stay_empty() {
        let mut buckets = Buckets::new(Timestamp(1000), 10, 3);
        for (at, value) in [(1005, 4.0), (1000, 1.0), (1029, 7.0), (999, 9.0), (1030, 9.0)] {
            buckets.add(&[], Timestamp(at), value);
        }
        let points = &buckets.series[&Vec::new()];
        let first = points[0].unwrap();
        assert_eq!((first.min, first.max, first.avg(), first.last.1, first.count), (1.0, 4.0, 2.5, 4.0, 2));
        assert_eq!(points[1], None);
        assert_eq!(points[2].unwrap().count, 1);
    }
}
