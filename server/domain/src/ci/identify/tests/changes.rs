//! Changes that explain a contradiction, and identifiers that many machines share.

use super::*;

#[test]
fn a_replaced_board_is_explained_by_the_chassis_or_by_half_of_the_parts() {
    let chassis = |found: System| System { chassis_serial: Some("CH4711XYZ".into()), ..found };
    let parts = |disk: &str, modules_are: &[&str], macs: &[&str]| [disks(&[disk, "PHAX000002"]), modules(modules_are), nics(macs)];
    let swapped = System { serial: server(2).serial, uuid: server(2).uuid, board_serial: Some("NEWBOARD01".into()), ..server(1) };
    let before = parts("PHAX000001", &["DIMM0001", "DIMM0002"], &[MAC_A]);
    let cases = [
        ("the chassis is the same", chassis(swapped.clone()), None, true),
        ("the parts are the same", swapped.clone(), Some(parts("PHAX000001", &["DIMM0001", "DIMM0002"], &[MAC_B])), true),
        ("half of the parts are", swapped.clone(), Some(parts("PHAX000001", &["DIMM0001", "DIMM0009"], &[MAC_B])), true),
        ("less than half of the parts are", swapped.clone(), Some(parts("PHAX000009", &["DIMM0001", "DIMM0009"], &[MAC_B])), false),
        ("nothing is told of the parts", swapped.clone(), None, false),
    ];
    for (case, after, after_parts, is_itself) in cases {
        let mut fleet = Fleet::with_agents([1]);
        fleet.report(1, std::iter::once(system(chassis(server(1)))).chain(before.clone()));
        let first = fleet.id_of(1);
        let events = fleet.report(1, std::iter::once(system(after)).chain(after_parts.into_iter().flatten()));
        let expected = if is_itself { Explanation::BoardReplaced } else { Explanation::DiskMoved };
        assert_eq!(explanations(&events), [expected], "{case}");
        let value = |name: &str| fleet.world.cmdb.cis[&first].observed_text(name).map(str::to_owned);
        assert_eq!(value("serial"), if is_itself { server(2).serial } else { server(1).serial }, "{case}");
        fleet.check();
    }
}

#[test]
fn a_disk_in_another_machine_makes_another_record_and_overwrites_nothing() {
    let mut fleet = Fleet::with_agents([1, 9]);
    let machine = |number: u32| {
        let own = [format!("DIMM{number:04}A"), format!("DIMM{number:04}B")];
        [system(server(number)), disks(&["PHAX000001"]), modules(&[&own[0], &own[1]]), nics(&[&format!("3c:ec:ef:00:01:{number:02x}")])]
    };
    fleet.report(1, machine(1));
    let (home, before) = (fleet.id_of(1), fleet.host_of(1).clone());
    fleet.pass(DAY);
    let events = fleet.report(1, machine(2));
    assert_eq!(explanations(&events), [Explanation::DiskMoved]);
    let (Operation::Insert, _) = identified(&events) else { panic!("{events:#?}") };
    assert_eq!(fleet.id_of(1), home, "the agent stays at home");
    let kept = &fleet.world.cmdb.cis[&home];
    assert_eq!((&kept.attributes, &kept.sections), (&before.attributes, &before.sections));
    let [task] = reviews(&fleet)[..] else { panic!() };
    let other = *task.cis.iter().find(|&&ci| ci != home).unwrap();
    assert_eq!(fleet.world.cmdb.cis[&other].observed_text("serial"), Some("SRV00002"));
    fleet.check();
    // The machine enrols anew: it has its record already.
    fleet.report(9, machine(2));
    assert_eq!(fleet.id_of(9), other);
    assert_eq!(fleet.host_of(9).attributes["serial"].proposals().len(), 1, "the word of the moved agent is replaced");
    fleet.check();
}

#[test]
fn a_machine_installed_anew_is_itself_and_its_old_credential_is_suspended() {
    let anew = |found: System| System { machine_id: server(77).machine_id, ..found };
    let parts = || [disks(&["PHAX000001"]), nics(&[MAC_A])];
    let whole = |found: System| Machine(std::iter::once(system(found)).chain(parts()).collect());
    for renamed in [anew(server(1)), System { hostname: Some("other".into()), ..anew(server(1)) }] {
        let fleet = check(whole(server(1)), whole(renamed), (Operation::Update, Some(20)));
        assert_eq!(fleet.id_of(1), fleet.id_of(2));
        assert_eq!((status(&fleet, 1), status(&fleet, 2), reviews(&fleet).len()), (AgentStatus::Suspended, AgentStatus::Approved, 0));
        assert_eq!(fleet.host_of(2).attributes["serial"].proposals().len(), 1);
    }
    let mut fleet = check(server(1), anew(server(1)), (Operation::Update, Some(20)));
    let refused = fleet.try_report(1, [system(server(1))]);
    assert_eq!(refused, Err(Rejection::AgentSuspended(AgentId(1))));
    // Not while the old agent lives, not when the parts are others, and not on one number when the name is another.
    let fleet = check_alive(server(1), anew(server(1)), NEW);
    assert_eq!((status(&fleet, 1), reviews(&fleet).len()), (AgentStatus::Approved, 1));
    let others = [system(anew(server(1))), disks(&["PHAX000009"]), nics(&[MAC_B])];
    let fleet = check(whole(server(1)), others, NEW);
    assert_eq!((status(&fleet, 1), reviews(&fleet).len()), (AgentStatus::Approved, 1));
    let numbered = |number| System { uuid: None, ..System { serial: server(1).serial, ..server(number) } };
    check(numbered(1), numbered(2), NEW);
}

#[test]
fn two_hosts_with_one_serial_number_stay_two() {
    let fleet = check(server(1), System { serial: server(1).serial, ..server(2) }, NEW);
    assert!(note(&fleet, 2, 30).contains("its UUID is"));
    let bare = |number| System { uuid: None, serial: server(1).serial, ..server(number) };
    let fleet = check_alive(bare(1), bare(2), NEW);
    assert_eq!(reviews(&fleet).len(), 1);
}

#[test]
fn a_thousand_live_hosts_with_one_serial_number_stay_a_thousand_with_few_tasks() {
    let mut fleet = Fleet::with_agents(1..=1_000);
    for agent in 1..=1_000 {
        fleet.report(agent, [system(System { uuid: None, serial: Some("SHARED-4711".into()), ..server(u32::try_from(agent).unwrap()) })]);
        fleet.now = Timestamp(fleet.now.0 - 60_000);
    }
    let hosts: BTreeSet<_> = (1..=1_000).map(|agent| fleet.id_of(agent)).collect();
    assert_eq!(hosts.len(), 1_000);
    assert_eq!(note(&fleet, 1_000, 30), "999 records have it: it identifies none of them");
    assert!(reviews(&fleet).len() <= 12, "{}", reviews(&fleet).len());
    assert!(reviews(&fleet).iter().any(|task| task.reason.contains("many machines have manufacturer dell, serial shared-4711")));
    assert_eq!(fleet.world.cmdb.facts["serial:shared-4711"].len(), 1_000);
}

#[test]
fn a_fact_of_a_hundred_thousand_hosts_costs_a_look_and_identifies_nothing() {
    let mut fleet = Fleet::with_agents([1]);
    let shared = (0..100_000).map(|bits| CiId { family: crate::id::Family::Host, bits }).collect();
    fleet.world.cmdb.facts.insert("serial:srv00001".into(), shared);
    let dry = identify(&fleet.world, &Reporter::Agent(AgentId(1)), &[Arc::new(system(server(1)))], fleet.now);
    let notes: BTreeMap<u16, Option<String>> = dry.attempts.into_iter().map(|attempt| (attempt.entry, attempt.note)).collect();
    assert_eq!(notes[&30].as_deref(), Some("100000 records have it: it identifies none of them"));
    assert_eq!(dry.operation, Operation::Insert);
}

#[test]
fn a_feed_tells_machines_of_one_serial_number_apart_by_key_and_name() {
    let mut fleet = Fleet::with_agents([]);
    let bare = |number| System { uuid: None, serial: Some("SHARED-4711".into()), ..server(number) };
    for number in 1..=20 {
        fleet.deliver("glpi", &format!("pc{number}"), [system(bare(number))]).expect("accepted");
    }
    assert_eq!(fleet.world.cmdb.cis.len(), 20);
    // A new key for a machine of the same name and serial number is a new key.
    fleet.deliver("glpi", "pc1-2026-11-25", [system(bare(1))]).expect("accepted");
    assert_eq!(fleet.world.cmdb.cis.len(), 20);
    fleet.check();
}

#[test]
fn a_renamed_host_is_itself() {
    let renamed = System { hostname: Some("new".into()), fqdn: Some("new.example.com".into()), ..server(1) };
    let fleet = check(System { fqdn: Some("old.example.com".into()), ..server(1) }, renamed, (Operation::Update, Some(20)));
    assert_eq!(fleet.host_of(1).name, "new");
}

#[test]
fn placeholders_of_an_administrator_identify_nothing() {
    let mut fleet = Fleet::with_agents([1, 2]);
    let found = |number| System { uuid: None, serial: Some("ACME-SHARED-1".into()), ..server(number) };
    let list = |entries: &[&str]| {
        let mut policy = policy::Policy::default();
        policy.identification.junk_serials = entries.iter().map(|&entry| entry.to_owned()).collect();
        CiCommand::SetPolicy { policy: Box::new(policy), expected: None }
    };
    assert!(matches!(fleet.command("ada", list(&[" "])), Err(Rejection::Invalid { .. })));
    fleet.report(1, [system(found(1))]);
    fleet.command("ada", list(&["acme-shared-1"])).unwrap();
    fleet.report(2, [system(found(1))]);
    assert_ne!(fleet.id_of(1), fleet.id_of(2));
    assert!(!fleet.host_of(2).attributes.contains_key("serial"));
    assert_eq!(note(&fleet, 2, 30), "no usable serial number");
    fleet.check();
}
