use super::*;
use crate::alert::scenario::{Scenario, rule};
use crate::problem::{ProblemAction, ProblemCommand, ProblemState};
use crate::{Actor, Command};

#[test]
fn what_people_made_of_a_problem_is_told_with_what_was_before() {
    let mut scenario = Scenario::new(Vec::new());
    let open = ProblemCommand::Open {
        title: "Mail".into(),
        description: String::new(),
        priority: 3,
        group: None,
        applies_to: None,
        incidents: Vec::new(),
    };
    scenario.command(10, &Command::Problem(open)).expect("opened");
    let describe =
        |workaround: &str| ProblemAction::Describe { known_error: Some(true), workaround: Some(workaround.into()), root_cause: None };
    let applies =
        |query: &str| ProblemAction::Edit { title: None, description: None, priority: None, applies_to: Some(Some(query.into())) };
    for (at, action) in (20..).zip([
        describe("Wait."),
        describe(""),
        applies("package:openssl=3.0.14"),
        ProblemAction::Note { text: "Mondays.".into() },
        ProblemAction::Advance { state: ProblemState::FixInProgress },
        ProblemAction::Resolve { notes: "A new disk.".into(), incidents: false },
        ProblemAction::Reopen { reason: "It is back.".into() },
    ]) {
        scenario.work(at, 1, action).expect("allowed");
    }
    scenario.story();
    let id = scenario.problem(1);
    let all = steps(id, &scenario.log, 0);
    assert_eq!(all.len(), scenario.world.problems.problems[&id].history.len());
    let told =
        |step: &Step| step.changes.iter().map(|change| (change.field, change.before.clone(), change.after.clone())).collect::<Vec<_>>();
    let text = |text: &str| V::Text(text.into());
    let told: Vec<_> = all.iter().skip(1).map(told).collect();
    let resolved = V::Stamp(rollcall_shared::Timestamp(25_000), crate::alert::scenario::person());
    let note = V::Note { text: "Mondays.".into(), public: false };
    let expected = [
        vec![("known_error", V::Flag(false), V::Flag(true)), ("workaround", V::Nothing, text("Wait."))],
        vec![("workaround", text("Wait."), V::Nothing)],
        vec![("applies_to", V::Nothing, text("package:openssl=3.0.14"))],
        vec![("notes", V::Several(Vec::new()), V::Several(vec![note]))],
        vec![("state", text("new"), text("fix_in_progress"))],
        vec![("state", text("fix_in_progress"), text("resolved")), ("resolved", V::Nothing, resolved.clone())],
        vec![("state", text("resolved"), text("root_cause_analysis")), ("resolved", resolved, V::Nothing)],
    ];
    assert_eq!(told, expected);
    assert_eq!((&all[7].reason, &all[7].by), (&Some("It is back.".to_owned()), &crate::alert::scenario::person()));
    assert_eq!(steps(id, &scenario.log, all[3].revision), all[3..], "what is told does not depend on where one begins");
}

#[test]
fn what_the_machine_suspects_is_not_said_by_the_agent_that_brought_the_sample() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for at in [10, 1_000, 2_000, 3_000] {
        scenario.value(at, 97.0);
        scenario.value(at + 500, 10.0);
    }
    scenario.story();
    let id = scenario.problem(1);
    let history = &scenario.world.problems.problems[&id].history;
    let records: Vec<Record> = scenario.log.iter().filter(|record| history.contains(&record.revision)).cloned().collect();
    let all = steps(id, &records, 0);
    assert!(all.len() > 1 && all.iter().all(|step| step.by == Actor::System), "{all:#?}");
    let evidence = all.last().expect("the last incident");
    assert!(evidence.reason.is_some() && evidence.changes.iter().any(|change| change.field == "incidents"), "{evidence:#?}");
}
