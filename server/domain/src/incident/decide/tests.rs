use super::*;
use crate::Command;
use crate::alert::scenario::{Scenario, rule};
use crate::incident::HoldReason;
use crate::rule::Grade;

fn resolve() -> IncidentAction {
    IncidentAction::Resolve { close_code: "fixed".into(), notes: "Restarted it.".into() }
}

fn reopen() -> IncidentAction {
    IncidentAction::Reopen { reason: "It is back.".into() }
}

fn close() -> IncidentAction {
    IncidentAction::Close { notes: None }
}

fn cancel() -> IncidentAction {
    IncidentAction::Cancel { reason: "A test.".into() }
}

fn hold() -> IncidentAction {
    IncidentAction::Hold { reason: HoldReason::Vendor, note: Some("Waits for a disk.".into()) }
}

fn assign(assignee: &str) -> IncidentAction {
    IncidentAction::Assign { group: None, assignee: Some(assignee.into()) }
}

fn note() -> IncidentAction {
    IncidentAction::Note { text: "Looking.".into(), public: false }
}

fn opened() -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 97.0);
    scenario.story();
    scenario
}

/// Actions one second apart, and what happens until one is refused.
#[track_caller]
fn check(actions: &[IncidentAction], expected: &[&str]) -> Scenario {
    let mut scenario = opened();
    for (action, at) in actions.iter().zip(100..) {
        if let Err(rejection) = scenario.act(at, 1, action.clone()) {
            let Rejection::WrongState { state, action, .. } = rejection else { panic!("{rejection}") };
            let mut lines = scenario.story();
            lines.push(format!("{state}: not {action}"));
            assert_eq!(lines, expected);
            return scenario;
        }
    }
    assert_eq!(scenario.story(), expected);
    scenario
}

#[test]
fn an_incident_goes_from_new_to_closed() {
    let scenario = check(
        &[assign("ada"), IncidentAction::Acknowledge, hold(), IncidentAction::Resume, resolve(), close()],
        &[
            "100 INC1 assigned",
            "100 INC1 new → assigned",
            "101 INC1 acknowledged",
            "101 INC1 assigned → in_progress",
            "102 INC1 in_progress → on_hold",
            "103 INC1 on_hold → in_progress",
            "104 INC1 in_progress → resolved",
            "105 INC1 resolved → closed",
        ],
    );
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.hold_reason, incident.close_code.as_deref()), (None, Some("fixed")));
    assert!(incident.resolved.is_some() && incident.closed.is_some() && incident.acknowledged.is_some());
}

#[test]
fn every_open_state_can_be_resolved_and_cancelled() {
    for before in [vec![], vec![assign("ada")], vec![IncidentAction::Acknowledge], vec![hold()]] {
        for end in [resolve(), cancel()] {
            let mut scenario = opened();
            before.iter().for_each(|action| scenario.act(100, 1, action.clone()).unwrap());
            scenario.act(101, 1, end).unwrap();
            assert!(!scenario.world.incidents.incidents[&scenario.incident(1)].state.is_open());
            assert!(scenario.world.incidents.live.is_empty());
            scenario.story();
        }
    }
}

#[test]
fn what_the_state_does_not_allow_is_refused() {
    check(&[close()], &["new: not closed"]);
    check(&[reopen()], &["new: not reopened"]);
    check(&[IncidentAction::Resume], &["new: not resumed"]);
    check(&[resolve(), resolve()], &["100 INC1 new → resolved", "resolved: not resolved"]);
    check(&[cancel(), note()], &["100 INC1 new → cancelled", "cancelled: not noted on"]);
    check(&[resolve(), close(), reopen()], &["100 INC1 new → resolved", "101 INC1 resolved → closed", "closed: not reopened"]);
}

#[test]
fn a_reopened_incident_is_live_again() {
    let scenario = check(
        &[resolve(), reopen(), assign("ada"), assign("bo")],
        &["100 INC1 new → resolved", "101 INC1 resolved → in_progress", "102 INC1 assigned", "103 INC1 assigned"],
    );
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.reopen_count, incident.reassignment_count, incident.close_code.clone()), (1, 1, None));
    assert_eq!(scenario.world.incidents.live.len(), 1);
}

#[test]
fn an_old_incident_or_one_with_a_live_successor_is_not_reopened() {
    let mut scenario = opened();
    scenario.act(100, 1, resolve()).unwrap();
    assert!(matches!(scenario.act(101 + 5 * 24 * 3_600, 1, reopen()), Err(Rejection::Conflict(_))));
    scenario.value(200, 1.0);
    scenario.value(210, 97.0);
    assert!(matches!(scenario.act(220, 1, reopen()), Err(Rejection::Conflict(_))));
}

#[test]
fn acknowledging_twice_changes_nothing() {
    check(&[IncidentAction::Acknowledge, IncidentAction::Acknowledge], &["100 INC1 acknowledged", "100 INC1 new → in_progress"]);
}

#[test]
fn texts_and_revisions_are_checked() {
    let mut scenario = opened();
    let long = "x".repeat(TEXT_BYTES + 1);
    let wrong = [
        (IncidentAction::Note { text: " \n".into(), public: true }, "text"),
        (IncidentAction::Note { text: long, public: true }, "text"),
        (IncidentAction::Assign { group: None, assignee: None }, "assignee"),
        (IncidentAction::Resolve { close_code: String::new(), notes: "x".into() }, "close_code"),
        (IncidentAction::Reopen { reason: String::new() }, "reason"),
    ];
    for (action, expected) in wrong {
        assert!(matches!(scenario.act(100, 1, action), Err(Rejection::Invalid { field, .. }) if field == expected), "{expected}");
    }
    let stale = IncidentCommand::Act { incident: scenario.incident(1), action: note(), expected: Some(1) };
    assert!(matches!(scenario.command(100, &Command::Incident(stale)), Err(Rejection::Stale { .. })));
    assert!(scenario.story().is_empty());
}

#[test]
fn a_person_can_open_one() {
    let mut scenario = Scenario::new(Vec::new());
    let open = |primary_ci| {
        Command::Incident(IncidentCommand::Open {
            title: " The printer smells ".into(),
            description: "Of smoke.".into(),
            primary_ci,
            impact: Grade::Low,
            urgency: Grade::High,
            group: None,
        })
    };
    scenario.command(5, &open(Some(crate::alert::scenario::host(1)))).unwrap();
    assert_eq!(scenario.story(), ["5 INC1 opened P3: The printer smells"]);
    assert!(matches!(scenario.command(6, &open(Some(crate::alert::scenario::host(9)))), Err(Rejection::NotFound { .. })));
}
