//! A rule on checks about other items over stored samples: what all agents said of an item is judged together.
//!
//! Of each check of each agent only the changes of its results are held, so that memory does not grow with the span.

use super::{Host, Report, Task};
use crate::store::{HOUR_MS, StoreError};
use rollcall_domain::Content;
use rollcall_domain::alert::target::past::{self, Aim, Look, METRIC, Said};
use rollcall_domain::id::CiId;
use rollcall_domain::rule::Rule;
use rollcall_domain::rule::select::{Variant, settled};
use rollcall_domain::sample::Grain;
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, ContentHash, Section, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What a host looks at: the item and how the rule counts for it, if it does.
type Aiming = dyn Fn(&Look, CiId) -> Option<(Aim, Variant)> + Send + Sync;

/// Says which item a check of a host is about.
#[derive(Clone)]
pub struct Aims(pub Arc<Aiming>);

impl fmt::Debug for Aims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aims")
    }
}

/// What is said of an item, by each check of each agent.
type Heard = BTreeMap<(Aim, Variant), Vec<Vec<Said>>>;

impl Task {
    pub(super) fn over_targets(&self, aims: &Aims, now: Timestamp) -> Result<Report, StoreError> {
        let looks = self.shared_out(&self.question.hosts, |host| if self.is_late() { Ok(None) } else { self.looks(host).map(Some) })?;
        let unreached = looks.iter().filter(|looks| looks.is_none()).count();
        let looking: Vec<(&Host, BTreeSet<Look>)> =
            self.question.hosts.iter().zip(looks.into_iter().map(Option::unwrap_or_default)).collect();
        let looking: Vec<_> = looking.into_iter().filter(|(_, looks)| !looks.is_empty()).collect();
        let raw_since = self.raw_from(now, &|_| looking.len());
        let heard = Mutex::new((Heard::new(), unreached));
        self.shared_out(&looking, |(host, looks)| {
            let said = if self.is_late() { None } else { Some(self.said(host, looks, raw_since)?) };
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(said) = said else {
                heard.1 += 1;
                return Ok(());
            };
            for (look, said) in said {
                if let Some(aim) = host.ci.and_then(|host| (aims.0)(&look, host)) {
                    heard.0.entry(aim).or_default().push(said);
                }
            }
            Ok(())
        })?;
        let (heard, unreached) = heard.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut report = Report { raw_since, unreached, ..Report::default() };
        for ((aim, variant), said) in heard {
            let rule = Rule { enabled: true, ..settled(&self.question.rule, variant) };
            let (episodes, sets) = past::judge(&rule, &aim, &said, self.question.span.1);
            report.add(Some(super::Verdict { episodes, sets, judged: true, excluded_hours: 0 }));
        }
        Ok(report)
    }

    /// The checks about other items that a host ran in the span.
    fn looks(&self, host: &Host) -> Result<BTreeSet<Look>, StoreError> {
        let mut looks = BTreeSet::new();
        for agent in &host.agents {
            let tracks = self.history.rows(Grain::Hour, METRIC, *agent, self.question.span)?;
            looks.extend(tracks.into_keys().filter_map(|attributes| self.look(&Series { metric: METRIC.into(), attributes })));
        }
        Ok(looks)
    }

    fn look(&self, series: &Series) -> Option<Look> {
        Look::of(&self.question.rule, series)
    }

    /// What a host said by each of its checks.
    fn said(&self, host: &Host, looks: &BTreeSet<Look>, raw_since: Timestamp) -> Result<Vec<(Look, Vec<Said>)>, StoreError> {
        let mut all = Vec::new();
        for agent in &host.agents {
            let mut said: BTreeMap<Look, Vec<Said>> = looks.iter().map(|look| (look.clone(), Vec::new())).collect();
            self.by_rows((*agent, host.interval_ms), raw_since, &mut said)?;
            self.by_samples((*agent, host.interval_ms), raw_since, &mut said)?;
            all.extend(said.into_iter().filter(|(_, said)| said.iter().any(|one| one.state.is_some())));
        }
        Ok(all)
    }

    /// Five minutes at a time: their last result holds until the next can be there.
    fn by_rows(
        &self,
        (agent, interval_ms): (AgentId, Option<u64>),
        raw_since: Timestamp,
        said: &mut BTreeMap<Look, Vec<Said>>,
    ) -> Result<(), StoreError> {
        let step = Grain::FiveMinutes.step_ms();
        for (attributes, rows) in self.history.rows(Grain::FiveMinutes, METRIC, agent, (self.question.span.0, raw_since))? {
            let Some(look) = self.look(&Series { metric: METRIC.into(), attributes }) else { continue };
            let Some(said) = said.get_mut(&look) else { continue };
            for row in rows {
                let at = Timestamp(row.at.0.saturating_add(step - 1));
                Said { at, through: Timestamp(at.0.saturating_add(step)), state: Some(row.last) }.paced(interval_ms).add_to(said);
            }
        }
        Ok(())
    }

    fn by_samples(
        &self,
        (agent, interval_ms): (AgentId, Option<u64>),
        raw_since: Timestamp,
        said: &mut BTreeMap<Look, Vec<Said>>,
    ) -> Result<(), StoreError> {
        let mut columns: BTreeMap<ContentHash, BTreeMap<Look, usize>> = BTreeMap::new();
        let mut begin = raw_since;
        while begin < self.question.span.1 {
            let hour = begin.0.div_euclid(HOUR_MS).saturating_add(1).saturating_mul(HOUR_MS);
            let end = Timestamp(hour).min(self.question.span.1);
            for set in self.history.samples(agent, begin, end)? {
                let columns = columns.entry(set.table).or_insert_with(|| self.columns(&set));
                for (look, said) in said.iter_mut() {
                    let state = columns.get(look).and_then(|column| set.values.get(*column).copied().flatten());
                    Said { at: set.at, through: set.at, state }.paced(interval_ms).add_to(said);
                }
            }
            begin = end;
        }
        Ok(())
    }

    /// Where in its table the results of checks are.
    fn columns(&self, set: &SampleSet) -> BTreeMap<Look, usize> {
        let table = self.history.content.section(&set.table);
        let Some(Section::Series(series)) = table.as_deref() else { return BTreeMap::new() };
        series.iter().enumerate().filter_map(|(column, one)| Some((self.look(one)?, column))).collect()
    }
}
