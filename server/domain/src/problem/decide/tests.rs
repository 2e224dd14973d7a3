use super::*;
use crate::alert::scenario::{Scenario, rule};
use crate::{Command, Rejection};

fn opened() -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for hour in 1..=3 {
        scenario.value(hour * 3_600, 97.0);
        scenario.value(hour * 3_600 + 60, 1.0);
    }
    scenario.story();
    scenario
}

fn advance(state: ProblemState) -> ProblemAction {
    ProblemAction::Advance { state }
}

fn resolve() -> ProblemAction {
    ProblemAction::Resolve { notes: "Replaced.".into(), incidents: false }
}

fn reopen() -> ProblemAction {
    ProblemAction::Reopen { reason: "It is back.".into() }
}

fn cancel() -> ProblemAction {
    ProblemAction::Cancel { reason: "None.".into() }
}

#[track_caller]
fn check(actions: &[ProblemAction], expected: &[&str]) {
    let mut scenario = opened();
    for (action, at) in actions.iter().zip(20_000..) {
        if let Err(rejection) = scenario.work(at, 1, action.clone()) {
            let Rejection::WrongState { state, action, .. } = rejection else { panic!("{rejection}") };
            let mut lines = scenario.story();
            lines.push(format!("{state}: not {action}"));
            assert_eq!(lines, expected);
            return;
        }
    }
    assert_eq!(scenario.story(), expected);
}

#[test]
fn a_problem_goes_from_new_to_closed_and_back_to_analysis() {
    let work = [
        ProblemAction::Acknowledge,
        advance(ProblemState::RootCauseAnalysis),
        advance(ProblemState::FixInProgress),
        resolve(),
        ProblemAction::Close { notes: None },
        reopen(),
    ];
    check(
        &work,
        &[
            "20000 PRB1 acknowledged",
            "20000 PRB1 new → assess",
            "20001 PRB1 assess → root_cause_analysis",
            "20002 PRB1 root_cause_analysis → fix_in_progress",
            "20003 PRB1 fix_in_progress → resolved",
            "20004 PRB1 resolved → closed",
            "20005 PRB1 closed → root_cause_analysis",
        ],
    );
}

#[test]
fn what_the_state_does_not_allow_is_refused() {
    check(&[reopen()], &["new: not reopened"]);
    check(&[ProblemAction::Close { notes: None }], &["new: not closed"]);
    check(&[advance(ProblemState::Closed)], &["new: not moved to that state"]);
    check(&[cancel(), reopen()], &["20000 PRB1 new → cancelled", "cancelled: not reopened"]);
    check(&[resolve(), resolve()], &["20000 PRB1 new → resolved", "resolved: not resolved"]);
}

#[test]
fn what_is_known_is_written_down_and_kept() {
    let mut scenario = opened();
    let describe = |known_error, workaround: Option<&str>| ProblemAction::Describe {
        known_error,
        workaround: workaround.map(Into::into),
        root_cause: None,
    };
    scenario.work(20_000, 1, describe(Some(true), None)).unwrap();
    scenario.work(20_001, 1, describe(None, Some("Restart it."))).unwrap();
    scenario.work(20_002, 1, ProblemAction::Note { text: "Seen before.".into() }).unwrap();
    scenario.work(20_003, 1, ProblemAction::Assign { group: Some("storage".into()), assignee: None }).unwrap();
    let problem = &scenario.world.problems.problems[&scenario.problem(1)];
    assert!(problem.known_error);
    assert_eq!(problem.workaround.as_deref(), Some("Restart it."));
    assert_eq!((problem.notes.len(), problem.group.as_deref()), (1, Some("storage")));
    assert_eq!(scenario.story().len(), 4);
}

#[test]
fn wrong_texts_hypotheses_and_revisions_are_refused() {
    let mut scenario = opened();
    let note = ProblemAction::Note { text: "  ".into() };
    assert!(matches!(scenario.work(20_000, 1, note), Err(Rejection::Invalid { field, .. }) if field == "text"));
    let judge = ProblemAction::Judge { factor: "moon".into(), verdict: Verdict::Confirmed };
    assert!(matches!(scenario.work(20_000, 1, judge), Err(Rejection::Invalid { field, .. }) if field == "factor"));
    let problem = scenario.problem(1);
    let stale = ProblemCommand::Act { problem, action: ProblemAction::Acknowledge, expected: Some(1) };
    assert!(matches!(scenario.command(20_000, &Command::Problem(stale)), Err(Rejection::Stale { .. })));
}

#[test]
fn two_open_problems_of_one_cause_cannot_be() {
    let mut scenario = opened();
    scenario.work(20_000, 1, resolve()).unwrap();
    for hour in 10..=12 {
        scenario.value(hour * 3_600, 97.0);
        scenario.value(hour * 3_600 + 60, 1.0);
    }
    assert_eq!(scenario.world.problems.count, 2);
    assert!(matches!(scenario.work(50_000, 1, reopen()), Err(Rejection::Conflict(_))));
}
