use super::*;
use crate::alert::scenario::{Scenario, rule};
use crate::incident::{Children, Edit, IncidentAction, NewIncident};
use crate::incident::{IncidentCommand, Who};
use crate::rule::Grade;
use crate::{Actor, Command, World};

fn records(world: &World, log: &[Record], id: IncidentId) -> Vec<Record> {
    let history = &world.incidents.incidents[&id].history;
    let place = |revision: &u64| usize::try_from(*revision - 1).expect("a short log");
    history.iter().filter_map(|revision| log.get(place(revision)).cloned()).collect()
}

/// Behind the last of its records stands what the state has, of every incident of a script.
#[track_caller]
pub(crate) fn law(world: &World, log: &[Record]) {
    let incidents = &world.incidents.incidents;
    for incident in incidents.values() {
        let mut now = None;
        for record in records(world, log, incident.id) {
            let Event::Incident(event) = &record.event else { panic!("record {} is none of an incident", record.revision) };
            remember(&mut now, incident.id, (&record, event), incidents);
        }
        assert_eq!(now.as_ref().map(fields), Some(fields(incident)), "{}", incident.number);
    }
}

fn shown(value: &V) -> String {
    match value {
        V::Nothing => "nothing".into(),
        V::Flag(flag) => flag.to_string(),
        V::Count(count) => count.to_string(),
        V::Number(number) => number.to_string(),
        V::Text(text) => text.clone(),
        V::Stamp(at, by) => format!("{} by {}", at.0 / 1_000, who(by)),
        V::Party(party) => match party {
            crate::incident::Party::Contact { name, .. } | crate::incident::Party::Named { name } => name.clone(),
            crate::incident::Party::Actor { actor } => who(actor),
        },
        V::Note { text, .. } => text.clone(),
        V::Several(values) => format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(", ")),
        V::Incident(_) => "an incident".into(),
        V::Alert(_) => "an alert".into(),
        V::Ci(_) => "an item".into(),
        other => format!("{other:?}"),
    }
}

fn who(actor: &Actor) -> String {
    match actor {
        Actor::Token { name, .. } => name.clone(),
        Actor::Rule { id } => format!("rule {id}"),
        other => format!("{other:?}"),
    }
}

fn line(step: &Step) -> String {
    let reason = step.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let changes = step.changes.iter().map(|change| format!("{}: {} → {}", change.field, shown(&change.before), shown(&change.after)));
    format!("{}{reason}: {}", who(&step.by), changes.collect::<Vec<_>>().join("; "))
}

/// What is told of an incident behind its opening.
#[track_caller]
fn check(scenario: &mut Scenario, number: u64, expected: &[&str]) {
    scenario.story();
    let id = scenario.incident(number);
    let records = records(&scenario.world, &scenario.log, id);
    let all = steps(id, &records, 0, &scenario.world.incidents.incidents);
    assert_eq!(all.iter().skip(1).map(line).collect::<Vec<_>>(), expected);
    for (count, step) in all.iter().enumerate() {
        let later = steps(id, &records, step.revision, &scenario.world.incidents.incidents);
        assert_eq!(later, all[count..], "what is told does not depend on where one begins");
    }
}

fn breached() -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 87.0);
    scenario
}

fn assign(group: &str, assignee: &str) -> IncidentAction {
    IncidentAction::Assign { group: Some(Some(group.into())), assignee: Some(Some(assignee.into())) }
}

fn resolve(notes: &str) -> IncidentAction {
    IncidentAction::Resolve { close_code: "fixed".into(), notes: notes.into(), children: Children::Leave }
}

fn open(scenario: &mut Scenario, at: i64, title: &str) {
    let new = NewIncident { title: title.into(), caller: Some(Who::Named("Grace".into())), ..NewIncident::default() };
    scenario.command(at, &Command::Incident(IncidentCommand::Open(Box::new(new)))).expect("opened");
}

#[test]
fn it_is_told_what_an_incident_was_given_when_it_opened() {
    let mut scenario = breached();
    scenario.story();
    let id = scenario.incident(1);
    let first = steps(id, &records(&scenario.world, &scenario.log, id), 0, &scenario.world.incidents.incidents).remove(0);
    assert_eq!(first.by, Actor::Rule { id: "load".parse().expect("a name") });
    let told = |field: &str| first.changes.iter().find(|change| change.field == field).map(|change| (&change.before, &change.after));
    assert_eq!(told("state"), Some((&V::Nothing, &V::Text("new".into()))));
    assert_eq!(told("severity"), Some((&V::Nothing, &V::Text("warning".into()))));
    assert_eq!((told("group"), told("reopen_count"), told("watchers")), (None, None, None), "what it was not given");
}

#[test]
fn who_gave_it_to_whom_and_whether_a_rule_or_a_person_moved_its_priority_is_told() {
    let mut scenario = breached();
    scenario.act(20, 1, assign("web", "ada")).expect("assigned");
    scenario.act(30, 1, assign("web", "bo")).expect("assigned");
    scenario.value(40, 97.0);
    scenario.act(50, 1, IncidentAction::Acknowledge).expect("acknowledged");
    let edit = Edit { urgency: Some(Grade::Low), reason: Some("The shop is closed.".into()), ..Edit::default() };
    scenario.act(60, 1, IncidentAction::Edit(Box::new(edit))).expect("edited");
    check(
        &mut scenario,
        1,
        &[
            "ada: group: nothing → web; assignee: nothing → ada",
            "ada: state: new → assigned",
            "ada: assignee: ada → bo",
            "rule load (Worse, now critical: m is 97, above 95.): title: Load warning on web-1: 87 → Load critical on web-1: 97; \
             description: m is 87, above 85.\nMeasured at 1970-01-01T00:00:10.000Z.\nweb-1: class server.\n\nWhat to do: Look at it. → \
             m is 97, above 95.\nMeasured at 1970-01-01T00:00:40.000Z.\nweb-1: class server.\n\nWhat to do: Look at it.; \
             severity: warning → critical; value: 87 → 97",
            "rule load (the alert is critical): priority: 3 → 2; urgency: medium → high",
            "ada: acknowledged: nothing → 50 by ada",
            "ada: state: assigned → in_progress",
            "ada (The shop is closed.): priority: 2 → 4; impact_reason: no criticality is recorded → The shop is closed.; urgency: high → low; \
             graded_by_hand: false → true",
        ],
    );
}

#[test]
fn how_it_was_resolved_before_it_was_reopened_is_told() {
    let mut scenario = breached();
    scenario.value(20, 10.0);
    scenario.act(30, 1, IncidentAction::Reopen { reason: "It is back.".into() }).expect("reopened");
    scenario.act(40, 1, resolve("Moved the jobs.")).expect("resolved");
    let recovered = "The alert resolved at 1970-01-01T00:00:20.000Z: m is 10, not above 80.";
    let by_itself = format!(
        "rule load: state: new → resolved; resolved: nothing → 20 by rule load; close_code: nothing → recovered_by_itself; \
         close_notes: nothing → {recovered}"
    );
    let reopened = format!(
        "ada (It is back.): state: resolved → in_progress; resolved: 20 by rule load → nothing; \
         close_code: recovered_by_itself → nothing; close_notes: {recovered} → nothing; reopen_count: 0 → 1"
    );
    let by_hand = "ada: state: in_progress → resolved; resolved: nothing → 40 by ada; close_code: nothing → fixed; \
                   close_notes: nothing → Moved the jobs.";
    check(&mut scenario, 1, &[&by_itself, &reopened, by_hand]);
}

#[test]
fn what_was_written_watched_and_joined_is_told() {
    let mut scenario = breached();
    open(&mut scenario, 20, "Wiki is slow");
    let first = scenario.incident(1);
    scenario.act(30, 2, IncidentAction::Note { text: "Since noon.".into(), public: true }).expect("noted");
    scenario.act(40, 2, IncidentAction::Watch { watcher: None }).expect("watched");
    scenario.act(50, 2, IncidentAction::SetParent { parent: Some(first) }).expect("a child");
    scenario.act(60, 2, IncidentAction::SetParent { parent: None }).expect("no child");
    scenario.act(70, 2, IncidentAction::Merge { into: first }).expect("merged");
    check(
        &mut scenario,
        2,
        &[
            "ada: notes: [] → [Since noon.]",
            "ada: watchers: [] → [ada]",
            "ada: parent: nothing → an incident",
            "ada: parent: an incident → nothing",
            "ada: notes: [] → [The same as INC0000001 Load warning on web-1: 87, which goes on.]",
            "ada: state: new → closed; close_code: nothing → duplicate; closed: nothing → 70 by ada; duplicate_of: nothing → an incident",
        ],
    );
    check(
        &mut scenario,
        1,
        &[
            "ada: children: [] → [an incident]",
            "ada: children: [an incident] → []",
            "ada: merged: [] → [an incident]; watchers: [] → [ada]",
            "ada: notes: [] → [INC0000002 Wiki is slow was merged into this one; its notes are there.]",
        ],
    );
}
