use super::report::Raw;
use super::*;
use crate::alert::decide::AlertCommand;
use crate::alert::scenario::{Scenario, agent, host, text};
use crate::ci::{Attribute, AttributeValue, Method, Proposal, Source};
use crate::context::CountingIds;
use crate::incident::{Children, IncidentAction, IncidentState};
use crate::{Command, Rejection};
use proptest::prelude::*;
use rollcall_shared::SectionName;

const STARTS: &str = "1970-01-01T00:00:10Z";

pub(super) fn raw(status: &str, severity: &str, instance: &str) -> Raw {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Raw {
        status: status.into(),
        labels: [label("alertname", "DiskFull"), label("severity", severity), label("instance", instance)].into(),
        annotations: [label("summary", "Disk is full"), label("runbook_url", "https://wiki/disk")].into(),
        starts_at: Some(STARTS.into()),
        ends_at: Some(if status == "resolved" { "1970-01-01T00:01:40Z" } else { "0001-01-01T00:00:00Z" }.into()),
        generator_url: Some("https://prometheus/graph".into()),
        fingerprint: Some("f1".into()),
    }
}

pub(super) fn scenario() -> Scenario {
    let mut scenario = Scenario::new(Vec::new());
    scenario.add_host(2, &[]);
    scenario.seed(|world| {
        for (n, name, address) in [(1, "web-1.example.com", "10.0.0.1"), (2, "twin.example.com", "10.0.0.2")] {
            let id = host(n);
            let mut ci = world.cmdb.cis.get(&id).expect("a host").clone();
            ci.attributes.insert("fqdn".into(), text(name));
            ci.attributes.insert("hostname".into(), text("shared"));
            ci.attributes.insert("machine_id".into(), text(&format!("0123456789abcdef{n:016x}")));
            let addresses = AttributeValue::List(vec![address.into()]);
            let proposal = Proposal::new(addresses, Source::Agent { id: agent(n) }, Timestamp(0), Method::Section(SectionName::System));
            ci.attributes.insert("ip_addresses".into(), Attribute::sole(proposal));
            world.cmdb.topology.set_identity(&ci);
            world.cmdb.cis.insert(id, ci);
        }
        world.cmdb.rebuild_index(&crate::context::NoContent);
        world.cmdb.rebuild_topology(&crate::context::NoContent);
    });
    scenario
}

pub(super) fn receive(scenario: &mut Scenario, at: i64, raws: Vec<Raw>) -> Result<(), Rejection> {
    receive_of("am", scenario, at, raws)
}

fn receive_of(source: &str, scenario: &mut Scenario, at: i64, raws: Vec<Raw>) -> Result<(), Rejection> {
    let reports = raws.into_iter().map(ExternalReport::new).collect::<Result<_, _>>()?;
    scenario.command(at, &Command::Alert(AlertCommand::Receive { source: source.into(), reports }))
}

/// Messages with their moments, and what becomes of them.
#[track_caller]
fn check(messages: &[(i64, Raw)], expected: &[&str]) -> Scenario {
    let mut scenario = scenario();
    for (at, raw) in messages {
        receive(&mut scenario, *at, vec![raw.clone()]).expect("a proper message");
    }
    assert_eq!(scenario.story(), expected);
    scenario
}

#[test]
fn an_alert_opens_one_incident_and_its_end_resolves_it_however_often_both_are_told() {
    let firing = raw("firing", "critical", "web-1.example.com:9100");
    let resolved = raw("resolved", "critical", "web-1.example.com:9100");
    let messages = [(20, firing.clone()), (30, firing.clone()), (100, resolved.clone()), (101, resolved), (102, firing)];
    let scenario = check(
        &messages,
        &["20 external alert: Began", "20 INC1 opened P2: Disk is full on web-1", "100 external alert: Ended", "100 INC1 new → resolved"],
    );
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!(incident.primary_ci, Some(host(1)));
    assert_eq!(incident.close_code.as_deref(), Some("recovered_by_itself"));
    assert_eq!(incident.close_notes.as_deref(), Some("am says that the alert ended at 1970-01-01T00:01:40.000Z."));
    assert_eq!(incident.knowledge, ["https://wiki/disk"]);
    assert!(incident.description.contains("https://prometheus/graph"), "{}", incident.description);
}

#[test]
fn an_incident_of_another_systems_alert_tells_of_its_item_and_what_is_near_it() {
    let mut scenario = scenario();
    for (at, fingerprint) in [(20, "f1"), (30, "f2")] {
        let alert = Raw { fingerprint: Some(fingerprint.into()), ..raw("firing", "critical", "web-1.example.com") };
        receive(&mut scenario, at, vec![alert]).expect("a proper message");
    }
    let text = &scenario.world.incidents.incidents[&scenario.incident(2)].description;
    for part in ["Item, by label instance: web-1: class server", "INC0000001 Disk is full on web-1", "Labels:\n- alertname: DiskFull"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_source_that_says_nothing_more_resolves_nothing() {
    let mut scenario = check(
        &[(20, raw("firing", "warning", "web-1.example.com"))],
        &["20 external alert: Began", "20 INC1 opened P3: Disk is full on web-1"],
    );
    (1..=30).for_each(|day| scenario.tick(day * 86_400));
    assert!(scenario.world.incidents.incidents[&scenario.incident(1)].state.is_open());
}

#[test]
fn what_was_never_told_cannot_end_and_an_earlier_end_ends_no_later_episode() {
    check(&[(20, raw("resolved", "critical", "web-1.example.com"))], &[]);
    let later = Raw { starts_at: Some("1970-01-01T00:03:20Z".into()), ..raw("firing", "critical", "10.0.0.1:9100") };
    let ended = Raw { ends_at: Some("1970-01-01T00:01:40Z".into()), ..raw("resolved", "critical", "10.0.0.1:9100") };
    // An end without a moment of its own ends the episode that it names, and no later one.
    let late = Raw { ends_at: None, ..raw("resolved", "critical", "10.0.0.1:9100") };
    check(&[(200, later), (210, ended), (220, late)], &["200 external alert: Began", "200 INC1 opened P2: Disk is full on web-1"]);
}

#[test]
fn one_that_comes_back_opens_another_incident() {
    let again = Raw { starts_at: Some("1970-01-01T00:01:50Z".into()), ..raw("firing", "critical", "10.0.0.1") };
    let messages = [(20, raw("firing", "critical", "10.0.0.1")), (100, raw("resolved", "critical", "10.0.0.1")), (110, again)];
    let scenario = check(
        &messages,
        &[
            "20 external alert: Began",
            "20 INC1 opened P2: Disk is full on web-1",
            "100 external alert: Ended",
            "100 INC1 new → resolved",
            "110 external alert: Began",
            "110 INC2 opened P2: Disk is full on web-1",
        ],
    );
    assert_eq!(scenario.world.alerts.external.alerts["external/am/f1"].times_fired, 2);
}

fn scenario_after(messages: &[(i64, Raw)]) -> Scenario {
    let mut scenario = scenario();
    for (at, raw) in messages {
        receive(&mut scenario, *at, vec![raw.clone()]).expect("a proper message");
    }
    scenario.story();
    scenario
}

#[test]
fn worse_and_better_move_the_priority_and_information_opens_nothing() {
    check(
        &[
            (20, raw("firing", "info", "10.0.0.1")),
            (30, raw("firing", "warning", "10.0.0.1")),
            (40, raw("firing", "page", "10.0.0.1")),
            (50, raw("firing", "unheard-of", "10.0.0.1")),
            (60, raw("firing", "none", "10.0.0.1")),
        ],
        &[
            "20 external alert: Began",
            "30 external alert: Graded { before: None }",
            "30 INC1 opened P3: Disk is full on web-1",
            "40 external alert: Graded { before: Some(Warning) }",
            "40 INC1 Critical",
            "40 INC1 P2",
            "50 external alert: Graded { before: Some(Critical) }",
            "50 INC1 Warning",
            "50 INC1 P3",
            "60 external alert: Graded { before: Some(Warning) }",
            "60 INC1 noted",
        ],
    );
}

#[test]
fn what_people_resolved_stays_resolved_while_the_alert_fires() {
    let firing = raw("firing", "critical", "10.0.0.1");
    let mut scenario = scenario_after(&[(20, firing.clone())]);
    let resolve = IncidentAction::Resolve { close_code: "fixed".into(), notes: "ok".into(), children: Children::Leave };
    scenario.act(30, 1, resolve).expect("resolved");
    receive(&mut scenario, 40, vec![firing]).expect("a proper message");
    receive(&mut scenario, 100, vec![raw("resolved", "critical", "10.0.0.1")]).expect("a proper message");
    assert_eq!(scenario.story(), ["30 INC1 new → resolved", "30 INC1 noted", "100 external alert: Ended"]);
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(1)].state, IncidentState::Resolved);
}

#[test]
fn one_message_with_an_alert_twice_counts_it_once() {
    let mut scenario = scenario();
    let firing = raw("firing", "critical", "10.0.0.1");
    receive(&mut scenario, 20, vec![firing.clone(), firing]).expect("a proper message");
    assert_eq!(scenario.story(), ["20 external alert: Began", "20 INC1 opened P2: Disk is full on web-1"]);
}

/// Labels beside those of every alert, the item that is meant, and what is said of it.
#[track_caller]
fn check_place(labels: &[(&str, &str)], expected: Result<u128, &str>) {
    let scenario = scenario();
    let labels: BTreeMap<String, String> = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let found = place::place(&scenario.world, &labels, Timestamp(0));
    match (found, expected) {
        (Ok((ci, _)), Ok(n)) => assert_eq!(ci, host(n), "{labels:?}"),
        (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
        (found, _) => panic!("{labels:?}: {found:?}"),
    }
}

#[test]
fn labels_mean_the_one_item_that_fits_and_several_mean_none() {
    check_place(&[("ci", &host(2).to_string()), ("instance", "10.0.0.1")], Ok(2));
    check_place(&[("instance", "WEB-1.example.com.:9100")], Ok(1));
    check_place(&[("instance", "[::ffff:10.0.0.2]:9100")], Ok(2));
    check_place(&[("host", "web-2"), ("instance", "localhost:9090")], Ok(2));
    check_place(&[("host.id", "0123456789ABCDEF0000000000000002"), ("host.name", "shared")], Ok(2));
    check_place(&[("node", "0123456789abcdef0000000000000002")], Err("no item"));
    check_place(&[("host", "shared"), ("instance", "10.0.0.1")], Err("label host fits 2 items: host_"));
    check_place(&[("host", "*"), ("instance", "127.0.0.1:9100")], Err("no item is called as the labels say: host, instance"));
    check_place(&[("ci", &host(99).to_string())], Err("no item"));
    check_place(&[("job", "node")], Err("none of the labels"));
}

#[test]
fn an_alert_of_nobody_opens_an_incident_without_an_item_that_says_why() {
    let scenario = check(&[(20, raw("firing", "critical", "localhost"))], &["20 external alert: Began", "20 INC1 opened P2: Disk is full"]);
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!(incident.primary_ci, None);
    assert!(incident.description.contains("No item: no item is called as the labels say: instance."), "{}", incident.description);
}

#[test]
fn what_no_source_would_send_is_refused_by_the_name_of_its_field() {
    let plain = || raw("firing", "critical", "x");
    let labels = |pairs: Vec<(String, String)>| Raw { labels: pairs.into_iter().collect(), ..plain() };
    let cases = [
        (Raw { status: "NaN".into(), ..plain() }, "status"),
        (labels(Vec::new()), "labels"),
        (labels((0..65).map(|n| (n.to_string(), String::new())).collect()), "labels"),
        (labels(vec![("a".into(), "x".repeat(1_025))]), "labels.a"),
        (labels(vec![("x".repeat(201), String::new())]), "labels"),
        (labels((0..60).map(|n| (n.to_string(), "x".repeat(1_000))).collect()), "labels"),
        (Raw { fingerprint: Some("a/b".into()), ..plain() }, "fingerprint"),
        (Raw { fingerprint: Some("x".repeat(65)), ..plain() }, "fingerprint"),
        (Raw { starts_at: Some("yesterday".into()), ..plain() }, "startsAt"),
        (Raw { ends_at: Some("99999-01-01T00:00:00Z".into()), ..plain() }, "endsAt"),
    ];
    for (raw, expected) in cases {
        match ExternalReport::new(raw.clone()) {
            Err(Rejection::Invalid { field, .. }) => assert_eq!(field, expected),
            other => panic!("{raw:?}: {other:?}"),
        }
    }
}

#[test]
fn text_for_people_is_cut_and_only_addresses_of_the_web_are_links() {
    let mut raw = Raw { generator_url: Some("javascript:alert(1)".into()), fingerprint: None, ..raw("firing", "p1", "x") };
    raw.annotations = [("summary".into(), "ä".repeat(1_000)), ("description".into(), "x".repeat(100_000))].into();
    let report = ExternalReport::new(raw).expect("a proper alert");
    assert_eq!((report.link, report.title.len(), report.description.len()), (None, 200, 8 << 10));
    assert_eq!(report.fingerprint.len(), 32);
}

#[test]
fn a_title_is_one_line_without_control_characters() {
    for (said, expected) in [("Disk\0 full\r\n on\tdb-1 ", "Disk full on db-1"), ("\u{7}", "x"), ("", "x")] {
        let mut raw = raw("firing", "p1", "x");
        raw.labels.insert("alertname".into(), "x".into());
        raw.annotations = [("summary".into(), said.into())].into();
        assert_eq!(ExternalReport::new(raw).expect("a proper alert").title, expected, "{said:?}");
    }
}

#[test]
fn those_that_are_over_make_room_and_those_that_fire_are_bounded() {
    let mut externals = Externals::default();
    let report = ExternalReport::new(raw("firing", "info", "x")).expect("a proper alert");
    let world = World::default();
    for n in 0..i64::try_from(OVER).expect("a small number") + 5 {
        let mut ids = CountingIds(u128::try_from(n).expect("a small number") * 10);
        let mut context = Context { now: Timestamp(n), actor: crate::Actor::System, ids: &mut ids, content: &crate::context::NoContent };
        let hearing = Hearing { world: &world, source: "am", written_at: None };
        let mut alert = episode::begin(&hearing, None, &report, &mut context);
        (alert.fingerprint, alert.state) = (n.to_string(), ExternalState::Resolved);
        externals.apply(1, Timestamp(n), (ExternalChange::Ended, &alert));
    }
    assert_eq!((externals.alerts.len(), externals.over.len(), externals.ids.len()), (OVER, OVER, OVER));
    assert!(!externals.alerts.contains_key("external/am/4") && externals.alerts.contains_key("external/am/5"));
}

#[test]
fn one_fingerprint_of_two_sources_is_two_alerts() {
    let mut scenario = scenario();
    for (at, source) in [(20, "am"), (30, "zabbix")] {
        receive_of(source, &mut scenario, at, vec![raw("firing", "critical", "10.0.0.1")]).expect("a proper message");
    }
    receive_of("zabbix", &mut scenario, 100, vec![raw("resolved", "critical", "10.0.0.1")]).expect("a proper message");
    let external = &scenario.world.alerts.external;
    assert_eq!((external.alerts.len(), external.ids.len()), (2, 2));
    assert!(external.get("am", "f1").is_some_and(ExternalAlert::fires) && !external.get("zabbix", "f1").is_some_and(ExternalAlert::fires));
    let open = |number| scenario.world.incidents.incidents[&scenario.incident(number)].state.is_open();
    assert_eq!((open(1), open(2)), (true, false));
    scenario.replay();
}

#[test]
fn an_incident_of_a_rule_that_is_called_external_is_not_another_systems() {
    let mut scenario = scenario();
    let called = crate::alert::scenario::rule("external");
    scenario.commit(1, &crate::Actor::System, vec![crate::Event::Rule(crate::rule::RuleEvent::RuleSet { rule: Box::new(called) })]);
    scenario.value(10, 97.0);
    receive(&mut scenario, 20, vec![raw("firing", "critical", "10.0.0.1")]).expect("a proper message");
    let into = scenario.incident(1);
    scenario.act(30, 2, IncidentAction::Merge { into }).expect("merged");
    receive(&mut scenario, 100, vec![raw("resolved", "critical", "10.0.0.1")]).expect("a proper message");
    let incident = &scenario.world.incidents.incidents[&into];
    assert!(incident.state.is_open() && incident.notes.iter().any(|note| note.text.contains("not over")), "{incident:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_incident_is_open_while_its_alert_fires_or_flaps_whatever_is_repeated(
        steps in prop::collection::vec((1_i64..200, any::<bool>(), 0_u8..3), 1..40),
    ) {
        let mut scenario = scenario();
        let (mut at, mut began, mut fires) = (1_000, 0, false);
        for (wait, firing, copies) in steps {
            at += wait;
            if firing && !fires {
                began = at;
            }
            fires = firing;
            let status = if firing { "firing" } else { "resolved" };
            let message = Raw {
                starts_at: Some(Timestamp(began * 1_000).to_string()),
                ends_at: (!firing).then(|| Timestamp(at * 1_000).to_string()),
                ..raw(status, "critical", "10.0.0.1")
            };
            for _ in 0..=copies {
                receive(&mut scenario, at, vec![message.clone()]).expect("a proper message");
            }
            let flaps = scenario.world.alerts.external.alerts.values().any(ExternalAlert::flaps);
            prop_assert_eq!(scenario.world.incidents.live.len(), usize::from(fires || flaps));
        }
        scenario.replay();
    }
}
