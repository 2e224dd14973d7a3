//! What of a sample set was not known before, and what follows from it.
//!
//! An agent's set is one moment of all of its series, and what is older than the newest is passed over. A collector's series come apart from
//! each other: in several requests, of several clocks, one part hours behind another. So each of them has a moment of its own, and what is
//! older than the newest of its series is passed over. These moments stay as they were told, also when they are a little ahead of the
//! server's clock: two that are both moved to now could not be told apart, nor what is sent again from what is new. What lasts and what is
//! missing is judged at the earlier of the moment and the arrival.

use super::*;
use crate::alert::{flapping, machine};
use crate::collect::AHEAD;
use crate::rule::plan::{Apart, Moment};
use std::cmp::Ordering;

/// Which values of a set are news.
pub(super) enum News {
    All,
    These(Vec<bool>),
}

impl News {
    fn concern(&self, entry: &plan::Entry) -> bool {
        match self {
            Self::All => true,
            Self::These(fresh) => entry.reads_any(|series| fresh.get(series).copied().unwrap_or(false)),
        }
    }
}

impl Telemetry {
    /// Takes note of the series of a collector that have ended, after the sets that came with it.
    pub(in crate::alert) fn note_ended(&mut self, entry: &JournalEntry) {
        let Some(state) = self.agents.get_mut(&entry.agent) else { return };
        for sign in &entry.signs {
            if let Sign::Ended { table, at, series } = sign {
                state.end(*table, *at, series);
            }
        }
    }
}

impl AgentState {
    /// Folds one set and, when `judge`, steps the machines. Values that are older than the newest are passed over; what lies in the future
    /// counts as of now, but for the order of a collector's values.
    pub(in crate::alert) fn fold(&mut self, set: &SampleSet, received_at: Timestamp, judge: bool) -> Vec<Finding> {
        let at = set.at.min(received_at);
        let Some(news) = self.take_values(set, received_at) else { return Vec::new() };
        let Some(plan) = &self.view.plan else { return Vec::new() };
        let apart = match &news {
            News::These(fresh) if plan.comes_apart => Some(Apart { times: &self.times, fresh, came_at: received_at }),
            News::These(_) | News::All => None,
        };
        let moment = Moment { at: self.measured_at.unwrap_or(at), values: &self.latest, apart };
        let mut memories = Memories { windows: &mut self.windows, baselines: &mut self.baselines };
        let mut findings = Vec::new();
        for (position, (entry, slot)) in plan.entries.iter().zip(&mut self.view.slots).enumerate() {
            let is_due = news.concern(entry) || (plan.comes_apart && entry.is_absence());
            if !is_due {
                continue;
            }
            slot.expected |= entry.is_expected;
            if !slot.expected {
                continue;
            }
            let severity = slot.position.severity;
            let moment = entry.own(moment);
            let Some((judged, value)) = entry.judge(moment, &mut memories, &mut slot.last_value, severity) else { continue };
            if !judge {
                continue;
            }
            let at = moment.at;
            let after = machine::step(slot.position, judged, at, entry.judge.timing);
            let before = std::mem::replace(&mut slot.position, after);
            if after.differs(before) {
                findings.push(Finding::Moved(Transition { entry: position, before, after, value, at }));
            }
            if before.state == AlertState::Inactive && after.state == AlertState::Inactive {
                continue;
            }
            slot.history.note(flapping::noted(after), at);
            if let Some(flaps) = slot.history.turns(slot.flaps, entry.judge.flapping) {
                slot.flaps = flaps;
                findings.push(Finding::Flapped { entry: position, percent: flaps.then(|| slot.history.percent()), at });
            }
        }
        findings
    }

    /// Makes the values of a set the newest, as far as they are news; `None` when nothing of it is.
    fn take_values(&mut self, set: &SampleSet, received_at: Timestamp) -> Option<News> {
        if self.view.plan.as_ref().is_some_and(|plan| plan.comes_apart) {
            return self.take_apart(set, received_at);
        }
        let at = set.at.min(received_at);
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
        self.note_table(set.table, at);
        self.times.clear();
        self.latest.clear();
        self.latest.extend(set.values.iter().map(finite));
        Some(News::All)
    }

    /// Another value of the moment of the newest takes its place, as it does where samples are stored; what was judged of that moment is not
    /// judged again.
    fn take_apart(&mut self, set: &SampleSet, received_at: Timestamp) -> Option<News> {
        let at = set.at.min(received_at.plus(AHEAD));
        self.note_table(set.table, at.min(received_at));
        self.latest.resize(set.values.len(), None);
        self.times.resize(set.values.len(), Timestamp(0));
        let mut fresh = vec![false; set.values.len()];
        for (place, value) in set.values.iter().enumerate() {
            let Some(value) = finite(value) else { continue };
            match at.cmp(&self.times[place]) {
                Ordering::Greater => (self.latest[place], self.times[place], fresh[place]) = (Some(value), at, true),
                // What has ended at this moment stays so.
                Ordering::Equal => self.latest[place] = self.latest[place].map(|_| value),
                Ordering::Less => {}
            }
        }
        let any = fresh.contains(&true);
        if any {
            self.measured_at = self.measured_at.max(Some(at.min(received_at)));
        }
        any.then_some(News::These(fresh))
    }

    fn note_table(&mut self, table: ContentHash, at: Timestamp) {
        if self.table != Some(table) {
            (self.table, self.table_since) = (Some(table), at);
        }
    }

    /// Takes a collector's newest values over to the table of a plan that it is about to have.
    pub(super) fn carry(&mut self, plan: &Plan) {
        if !plan.comes_apart || self.table == Some(plan.key.table) {
            return;
        }
        let known = self.view.plan.as_ref().filter(|known| known.comes_apart && self.table == Some(known.key.table));
        let before = known.map_or(&[][..], |known| known.series());
        let (mut latest, mut times) = (vec![None; plan.series().len()], vec![Timestamp(0); plan.series().len()]);
        let mut old = 0;
        for (place, series) in plan.series().iter().enumerate() {
            while before.get(old).is_some_and(|one| one.cmp(series) == Ordering::Less) {
                old += 1;
            }
            if before.get(old) == Some(series) {
                latest[place] = self.latest.get(old).copied().flatten();
                times[place] = self.times.get(old).copied().unwrap_or(Timestamp(0));
            }
        }
        (self.latest, self.times) = (latest, times);
    }

    /// Series of a collector have ended: their values no longer count.
    fn end(&mut self, table: ContentHash, at: Timestamp, series: &[u32]) {
        if self.table != Some(table) {
            return;
        }
        for place in series.iter().filter_map(|&place| usize::try_from(place).ok()) {
            if self.times.get(place).is_some_and(|&known| known <= at) {
                (self.latest[place], self.times[place]) = (None, at);
            }
        }
    }
}

fn finite(value: &Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}
