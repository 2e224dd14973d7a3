//! How steadily a collector was heard: its pauses, reduced like values.
//!
//! Nobody knows how often a collector speaks or which of its series come with every push, so none of them shows that it was heard
//! throughout. Its pauses do, and outlive its samples.
//!
//! Invariant: no stretch of a bucket without samples is longer than the `max` of its row; a bucket without samples has no row.

use super::rollup::{Grain, Row, Tracks};
use crate::Content;
use crate::trust::collector::FEED;
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{ContentHash, Section, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The metric: stretches between samples of a collector, in seconds. It has one series, whose attribute [`FEED`] names the feed. In a row
/// count the stretches to the first sample of the bucket and from the last one to its end as well.
pub const PAUSE: &str = "rollcall.feed.pause";

/// Rows of the pauses of a collector whose samples these are; none for an agent.
#[must_use]
pub fn pauses(sets: &[SampleSet], grain: Grain, content: &dyn Content) -> Tracks {
    let mut feeds: BTreeMap<ContentHash, Option<String>> = BTreeMap::new();
    let mut moments: BTreeMap<String, BTreeSet<Timestamp>> = BTreeMap::new();
    for set in sets {
        let feed = feeds.entry(set.table).or_insert_with(|| feed_of(&set.table, content));
        if let Some(feed) = feed {
            match moments.get_mut(feed) {
                Some(known) => known.insert(set.at),
                None => moments.entry(feed.clone()).or_default().insert(set.at),
            };
        }
    }
    let track = |(feed, moments): (String, BTreeSet<Timestamp>)| (vec![(FEED.to_owned(), feed)], rows(&moments, grain));
    moments.into_iter().map(track).collect()
}

fn feed_of(table: &ContentHash, content: &dyn Content) -> Option<String> {
    let section = content.section(table)?;
    let Section::Series(series) = &*section else { return None };
    series.iter().flat_map(|one| &one.attributes).find(|(name, _)| name == FEED).map(|(_, feed)| feed.clone())
}

fn rows(moments: &BTreeSet<Timestamp>, grain: Grain) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut last = Timestamp(0);
    for &at in moments {
        let begin = grain.begin(at);
        match rows.last_mut().filter(|row| row.at == begin) {
            Some(row) => row.absorb(&Row::of(begin, seconds(last, at))),
            None => {
                end(rows.last_mut(), last, grain);
                rows.push(Row::of(begin, seconds(begin, at)));
            }
        }
        last = at;
    }
    end(rows.last_mut(), last, grain);
    rows
}

/// Nothing comes any more in a bucket.
fn end(row: Option<&mut Row>, last: Timestamp, grain: Grain) {
    if let Some(row) = row {
        let rest = seconds(last, Timestamp(row.at.0.saturating_add(grain.step_ms())));
        row.absorb(&Row::of(row.at, rest));
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most an hour")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.0.saturating_sub(from.0) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::fold;
    use proptest::prelude::*;
    use rollcall_shared::sample::Series;
    use std::sync::Arc;

    struct OneTable(ContentHash, Arc<Section>);

    impl OneTable {
        fn new(attributes: &[(&str, &str)]) -> Self {
            let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let section = Section::Series(vec![Series { metric: "up".into(), attributes }]);
            Self(section.clone().canonical().expect("a table").0, Arc::new(section))
        }

        fn fold(&self, seconds: &[i64], grain: Grain) -> Vec<Row> {
            let set = |second: &i64| SampleSet { table: self.0, at: Timestamp(second * 1_000), values: vec![None] };
            let sets: Vec<SampleSet> = seconds.iter().map(set).collect();
            let rolled = fold(&sets, grain, &|name| name == PAUSE, self);
            rolled.get(PAUSE).map(|tracks| tracks[&vec![(FEED.to_owned(), "prom".to_owned())]].clone()).unwrap_or_default()
        }
    }

    impl Content for OneTable {
        fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
            (*hash == self.0).then(|| Arc::clone(&self.1))
        }
    }

    #[test]
    fn a_row_has_the_stretches_between_samples_and_to_the_ends_of_its_bucket() {
        let told = |rows: Vec<Row>| rows.iter().map(|row| (row.at.0 / 1_000, row.count, row.min, row.max, row.sum)).collect::<Vec<_>>();
        let collector = OneTable::new(&[(FEED, "prom")]);
        let seconds = [10, 25, 25, 290, 900];
        assert_eq!(told(collector.fold(&seconds, Grain::FiveMinutes)), [(0, 4, 10.0, 265.0, 300.0), (900, 2, 0.0, 300.0, 300.0)]);
        assert_eq!(told(collector.fold(&seconds, Grain::Hour)), [(0, 5, 10.0, 2_700.0, 3_600.0)]);
        assert_eq!(OneTable::new(&[]).fold(&seconds, Grain::Hour), [], "an agent has none");
    }

    proptest! {
        #[test]
        fn no_stretch_without_samples_is_longer_than_its_rows_say(mut seconds in prop::collection::vec(0_i64..10_800, 1..40)) {
            seconds.sort_unstable();
            let rows = OneTable::new(&[(FEED, "prom")]).fold(&seconds, Grain::Hour);
            let longest = |at: i64| rows.iter().find(|row| row.at.0 == at * 3_600_000).map_or(3_600.0, |row| row.max);
            for pair in seconds.windows(2) {
                let (first, second) = (pair[0], pair[1]);
                let bound: f64 = (first / 3_600..=second / 3_600).map(longest).sum();
                prop_assert!((second - first) as f64 <= bound, "{first} to {second}: {bound}");
            }
        }
    }
}
