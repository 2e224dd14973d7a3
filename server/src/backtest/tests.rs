use super::*;
use crate::engine::{Retention, SectionCache};
use crate::store::memory::MemoryStore;
use crate::store::{Commit, Store};
use proptest::prelude::*;
use rollcall_domain::Content;
use rollcall_domain::alert::replay::{Replay, Silences};
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::rule::select::Variant;
use rollcall_domain::rule::{Condition, Level, Reduce, stock};
use rollcall_shared::message::Side;
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, ContentHash, Section};

pub(super) const AGENT: AgentId = AgentId(7);

/// A store with the samples of one agent, compacted and rolled up in part.
pub(super) struct Stored {
    pub(super) history: History,
    pub(super) sets: Vec<SampleSet>,
}

fn table() -> (ContentHash, Vec<u8>) {
    let of = |mount: &str| Series { metric: "m".into(), attributes: vec![("mountpoint".into(), mount.into())] };
    Section::Series(vec![of("/"), of("/var")]).canonical().unwrap()
}

impl Stored {
    /// Of moments in seconds, each with two values.
    fn new(values: &[(i64, [Option<f64>; 2])], rolled_hours: i64) -> Self {
        let (table, bytes) = table();
        let set = |(at, values): &(i64, [Option<f64>; 2])| SampleSet { table, at: Timestamp(at * 1000), values: values.to_vec() };
        Self::of((table, bytes), values.iter().map(set).collect(), rolled_hours)
    }

    /// Of moments, in seconds, at which the agent spoke.
    fn heard(moments: &[i64], rolled_hours: i64) -> Self {
        Self::spoken(Series { metric: "system.uptime".into(), attributes: Vec::new() }, moments, rolled_hours)
    }

    /// Of moments, in seconds, each with a value of one series.
    pub(super) fn spoken(series: Series, moments: &[i64], rolled_hours: i64) -> Self {
        let (table, bytes) = Section::Series(vec![series]).canonical().unwrap();
        let set = |at: &i64| SampleSet { table, at: Timestamp(at * 1000), values: vec![Some(*at as f64)] };
        Self::of((table, bytes), moments.iter().map(set).collect(), rolled_hours)
    }

    fn of((table, bytes): (ContentHash, Vec<u8>), sets: Vec<SampleSet>, rolled_hours: i64) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let half = sets.len() / 2;
        for (number, some) in (1..).zip([&sets[..half], &sets[half..]]) {
            let entry = JournalEntry {
                agent: AGENT,
                epoch: 1,
                through: number,
                received_at: Timestamp(0),
                skew_ms: 0,
                sets: some.to_vec(),
                signs: Vec::new(),
            };
            let sections = vec![(table, bytes.clone())];
            store.commit(&Commit { journal: vec![entry], sections, ..Commit::default() }).unwrap();
        }
        let content = SectionCache::new(Arc::clone(&store), 1 << 20);
        let history = History::new(Arc::clone(&store), content, Retention::default());
        store.compact(1 + u64::from(rolled_hours % 2 == 0)).unwrap();
        history.roll_up(Timestamp(rolled_hours * HOUR_MS), &|| false).unwrap();
        Self { history, sets }
    }

    fn run(&self, rule: &Rule, resolution: Resolution, span: (Timestamp, Timestamp)) -> Report {
        self.run_at(None, rule, resolution, span)
    }

    /// As the host's agent pushes at an interval, ms.
    fn run_at(&self, interval_ms: Option<u64>, rule: &Rule, resolution: Resolution, span: (Timestamp, Timestamp)) -> Report {
        let hosts = vec![Host { ci: None, agents: vec![AGENT], variant: Variant::Plain, goodbye: None, interval_ms }];
        let question = Question { rule: rule.clone(), span, resolution, evidence: Evidence::Samples, hosts };
        run_over(self.history.clone(), question, Arc::new(|_| None), span.1).unwrap()
    }
}

pub(super) fn rule(condition: Condition, raise: f64, for_ms: u64) -> Rule {
    let mut rule = stock::stock().into_iter().find(|rule| rule.id.as_str() == "cpu_utilization").expect("it is in stock");
    let level = Some(Level { raise, clear: raise, and: None, for_ms: None });
    (rule.condition, rule.classes, rule.for_ms, rule.keep_firing_for_ms) = (condition, Vec::new(), for_ms, for_ms);
    (rule.levels.warning, rule.levels.critical) = (level, None);
    (rule.tier, rule.warning_tier) = (rollcall_domain::rule::Tier::Ticket, None);
    rule
}

fn threshold(reduce: Reduce, window_ms: u64) -> Condition {
    Condition::Threshold { metric: "m".into(), attributes: [].into(), reduce, window_ms, side: Side::Above }
}

/// Hours that are quiet, busy or without samples; a set every so many seconds.
fn any_values() -> impl Strategy<Value = Vec<(i64, [Option<f64>; 2])>> {
    let hour = (0_u8..4, 40_i64..1500, proptest::collection::vec(0_u8..100, 90));
    proptest::collection::vec(hour, 2..14).prop_map(|hours| {
        let mut values = Vec::new();
        for (number, (mood, step, noise)) in (0_i64..).zip(hours) {
            for (place, noise) in (0_i64..).zip(noise).take_while(|(place, _)| place * step < 3600 && mood > 0) {
                let height = if mood == 3 { f64::from(noise) } else { f64::from(noise % 20) };
                let second = (noise % 7 > 0).then_some(height / 2.0);
                values.push((number * 3600 + place * step, [Some(height), second]));
            }
        }
        values
    })
}

fn any_condition() -> impl Strategy<Value = Condition> {
    use Reduce::{Avg, Increase, Last, Max, Min, Rate, Sum};
    let reduce = prop::sample::select(vec![Last, Min, Max, Avg, Sum, Increase, Rate]);
    (reduce, prop_oneof![Just(0_u64), Just(300_000), Just(1_800_000), Just(7_200_000), Just(10_800_000)])
        .prop_map(|(reduce, window_ms)| threshold(if window_ms == 0 { Last } else { reduce }, window_ms))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_left_out_changes_nothing(
        values in any_values(), rolled_hours in 0_i64..14, condition in any_condition(), raise in 5_u32..90, minutes in 0_u64..20,
        from in 0_i64..9_000,
    ) {
        let stored = Stored::new(&values, rolled_hours);
        let rule = rule(condition, f64::from(raise), minutes * 60_000);
        let span = (Timestamp(from * 1000), Timestamp(14 * HOUR_MS));
        let mut replay = Replay::new(&rule, None);
        let within = stored.sets.iter().filter(|set| span.0 <= set.at && set.at < span.1);
        within.for_each(|set| replay.take(set, &stored.history.content));
        let report = stored.run(&rule, Resolution::Raw, span);
        prop_assert_eq!(&report.episodes, &replay.episodes());
        let auto = stored.run(&rule, Resolution::Auto, span);
        prop_assert_eq!((&auto.episodes, auto.raw_since), (&report.episodes, span.0), "all of it is kept and can be read in time");
    }
}

#[test]
fn quiet_hours_are_left_out_and_a_breach_in_one_is_not() {
    let values: Vec<(i64, [Option<f64>; 2])> =
        (0..12 * 360).map(|n| (n * 10, [Some(if (2000..2100).contains(&n) { 95.0 } else { 10.0 }), Some(1.0)])).collect();
    let stored = Stored::new(&values, 12);
    let span = (Timestamp(0), Timestamp(12 * HOUR_MS));
    let report = stored.run(&rule(threshold(Reduce::Avg, 300_000), 90.0, 60_000), Resolution::Raw, span);
    assert_eq!(
        (report.episodes.len(), report.excluded_hours, report.judged),
        (1, 10, 1),
        "the hour of the breach counts, and the next, whose window reaches into it"
    );
    let one = &report.episodes[0];
    assert_eq!((one.attributes["mountpoint"].as_str(), one.peak), ("/", 95.0));
    let coarse = stored.run(&rule(threshold(Reduce::Last, 0), 90.0, 60_000), Resolution::FiveMinutes, span);
    assert_eq!((coarse.episodes.len(), coarse.raw_since), (1, span.1));
    assert!(coarse.sets <= 24, "{} sets", coarse.sets);
    let nothing = stored.run(&rule(threshold(Reduce::Last, 0), 99.0, 0), Resolution::Auto, span);
    assert_eq!((nothing.episodes.len(), nothing.sets, nothing.judged, nothing.excluded_hours), (0, 0, 1, 12));
}

#[test]
fn a_series_that_stops_while_it_fires_is_still_open_at_the_end() {
    let values: Vec<(i64, [Option<f64>; 2])> = (0..100).map(|n| (n * 10, [Some(95.0), None])).collect();
    let stored = Stored::new(&values, 12);
    let report = stored.run(&rule(threshold(Reduce::Last, 0), 90.0, 60_000), Resolution::Raw, (Timestamp(0), Timestamp(12 * HOUR_MS)));
    assert_eq!(report.episodes.iter().map(|one| (one.opened_at, one.resolved_at)).collect::<Vec<_>>(), [(Timestamp(60_000), None)]);
}

#[test]
fn rows_stand_for_what_the_rule_asks_of_them() {
    let values: Vec<(i64, [Option<f64>; 2])> = (0..360).map(|n| (n * 10, [Some(if n == 100 { 99.0 } else { 10.0 }), None])).collect();
    let stored = Stored::new(&values, 12);
    let span = (Timestamp(0), Timestamp(12 * HOUR_MS));
    let incidents = |condition, raise| stored.run(&rule(condition, raise, 0), Resolution::FiveMinutes, span).episodes.len();
    assert_eq!(incidents(threshold(Reduce::Last, 0), 50.0), 0, "a mean of five minutes");
    assert_eq!(incidents(threshold(Reduce::Max, 300_000), 50.0), 1, "their extreme");
    assert_eq!(incidents(threshold(Reduce::Sum, 600_000), 500.0), 1, "their sum");
    assert!(stored.history.content.section(&table().0).is_some());
}

/// Moments of a host that is sampled every ten seconds for so many hours, but for some stretches: begin and length, in seconds.
pub(super) fn moments(hours: i64, gaps: &[(i64, i64)]) -> Vec<i64> {
    let is_quiet = |at: i64| gaps.iter().any(|(begin, length)| *begin < at && at < begin + length);
    (0..hours * 360).map(|n| n * 10 + n % 2).filter(|at| !is_quiet(*at)).collect()
}

fn silent(after_s: u64) -> Rule {
    let mut rule = rule(Condition::HostSilent { after_ms: after_s * 1000 }, 1.0, 0);
    rule.keep_firing_for_ms = 0;
    rule
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_left_out_hides_no_silence(
        gaps in proptest::collection::vec((0_i64..30_000, prop_oneof![1_i64..400, 1_i64..9000]), 0..8), rolled_hours in 0_i64..10,
        after_s in 20_u64..2000, keep_s in 0_u64..600, from in 0_i64..9_000,
    ) {
        let stored = Stored::heard(&moments(9, &gaps), rolled_hours);
        let rule = Rule { keep_firing_for_ms: keep_s * 1000, ..silent(after_s) };
        let span = (Timestamp(from * 1000), Timestamp(10 * HOUR_MS));
        let mut silences = Silences::new(&rule, None).expect("a rule on silence");
        let within = stored.sets.iter().filter(|set| span.0 <= set.at && set.at < span.1);
        within.for_each(|set| silences.heard(set.at, set.at));
        prop_assert_eq!(stored.run(&rule, Resolution::Raw, span).episodes, silences.until(span.1, false));
    }
}

#[test]
fn a_host_whose_agent_pushes_less_often_was_silent_later() {
    let stored = Stored::heard(&moments(24, &[(10 * 3600 + 700, 240), (15 * 3600 + 550, 1000)]), 24);
    let span = (Timestamp(0), Timestamp(24 * HOUR_MS));
    let opened = |interval_ms: Option<u64>| {
        let report = stored.run_at(interval_ms, &silent(180), Resolution::Raw, span);
        report.episodes.iter().map(|one| one.opened_at.0 / 1000).collect::<Vec<_>>()
    };
    assert_eq!(opened(Some(60_000)), opened(None));
    assert_eq!(opened(Some(300_000)), [15 * 3600 + 540 + 900]);
    assert!(opened(Some(3_600_000)).is_empty());
}

#[test]
fn hours_that_are_full_are_not_looked_into_and_rows_show_silences_of_whole_five_minutes() {
    let stored = Stored::heard(&moments(24, &[(10 * 3600 + 700, 240), (15 * 3600 + 550, 1000)]), 24);
    let span = (Timestamp(0), Timestamp(24 * HOUR_MS));
    let report = stored.run(&silent(180), Resolution::Raw, span);
    let opened = |report: &Report| report.episodes.iter().map(|one| one.opened_at.0 / 1000).collect::<Vec<_>>();
    assert_eq!(opened(&report), [10 * 3600 + 700 + 180, 15 * 3600 + 540 + 180]);
    assert_eq!((report.excluded_hours, report.judged), (18, 1), "the hours of the silences, and those beside them, are read");
    let coarse = stored.run(&silent(180), Resolution::FiveMinutes, span);
    let opened_at = 15 * 3600 + 600 + 180;
    assert_eq!((opened(&coarse), coarse.raw_since), (vec![opened_at], span.1), "a silence begins with the five minutes that have nothing");
}

#[test]
fn what_is_kept_no_more_is_no_silence() {
    let mut stored = Stored::heard(&moments(60, &[(20 * 3600, 900)]), 60);
    let span = (Timestamp(0), Timestamp(60 * HOUR_MS));
    let figures = |stored: &Stored, resolution| {
        let report = stored.run(&silent(180), resolution, span);
        (report.incidents, report.since.0 / HOUR_MS, report.raw_since.0 / HOUR_MS)
    };
    assert_eq!(figures(&stored, Resolution::Raw), (1, 0, 0));
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    stored.history.retention = Retention { raw: hours(10), five_minutes: hours(200), ..Retention::default() };
    assert_eq!(figures(&stored, Resolution::Raw), (1, 0, 50), "rows are kept for longer");
    stored.history.retention = Retention { raw: hours(10), five_minutes: hours(30), ..Retention::default() };
    assert_eq!(figures(&stored, Resolution::Auto), (0, 48, 50), "rows go by whole days");
}
