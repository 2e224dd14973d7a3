use crate::alert::scenario::{Scenario, host, rule, text};
use crate::ci::relation::Change;
use crate::ci::{Ci, CiEvent, Class, Relation, RelationKind, Source};
use crate::id::{CiId, Family};
use crate::incident::Incident;
use crate::rule::Grade;
use crate::{Actor, Event};
use rollcall_shared::Timestamp;

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
    let describe = crate::problem::ProblemAction::Describe {
        known_error: Some(true),
        workaround: Some("Restart it at night.".into()),
        root_cause: None,
    };
    scenario.work(70, 1, describe).unwrap();
    scenario.value(80, 97.0);
    let found = incident(&scenario, 4);
    let known: Vec<_> = found.known_errors.iter().map(|one| (one.because.as_str(), one.workaround.as_deref())).collect();
    assert_eq!(known, [("it is the same breach", Some("Restart it at night."))]);
    scenario.story();
}
