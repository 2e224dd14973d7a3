//! What of a sample set was not known before.

use super::*;

/// Which values of a set are news.
pub(super) enum News {
    All,
    These(Vec<bool>),
}

impl News {
    pub(super) fn concern(&self, entry: &plan::Entry) -> bool {
        match self {
            Self::All => true,
            Self::These(filled) => entry.reads_any(|series| filled.get(series).copied().unwrap_or(false)),
        }
    }
}

impl AgentState {
    /// Makes the values of a set the newest, as far as they are news; `None` when nothing of it is.
    pub(super) fn take_values(&mut self, set: &SampleSet, at: Timestamp) -> Option<News> {
        let finite = |value: &Option<f64>| value.filter(|value| value.is_finite());
        if self.measured_at.is_some_and(|newest| at < newest) {
            return None;
        }
        if self.measured_at == Some(at) && self.table == Some(set.table) && self.latest.len() == set.values.len() {
            let mut filled = vec![false; self.latest.len()];
            for ((known, value), filled) in self.latest.iter_mut().zip(&set.values).zip(&mut filled) {
                if known.is_none() {
                    *known = finite(value);
                    *filled = known.is_some();
                }
            }
            return filled.contains(&true).then_some(News::These(filled));
        }
        self.measured_at = Some(at);
        if self.table != Some(set.table) {
            (self.table, self.table_since) = (Some(set.table), at);
        }
        self.latest.clear();
        self.latest.extend(set.values.iter().map(finite));
        Some(News::All)
    }
}
