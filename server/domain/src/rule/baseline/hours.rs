//! The means of each hour of the week, in one piece of memory: a map of lists would take five times as much.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Hours of a week.
pub(super) const HOURS: usize = 168;

/// Weeks kept of each hour.
pub(super) const WEEKS: usize = 5;

/// Means by hour, the oldest first. Written as a map from the hour to its means.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Hours(Vec<Means>);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Means {
    held: [f32; WEEKS],
    count: u8,
}

impl Hours {
    /// The means of an hour.
    pub(super) fn of(&self, hour: usize) -> &[f32] {
        self.0.get(hour).map_or(&[], Means::known)
    }

    /// Takes the mean of one more week in; the oldest gives way.
    pub(super) fn push(&mut self, hour: usize, mean: f32) {
        if hour >= HOURS {
            return;
        }
        if self.0.is_empty() {
            self.0 = vec![Means::default(); HOURS];
        }
        self.0[hour].push(mean);
    }
}

impl Means {
    fn known(&self) -> &[f32] {
        &self.held[..usize::from(self.count)]
    }

    fn push(&mut self, mean: f32) {
        if usize::from(self.count) == WEEKS {
            self.held.rotate_left(1);
            self.count -= 1;
        }
        self.held[usize::from(self.count)] = mean;
        self.count += 1;
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known: BTreeMap<u8, &[f32]> =
            (0..).zip(&self.0).filter(|(_, means)| means.count > 0).map(|(hour, means)| (hour, means.known())).collect();
        known.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let known: BTreeMap<u8, Vec<f32>> = BTreeMap::deserialize(deserializer)?;
        let mut hours = Self::default();
        for (hour, means) in known {
            means.into_iter().for_each(|mean| hours.push(usize::from(hour), mean));
        }
        Ok(hours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_week_gives_way_and_what_is_written_is_a_map_of_lists() {
        let mut hours = Hours::default();
        (0..7_u8).for_each(|week| hours.push(3, f32::from(week)));
        hours.push(167, 0.5);
        hours.push(HOURS, 9.0);
        assert_eq!((hours.of(3), hours.of(4), hours.of(HOURS)), (&[2.0, 3.0, 4.0, 5.0, 6.0][..], &[][..], &[][..]));
        let text = serde_json::to_string(&hours).expect("a map");
        assert_eq!(text, r#"{"3":[2.0,3.0,4.0,5.0,6.0],"167":[0.5]}"#);
        assert_eq!(serde_json::from_str::<Hours>(&text).expect("as before"), hours);
        assert_eq!(serde_json::to_string(&Hours::default()).expect("nothing known"), "{}");
    }

    #[test]
    fn a_baseline_takes_four_kilobytes_at_most() {
        assert!(HOURS * size_of::<Means>() + size_of::<super::super::Baseline>() <= 4_200);
    }
}
