//! Who has more than one host may have judged, and what of it is not.

use super::*;
use crate::id::RuleId;
use crate::rule::plan::Limit;
use crate::trust::Trust;
use std::collections::BTreeSet;

/// Agents and collectors of whose series some are not judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Overfull(BTreeSet<AgentId>);

// A cache: two worlds that know the same are equal whatever they have compiled.
impl PartialEq for Overfull {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Overfull {
    /// Takes note of whether what a voice says is judged whole.
    pub(super) fn note(&mut self, voice: AgentId, plan: Option<&Plan>) {
        if plan.is_some_and(|plan| !plan.left_out.is_empty()) {
            self.0.insert(voice);
        } else {
            self.0.remove(&voice);
        }
    }
}

/// What of a rule is not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Series of the item that it is not judged for.
    pub series: usize,
    /// For lack of what.
    pub limit: Limit,
    /// Whether it is judged for others of the item.
    pub judges_others: bool,
}

impl Telemetry {
    /// What of an item's series is not judged because there is too much of it, by rule.
    #[must_use]
    pub fn left_out(&self, trust: &Trust, ci: CiId) -> BTreeMap<RuleId, LeftOut> {
        let voices = || self.speaker(ci).into_iter().chain(trust.collectors.of(ci).map(|(voice, _)| voice));
        let mut known: BTreeMap<RuleId, LeftOut> = BTreeMap::new();
        for one in voices().filter_map(|voice| self.plan_of_overfull(voice)).flat_map(|plan| &plan.left_out) {
            let fresh = LeftOut { series: 0, limit: one.limit, judges_others: false };
            known.entry(one.rule.clone()).or_insert(fresh).series += one.series;
        }
        if !known.is_empty() {
            for entry in voices().filter_map(|voice| self.plan(voice)).flat_map(|plan| &plan.entries) {
                if let Some(one) = known.get_mut(&entry.judge.rule) {
                    one.judges_others = true;
                }
            }
        }
        known
    }

    /// The agents and collectors of whose series some are not judged, with how many, each under each rule.
    pub fn overfull(&self) -> impl Iterator<Item = (AgentId, usize)> {
        let all = self.overfull.0.iter().filter_map(|&voice| Some((voice, self.plan(voice)?)));
        all.map(|(voice, plan)| (voice, plan.left_out.iter().map(|one| one.series).sum()))
    }

    fn plan_of_overfull(&self, voice: AgentId) -> Option<&Plan> {
        self.plan(voice).filter(|_| self.overfull.0.contains(&voice))
    }

    fn plan(&self, voice: AgentId) -> Option<&Plan> {
        self.agents.get(&voice)?.view.plan.as_deref()
    }
}
