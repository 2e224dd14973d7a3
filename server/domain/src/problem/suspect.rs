//! Which shared fact is suspect: affected hosts against comparable ones, each fact tested, and the many tests paid for.
//!
//! Invariants: nothing is suspected without contrast (somebody comparable does not have it); facts that the same hosts have are
//! one hypothesis; the same input gives the same answer in the same order.

use super::exposure::{self, Factor, Software, Tally};
use super::fisher::{Table, q_values};
use super::{Hypothesis, Verdict};
use crate::ci::Cmdb;
use crate::id::CiId;
use std::collections::{BTreeMap, BTreeSet};

/// Largest share of false discoveries that is accepted.
const Q: f64 = 0.01;

/// Affected hosts that must share a fact.
const AFFECTED: u64 = 2;

/// Hypotheses told: a person reads the first and perhaps the second.
const TOLD: usize = 5;

/// Members of a bundle that are named.
const MEMBERS: usize = 50;

/// Healthy hosts that have the suspect, named.
const COUNTER_EXAMPLES: usize = 20;

/// Who is compared. The affected are part of the population.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Hosts with the trouble.
    pub affected: BTreeSet<CiId>,
    /// Comparable hosts, with and without it.
    pub population: BTreeSet<CiId>,
}

/// A bundle: facts with one set of hosts.
struct Bundle {
    table: Table,
    factors: Vec<Factor>,
}

/// The suspected causes, most likely first. Work is bounded by the caller's sets: one pass over the facts of both.
#[must_use]
pub fn hypotheses(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison) -> Vec<Hypothesis> {
    let bundles = bundles(cmdb, software, comparison);
    let p_values: Vec<f64> = bundles.iter().map(|bundle| bundle.table.p_value()).collect();
    let q_values = q_values(&p_values, bundles.len());
    let mut found: Vec<(f64, f64, &Bundle)> =
        bundles.iter().zip(p_values.iter().zip(&q_values)).map(|(bundle, (p, q))| (*p, *q, bundle)).filter(|(_, q, _)| *q <= Q).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.2.factors.cmp(&b.2.factors)));
    found.truncate(TOLD);
    found.into_iter().map(|(p, q, bundle)| hypothesis(cmdb, software, comparison, bundle, (p, q))).collect()
}

fn hypothesis(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison, bundle: &Bundle, (p, q): (f64, f64)) -> Hypothesis {
    let first = &bundle.factors[0];
    let healthy = comparison.population.difference(&comparison.affected);
    let counter_examples = healthy.filter(|host| exposure::has(cmdb, software, **host, first)).take(COUNTER_EXAMPLES).copied();
    Hypothesis {
        factor: first.to_string(),
        bundle: bundle.factors.iter().take(MEMBERS).map(ToString::to_string).collect(),
        affected_exposed: bundle.table.affected_exposed,
        affected: bundle.table.affected,
        exposed: bundle.table.exposed,
        population: bundle.table.population,
        p_value: p,
        q_value: q,
        lift: bundle.table.lift().unwrap_or(1.0),
        counter_examples: counter_examples.collect(),
        verdict: Verdict::Suspected,
    }
}

/// Every fact with contrast, by the hosts that have it.
fn bundles(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison) -> Vec<Bundle> {
    let mut bundles: BTreeMap<(u64, u64), Bundle> = BTreeMap::new();
    let mut add = |factor: Factor, tally: Tally, table: Table| {
        let most = table.affected_exposed >= AFFECTED && table.affected_exposed * 2 >= table.affected;
        if most && table.exposed < table.population {
            let new = || Bundle { table, factors: Vec::new() };
            bundles.entry((table.population, tally.signature)).or_insert_with(new).factors.push(factor);
        }
    };
    for (factor, tally, table) in packages(cmdb, software, comparison).into_iter().chain(attributes(cmdb, comparison)) {
        add(factor, tally, table);
    }
    let mut bundles: Vec<Bundle> = bundles.into_values().collect();
    bundles.iter_mut().for_each(|bundle| bundle.factors.sort());
    bundles
}

fn packages(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison) -> Vec<(Factor, Tally, Table)> {
    let known = |hosts: &BTreeSet<CiId>| hosts.iter().copied().filter(|host| software.knows(*host)).collect::<BTreeSet<_>>();
    let (affected, population) = (known(&comparison.affected), known(&comparison.population));
    let shared = software.tally(&affected);
    let mut everywhere = software.tally(&population);
    let rows = shared.into_iter().filter(|(_, among_affected)| among_affected.hosts >= AFFECTED);
    rows.filter_map(|(key, among_affected)| {
        let tally = everywhere.remove(&key)?;
        let table = table(among_affected.hosts, &affected, tally, &population);
        let (product, version) = key;
        Some((exposure::package(cmdb, product, version), tally, table))
    })
    .collect()
}

fn attributes(cmdb: &Cmdb, comparison: &Comparison) -> Vec<(Factor, Tally, Table)> {
    let mut rows = Vec::new();
    for (name, population, tallies) in exposure::attributes(cmdb, &comparison.population) {
        let affected: BTreeSet<CiId> = comparison.affected.intersection(&population).copied().collect();
        for (value, tally) in tallies {
            let exposed = affected.iter().filter(|host| cmdb.cis.get(host).and_then(|ci| exposure::attribute(ci, name)) == Some(&value));
            let table = table(exposed.count() as u64, &affected, tally, &population);
            rows.push((Factor::Attribute { name, value }, tally, table));
        }
    }
    rows
}

fn table(affected_exposed: u64, affected: &BTreeSet<CiId>, tally: Tally, population: &BTreeSet<CiId>) -> Table {
    Table { affected_exposed, affected: affected.len() as u64, exposed: tally.hosts, population: population.len() as u64 }
}

#[cfg(test)]
mod tests;
