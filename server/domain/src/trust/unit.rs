//! Units of metrics that are in no catalogue, as feeds tell them with what they measure.
//!
//! Invariant: a metric makes at most two events, however often its unit comes: the first unit that is told of it, and that another one was
//! told, from which on it differs and is not known. Number and length are bounded.

use rollcall_shared::metric;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Metrics whose unit is remembered, as many as the catalogue has of other people's.
const METRICS: usize = 10_000;

/// Bytes of a unit: OpenTelemetry allows 63 characters of ASCII.
const BYTES: usize = 63;

/// Units by metric; `None` where feeds tell several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Units(BTreeMap<String, Option<String>>);

impl Units {
    /// The unit of a metric; none when nobody tells it, or feeds tell several.
    #[must_use]
    pub fn get(&self, metric: &str) -> Option<&str> {
        self.0.get(metric)?.as_deref()
    }

    /// The metrics whose unit is known, with it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, unit)| Some((name.as_str(), unit.as_deref()?)))
    }

    /// What is new of what a feed tells. What agents send has its unit from the catalogue, and what is no unit is passed over.
    #[must_use]
    pub fn news(&self, told: &BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
        let (mut news, mut room) = (BTreeMap::new(), METRICS.saturating_sub(self.0.len()));
        for (name, unit) in told.iter().filter(|(name, unit)| metric::find(name).is_none() && is_unit(unit)) {
            match self.0.get(name) {
                None if room > 0 => {
                    room -= 1;
                    news.insert(name.clone(), Some(unit.clone()));
                }
                Some(Some(known)) if known != unit => drop(news.insert(name.clone(), None)),
                _ => {}
            }
        }
        news
    }

    pub(super) fn apply(&mut self, units: &BTreeMap<String, Option<String>>) {
        self.0.extend(units.iter().map(|(name, unit)| (name.clone(), unit.clone())));
    }
}

fn is_unit(text: &str) -> bool {
    (1..=BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(units: &[(&str, &str)]) -> BTreeMap<String, String> {
        units.iter().map(|(name, unit)| ((*name).to_owned(), (*unit).to_owned())).collect()
    }

    /// What is known after each of these was told, and how many of them were news.
    #[track_caller]
    fn check(messages: &[&[(&str, &str)]], expected: (Option<&str>, usize)) {
        let (mut units, mut events) = (Units::default(), 0);
        for message in messages {
            let news = units.news(&told(message));
            events += usize::from(!news.is_empty());
            units.apply(&news);
        }
        assert_eq!((units.get("m"), events), expected);
    }

    #[test]
    fn a_unit_is_news_once_and_differs_once() {
        check(&[&[("m", "s")]], (Some("s"), 1));
        check(&[&[("m", "s")], &[("m", "s")], &[("m", "s"), ("n", "By")]], (Some("s"), 2));
        check(&[&[("m", "s")], &[("m", "ms")], &[("m", "s")], &[("m", "By")]], (None, 2));
    }

    #[test]
    fn what_is_no_unit_or_has_one_already_is_passed_over() {
        check(&[&[("m", "")], &[("m", "a b")], &[("m", "é")], &[("m", &"x".repeat(64))]], (None, 0));
        assert!(Units::default().news(&told(&[("system.filesystem.utilization", "%")])).is_empty());
    }

    #[test]
    fn more_metrics_than_are_remembered_are_no_news() {
        let many: BTreeMap<String, String> = (0..METRICS + 5).map(|n| (format!("m{n:05}"), "s".to_owned())).collect();
        let mut units = Units::default();
        let news = units.news(&many);
        assert_eq!(news.len(), METRICS);
        units.apply(&news);
        assert!(units.news(&many).is_empty());
    }
}
