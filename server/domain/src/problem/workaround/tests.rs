use super::*;
use crate::alert::scenario::{Scenario, rule};
use crate::incident::{Children, Edit, IncidentAction, IncidentCommand, NewIncident};
use crate::problem::{ProblemAction, ProblemCommand};
use crate::{Command, id::IncidentId};

fn describe(known_error: Option<bool>, workaround: Option<&str>) -> ProblemAction {
    ProblemAction::Describe { known_error, workaround: workaround.map(str::to_owned), root_cause: None }
}

fn resolve() -> IncidentAction {
    IncidentAction::Resolve { close_code: "fixed".into(), notes: "Done.".into(), children: Children::default() }
}

/// Incidents that people opened, all but the last of them linked to a problem.
fn linked(incidents: u64) -> Scenario {
    let mut scenario = Scenario::new(Vec::new());
    for number in 1..=incidents {
        let new = NewIncident { title: format!("Slow {number}"), ..NewIncident::default() };
        scenario.command(10, &Command::Incident(IncidentCommand::Open(Box::new(new)))).expect("opened");
    }
    let incidents: Vec<IncidentId> = (1..incidents).map(|number| scenario.incident(number)).collect();
    let open =
        ProblemCommand::Open { title: "Disks".into(), description: String::new(), priority: 3, group: None, applies_to: None, incidents };
    scenario.command(20, &Command::Problem(open)).expect("opened");
    scenario
}

fn notes(scenario: &Scenario, number: u64) -> Vec<&str> {
    scenario.world.incidents.incidents[&scenario.incident(number)].notes.iter().map(|note| note.text.as_str()).collect()
}

/// What the open incident of a problem is told of these changes.
#[track_caller]
fn check(changes: &[ProblemAction], expected: &[&str]) {
    let mut scenario = linked(2);
    for (action, at) in changes.iter().zip(30..) {
        scenario.work(at, 1, action.clone()).expect("allowed");
    }
    scenario.replay();
    assert_eq!(notes(&scenario, 1), expected);
    assert!(notes(&scenario, 2).is_empty(), "another one is not told");
}

#[test]
fn an_open_incident_has_one_note_for_each_change_of_what_is_known() {
    let known = "Known error PRB0000001: Disks\nWorkaround: Restart it.";
    check(&[describe(Some(true), Some("Restart it."))], &[known]);
    check(&[describe(None, Some("Restart it."))], &["Problem PRB0000001: Disks\nWorkaround: Restart it."]);
    let unknown = "Known error PRB0000001: Disks\nIts cause is known. No workaround is written down yet.";
    check(&[describe(Some(true), None), describe(None, Some("Restart it."))], &[unknown, known]);
    let taken_back = "Known error PRB0000001: Disks\nIts workaround was taken back.";
    check(&[describe(Some(true), Some("Restart it.")), describe(None, Some(""))], &[known, taken_back]);
    let no_more = "Problem PRB0000001: Disks\nIt is no known error any more.";
    check(&[describe(Some(true), Some("Restart it.")), describe(Some(false), None)], &[known, no_more]);
    let other = "Known error PRB0000001: Disks\nWorkaround: Wait.";
    check(&[describe(Some(true), Some("Restart it.")), describe(Some(true), Some("Wait."))], &[known, other]);
}

#[test]
fn what_changes_nothing_is_not_told_again() {
    let known = "Known error PRB0000001: Disks\nWorkaround: Restart it.";
    check(&[describe(Some(true), Some("Restart it.")), describe(Some(true), Some("Restart it."))], &[known]);
    let cause = ProblemAction::Describe { known_error: None, workaround: None, root_cause: Some("The plug.".into()) };
    check(&[cause], &[]);
    check(&[describe(Some(false), Some(""))], &[]);
}

#[test]
fn what_has_ended_is_not_told() {
    let mut scenario = linked(3);
    scenario.act(30, 1, resolve()).expect("allowed");
    scenario.work(40, 1, describe(Some(true), Some("Restart it."))).expect("allowed");
    assert_eq!((notes(&scenario, 1).len(), notes(&scenario, 2).len()), (0, 1));
    scenario.work(50, 1, ProblemAction::Resolve { notes: "New disks.".into(), incidents: false }).expect("allowed");
    scenario.work(60, 1, describe(None, Some("Wait."))).expect("allowed");
    assert_eq!(notes(&scenario, 2).len(), 1, "what is fixed needs no workaround");
}

#[test]
fn of_many_incidents_the_newest_are_told_and_the_rest_is_counted() {
    let mut scenario = linked(204);
    scenario.work(40, 1, describe(Some(true), Some("Restart it."))).expect("allowed");
    let told: Vec<usize> = [1, 3, 4, 203].map(|number| notes(&scenario, number).len()).to_vec();
    assert_eq!(told, [0, 0, 1, 1]);
    let problem = &scenario.world.problems.problems[&scenario.problem(1)];
    assert_eq!(problem.notes[0].text, "200 of 203 open incidents have a note of this; the other 3 show it when they are read.");
    let untold = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!(known_by_now(&scenario.world, untold)[0].workaround.as_deref(), Some("Restart it."));
}

#[test]
fn an_incident_that_people_give_to_a_problem_is_told_what_helps() {
    let known = "Known error PRB0000001: Disks\nWorkaround: Restart it.";
    let mut scenario = linked(3);
    scenario.work(30, 1, describe(Some(true), Some("Restart it."))).expect("allowed");
    scenario.work(40, 1, ProblemAction::Link { incidents: vec![scenario.incident(3)] }).expect("allowed");
    assert_eq!(notes(&scenario, 3), [known]);
    let mut scenario = linked(3);
    scenario.work(30, 1, describe(Some(true), Some("Restart it."))).expect("allowed");
    let problem = Some(Some(scenario.problem(1)));
    scenario.act(40, 3, IncidentAction::Edit(Box::new(Edit { problem, ..Edit::default() }))).expect("allowed");
    assert_eq!(notes(&scenario, 3), [known]);
    let open = ProblemCommand::Open {
        title: "Same".into(),
        description: String::new(),
        priority: 3,
        group: None,
        applies_to: None,
        incidents: Vec::new(),
    };
    scenario.command(50, &Command::Problem(open)).expect("opened");
    scenario.work(60, 2, describe(Some(true), Some("Wait."))).expect("allowed");
    let of = scenario.problem(2);
    scenario.work(70, 1, ProblemAction::Duplicate { of }).expect("allowed");
    assert_eq!(notes(&scenario, 3), [known, "Known error PRB0000002: Same\nWorkaround: Wait."]);
    scenario.replay();
}

#[test]
fn an_open_incident_shows_its_known_errors_as_they_are_by_now() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for at in [10, 30, 50] {
        scenario.value(at, 97.0);
        scenario.value(at + 10, 1.0);
    }
    scenario.work(70, 1, describe(Some(true), Some("Restart it."))).expect("allowed");
    scenario.value(80, 97.0);
    let shown = |scenario: &Scenario| {
        let incident = &scenario.world.incidents.incidents[&scenario.incident(4)];
        let known: Vec<Option<String>> = known_by_now(&scenario.world, incident).into_iter().map(|known| known.workaround).collect();
        let description = described_by_now(&scenario.world, incident).into_owned();
        let line = description.lines().find(|line| line.starts_with("- Load keeps")).map(str::to_owned);
        (known, line.unwrap_or_default())
    };
    let line = |rest: &str| format!("- Load keeps coming back on web-1 {rest}");
    let same = |workaround: &str| line(&format!("(it is the same breach). Workaround: {workaround}"));
    assert_eq!(shown(&scenario), (vec![Some("Restart it.".into())], same("Restart it.")));
    scenario.work(90, 1, describe(None, Some("Wait."))).expect("allowed");
    assert_eq!(shown(&scenario), (vec![Some("Wait.".into())], same("Wait.")));
    scenario.work(100, 1, describe(Some(false), None)).expect("allowed");
    assert_eq!(shown(&scenario), (Vec::new(), line("(no known error any more)")));
    scenario.work(110, 1, describe(Some(true), None)).expect("allowed");
    scenario.work(120, 1, ProblemAction::Resolve { notes: "New disk.".into(), incidents: false }).expect("allowed");
    assert_eq!(shown(&scenario), (Vec::new(), line("(resolved by now)")));
    scenario.act(130, 4, resolve()).expect("allowed");
    assert_eq!(shown(&scenario), (vec![Some("Restart it.".into())], same("Restart it.")), "as it was when it opened, once it has ended");
    scenario.replay();
}
