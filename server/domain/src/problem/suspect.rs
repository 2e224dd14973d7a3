//! Which shared fact is suspect: affected hosts against comparable ones, each fact tested, and the many tests paid for.
//!
//! Comparable means of the same role too. What tells roles apart is what is installed at all, so a version is compared among the
//! hosts that have the product; that a product is there is suspect only where it arrived lately. A fact that a host came to have
//! after its trouble began is none of its causes.
//!
//! A question with many answers pays for each of them: three hosts on any one of forty switches are forty times as likely as on a
//! certain one. Answers that far more hosts give are not counted: so many of the affected there would surprise nobody.
//!
//! Invariants: nothing is suspected without contrast (somebody comparable does not have it); facts that the same hosts have are
//! one hypothesis, whatever others they are compared with; the same input gives the same answer in the same order.

use super::exposure::{self, Factor, Facts, Shared, Software, Tally};
use super::fisher::{Table, q_values};
use super::{Hypothesis, Verdict};
use crate::ci::Cmdb;
use crate::id::CiId;
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Largest share of false discoveries that is accepted.
pub(super) const Q: f64 = 0.01;

/// Affected hosts that must share a fact.
const AFFECTED: u64 = 2;

/// Hypotheses told: a person reads the first and perhaps the second.
const TOLD: usize = 5;

/// Members of a bundle that are named.
const MEMBERS: usize = 50;

/// Healthy hosts that have the suspect, named.
const COUNTER_EXAMPLES: usize = 20;

/// A change that troubles follow within this time is a recent one: what is shown of a host's past in its incidents.
const RECENT_MS: u64 = 72 * 3_600_000;

/// Who is compared. The affected are part of the population.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Hosts with the trouble.
    pub affected: BTreeSet<CiId>,
    /// Comparable hosts, with and without it.
    pub population: BTreeSet<CiId>,
    /// When the trouble of an affected host began, where that is known.
    pub onsets: BTreeMap<CiId, Timestamp>,
}

/// A bundle: facts with one set of hosts, the one whose figures are told first.
struct Bundle {
    table: Table,
    /// The least number of facts about as rare that any of these is one of: versions of its product, values of its attribute.
    answers: u64,
    factors: Vec<Factor>,
    timing: Timing,
}

/// A fact before it is bundled.
struct Row {
    factor: Factor,
    /// Which hosts have it.
    signature: u64,
    table: Table,
    /// It is one of so many that are about as rare.
    answers: u64,
}

/// How a fact's arrival on the affected hosts lies to their trouble.
#[derive(Clone, Copy, Debug, Default)]
struct Timing {
    /// Affected hosts that came to have it before.
    before: u64,
    /// And only afterwards.
    after: u64,
    /// Median time from the one to the other, ms.
    lag_ms: Option<u64>,
}

/// The suspected causes, most likely first. Work is bounded by the caller's sets: one pass over the facts of both.
#[must_use]
pub fn hypotheses(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison) -> Vec<Hypothesis> {
    let bundles = bundles(cmdb, software, comparison);
    let p_values: Vec<f64> = bundles.iter().map(Bundle::p_value).collect();
    let q_values = q_values(&p_values, bundles.len());
    let mut found: Vec<(f64, f64, &Bundle)> =
        bundles.iter().zip(p_values.iter().zip(&q_values)).map(|(bundle, (p, q))| (*p, *q, bundle)).filter(|(_, q, _)| *q <= Q).collect();
    // Of two equally unlikely ones, that which changed on more of them shortly before.
    let haste = |bundle: &Bundle| (std::cmp::Reverse(bundle.timing.before), bundle.timing.lag_ms);
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| haste(a.2).cmp(&haste(b.2))).then_with(|| a.2.factors.cmp(&b.2.factors)));
    found.truncate(TOLD);
    found.into_iter().map(|(_, q, bundle)| hypothesis(cmdb, software, comparison, bundle, q)).collect()
}

/// How probable it is that chance alone puts all of the affected on a fact that they came to have shortly before their trouble: the
/// least of all such facts, none of them paid for. `None` when there is no such fact. That they were moved onto another item is none: it
/// goes through no fleet, and would rival that item itself.
#[must_use]
pub fn recent_change(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison) -> Option<f64> {
    let all = comparison.affected.len() as u64;
    let bundles = bundles(cmdb, software, comparison);
    let is_move = |bundle: &Bundle| bundle.factors.iter().all(|factor| matches!(factor, Factor::Related { .. }));
    let is_recent = |bundle: &Bundle| bundle.timing.before == all && bundle.timing.lag_ms.is_some_and(|lag| lag <= RECENT_MS);
    let changed = bundles.iter().filter(|bundle| is_recent(bundle) && !is_move(bundle));
    changed.map(|bundle| bundle.table.p_value()).min_by(f64::total_cmp)
}

impl Bundle {
    /// Probability that chance alone puts at least so many of the affected on any one answer.
    fn p_value(&self) -> f64 {
        (self.table.p_value() * f64::from(u32::try_from(self.answers).unwrap_or(u32::MAX))).min(1.0)
    }
}

fn hypothesis(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison, bundle: &Bundle, q_value: f64) -> Hypothesis {
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
        p_value: bundle.table.p_value(),
        q_value,
        lift: bundle.table.lift().unwrap_or(1.0),
        arrived: bundle.timing.before,
        lag_ms: bundle.timing.lag_ms,
        counter_examples: counter_examples.collect(),
        verdict: Verdict::Suspected,
    }
}

/// Every fact with contrast, by the hosts that have it, without the hosts that came to have it too late.
fn bundles(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison) -> Vec<Bundle> {
    let mut by_hosts: BTreeMap<(u64, u64), Vec<Row>> = BTreeMap::new();
    for row in packages(cmdb, software, comparison).into_iter().chain(others(cmdb, comparison)) {
        if has_contrast(&row.table) {
            by_hosts.entry((row.table.exposed, row.signature)).or_default().push(row);
        }
    }
    by_hosts.into_values().filter_map(|rows| bundled(cmdb, software, comparison, rows)).collect()
}

/// Facts that the same hosts have. The first that did not come too late speaks for all, of those that are compared among the most hosts:
/// that comparison has the others within it, and it is not chosen by who is affected. A product that hardly any other host has would show
/// nothing by itself; that says nothing against what was upgraded with it.
fn bundled(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison, mut rows: Vec<Row>) -> Option<Bundle> {
    rows.sort_by(|a, b| b.table.population.cmp(&a.table.population).then_with(|| a.factor.cmp(&b.factor)));
    let judged = |row: &Row| {
        let timing = timing(cmdb, software, comparison, &row.factor);
        let affected_exposed = row.table.affected_exposed.saturating_sub(timing.after);
        Some((Table { affected_exposed, ..row.table }, timing)).filter(|(table, _)| has_contrast(table))
    };
    let (first, (table, timing)) = rows.iter().enumerate().find_map(|(place, row)| Some((place, judged(row)?)))?;
    let members = rows.split_off(first);
    let answers = members.iter().map(|row| row.answers).min()?;
    Some(Bundle { table, answers, factors: members.into_iter().map(|row| row.factor).collect(), timing })
}

fn has_contrast(table: &Table) -> bool {
    let most = table.affected_exposed >= AFFECTED && table.affected_exposed * 2 >= table.affected;
    most && table.exposed < table.population
}

fn timing(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison, factor: &Factor) -> Timing {
    let (mut after, mut lags) = (0, Vec::new());
    for (host, onset) in &comparison.onsets {
        if !comparison.affected.contains(host) || !exposure::has(cmdb, software, *host, factor) {
            continue;
        }
        match exposure::arrival(cmdb, *host, factor) {
            Some(came) if came > *onset => after += 1,
            Some(came) => lags.push(u64::try_from(onset.since(came).as_millis()).unwrap_or(u64::MAX)),
            None => {}
        }
    }
    lags.sort_unstable();
    Timing { before: lags.len() as u64, after, lag_ms: lags.get(lags.len() / 2).copied() }
}

fn packages(cmdb: &Cmdb, software: &dyn Software, comparison: &Comparison) -> Vec<Row> {
    let known = |hosts: &BTreeSet<CiId>| hosts.iter().copied().filter(|host| software.knows(*host)).collect::<BTreeSet<_>>();
    let (affected, population) = (known(&comparison.affected), known(&comparison.population));
    let shared = software.tally(&affected);
    let everywhere = software.tally(&population);
    let (of_affected, of_all) = (by_product(&shared), by_product(&everywhere));
    let mut versions = BTreeMap::<CiId, Vec<u64>>::new();
    everywhere.iter().for_each(|((product, _), tally)| versions.entry(*product).or_default().push(tally.hosts));
    versions.values_mut().for_each(|hosts| hosts.sort_unstable());
    let installed = cmdb.changes.newly_installed(&affected);
    let rows = shared.iter().filter(|(_, among_affected)| among_affected.hosts >= AFFECTED);
    rows.filter_map(|((product, version), among_affected)| {
        let tally = *everywhere.get(&(*product, version.clone()))?;
        let factor = exposure::package(cmdb, *product, version.clone());
        // A host may have two versions at once: it is one host all the same.
        let count = |of: &BTreeMap<CiId, u64>, most: u64| of.get(product).copied().unwrap_or(0).min(most);
        let (suffering, all) = (affected.len() as u64, population.len() as u64);
        let is_new = installed.get(&(*product, version.as_str())).is_some_and(|hosts| hosts * 2 >= suffering);
        // An affected host without the product speaks against it in any case.
        let of_role = count(&of_all, all) + (suffering - count(&of_affected, suffering));
        let compared = if is_new { all } else { of_role };
        let table = Table { affected_exposed: among_affected.hosts, affected: suffering, exposed: tally.hosts, population: compared };
        let answers = as_rare(versions.get(product).map_or(&[][..], Vec::as_slice), tally.hosts);
        Some(Row { factor, signature: tally.signature, table, answers })
    })
    .collect()
}

/// How many answers are about as rare as one that so many hosts give: at most twice as many give them. `answers` in order.
fn as_rare(answers: &[u64], hosts: u64) -> u64 {
    answers.partition_point(|other| *other <= 2 * hosts).max(1) as u64
}

fn by_product(tallies: &BTreeMap<(CiId, String), Tally>) -> BTreeMap<CiId, u64> {
    let mut found = BTreeMap::new();
    tallies.iter().for_each(|((product, _), tally)| *found.entry(*product).or_default() += tally.hosts);
    found
}

fn others(cmdb: &Cmdb, comparison: &Comparison) -> Vec<Row> {
    let of_kind = |facts: Facts| {
        let Facts { known, affected, answers, shared } = facts;
        let row = move |one: Shared| {
            let table = Table { affected_exposed: one.affected, affected, exposed: one.tally.hosts, population: known };
            Row { factor: one.factor, signature: one.tally.signature, table, answers: as_rare(&answers, one.tally.hosts) }
        };
        shared.into_iter().map(row)
    };
    exposure::tallied(cmdb, &comparison.population, &comparison.affected).into_iter().flat_map(of_kind).collect()
}

#[cfg(test)]
mod tests;
