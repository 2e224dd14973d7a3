use super::super::tests::{AGENT, Stored, moments, rule as of};
use super::*;
use crate::backtest::{Evidence, Question, Resolution, run_over};
use crate::store::HOUR_MS;
use proptest::prelude::*;
use rollcall_domain::alert::replay::Episode;
use rollcall_domain::id::CiId;
use rollcall_domain::rule::Condition;
use rollcall_domain::rule::select::Variant;
use rollcall_domain::trust::collector::FEED;
use rollcall_shared::sample::Series;
use std::sync::Arc;

const CI: CiId = CiId { family: rollcall_domain::id::Family::Host, bits: 9 };

fn silent(after_s: u64, keep_s: u64) -> Rule {
    let condition = Condition::CollectorSilent { after_ms: after_s * 1000, feed: None };
    Rule { keep_firing_for_ms: keep_s * 1000, ..of(condition, 1.0, 0) }
}

/// A collector that was heard at these moments, in seconds.
fn stored(moments: &[i64], rolled_hours: i64) -> Stored {
    let series = Series { metric: "up".into(), attributes: vec![(FEED.into(), "prom".into())] };
    Stored::spoken(series, moments, rolled_hours)
}

fn run(stored: &Stored, rule: &Rule, resolution: Resolution, span: (Timestamp, Timestamp)) -> Report {
    let awaited = [(CI, [("prom".to_owned(), vec![(AGENT, Timestamp(0))])].into())].into();
    let feeds = Feeds { awaited, quiet: Quiet::new(&World::default()) };
    let hosts = vec![Host { ci: Some(CI), agents: Vec::new(), variant: Variant::Plain, goodbye: None, interval_ms: None }];
    let question = Question { rule: rule.clone(), span, resolution, evidence: Evidence::Feeds(Arc::new(feeds)), hosts };
    run_over(stored.history.clone(), question, Arc::new(|_| None), span.1).unwrap()
}

/// As if every sample had been listened to.
fn heard(stored: &Stored, rule: &Rule, span: (Timestamp, Timestamp)) -> Vec<Episode> {
    let mut voice = Voice::new(rule, Timestamp(0)).expect("a rule on collectors");
    let within = stored.sets.iter().filter(|set| span.0 <= set.at && set.at < span.1);
    within.for_each(|set| voice.heard(set.at, set.at));
    Speech { ci: CI, feed: "prom", voices: &[voice], hushed: &[] }.judge(rule, span.1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_left_out_hides_no_silence(
        gaps in proptest::collection::vec((0_i64..30_000, prop_oneof![1_i64..1_000, 1_i64..9000]), 0..8), rolled_hours in 0_i64..10,
        after_s in 20_u64..2000, keep_s in 0_u64..600, from in 0_i64..9_000,
    ) {
        let stored = stored(&moments(9, &gaps), rolled_hours);
        let (rule, span) = (silent(after_s, keep_s), (Timestamp(from * 1000), Timestamp(10 * HOUR_MS)));
        prop_assert_eq!(run(&stored, &rule, Resolution::Raw, span).episodes, heard(&stored, &rule, span));
    }
}

#[test]
fn hours_with_short_pauses_are_not_looked_into_and_rows_show_silences_of_whole_five_minutes() {
    let stored = stored(&moments(24, &[(10 * 3600 + 700, 1_100), (15 * 3600 + 550, 1_500)]), 24);
    let span = (Timestamp(0), Timestamp(24 * HOUR_MS));
    let opened = |report: &Report| report.episodes.iter().map(|one| one.opened_at.0 / 1000).collect::<Vec<_>>();
    let report = run(&stored, &silent(900, 0), Resolution::Raw, span);
    assert_eq!(opened(&report), [10 * 3600 + 700 + 900, 15 * 3600 + 540 + 900]);
    assert_eq!((report.excluded_hours, report.judged), (16, 1), "the hours of the silences, those beside them and the two ends are read");
    let coarse = run(&stored, &silent(900, 0), Resolution::FiveMinutes, span);
    assert_eq!((opened(&coarse), coarse.raw_since), (vec![15 * 3600 + 600 + 900], span.1));
}
