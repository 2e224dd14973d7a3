//! Measures back-tests over the embedded store: one rule over so many hosts and days, as the API runs it. Prints JSON.
//!
//! Rows of five minutes and of an hour are written for all days, samples of every 10 s for the last hours, of which the upkeep has not
//! rolled up the newest. One host in twenty breaches the rule for half an hour every third day, and is silent meanwhile as far as rows tell.
//! Rules on the inventory are judged by a log of its own, see [`inventory`]; those on feeds by collectors, see [`collectors`].
//!
//! `cargo run --release -p rollcall-server --example backtest_bench -- [--hosts 1000] [--days 30] [--series 60] [--rolled-series 60] [--raw-hours 8] [--dir backtest-bench]`
#![allow(clippy::print_stdout, reason = "the result goes to standard output")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod collectors;
mod inventory;

use anyhow::Context;
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::rule::select::Variant;
use rollcall_domain::rule::{Rule, stock};
use rollcall_domain::sample::{Grain, Rolled, Row};
use rollcall_server::backtest::{Evidence, Host, Question, Report, Resolution, run_over};
use rollcall_server::engine::{History, Retention, SectionCache};
use rollcall_server::store::sled::SledStore;
use rollcall_server::store::{Commit, HOUR_MS, Store, Unrolled};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, ContentHash, Section, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const METRIC: &str = "system.cpu.utilization";
/// Comes with every sample of every agent.
const PULSE: &str = "system.uptime";

const EPOCH_HOUR: i64 = 498_000;

/// Hours that the upkeep has not rolled up: at most a round of six and one that is under way.
const UNROLLED_HOURS: i64 = 7;

struct Size {
    hosts: u64,
    days: i64,
    series: usize,
    /// Of how many series rows are written: writing is what takes time here.
    rolled_series: usize,
    raw_hours: i64,
}

fn main() -> anyhow::Result<()> {
    let mut options: BTreeMap<String, String> = BTreeMap::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        options.insert(name.trim_start_matches("--").to_owned(), arguments.next().with_context(|| format!("{name} needs a value"))?);
    }
    let number = |name: &str, default: u64| options.get(name).map_or(Ok(default), |text| text.parse()).with_context(|| name.to_owned());
    let size = Size {
        hosts: number("hosts", 1000)?,
        days: i64::try_from(number("days", 30)?)?,
        series: usize::try_from(number("series", 60)?)?,
        rolled_series: usize::try_from(number("rolled-series", 60)?)?,
        raw_hours: i64::try_from(number("raw-hours", 8)?)?,
    };
    let dir = options.get("dir").map_or_else(|| PathBuf::from("backtest-bench"), PathBuf::from);
    let store = Arc::new(SledStore::create(&dir)?);
    let (table, bytes) = table(&size)?;
    store.commit(&Commit { sections: vec![(table, bytes)], ..Commit::default() })?;

    let began = Instant::now();
    for host in 0..size.hosts {
        write_rows(store.as_ref(), host, &size)?;
    }
    let rows_s = began.elapsed().as_secs_f64();
    let row_bytes = store.usage()?.bytes;
    let began = Instant::now();
    write_samples(store.as_ref(), table, &size)?;
    let samples_s = began.elapsed().as_secs_f64();
    let bytes = store.usage()?.bytes;
    collectors::write(store.as_ref(), &size)?;
    drop(store);

    let store: Arc<dyn Store> = Arc::new(SledStore::open(&dir)?);
    let content = SectionCache::new(Arc::clone(&store), 64 << 20);
    let raw = Duration::from_millis(u64::try_from(size.raw_hours * HOUR_MS)?);
    let history = History::new(store, content, Retention { raw, ..Retention::default() });
    let mut runs = serde_json::Map::new();
    for (name, id, resolution) in [
        ("threshold_first", "cpu_utilization", Resolution::Auto),
        ("threshold_again", "cpu_utilization", Resolution::Auto),
        ("every_five_minutes", "cpu_baseline", Resolution::FiveMinutes),
        ("host_silent", "host_silent", Resolution::Auto),
        ("host_silent_five_minutes", "host_silent", Resolution::FiveMinutes),
    ] {
        let rule = rule(id);
        let began = Instant::now();
        let report = back_test(&history, rule, resolution, &size)?;
        runs.insert(name.to_owned(), figures(&report, began.elapsed(), &size));
    }
    runs.insert("collector_silent".to_owned(), collectors::measure(&history, rule("collector_silent"), &size)?);
    inventory::measure(&dir.with_extension("log"), &size, &mut runs)?;
    let rows = size.hosts * u64::try_from(size.days)? * 24 * 13 * size.rolled_series as u64;
    let values = size.hosts * u64::try_from(size.raw_hours)? * 360 * size.series as u64;
    let result = serde_json::json!({
        "hosts": size.hosts, "days": size.days, "series": size.series, "rolled_series": size.rolled_series, "raw_hours": size.raw_hours,
        "rows": rows, "disk_bytes_per_row": row_bytes as f64 / rows as f64, "write_rows_s": rows_s,
        "values": values, "disk_bytes_per_value": (bytes - row_bytes) as f64 / values as f64, "write_samples_s": samples_s,
        "runs": runs,
    });
    println!("{result:#}");
    Ok(())
}

fn figures(report: &Report, took: Duration, size: &Size) -> serde_json::Value {
    serde_json::json!({
        "took_ms": took.as_secs_f64() * 1000.0,
        "incidents": report.incidents,
        "hosts_judged": report.judged,
        "sample_sets": report.sets,
        "hours_excluded": report.excluded_hours,
        "raw_hours": (end(size).0 - report.raw_since.0) / HOUR_MS,
    })
}

fn back_test(history: &History, rule: Rule, resolution: Resolution, size: &Size) -> anyhow::Result<Report> {
    let span = (Timestamp(EPOCH_HOUR * HOUR_MS), end(size));
    let hosts = (0..size.hosts)
        .map(|host| Host { ci: None, agents: vec![agent(host)], variant: Variant::Plain, goodbye: None, interval_ms: None })
        .collect();
    Ok(run_over(history.clone(), Question { rule, span, resolution, evidence: Evidence::Samples, hosts }, Arc::new(|_| None), span.1)?)
}

fn rule(id: &str) -> Rule {
    let found = stock::stock().into_iter().find(|rule| rule.id.as_str() == id);
    let mut rule = found.unwrap_or_else(|| {
        let mut rule = stock::stock().into_iter().find(|rule| rule.id.as_str() == "cpu_utilization").expect("it is in stock");
        rule.condition = rollcall_domain::rule::Condition::Baseline {
            metric: METRIC.into(),
            attributes: BTreeMap::new(),
            side: rollcall_shared::message::Side::Above,
        };
        rule
    });
    rule.classes.clear();
    rule
}

fn end(size: &Size) -> Timestamp {
    Timestamp((EPOCH_HOUR + size.days * 24) * HOUR_MS)
}

fn agent(host: u64) -> AgentId {
    AgentId(u128::from(host) + 1)
}

fn names(size: &Size) -> Vec<Series> {
    let mut names: Vec<Series> = [METRIC, PULSE].map(|metric| Series { metric: metric.into(), attributes: Vec::new() }).into();
    names.extend((2..size.series).map(|number| {
        let attributes = vec![("device".to_owned(), format!("sd{}", number % 4))];
        Series { metric: format!("system.example.metric_{:02}", number / 4), attributes }
    }));
    names
}

fn table(size: &Size) -> anyhow::Result<(ContentHash, Vec<u8>)> {
    Section::Series(in_order(size)).canonical().context("a table")
}

/// As a table has them.
fn in_order(size: &Size) -> Vec<Series> {
    let mut names = names(size);
    names.sort();
    names
}

fn is_breach(host: u64, at: i64) -> bool {
    let hour = at / HOUR_MS;
    host.is_multiple_of(20) && (hour + i64::try_from(host).unwrap_or(0)) % 72 == 0 && at % HOUR_MS < HOUR_MS / 2
}

/// A noisy load, far below any line except in a breach; others count up or waver.
fn value(host: u64, series: &str, at: i64) -> f64 {
    let noise = ((at / 10_000).wrapping_mul(2_654_435_761).wrapping_add(i64::try_from(host).unwrap_or(0) * 97) & 0xff) as f64 / 2550.0;
    if series == METRIC {
        return if is_breach(host, at) { 0.99 } else { 0.3 + noise };
    }
    if series.ends_with('1') { (at / 10_000) as f64 } else { (noise * 1000.0).round() }
}

fn write_rows(store: &dyn Store, host: u64, size: &Size) -> anyhow::Result<()> {
    let (first, last) = (EPOCH_HOUR, EPOCH_HOUR + size.days * 24 - UNROLLED_HOURS);
    for begin in (first..last).step_by(24 * 30) {
        let mut rows = Vec::new();
        for grain in Grain::ALL {
            let mut rolled = Rolled::new();
            for series in names(size).into_iter().take(size.rolled_series) {
                let places = begin * HOUR_MS / grain.step_ms()..(begin + 24 * 30).min(last) * HOUR_MS / grain.step_ms();
                let track = places.filter_map(|place| row(host, &series.metric, place * grain.step_ms(), grain)).collect();
                rolled.entry(series.metric).or_default().insert(series.attributes, track);
            }
            rows.push((grain, rolled));
        }
        store.roll_up(&Unrolled { agent: agent(host), hours: Vec::new() }, &rows)?;
    }
    Ok(())
}

/// Of a few samples of the bucket, which is as much as a measure of size and speed needs; none in a silence.
fn row(host: u64, metric: &str, at: i64, grain: Grain) -> Option<Row> {
    let is_silent = metric == PULSE && is_breach(host, at);
    if is_silent && grain == Grain::FiveMinutes {
        return None;
    }
    let step = grain.step_ms();
    let mut row = Row::of(Timestamp(at), value(host, metric, at));
    for part in 1..4 {
        row.absorb(&Row::of(Timestamp(at), value(host, metric, at + part * step / 4)));
    }
    let times = if is_silent { step / 80_000 } else { step / 40_000 };
    Some(Row { count: row.count * times as u32, sum: row.sum * times as f64, ..row })
}

fn write_samples(store: &SledStore, table: ContentHash, size: &Size) -> anyhow::Result<()> {
    let names = in_order(size);
    let last = EPOCH_HOUR + size.days * 24;
    for hour in last - size.raw_hours..last {
        for quarter in 0..4 {
            for hosts in (0..size.hosts).collect::<Vec<_>>().chunks(50) {
                let journal = hosts.iter().map(|&host| {
                    let sets = (0..90).map(|n| {
                        let at = hour * HOUR_MS + quarter * HOUR_MS / 4 + n * 10_000;
                        SampleSet { table, at: Timestamp(at), values: names.iter().map(|one| Some(value(host, &one.metric, at))).collect() }
                    });
                    JournalEntry {
                        agent: agent(host),
                        epoch: 1,
                        through: 1,
                        received_at: Timestamp(0),
                        skew_ms: 0,
                        sets: sets.collect(),
                        signs: Vec::new(),
                    }
                });
                store.commit(&Commit { journal: journal.collect(), ..Commit::default() })?;
            }
        }
        store.compact(u64::MAX)?;
    }
    // What is older than the hours that the upkeep has not come to is rolled up: its rows are there.
    let mut after = None;
    let through = Timestamp((last - UNROLLED_HOURS) * HOUR_MS);
    while let Some(due) = store.next_unrolled(after, through)? {
        store.roll_up(&due, &[])?;
        after = Some(due.agent);
    }
    Ok(())
}
