use super::*;
use crate::alert::scenario::{Scenario, rule};
use crate::incident::{Edit, IncidentAction, IncidentCommand, NewIncident};
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
    let edit = ProblemAction::Edit { title: Some("Other".into()), description: None, priority: None, applies_to: None };
    let describe = ProblemAction::Describe { known_error: Some(true), workaround: None, root_cause: None };
    let note = ProblemAction::Note { text: "Too late.".into() };
    for (late, word) in [(edit, "described"), (describe, "described"), (note, "noted on")] {
        let expected = ["20000 PRB1 new → resolved", "20001 PRB1 resolved → closed", &format!("closed: not {word}")];
        check(&[resolve(), ProblemAction::Close { notes: None }, late], &expected);
    }
}

#[test]
fn a_title_is_one_line() {
    let mut scenario = opened();
    let edit = |title: &str| ProblemAction::Edit { title: Some(title.into()), description: None, priority: None, applies_to: None };
    for wrong in ["a\0b", "a\nb"] {
        let refused = Err(Rejection::invalid("title", "must have no control characters"));
        let (title, description) = (wrong.to_owned(), String::new());
        let open = ProblemCommand::Open { title, description, priority: 3, group: None, applies_to: None, incidents: Vec::new() };
        assert_eq!(scenario.command(20_000, &Command::Problem(open)), refused, "{wrong:?}");
        assert_eq!(scenario.work(20_000, 1, edit(wrong)), refused, "{wrong:?}");
    }
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
    let cause = |text: &str| ProblemAction::Describe { known_error: None, workaround: None, root_cause: Some(text.into()) };
    scenario.work(20_001, 1, cause("The moon.")).unwrap();
    scenario.work(20_001, 1, cause("")).unwrap();
    scenario.work(20_002, 1, ProblemAction::Note { text: "Seen before.".into() }).unwrap();
    let assign = |group: Option<Option<String>>, assignee| ProblemAction::Assign { group, assignee };
    scenario.work(20_003, 1, assign(Some(Some("storage".into())), Some(Some("ada".into())))).unwrap();
    scenario.work(20_004, 1, assign(None, Some(None))).unwrap();
    let problem = &scenario.world.problems.problems[&scenario.problem(1)];
    assert!(problem.known_error);
    assert_eq!((problem.workaround.as_deref(), problem.root_cause.as_deref()), (Some("Restart it."), None));
    assert_eq!((problem.notes.len(), problem.group.as_deref(), problem.assignee.as_deref()), (1, Some("storage"), None));
    assert_eq!(scenario.story().len(), 7);
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

/// Problems without incidents but those named, and incidents of people, all as the first command of a scenario.
fn by_hand(incidents: u64, problems: &[&[u64]]) -> Scenario {
    let mut scenario = Scenario::new(Vec::new());
    for at in 1..=incidents {
        let new = NewIncident { title: format!("Incident {at}"), ..NewIncident::default() };
        scenario.command(i64::try_from(at).unwrap(), &Command::Incident(IncidentCommand::Open(Box::new(new)))).unwrap();
    }
    for (members, at) in problems.iter().zip(100..) {
        let incidents = members.iter().map(|number| scenario.incident(*number)).collect();
        let open = ProblemCommand::Open {
            title: format!("P{at}"),
            description: String::new(),
            priority: 3,
            group: None,
            applies_to: None,
            incidents,
        };
        scenario.command(at, &Command::Problem(open)).unwrap();
    }
    scenario.story();
    scenario
}

fn link(scenario: &Scenario, incident: u64) -> ProblemAction {
    ProblemAction::Link { incidents: vec![scenario.incident(incident)] }
}

fn moved_to(scenario: &Scenario, problem: u64) -> IncidentAction {
    IncidentAction::Edit(Box::new(Edit { problem: Some(Some(scenario.problem(problem))), ..Edit::default() }))
}

/// The numbers of the incidents that each problem lists, and the number of the problem that the first incident has.
#[track_caller]
fn check_members(scenario: &Scenario, expected: &[&[u64]], problem: Option<u64>) {
    let world = &scenario.world;
    let number = |id: &IncidentId| world.incidents.incidents[id].number;
    let listed = |at: usize| world.problems.problems[&scenario.problem(at as u64 + 1)].incidents.iter().map(number).collect::<Vec<_>>();
    assert_eq!((0..expected.len()).map(listed).collect::<Vec<_>>(), expected);
    assert_eq!(world.incidents.incidents[&scenario.incident(1)].problem, problem.map(|number| scenario.problem(number)));
}

#[test]
fn an_incident_that_is_moved_leaves_the_problem_that_it_had() {
    let mut scenario = by_hand(2, &[&[1, 2, 1], &[]]);
    check_members(&scenario, &[&[1, 2], &[]], Some(1));
    scenario.act(200, 1, moved_to(&scenario, 2)).unwrap();
    check_members(&scenario, &[&[2], &[1]], Some(2));
    scenario.work(201, 1, ProblemAction::Resolve { notes: "Fixed.".into(), incidents: true }).unwrap();
    let story =
        ["200 PRB1 without an incident", "200 PRB2 evidence", "200 INC1 linked", "201 PRB1 new → resolved", "201 INC2 new → resolved"];
    assert_eq!(scenario.story(), story, "what is another problem's is not resolved");
}

#[test]
fn linking_moves_it_as_well_whichever_way_it_is_done() {
    let mut scenario = by_hand(1, &[&[1], &[]]);
    scenario.work(200, 2, link(&scenario, 1)).unwrap();
    check_members(&scenario, &[&[], &[1]], Some(2));
    scenario.work(201, 2, link(&scenario, 1)).unwrap();
    scenario.work(202, 2, ProblemAction::Unlink { incident: scenario.incident(1) }).unwrap();
    check_members(&scenario, &[&[], &[]], None);
    let story =
        ["200 PRB1 without an incident", "200 PRB2 evidence", "200 INC1 linked", "202 PRB2 without an incident", "202 INC1 unlinked"];
    assert_eq!(scenario.story(), story, "the same again is no change");
    check_members(&by_hand(1, &[&[1], &[1]]), &[&[], &[1]], Some(2));
}

#[test]
fn what_is_but_evidence_of_a_problem_stays_with_its_own() {
    let mut scenario = opened();
    let first = scenario.incident(1);
    scenario.seed(|world| {
        let mut other = Problem::blank(ProblemId(77), 2, crate::problem::Origin::Person, rollcall_shared::Timestamp(0));
        other.incidents.push(first);
        world.problems.problems.insert(other.id, other);
    });
    check_members(&scenario, &[&[1, 2, 3], &[1]], Some(1));
    scenario.work(20_000, 2, ProblemAction::Unlink { incident: first }).unwrap();
    check_members(&scenario, &[&[1, 2, 3], &[]], Some(1));
    assert_eq!(scenario.story(), ["20000 PRB2 without an incident"]);
}

#[test]
fn a_problem_that_is_over_is_given_no_incident() {
    for end in [resolve(), cancel()] {
        let mut scenario = by_hand(1, &[&[1], &[]]);
        scenario.work(200, 2, end).unwrap();
        scenario.story();
        assert!(matches!(scenario.act(201, 1, moved_to(&scenario, 2)), Err(Rejection::Conflict(_))));
        assert!(matches!(scenario.work(201, 2, link(&scenario, 1)), Err(Rejection::WrongState { .. })));
        assert!(scenario.story().is_empty());
    }
}

#[test]
fn an_incident_that_is_resolved_with_its_problem_says_that_its_alert_still_fires() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 97.0);
    let (title, incidents) = ("Leak".to_owned(), vec![scenario.incident(1)]);
    let open = ProblemCommand::Open { title, description: String::new(), priority: 3, group: None, applies_to: None, incidents };
    scenario.command(20, &Command::Problem(open)).unwrap();
    scenario.story();
    scenario.work(30, 1, ProblemAction::Resolve { notes: "Fixed.".into(), incidents: true }).unwrap();
    assert_eq!(scenario.story(), ["30 PRB1 new → resolved", "30 INC1 new → resolved", "30 INC1 noted"]);
    let still = scenario.world.incidents.incidents[&scenario.incident(1)].notes.last().map(|note| note.text.clone());
    assert!(still.as_ref().is_some_and(|text| text.starts_with("It still fires: m is 97, above 95.")), "{still:?}");
}

#[test]
fn what_a_problem_applies_to_must_be_a_query_that_holds_at_any_time() {
    let mut scenario = opened();
    let mut check = |query: Option<&str>, expected: Option<&str>| {
        let applies_to = query.map(Into::into);
        let edit = ProblemAction::Edit { title: None, description: None, priority: None, applies_to: Some(applies_to.clone()) };
        let title = "Leaks".to_owned();
        let open = ProblemCommand::Open { title, description: String::new(), priority: 3, group: None, applies_to, incidents: vec![] };
        let edited = scenario.work(20_000, 1, edit).map_err(|rejection| rejection.to_string());
        let opened = scenario.command(20_000, &Command::Problem(open)).map_err(|rejection| rejection.to_string());
        match expected {
            None => assert_eq!((edited, opened), (Ok(()), Ok(()))),
            Some(expected) => {
                let told = edited.expect_err("refused");
                assert!(told.contains("applies_to") && told.contains(expected), "{told}");
                assert_eq!(opened, Err(told));
            }
        }
    };
    check(Some("package:openssl=3.0.14 tag:prod"), None);
    check(None, None);
    check(Some(""), Some("must not be empty"));
    check(Some("class:server package:"), Some("^"));
    check(Some("group:web"), Some("web"));
    check(Some("last_seen>7d"), Some("must not ask for last_seen"));
    check(Some("incident:open"), Some("must not ask for incident"));
    scenario.story();
}
