use crate::alert::scenario::{Scenario, host, rule, text};
use crate::ci::relation::Change;
use crate::ci::software::{Contents, Details, Installed};
use crate::ci::{Ci, CiEvent, Class, Relation, RelationKind, Source};
use crate::command::Command;
use crate::id::{CiId, Family};
use crate::incident::{Edit, Incident, IncidentAction, IncidentCommand, NewIncident};
use crate::problem::{ProblemAction, ProblemCommand};
use crate::rule::Grade;
use crate::{Actor, Event};
use rollcall_shared::{ContentHash, Timestamp};

fn shop() -> CiId {
    CiId { family: Family::Service, bits: 1 }
}

/// `web-1` and `web-2` run on `web-3`; the shop, of this criticality, depends on `web-1`.
fn fleet(criticality: &'static str) -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.add_host(2, &[]);
    scenario.add_host(3, &[]);
    scenario.seed(|world| {
        let mut service = Ci::new(shop(), Class::BusinessService, "Shop", Timestamp(0), 0);
        service.attributes.insert("criticality".into(), text(criticality));
        world.cmdb.cis.insert(shop(), service);
    });
    let (kind, at) = (RelationKind::RunsOn, Timestamp(0));
    let change = |from, kind, to| {
        let source = Source::Person { name: "ada".into() };
        Change::Set { relation: Relation { from, kind, to, source, first_seen: at, last_seen: at } }
    };
    let changes = vec![change(host(1), kind, host(3)), change(host(2), kind, host(3)), change(shop(), RelationKind::DependsOn, host(1))];
    scenario.commit(1, &Actor::Local, vec![Event::Ci(CiEvent::RelationsChanged { changes })]);
    scenario
}

fn incident(scenario: &Scenario, number: u64) -> &Incident {
    &scenario.world.incidents.incidents[&scenario.incident(number)]
}

#[track_caller]
fn check(criticality: &'static str, expected: (Grade, u8)) {
    let mut scenario = fleet(criticality);
    scenario.values(10, 1, &[("", Some(97.0))]);
    let found = incident(&scenario, 1);
    assert_eq!((found.impact, found.priority), expected, "{criticality}: {}", found.impact_reason);
    scenario.story();
}

#[test]
fn impact_is_that_of_the_most_critical_thing_that_depends_on_it() {
    check("mission_critical", (Grade::High, 1));
    check("medium", (Grade::Medium, 2));
    check("low", (Grade::Low, 3));
    // What is no criticality says nothing: the rule's word stands.
    check("huge", (Grade::Medium, 2));
}

#[test]
fn what_suffers_is_told_with_the_way_there() {
    let mut scenario = fleet("high");
    scenario.values(10, 3, &[("", Some(97.0))]);
    let found = incident(&scenario, 1);
    assert_eq!((found.service, found.impact_reason.as_str()), (Some(shop()), "Shop is of high criticality"));
    let reach: Vec<(CiId, usize)> = found.reach.iter().map(|one| (one.ci, one.path.len())).collect();
    assert_eq!(reach, [(shop(), 2), (host(1), 1), (host(2), 1)], "services first, then the nearest");
    assert!(found.description.contains("Business services that depend on it:\n- Shop: Shop depends on web-1, web-1 runs on web-3"));
    assert!(!found.reaches_further);
}

#[test]
fn what_is_wrong_nearby_is_told_with_the_way_there() {
    let mut scenario = fleet("high");
    scenario.values(10, 2, &[("", Some(97.0))]);
    scenario.values(20, 1, &[("", Some(97.0))]);
    let found = incident(&scenario, 2);
    let related: Vec<(CiId, usize)> = found.related.iter().map(|one| (one.ci, one.path.len())).collect();
    assert_eq!(related, [(host(2), 2)], "its neighbour on the same hypervisor");
    assert!(found.description.contains("Open incidents around it:\n- INC0000001 Load critical on web-2: 97"));
    scenario.story();
}

#[test]
fn a_known_error_of_the_same_breach_is_told_with_its_workaround() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for at in [10, 30, 50] {
        scenario.value(at, 97.0);
        scenario.value(at + 10, 1.0);
    }
    let describe = ProblemAction::Describe { known_error: Some(true), workaround: Some("Restart it at night.".into()), root_cause: None };
    scenario.work(70, 1, describe).unwrap();
    scenario.value(80, 97.0);
    let found = incident(&scenario, 4);
    let known: Vec<_> = found.known_errors.iter().map(|one| (one.because.as_str(), one.workaround.as_deref())).collect();
    assert_eq!(known, [("it is the same breach", Some("Restart it at night."))]);
    scenario.story();
}

#[test]
fn a_known_error_is_told_where_people_said_that_it_applies() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.add_host(2, &[]);
    scenario.seed(|world| {
        let template = world.cmdb.cis[&host(1)].clone();
        let openssl = CiId { family: Family::Software, bits: 1 };
        let product =
            Ci { id: openssl, class: Class::SoftwareProduct, name: "openssl".into(), key: Some("dpkg/openssl".into()), ..template };
        world.cmdb.cis.insert(openssl, product);
        for (n, version) in [(1, "3.0.14"), (2, "3.0.13")] {
            let contents = Contents { complete: ContentHash::of(version.as_bytes()), partial: None };
            let installed = vec![Installed { product: openssl, version: version.into(), details: Details::default() }];
            world.cmdb.software.set(host(n), contents, installed);
        }
    });
    let open = ProblemCommand::Open {
        title: "openssl 3.0.14 leaks".into(),
        description: String::new(),
        priority: 3,
        group: None,
        applies_to: Some("package:openssl=3.0.14".into()),
        incidents: Vec::new(),
    };
    scenario.command(10, &Command::Problem(open)).expect("opened");
    let workaround = Some("Restart it at night.".to_owned());
    scenario.work(20, 1, ProblemAction::Describe { known_error: Some(true), workaround, root_cause: None }).expect("described");
    by_hand(&mut scenario, NewIncident { primary_ci: Some(host(1)), ..NewIncident::default() });
    by_hand(&mut scenario, NewIncident { primary_ci: Some(host(2)), ..NewIncident::default() });
    scenario.value(110, 97.0);
    let known = |number| {
        let found = incident(&scenario, number);
        found.known_errors.iter().map(|one| (one.because.as_str(), one.workaround.as_deref())).collect::<Vec<_>>()
    };
    let expected = [("it applies to package:openssl=3.0.14", Some("Restart it at night."))];
    assert_eq!((known(1), known(2), known(3)), (expected.to_vec(), vec![], expected.to_vec()));
    let line = "- openssl 3.0.14 leaks (it applies to package:openssl=3.0.14). Workaround: Restart it at night.";
    assert!(incident(&scenario, 3).description.contains(line), "{}", incident(&scenario, 3).description);
    let take_away = ProblemAction::Edit { title: None, description: None, priority: None, applies_to: Some(None) };
    scenario.work(120, 1, take_away).expect("edited");
    by_hand(&mut scenario, NewIncident { primary_ci: Some(host(1)), ..NewIncident::default() });
    assert!(incident(&scenario, 4).known_errors.is_empty());
    scenario.story();
}

/// Opened by hand of this item.
fn by_hand(scenario: &mut Scenario, new: NewIncident) {
    let new = NewIncident { title: "Slow".into(), ..new };
    scenario.command(100, &Command::Incident(IncidentCommand::Open(Box::new(new)))).unwrap();
}

fn edit(edit: Edit) -> IncidentAction {
    IncidentAction::Edit(Box::new(edit))
}

fn of_item(ci: Option<CiId>) -> Edit {
    Edit { primary_ci: Some(ci), ..Edit::default() }
}

/// What is said of an incident's item, without what it is called by.
fn told(scenario: &Scenario, number: u64) -> impl PartialEq + std::fmt::Debug {
    let found = incident(scenario, number);
    let grades = (found.impact, found.impact_reason.clone(), found.priority);
    let around = (found.affected_cis.clone(), found.reach.clone(), found.service, found.related.len(), found.recent_changes.clone());
    (grades, around, found.suggested_group.clone(), found.group.clone())
}

#[test]
fn an_item_that_is_named_later_tells_what_it_tells_at_once() {
    let mut scenario = fleet("high");
    by_hand(&mut scenario, NewIncident { primary_ci: Some(host(1)), ..NewIncident::default() });
    scenario.act(101, 1, IncidentAction::Cancel { reason: "To compare.".into() }).unwrap();
    by_hand(&mut scenario, NewIncident::default());
    assert_eq!((incident(&scenario, 2).priority, incident(&scenario, 2).service), (3, None));
    scenario.act(102, 2, edit(of_item(Some(host(1))))).unwrap();
    assert_eq!(told(&scenario, 2), told(&scenario, 1));
    assert_eq!((incident(&scenario, 2).priority, incident(&scenario, 2).service), (2, Some(shop())));
    scenario.act(103, 2, edit(of_item(Some(host(2))))).unwrap();
    let found = incident(&scenario, 2);
    assert_eq!((found.impact_reason.as_str(), found.priority, found.service), ("no criticality is recorded", 3, None));
    assert!(found.reach.is_empty() && found.affected_cis.is_empty(), "{:?}", found.affected_cis);
    scenario.act(104, 2, edit(of_item(None))).unwrap();
    assert_eq!(incident(&scenario, 2).impact_reason, "nothing is known of what it affects");
    assert_eq!(scenario.story().last().map(String::as_str), Some("104 INC2 edited"));
}

#[test]
fn what_people_decided_stays_when_the_item_is_another_one() {
    let mut scenario = fleet("high");
    let wiki = CiId { family: Family::Service, bits: 2 };
    scenario.seed(|world| {
        world.cmdb.cis.insert(wiki, Ci::new(wiki, Class::BusinessService, "Wiki", Timestamp(0), 0));
    });
    by_hand(&mut scenario, NewIncident { impact: Some(Grade::Low), affected_cis: vec![host(3)], ..NewIncident::default() });
    scenario.act(101, 1, edit(Edit { service: Some(Some(wiki)), ..Edit::default() })).unwrap();
    scenario.act(102, 1, edit(of_item(Some(host(1))))).unwrap();
    let found = incident(&scenario, 1);
    assert_eq!((found.impact, found.impact_reason.as_str(), found.service), (Grade::Low, "as it was reported", Some(wiki)));
    assert_eq!(found.affected_cis, [host(3), shop()]);
    let graded = Edit { impact: Some(Grade::Low), reason: Some("A toy.".into()), ..of_item(Some(host(1))) };
    by_hand(&mut scenario, NewIncident::default());
    scenario.act(103, 2, edit(graded)).unwrap();
    let found = incident(&scenario, 2);
    assert_eq!((found.impact, found.impact_reason.as_str(), found.service), (Grade::Low, "A toy.", Some(shop())));
    assert_eq!(found.related.len(), 1, "the other one of the item, not itself");
    scenario.story();
}

#[test]
fn one_unimportant_service_makes_no_outage_of_other_things_unimportant() {
    let mut scenario = fleet("low");
    scenario.values(10, 3, &[("", Some(97.0))]);
    let found = incident(&scenario, 1);
    assert_eq!((found.impact, found.impact_reason.as_str()), (Grade::Medium, "no criticality is recorded of web-2"));
    scenario.story();
}

/// The impact of what people open, and why.
#[track_caller]
fn check_named(criticality: &'static str, new: NewIncident, expected: (Grade, &str)) {
    let mut scenario = fleet(criticality);
    by_hand(&mut scenario, new);
    let found = incident(&scenario, 1);
    assert_eq!((found.impact, found.impact_reason.as_str()), expected);
    assert_eq!(found.priority, crate::incident::priority(found.impact, found.urgency));
    scenario.story();
}

#[test]
fn a_named_service_and_affected_items_count_for_the_impact() {
    let new = NewIncident::default;
    let high = (Grade::High, "Shop is of high criticality");
    check_named("high", NewIncident { service: Some(shop()), ..new() }, high);
    check_named("high", NewIncident { affected_cis: vec![host(1)], ..new() }, high);
    check_named("high", NewIncident { primary_ci: Some(host(2)), affected_cis: vec![host(1)], ..new() }, high);
    check_named("low", NewIncident { service: Some(shop()), ..new() }, (Grade::Low, "Shop is of low criticality"));
    let both = NewIncident { service: Some(shop()), affected_cis: vec![host(2)], ..new() };
    check_named("low", both, (Grade::Medium, "no criticality is recorded of web-2"));
    check_named("high", NewIncident { service: Some(shop()), impact: Some(Grade::Low), ..new() }, (Grade::Low, "as it was reported"));
    check_named("high", new(), (Grade::Medium, "nothing is known of what it affects"));
}

#[test]
fn what_is_named_later_counts_for_the_impact_too() {
    let mut scenario = fleet("high");
    by_hand(&mut scenario, NewIncident::default());
    scenario.act(101, 1, edit(Edit { service: Some(Some(shop())), ..Edit::default() })).unwrap();
    let found = incident(&scenario, 1);
    assert_eq!((found.priority, found.impact_reason.as_str()), (2, "Shop is of high criticality"));
    scenario.act(102, 1, edit(Edit { impact: Some(Grade::Low), reason: Some("A toy.".into()), ..Edit::default() })).unwrap();
    scenario.act(103, 1, edit(Edit { affected_cis: Some(vec![host(1)]), ..Edit::default() })).unwrap();
    assert_eq!((incident(&scenario, 1).impact, incident(&scenario, 1).impact_reason.as_str()), (Grade::Low, "A toy."));
    scenario.story();
}
