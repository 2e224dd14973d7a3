use super::*;
use crate::alert::replay::Quiet;
use crate::alert::scenario::{Scenario, agent, host, rule, seconds as at};
use crate::collect::Resource;
use crate::command::Command;
use crate::rule::{Flapping, Level};
use crate::trust::collector::Spoken;
use crate::trust::decide::TrustCommand;
use crate::trust::feed::{FeedKind, FeedName, NewFeed};
use proptest::prelude::*;

const FEED_NAME: &str = "prom";

fn silent(after_s: i64, for_s: i64, keep_s: i64) -> Rule {
    let ms = |seconds: i64| seconds.unsigned_abs() * 1_000;
    let condition = Condition::CollectorSilent { after_ms: ms(after_s), feed: None };
    let mut rule = Rule { condition, for_ms: ms(for_s), keep_firing_for_ms: ms(keep_s), ..rule("silent") };
    rule.flapping = Flapping { start_percent: 100.0, stop_percent: 100.0 };
    rule.levels.critical = rule.levels.critical.map(|level| Level { for_ms: None, ..level });
    rule
}

/// Opened and resolved, in seconds.
type Told = Vec<(i64, Option<i64>)>;

fn judged(rule: &Rule, voices: &[&[i64]], hushed: &[(i64, i64)], end: i64) -> Told {
    let voice = |heard: &&[i64]| {
        let mut voice = Voice::new(rule, at(heard[0])).expect("a rule on collectors");
        heard.iter().for_each(|second| voice.heard(at(*second), at(*second)));
        voice
    };
    let voices: Vec<Voice> = voices.iter().map(voice).collect();
    let hushed: Vec<Stretch> = hushed.iter().map(|(from, to)| (at(*from), at(*to))).collect();
    let speech = Speech { ci: host(1), feed: FEED_NAME, voices: &voices, hushed: &hushed };
    let found: Told =
        speech.judge(rule, at(end)).iter().map(|one| (one.opened_at.0 / 1_000, one.resolved_at.map(|at| at.0 / 1_000))).collect();
    assert!(found.is_empty() || speech.has_gaps(rule, at(end)));
    found
}

#[track_caller]
fn check(voices: &[&[i64]], hushed: &[(i64, i64)], end: i64, expected: &[(i64, Option<i64>)]) {
    assert_eq!(judged(&silent(300, 0, 0), voices, hushed, end), expected);
}

#[test]
fn a_feed_that_told_for_long_enough_and_stops_is_missed_until_it_speaks_again() {
    check(&[&[10, 200, 360, 1_000]], &[], 1_200, &[(660, Some(1_000))]);
    check(&[&[10, 200, 360]], &[], 5_000, &[(660, None)]);
    check(&[&[10, 20, 1_000]], &[], 5_000, &[]);
    check(&[&[10, 86_400, 172_800]], &[], 259_000, &[]);
    let nightly: &[i64] = &[10, 86_400, 172_800];
    assert_eq!(
        judged(&silent(100_000, 0, 0), &[nightly], &[], 300_000),
        [(272_800, None)],
        "a patient rule waits for who comes by each night"
    );
}

#[test]
fn what_one_collector_says_is_the_feeds_word_and_another_rule_asks_for_another_feed() {
    check(&[&[10, 200, 360], &[500, 700, 900]], &[], 2_000, &[(1_200, None)]);
    let other = Rule { condition: Condition::CollectorSilent { after_ms: 300_000, feed: Some("other".into()) }, ..silent(300, 0, 0) };
    assert_eq!(judged(&other, &[&[10, 200, 360]], &[], 5_000), []);
}

#[test]
fn while_the_host_itself_is_silent_nothing_is_said_of_its_feeds() {
    check(&[&[10, 200, 360]], &[(500, 700)], 5_000, &[(700, None)]);
    check(&[&[10, 200, 360, 690]], &[(500, 700)], 900, &[]);
    check(&[&[10, 200, 360]], &[(660, 700), (800, 900)], 5_000, &[(700, None)]);
    assert_eq!(judged(&silent(300, 100, 0), &[&[10, 200, 360]], &[(700, 900)], 5_000), [(900, None)]);
}

#[test]
fn a_host_is_quiet_from_its_patience_on_until_it_is_heard() {
    let mut quiet = Quiet::new(&crate::World::default());
    assert_eq!(quiet.patience(), Duration::from_secs(180));
    for (from, through) in [(10, 10), (100, 400), (500, 500), (680, 680), (861, 861)] {
        quiet.heard(at(from), at(through));
    }
    assert_eq!(quiet.until(at(2_000)), [(at(860), at(861)), (at(1_041), at(2_000))]);
}

/// Ten seconds each.
const STEP: i64 = 10;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_replay_opens_and_closes_what_was_opened_and_closed_live(
        words in prop::collection::vec((1_i64..120, 0_u8..4), 1..24), steady in 1_i64..60, after in 3_i64..150, for_steps in 0_i64..9, keep_steps in 0_i64..20,
    ) {
        let rule = silent(after * STEP, for_steps * STEP, keep_steps * STEP);
        let mut scenario = Scenario::new(vec![rule.clone()]);
        let name: FeedName = FEED_NAME.parse().expect("a name");
        let feed = NewFeed { name: name.clone(), kind: FeedKind::Prometheus, secret_hash: "ab".into(), networks: Vec::new(), ttl: None };
        scenario.command(0, &Command::Trust(TrustCommand::CreateFeed(feed))).expect("made");
        let mut voices: BTreeMap<u8, Voice> = BTreeMap::new();
        let mut quiet = Quiet::new(&scenario.world);
        let mut now = 0;
        let beginning = (0..steady).map(|_| (1, 0));
        for (gap, who) in beginning.chain(words) {
            for step in 1..=gap {
                now += STEP;
                if step == gap && who == 3 {
                    scenario.push(now, 1, Vec::new(), Vec::new());
                    quiet.heard(at(now), at(now));
                } else if step == gap {
                    let resource = Resource::of([("job", "node"), ("instance", format!("web-{who}").as_str())]);
                    let spoken = Spoken { feed: name.clone(), key: resource.key(Some("instance")), ci: host(1), placed: "instance".into() };
                    let voice = scenario.hear(now, &spoken).expect("taken");
                    scenario.collect(now, voice, Vec::new(), Vec::new());
                    voices.entry(who).or_insert_with(|| Voice::new(&rule, at(now)).expect("a rule on collectors")).heard(at(now), at(now));
                }
                scenario.tick(now);
            }
        }
        let voices: Vec<Voice> = voices.into_values().collect();
        let hushed = quiet.until(at(now + 1));
        let speech = Speech { ci: host(1), feed: FEED_NAME, voices: &voices, hushed: &hushed };
        let replayed: Told =
            speech.judge(&rule, at(now + 1)).iter().map(|one| (one.opened_at.0 / 1_000, one.resolved_at.map(|at| at.0 / 1_000))).collect();
        let incidents = scenario.world.incidents.incidents.values();
        let mut live: Told = incidents.map(|one| (one.opened_at.0 / 1_000, one.resolved.as_ref().map(|stamp| stamp.0.0 / 1_000))).collect();
        live.sort_unstable();
        prop_assert_eq!(replayed, live, "{:?}", scenario.world.telemetry.last_seen(agent(1)));
    }
}
