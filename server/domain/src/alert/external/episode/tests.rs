use super::super::report::Raw;
use super::super::tests::{raw, receive, scenario};
use super::*;
use crate::alert::scenario::{Scenario, seconds};
use crate::incident::{Children, IncidentAction};
use proptest::prelude::*;

/// `firing` or `resolved`, with the moments of its begin and end as the source tells them.
fn word(status: &str, began: i64, ended: Option<i64>) -> Raw {
    let ends_at = ended.map(|at| seconds(at).to_string());
    Raw { starts_at: Some(seconds(began).to_string()), ends_at, ..raw(status, "critical", "10.0.0.1") }
}

fn firing(began: i64) -> Raw {
    word("firing", began, None)
}

fn resolved(began: i64, ended: i64) -> Raw {
    word("resolved", began, Some(ended))
}

/// Messages with the moments at which they come, and each that changed something: `began`, `graded`, `ended`, `doubted`.
#[track_caller]
fn check(messages: &[(i64, Raw)], expected: &[&str]) -> Scenario {
    let mut scenario = scenario();
    for (at, raw) in messages {
        receive(&mut scenario, *at, vec![raw.clone()]).expect("a proper message");
    }
    let changed =
        scenario.story().into_iter().filter_map(|line| line.split_once(" external alert: ").map(|(at, what)| format!("{at} {what}")));
    assert_eq!(changed.collect::<Vec<_>>(), expected);
    scenario
}

#[test]
fn what_a_clock_that_is_ahead_says_is_compared_with_what_it_said() {
    let messages = [(100, firing(120)), (105, firing(120)), (110, resolved(120, 125)), (112, firing(120)), (119, firing(120))];
    let scenario = check(&messages, &["100 Began", "110 Ended"]);
    assert_eq!(scenario.world.incidents.count, 1);
    let alert = &scenario.world.alerts.external.alerts["external/am/f1"];
    assert_eq!((alert.began_at, alert.ended_at), (seconds(100), Some(seconds(110))));
    // The next one fires: an end of the first that comes late is not its end.
    let next = [(130, firing(140)), (135, resolved(120, 125)), (138, firing(140)), (150, resolved(140, 160))];
    check(&[&messages[..], &next[..]].concat(), &["100 Began", "110 Ended", "130 Began", "150 Ended"]);
}

#[test]
fn an_end_without_a_moment_ends_what_a_clock_that_is_ahead_began() {
    check(&[(100, firing(120)), (110, word("resolved", 120, None))], &["100 Began", "110 Ended"]);
}

#[test]
fn a_copy_that_comes_late_opens_no_second_incident_however_late() {
    for late in [61, 900, 86_400] {
        let scenario = check(
            &[(20, firing(10)), (100, resolved(10, 95)), (100 + late, firing(10))],
            &["20 Began", "100 Ended", &format!("{} Doubted", 100 + late)],
        );
        assert_eq!((scenario.world.incidents.count, scenario.world.incidents.live.len()), (1, 0));
        let alert = &scenario.world.alerts.external.alerts["external/am/f1"];
        assert!(alert.doubt().is_some_and(|why| why.contains("a late copy")), "{:?}", alert.doubt());
        assert_eq!((alert.changed_at, alert.fires()), (seconds(100), false));
        let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
        assert!(incident.notes.last().is_some_and(|note| note.text.contains("a late copy")), "{:?}", incident.notes);
    }
}

#[test]
fn several_copies_at_once_are_as_late_as_one() {
    let copies: Vec<(i64, Raw)> = (0..60).map(|second| (1_000 + second, firing(10))).collect();
    check(&[&[(20, firing(10)), (100, resolved(10, 95))][..], &copies].concat(), &["20 Began", "100 Ended", "1000 Doubted"]);
}

#[test]
fn what_is_called_firing_again_and_again_after_its_end_fires() {
    let expected = ["20 Began", "100 Ended", "1000 Doubted", "1060 Began", "2000 Ended"];
    let scenario = check(
        &[
            (20, firing(10)),
            (100, resolved(10, 95)),
            (1_000, firing(10)),
            (1_060, firing(10)),
            (1_070, firing(10)),
            (2_000, resolved(10, 1_990)),
        ],
        &expected,
    );
    assert_eq!(scenario.world.incidents.count, 2);
    assert_eq!(scenario.world.incidents.live.len(), 0);
}

#[test]
fn what_is_written_after_the_end_is_no_copy() {
    let other = |began: i64| Raw { fingerprint: Some("f2".into()), ..firing(began) };
    let after = |other: Raw| {
        let mut scenario = scenario();
        for (at, some) in [(20, vec![firing(10)]), (100, vec![resolved(10, 95)]), (1_000, vec![firing(10), other])] {
            receive(&mut scenario, at, some).expect("a proper message");
        }
        scenario.replay();
        scenario.world.alerts.external.alerts["external/am/f1"].fires()
    };
    assert!(after(other(96)) && !after(other(94)));
    let ends = Raw { status: "resolved".into(), ends_at: Some(seconds(700).to_string()), ..other(50) };
    assert!(after(ends), "that something else ended later is written later too");
    // When something that fires will end is a guess.
    assert!(!after(Raw { ends_at: Some(seconds(9_000).to_string()), ..other(50) }));
}

#[test]
fn a_source_that_tells_no_begin_is_believed_a_minute_after_the_end() {
    let word = |status: &str| Raw { starts_at: Some("0001-01-01T00:00:00Z".into()), ends_at: None, ..raw(status, "critical", "10.0.0.1") };
    check(
        &[(20, word("firing")), (100, word("resolved")), (159, word("firing")), (160, word("firing")), (161, word("firing"))],
        &["20 Began", "100 Ended", "160 Began"],
    );
}

#[test]
fn a_later_begin_is_another_episode_at_once_and_its_incident_follows_the_one_before() {
    let scenario = check(&[(20, firing(10)), (100, resolved(10, 95)), (101, firing(99))], &["20 Began", "100 Ended", "101 Began"]);
    let incident = |number| &scenario.world.incidents.incidents[&scenario.incident(number)];
    assert_eq!((incident(1).follows, incident(2).follows), (None, Some(incident(1).id)));
    assert_eq!(incident(1).dedup_key, incident(2).dedup_key);
    assert!(incident(2).description.contains("It follows INC0000001"), "{}", incident(2).description);
}

#[test]
fn an_incident_follows_one_that_people_would_have_reopened_and_the_one_that_it_was_merged_into() {
    let day = 24 * 3_600;
    let scenario = check(
        &[(20, firing(10)), (100, resolved(10, 95)), (100 + 6 * day, firing(6 * day))],
        &["20 Began", "100 Ended", &format!("{} Began", 100 + 6 * day)],
    );
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(2)].follows, None);
    let mut scenario = super::super::tests::scenario();
    let other = Raw { fingerprint: Some("f2".into()), ..firing(10) };
    receive(&mut scenario, 20, vec![firing(10), other]).expect("a proper message");
    let into = scenario.incident(2);
    scenario.act(30, 1, IncidentAction::Merge { into }).expect("merged");
    receive(&mut scenario, 40, vec![resolved(10, 40)]).expect("a proper message");
    let resolve = IncidentAction::Resolve { close_code: "fixed".into(), notes: "ok".into(), children: Children::Leave };
    scenario.act(50, 2, resolve).expect("resolved");
    receive(&mut scenario, 60, vec![firing(55)]).expect("a proper message");
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(3)].follows, Some(into));
    scenario.replay();
}

#[test]
fn what_was_stored_before_sources_were_quoted_can_be_read() {
    let scenario = check(&[(20, firing(10)), (100, resolved(10, 95))], &["20 Began", "100 Ended"]);
    let mut stored = serde_json::to_value(&scenario.world.alerts.external.alerts["external/am/f1"]).expect("JSON");
    stored.as_object_mut().expect("an object").remove("said").expect("it is stored");
    let alert: ExternalAlert = serde_json::from_value(stored).expect("read again");
    assert!(alert.said.is_nothing() && alert.said_begin() == seconds(10));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A source with whatever clock sends episodes in order, each message so often; copies of earlier ones come in between, each no
    /// more than once.
    #[test]
    fn copies_of_what_was_said_change_nothing_whatever_the_clock_of_their_source(
        ahead in -500_i64..500,
        steps in prop::collection::vec((70_i64..300, 1_usize..3, any::<prop::sample::Index>()), 1..20),
    ) {
        let mut scenario = scenario();
        let (mut at, mut began, mut sent) = (1_000, 0, Vec::<Raw>::new());
        for (number, (wait, times, late)) in (0_usize..).zip(steps) {
            at += wait;
            let fires = number % 2 == 0;
            if fires {
                began = at + ahead;
            }
            let message = if fires { firing(began) } else { resolved(began, at + ahead) };
            for _ in 0..times {
                receive(&mut scenario, at, vec![message.clone()]).expect("a proper message");
            }
            if !sent.is_empty() {
                let copy = sent.remove(late.index(sent.len()));
                receive(&mut scenario, at + 65, vec![copy]).expect("a proper message");
            }
            sent.push(message);
            let alert = &scenario.world.alerts.external.alerts["external/am/f1"];
            prop_assert_eq!((alert.fires(), alert.times_fired as usize), (fires, number / 2 + 1));
        }
        scenario.replay();
    }
}
