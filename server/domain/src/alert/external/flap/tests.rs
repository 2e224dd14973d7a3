use super::super::tests::{raw, receive, scenario};
use crate::alert::scenario::Scenario;
use crate::incident::IncidentState;
use rollcall_shared::Timestamp;

/// Fires and ends every so many seconds, from 0 on, so often; when the last word was said.
fn tremble(scenario: &mut Scenario, every: i64, times: i64) -> i64 {
    for step in 0..times {
        let at = step * every;
        let mut word = raw(if step % 2 == 0 { "firing" } else { "resolved" }, "critical", "web-1.example.com");
        let begin = Timestamp((step - step % 2) * every * 1_000).to_string();
        (word.starts_at, word.ends_at) = (Some(begin), (step % 2 == 1).then(|| Timestamp(at * 1_000).to_string()));
        receive(scenario, at, vec![word]).expect("a proper message");
    }
    (times - 1) * every
}

fn state(scenario: &Scenario) -> (u64, IncidentState, u32) {
    let last = scenario.world.incidents.incidents.values().next_back().expect("one");
    (last.number, last.state, last.flap_count)
}

#[test]
fn an_incident_stays_open_while_its_alert_flaps_and_counts_the_come_backs() {
    let mut scenario = scenario();
    let last = tremble(&mut scenario, 300, 16);
    let (number, open, come_backs) = state(&scenario);
    assert!(number < 5 && open == IncidentState::New && come_backs >= 4, "INC{number} {open:?} {come_backs}");
    assert_eq!(scenario.world.incidents.incidents.len() as u64, number);
    let alert = scenario.world.alerts.external.alerts.values().next().expect("one");
    assert!(alert.flaps() && !alert.fires());
    scenario.story();
    scenario.tick(last + 15 * 300 - 1);
    assert_eq!(scenario.story(), [""; 0]);
    scenario.tick(last + 15 * 300);
    let story = scenario.story();
    assert_eq!(story, [format!("{} Flapping ends", last + 4_500), format!("{} INC{number} new → resolved", last + 4_500)]);
}

#[test]
fn one_that_fires_when_it_flaps_no_more_stays_open() {
    let mut scenario = scenario();
    let last = tremble(&mut scenario, 60, 15);
    scenario.tick(last + 6_300);
    let alert = scenario.world.alerts.external.alerts.values().next().expect("one");
    assert!(!alert.flaps() && alert.fires());
    let (_, open, _) = state(&scenario);
    assert_eq!(open, IncidentState::New);
    let incident = scenario.world.incidents.incidents.values().next_back().expect("one");
    assert_eq!(incident.notes.last().map(|note| note.text.as_str()), Some("It flaps no more; it fires."));
    scenario.replay();
}

#[test]
fn what_comes_and_goes_by_the_hour_does_not_flap() {
    let mut scenario = scenario();
    tremble(&mut scenario, 3_600, 16);
    assert_eq!(state(&scenario), (8, IncidentState::Resolved, 0));
}

#[test]
fn a_snapshot_keeps_the_history() {
    let mut scenario = scenario();
    tremble(&mut scenario, 300, 16);
    let stored = serde_json::to_string(&scenario.world.alerts.external).expect("a snapshot");
    assert_eq!(serde_json::from_str::<super::super::Externals>(&stored).expect("read again"), scenario.world.alerts.external);
}
