use super::*;
use crate::engine::{Retention, SectionCache};
use crate::store::memory::MemoryStore;
use crate::store::{Commit, Store};
use proptest::prelude::*;
use rollcall_domain::Content;
use rollcall_domain::alert::replay::Replay;
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::rule::select::Variant;
use rollcall_domain::rule::{Condition, Level, Reduce, stock};
use rollcall_shared::message::Side;
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, ContentHash, Section};

const AGENT: AgentId = AgentId(7);

/// A store with the samples of one agent, compacted and rolled up in part.
struct Stored {
    history: History,
    sets: Vec<SampleSet>,
}

fn table() -> (ContentHash, Vec<u8>) {
    let of = |mount: &str| Series { metric: "m".into(), attributes: vec![("mountpoint".into(), mount.into())] };
    Section::Series(vec![of("/"), of("/var")]).canonical().unwrap()
}

impl Stored {
    /// Of moments in seconds, each with two values.
    fn new(values: &[(i64, [Option<f64>; 2])], rolled_hours: i64) -> Self {
        let (table, bytes) = table();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let sets: Vec<SampleSet> =
            values.iter().map(|(at, values)| SampleSet { table, at: Timestamp(at * 1000), values: values.to_vec() }).collect();
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
        let hosts = vec![Host { ci: None, agents: vec![AGENT], variant: Variant::Plain }];
        let question = Question { rule: rule.clone(), span, resolution, hosts };
        run_over(self.history.clone(), question, Arc::new(|_| None), span.1).unwrap()
    }
}

fn rule(condition: Condition, raise: f64, for_ms: u64) -> Rule {
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
