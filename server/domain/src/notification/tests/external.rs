//! Alerts of other systems, told as our own are.

use super::{Desk, route};
use crate::alert::decide::AlertCommand;
use crate::alert::external::ExternalReport;
use crate::alert::external::report::Raw;
use crate::alert::external::suppress::ExternalSelector;
use crate::alert::mute::{MuteKind, NewMute, Schedule};
use crate::alert::scenario::seconds;
use crate::command::Command;
use crate::notification::route::{Route, When};
use crate::rule::{Selector, Tier};
use std::collections::{BTreeMap, BTreeSet};

/// A message with alerts of one name, told apart by their number.
fn receive(desk: &mut Desk, at: i64, (status, name, severity): (&str, &str, &str), numbers: std::ops::Range<u32>) {
    let one = |n: u32| {
        let labels = [("alertname", name), ("severity", severity), ("pod", &n.to_string())];
        let raw = Raw {
            status: status.into(),
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            fingerprint: Some(format!("{name}{n}")),
            ..Raw::default()
        };
        ExternalReport::new(raw).expect("a proper alert")
    };
    let numbers: Vec<u32> = numbers.collect();
    for some in numbers.chunks(25) {
        let reports = some.iter().map(|n| one(*n)).collect();
        desk.s.command(at, &Command::Alert(AlertCommand::Receive { source: "am".into(), reports })).expect("a proper message");
        desk.s.settle(at);
    }
}

const DOWN: (&str, &str, &str) = ("firing", "PodDown", "critical");

#[test]
fn one_that_is_critical_pages_at_once_and_a_warning_is_a_ticket() {
    let mut desk = Desk::with_route();
    receive(&mut desk, 10, DOWN, 0..1);
    receive(&mut desk, 10, ("firing", "Slow", "warning"), 0..1);
    desk.wait([11, 60, 100]);
    desk.check(&["10 firing: PodDown"]);
    receive(&mut desk, 200, ("resolved", "PodDown", "critical"), 0..1);
    desk.check(&["200 resolved: PodDown"]);
}

#[test]
fn a_thousand_of_one_name_are_one_message_that_says_how_many() {
    let mut desk = Desk::with_route();
    receive(&mut desk, 10, DOWN, 0..1_000);
    desk.wait(11..=300);
    let told = desk.told();
    assert_eq!(told, ["20 firing: Storm: PodDown, 1000 alerts of am"]);
    receive(&mut desk, 400, ("resolved", "PodDown", "critical"), 0..1_000);
    desk.wait([401, 500]);
    assert_eq!(desk.told(), ["400 resolved: Storm: PodDown, 1000 alerts of am"]);
}

#[test]
fn routes_select_them_by_feed_label_severity_and_name() {
    let check = |when: When, expected: bool| {
        let mut desk = Desk::new();
        desk.set_route(Route { when, ..route(desk.channel) });
        receive(&mut desk, 10, DOWN, 0..1);
        assert_eq!(desk.told().len(), usize::from(expected));
    };
    let words = |word: &str| BTreeSet::from([word.to_owned()]);
    let label = |value: &str| BTreeMap::from([("pod".to_owned(), value.to_owned())]);
    check(When { sources: words("am"), labels: label("0"), categories: words("PodDown"), ..When::default() }, true);
    check(When { sources: words("other"), ..When::default() }, false);
    check(When { labels: label("1"), ..When::default() }, false);
    check(When { tiers: BTreeSet::from([Tier::Ticket]), ..When::default() }, false);
    check(When { severities: BTreeSet::from([crate::rule::Severity::Critical]), ..When::default() }, true);
    check(When { severities: BTreeSet::from([crate::rule::Severity::Warning]), ..When::default() }, false);
}

#[test]
fn one_that_is_silenced_while_its_incident_is_open_is_not_told_again_until_that_is_over() {
    let mut desk = Desk::with_route();
    receive(&mut desk, 0, DOWN, 0..1);
    desk.check(&["0 firing: PodDown"]);
    let external = Some(ExternalSelector { sources: ["am".to_owned()].into(), ..ExternalSelector::default() });
    let schedule = Schedule::Once { from: seconds(100), to: seconds(20_000) };
    let (kind, selector) = (MuteKind::Silence, Selector::default());
    let mute = NewMute { kind, reason: "known".into(), selector, rules: Vec::new(), external, schedule };
    desk.s.command(100, &Command::Alert(AlertCommand::Mute(Box::new(mute)))).expect("a proper mute");
    for at in [101, 14_400, 15_000, 19_999] {
        desk.s.tick(at);
        desk.s.settle(at);
    }
    desk.check(&[]);
    for at in [20_000, 20_001, 20_700] {
        desk.s.tick(at);
        desk.s.settle(at);
    }
    assert_eq!(desk.told().len(), 1);
}
