use super::*;
use crate::Command;
use crate::alert::scenario::{Scenario, rule};
use crate::incident::{Channel, Edit, HoldReason, NewIncident, Party, Who};
use crate::rule::Grade;

fn resolve() -> IncidentAction {
    IncidentAction::Resolve { close_code: "fixed".into(), notes: "Restarted it.".into(), children: Children::Leave }
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
    IncidentAction::Assign { group: None, assignee: Some(Some(assignee.into())) }
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
            lines.push(format!("{}: not {action}", state.split(' ').next().unwrap_or_default()));
            assert_eq!(lines, expected);
            return scenario;
        }
    }
    assert_eq!(scenario.story(), expected);
    scenario
}

/// Who ends an incident whose alert goes on is told so.
const STILL: &str = "100 INC1 noted";

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
            "104 INC1 noted",
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
    check(&[resolve(), resolve()], &["100 INC1 new → resolved", STILL, "resolved: not resolved"]);
    check(&[cancel(), note()], &["100 INC1 new → cancelled", STILL, "cancelled: not noted on"]);
    check(&[resolve(), close(), hold()], &["100 INC1 new → resolved", STILL, "101 INC1 resolved → closed", "closed: not put on hold"]);
    check(&[cancel(), reopen()], &["100 INC1 new → cancelled", STILL, "cancelled: not reopened"]);
}

#[test]
fn a_reopened_incident_is_live_again() {
    let scenario = check(
        &[resolve(), reopen(), assign("ada"), assign("bo")],
        &["100 INC1 new → resolved", STILL, "101 INC1 resolved → in_progress", "102 INC1 assigned", "103 INC1 assigned"],
    );
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.reopen_count, incident.reassignment_count, incident.close_code.clone()), (1, 1, None));
    assert_eq!(scenario.world.incidents.live.len(), 1);
}

#[test]
fn who_has_it_can_be_taken_off_and_the_group_too() {
    let off = |group, assignee| IncidentAction::Assign { group, assignee };
    let give = off(Some(Some("storage".into())), Some(Some("ada".into())));
    let none = || Some(None);
    let scenario = check(&[give.clone(), off(None, none())], &["100 INC1 assigned", "100 INC1 new → assigned", "101 INC1 assigned"]);
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.group.as_deref(), incident.assignee.as_deref()), (Some("storage"), None));
    let assigned = ["100 INC1 assigned", "100 INC1 new → assigned", "101 INC1 assigned", "101 INC1 assigned → new"];
    check(&[give.clone(), off(none(), none()), off(none(), none())], &assigned);
    let scenario = check(
        &[IncidentAction::Acknowledge, give, off(Some(Some("desk".into())), none())],
        &["100 INC1 acknowledged", "100 INC1 new → in_progress", "101 INC1 assigned", "102 INC1 assigned"],
    );
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.group.as_deref(), incident.assignee.as_deref()), (Some("desk"), None));
}

#[test]
fn one_that_is_over_for_ever_is_followed_by_another_one() {
    let mut scenario = opened();
    scenario.act(100, 1, resolve()).unwrap();
    scenario.act(101 + 5 * 24 * 3_600, 1, reopen()).unwrap();
    let lines = scenario.story();
    assert_eq!(lines, ["100 INC1 new → resolved", STILL, "432101 INC2 opened P2: Load critical on web-1: 97"]);
    let copy = &scenario.world.incidents.incidents[&scenario.incident(2)];
    assert_eq!((copy.follows, copy.state, copy.channel), (Some(scenario.incident(1)), IncidentState::New, Channel::Api));
    assert!(copy.description.starts_with("It is back.\n\nIt follows INC0000001, which is over for ever and said:\nm is 97"));
    assert!(matches!(scenario.act(500_000, 1, reopen()), Err(Rejection::Conflict(_))), "the copy is open for the same breach");
}

#[test]
fn what_people_opened_is_followed_by_one_at_a_time() {
    let mut scenario = Scenario::new(Vec::new());
    scenario.command(1, &open(new())).unwrap();
    for action in [resolve(), close(), reopen()] {
        scenario.act(10, 1, action).unwrap();
    }
    let refused = scenario.act(11, 1, reopen()).unwrap_err();
    assert!(matches!(&refused, Rejection::Conflict(_)) && refused.to_string().contains("INC0000002"), "{refused}");
    scenario.act(12, 2, resolve()).unwrap();
    scenario.act(13, 1, reopen()).unwrap();
    let refused = scenario.act(14, 2, reopen()).unwrap_err();
    assert!(refused.to_string().contains("INC0000003"), "another one of the line is open: {refused}");
    scenario.act(15, 3, resolve()).unwrap();
    scenario.act(16, 2, reopen()).unwrap();
    let lines = scenario.story();
    assert_eq!(lines.last().map(String::as_str), Some("16 INC2 resolved → in_progress"));
    assert_eq!(scenario.world.incidents.count, 3);
}

#[test]
fn one_with_a_live_successor_is_not_reopened() {
    let mut scenario = opened();
    scenario.act(100, 1, resolve()).unwrap();
    scenario.value(200, 1.0);
    scenario.value(210, 97.0);
    assert!(matches!(scenario.act(220, 1, reopen()), Err(Rejection::Conflict(_))));
}

#[test]
fn a_refusal_says_what_is_possible() {
    let mut scenario = opened();
    scenario.act(100, 1, resolve()).unwrap();
    let refused = scenario.act(101, 1, hold()).unwrap_err().to_string();
    let id = scenario.incident(1);
    let expected =
        format!("{id} is resolved (possible now: note, edit, reopen, close, watch, unwatch, attach, detach): it cannot be put on hold");
    assert_eq!(refused, expected);
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
        (IncidentAction::Resolve { close_code: String::new(), notes: "x".into(), children: Children::Leave }, "close_code"),
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
        let (impact, urgency) = (Some(Grade::Low), Some(Grade::High));
        open(NewIncident { title: " The printer smells ".into(), description: "Of smoke.".into(), primary_ci, impact, urgency, ..new() })
    };
    scenario.command(5, &open(Some(crate::alert::scenario::host(1)))).unwrap();
    assert_eq!(scenario.story(), ["5 INC1 opened P3: The printer smells"]);
    assert!(
        matches!(scenario.command(6, &open(Some(crate::alert::scenario::host(9)))), Err(Rejection::Invalid { field, .. }) if field == "primary_ci")
    );
}

fn new() -> NewIncident {
    NewIncident { title: "Printer".into(), description: "It smokes.".into(), ..NewIncident::default() }
}

fn open(new: NewIncident) -> Command {
    Command::Incident(IncidentCommand::Open(Box::new(new)))
}

#[test]
fn a_title_is_one_line_and_what_is_kept_is_not_judged_again() {
    let title = |text: &str| Edit { title: Some(text.into()), ..Edit::default() };
    for wrong in ["a\0b", "a\nb", "a\tb", "\u{1b}[31mred"] {
        let refused = Err(Rejection::invalid("title", "must have no control characters"));
        let mut scenario = Scenario::new(Vec::new());
        assert_eq!(scenario.command(5, &open(NewIncident { title: wrong.into(), ..new() })), refused, "{wrong:?}");
        scenario.command(5, &open(new())).unwrap();
        let edit = |text: &str| IncidentAction::Edit(Box::new(title(text)));
        assert_eq!(scenario.act(6, 1, edit(wrong)), refused, "{wrong:?}");
        assert_eq!(line("title", wrong, Some(wrong)), Ok(()), "{wrong:?}");
        scenario.act(8, 1, edit("Fine\n")).unwrap();
    }
}

/// What opening by hand refuses, by field.
#[track_caller]
fn check_new(new: NewIncident, expected: Option<&str>) {
    let mut scenario = Scenario::new(Vec::new());
    let found = match scenario.command(5, &open(new)) {
        Ok(()) => None,
        Err(Rejection::Invalid { field, .. }) => Some(field),
        Err(other) => Some(other.to_string()),
    };
    assert_eq!(found.as_deref(), expected);
    scenario.story();
}

#[test]
fn what_a_person_opens_is_checked_field_by_field() {
    let host = crate::alert::scenario::host(1);
    check_new(NewIncident { channel: Channel::Portal, ..new() }, None);
    check_new(NewIncident { channel: Channel::Monitoring, ..new() }, Some("channel"));
    check_new(NewIncident { caller: Some(Who::Named("Grace of accounting".into())), ..new() }, None);
    check_new(NewIncident { caller: Some(Who::Contact("nobody".into())), ..new() }, Some("caller"));
    check_new(NewIncident { service: Some(host), ..new() }, Some("service"));
    check_new(NewIncident { caused_by_change: Some("CHG0000042".into()), ..new() }, None);
    check_new(NewIncident { caused_by_change: Some("42".into()), ..new() }, Some("caused_by_change"));
    check_new(NewIncident { knowledge: vec!["https://wiki/x".into(), "KB0000001".into()], ..new() }, None);
    check_new(NewIncident { knowledge: vec!["https://wiki/x".into(), "javascript:alert(1)".into()], ..new() }, Some("knowledge[1]"));
    check_new(NewIncident { group: Some(" ".into()), ..new() }, Some("group"));
}

#[test]
fn a_priority_by_hand_needs_a_reason_and_stays() {
    let mut scenario = opened();
    let edit = |reason: Option<&str>| {
        IncidentAction::Edit(Box::new(Edit { urgency: Some(Grade::Low), reason: reason.map(Into::into), ..Edit::default() }))
    };
    assert!(matches!(scenario.act(20, 1, edit(None)), Err(Rejection::Invalid { field, .. }) if field == "reason"));
    scenario.act(20, 1, edit(Some("A toy."))).unwrap();
    scenario.value(30, 86.0);
    scenario.value(40, 97.0);
    let expected =
        ["20 INC1 P4", "30 load: Firing → Firing Warning", "30 INC1 Warning", "40 load: Firing → Firing Critical", "40 INC1 Critical"];
    assert_eq!(scenario.story(), expected);
}

#[test]
fn what_a_rule_says_of_its_incident_people_do_not_change_and_the_rest_they_do() {
    let mut scenario = opened();
    let edit = |edit: Edit| IncidentAction::Edit(Box::new(edit));
    let refused = scenario.act(20, 1, edit(Edit { channel: Some(Channel::Mail), ..Edit::default() }));
    assert!(matches!(refused, Err(Rejection::Invalid { field, .. }) if field == "channel"));
    let change = || Edit { title: Some("Disk".into()), change: Some(Some("CHG0000042".into())), ..Edit::default() };
    scenario.act(20, 1, edit(change())).unwrap();
    scenario.act(21, 1, edit(change())).unwrap();
    assert_eq!(scenario.story(), ["20 INC1 edited"], "the same again is no change");
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.title.as_str(), incident.change.as_deref()), ("Disk", Some("CHG0000042")));
}

/// Two breaches on one host, and an incident of a person's.
fn three() -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.values(10, 1, &[("/", Some(97.0)), ("/var", Some(97.0))]);
    scenario.command(11, &open(new())).unwrap();
    scenario.story();
    scenario
}

fn merge(scenario: &Scenario, into: u64) -> IncidentAction {
    IncidentAction::Merge { into: scenario.incident(into) }
}

fn part_of(scenario: &Scenario, parent: Option<u64>) -> IncidentAction {
    IncidentAction::SetParent { parent: parent.map(|number| scenario.incident(number)) }
}

#[test]
fn a_merged_incident_goes_on_in_the_other_one() {
    let mut scenario = three();
    let watch = IncidentAction::Watch { watcher: None };
    scenario.act(20, 2, watch).unwrap();
    scenario.act(20, 2, merge(&scenario, 1)).unwrap();
    let lines = scenario.story();
    assert_eq!(lines, ["20 INC2 watched", "20 INC2 noted", "20 INC2 merged into INC1", "20 INC1 noted"]);
    let (kept, gone) = (scenario.incident(1), scenario.incident(2));
    let incidents = &scenario.world.incidents;
    let (one, other) = (&incidents.incidents[&kept], &incidents.incidents[&gone]);
    assert_eq!((other.state, other.duplicate_of, other.close_code.as_deref()), (IncidentState::Closed, Some(kept), Some(DUPLICATE)));
    assert_eq!((one.alerts.len(), one.watchers.len(), one.merged.as_slice()), (2, 1, &[gone][..]));
    assert!(incidents.live.values().all(|id| *id == kept) && incidents.live.len() == 2, "both keys lead to the survivor");
    scenario.values(30, 1, &[("/", Some(1.0)), ("/var", Some(97.0))]);
    assert_eq!(scenario.story(), ["30 load /: Firing → Resolved", "30 INC1 noted"], "the other alert still fires");
    scenario.values(40, 1, &[("/", Some(1.0)), ("/var", Some(1.0))]);
    assert_eq!(scenario.story(), ["40 load /var: Firing → Resolved", "40 INC1 new → resolved"]);
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let mut scenario = three();
    assert!(matches!(scenario.act(20, 1, merge(&scenario, 1)), Err(Rejection::Invalid { .. })));
    scenario.act(20, 2, part_of(&scenario, Some(1))).unwrap();
    let refused = scenario.act(21, 1, merge(&scenario, 3)).unwrap_err().to_string();
    assert!(refused.ends_with("has children; merge or detach those first"), "{refused}");
    scenario.act(22, 3, resolve()).unwrap();
    let refused = scenario.act(23, 2, merge(&scenario, 3)).unwrap_err().to_string();
    assert!(refused.ends_with("must be open; reopen it first"), "{refused}");
}

#[test]
fn a_person_resolves_what_a_person_opened_even_with_an_alert_merged_into_it() {
    let mut scenario = three();
    scenario.act(20, 2, merge(&scenario, 3)).unwrap();
    scenario.values(30, 1, &[("/", Some(97.0)), ("/var", Some(1.0))]);
    assert_eq!(scenario.story().last().map(String::as_str), Some("30 INC3 noted"));
    assert!(scenario.world.incidents.incidents[&scenario.incident(3)].state.is_open());
}

#[test]
fn a_family_has_one_level() {
    let mut scenario = three();
    scenario.act(20, 2, part_of(&scenario, Some(1))).unwrap();
    assert!(matches!(scenario.act(21, 1, part_of(&scenario, Some(1))), Err(Rejection::Invalid { .. })));
    assert!(matches!(scenario.act(21, 1, part_of(&scenario, Some(3))), Err(Rejection::Conflict(_))), "a parent has no parent");
    assert!(matches!(scenario.act(21, 3, part_of(&scenario, Some(2))), Err(Rejection::Conflict(_))), "a child has no child");
    scenario.act(22, 3, part_of(&scenario, Some(1))).unwrap();
    scenario.act(23, 3, part_of(&scenario, None)).unwrap();
    assert_eq!(scenario.story(), ["20 INC2 part of INC1", "22 INC3 part of INC1", "23 INC3 stands alone"]);
    let parent = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((parent.children.len(), parent.open_children), (1, 1));
}

#[test]
fn children_are_resolved_with_their_parent_when_that_is_wanted() {
    let mut scenario = three();
    scenario.act(20, 2, part_of(&scenario, Some(1))).unwrap();
    scenario.act(20, 3, part_of(&scenario, Some(1))).unwrap();
    scenario.act(21, 3, cancel()).unwrap();
    scenario.story();
    let all = IncidentAction::Resolve { close_code: "fixed".into(), notes: "The disk.".into(), children: Children::Resolve };
    scenario.act(30, 1, all).unwrap();
    assert_eq!(scenario.story(), ["30 INC1 new → resolved", "30 INC1 noted", "30 INC2 new → resolved", "30 INC2 noted"]);
    let still = scenario.world.incidents.incidents[&scenario.incident(2)].notes.last().map(|note| note.text.clone());
    assert!(still.as_ref().is_some_and(|text| text.starts_with("It still fires: m is 97, above 95.")), "{still:?}");
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(1)].open_children, 0);
}

#[test]
fn who_watches_is_told_by_name_and_once() {
    let mut scenario = opened();
    let watch = |who: Option<Who>| IncidentAction::Watch { watcher: who };
    scenario.act(20, 1, watch(None)).unwrap();
    scenario.act(21, 1, watch(None)).unwrap();
    assert!(scenario.act(22, 1, watch(Some(Who::Named("x".into())))).is_err());
    let watchers = &scenario.world.incidents.incidents[&scenario.incident(1)].watchers;
    assert_eq!(watchers.as_slice(), [Party::Actor { actor: crate::alert::scenario::person() }]);
    scenario.act(23, 1, IncidentAction::Unwatch { watcher: None }).unwrap();
    assert!(matches!(scenario.act(24, 1, IncidentAction::Unwatch { watcher: None }), Err(Rejection::NotFound { .. })));
    assert_eq!(scenario.story(), ["20 INC1 watched", "23 INC1 watched no more"]);
}

#[test]
fn a_similar_one_is_found_by_its_words_with_what_helped() {
    let mut scenario = Scenario::new(Vec::new());
    let words = |title: &str| NewIncident { title: title.into(), description: title.into(), ..new() };
    scenario.command(1, &open(words("Printer on the third floor smokes"))).unwrap();
    scenario.command(2, &open(words("Nobody can log in to the wiki"))).unwrap();
    for number in [1, 2] {
        scenario.act(10, number, resolve()).unwrap();
    }
    scenario.command(20, &open(words("The printer smokes again"))).unwrap();
    let incident = &scenario.world.incidents.incidents[&scenario.incident(3)];
    let similar: Vec<_> = incident.similar.iter().map(|one| (one.incident, one.close_notes.as_deref())).collect();
    assert_eq!(similar, [(scenario.incident(1), Some("Restarted it."))]);
    scenario.story();
}

#[test]
fn a_problem_is_taken_off_and_the_problem_forgets_it_too() {
    let mut scenario = opened();
    let open = |incidents| crate::problem::ProblemCommand::Open {
        title: "Leak".into(),
        description: String::new(),
        priority: 3,
        group: None,
        applies_to: None,
        incidents,
    };
    let incident = scenario.incident(1);
    scenario.command(20, &Command::Problem(open(vec![incident]))).expect("a problem");
    let problem = scenario.problem(1);
    let edit = |problem| IncidentAction::Edit(Box::new(Edit { problem: Some(problem), ..Edit::default() }));
    scenario.act(30, 1, edit(None)).expect("taken off");
    assert_eq!(scenario.world.incidents.incidents[&incident].problem, None);
    assert!(scenario.world.problems.problems[&problem].incidents.is_empty());
    let before = scenario.world.revision;
    scenario.act(40, 1, edit(None)).expect("nothing to do");
    assert_eq!(scenario.world.revision, before);
    scenario.act(50, 1, edit(Some(problem))).expect("given back");
    assert_eq!(scenario.world.problems.problems[&problem].incidents, [incident]);
    scenario.story();
}

#[test]
fn what_an_edit_gives_does_something_or_is_refused() {
    let mut scenario = opened();
    let edit = |edit| IncidentAction::Edit(Box::new(edit));
    let alone = edit(Edit { reason: Some("Because.".into()), ..Edit::default() });
    assert!(matches!(scenario.act(20, 1, alone), Err(Rejection::Invalid { field, .. }) if field == "reason"));
    scenario.act(21, 1, edit(Edit { description: Some(String::new()), ..Edit::default() })).expect("emptied");
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(1)].description, "");
    let blank = edit(Edit { description: Some(" ".into()), ..Edit::default() });
    assert!(matches!(scenario.act(22, 1, blank), Err(Rejection::Invalid { field, .. }) if field == "description"));
    scenario.story();
}

#[test]
fn what_another_one_is_merged_into_is_as_bad_as_the_worse_of_both() {
    for by_hand in [false, true] {
        let mut scenario = Scenario::new(vec![rule("load")]);
        let shop = crate::id::CiId { family: crate::id::Family::Service, bits: 1 };
        scenario.seed(|world| {
            let mut service = crate::ci::Ci::new(shop, crate::ci::Class::BusinessService, "Shop", Timestamp(0), 0);
            service.attributes.insert("criticality".into(), crate::alert::scenario::text("high"));
            world.cmdb.cis.insert(shop, service);
        });
        scenario.values(10, 1, &[("/", Some(86.0)), ("/var", Some(97.0))]);
        scenario.command(11, &open(NewIncident { service: Some(shop), ..new() })).unwrap();
        if by_hand {
            let graded = Edit { impact: Some(Grade::Low), reason: Some("A toy.".into()), ..Edit::default() };
            scenario.act(12, 1, IncidentAction::Edit(Box::new(graded))).unwrap();
        }
        scenario.act(20, 2, merge(&scenario, 1)).unwrap();
        scenario.act(30, 3, merge(&scenario, 1)).unwrap();
        let one = &scenario.world.incidents.incidents[&scenario.incident(1)];
        let severity = one.breach.as_ref().map(|breach| breach.severity);
        let expected = if by_hand { (Grade::Low, Grade::Medium, 4) } else { (Grade::High, Grade::High, 1) };
        assert_eq!((one.impact, one.urgency, one.priority), expected);
        assert_eq!((one.service, severity), (Some(shop), Some(crate::rule::Severity::Critical)));
        if !by_hand {
            assert_eq!(one.impact_reason, "as that of INC0000003: Shop is of high criticality");
        }
        scenario.story();
    }
}
