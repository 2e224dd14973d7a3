//! Records that people wrote down and that wait for their machine.

use super::*;

#[test]
fn a_name_adopts_a_record_that_waits_and_nothing_else() {
    let named =
        System { fqdn: Some("db1.example.com".into()), hostname: Some("db1".into()), domain: Some("example.com".into()), ..server(1) };
    for (attributes, entry) in [(vec![("fqdn", "DB1.example.com.")], 100), (vec![("hostname", "db1"), ("domain", "example.com")], 100)] {
        let (mut fleet, waiting) = registered(&attributes);
        let (operation, attempts) = identified(&fleet.report(1, [system(named.clone())]));
        assert_eq!((operation, decided_by(&attempts), fleet.id_of(1)), (Operation::Update, Some(entry), waiting));
        assert_eq!(fleet.host_of(1).status, Lifecycle::Operational);
        fleet.check();
        // It is taken now: another machine of this name is another machine, and people look at it.
        fleet.report(2, [system(System { fqdn: named.fqdn.clone(), ..server(2) })]);
        assert_ne!(fleet.id_of(2), waiting);
        assert_eq!(reviews(&fleet).len(), 1);
        fleet.check();
    }
    let (mut fleet, waiting) = registered(&[("hostname", "db1"), ("domain", "example.com")]);
    let (_, attempts) = identified(&fleet.report(1, [system(System { fqdn: None, ..named })]));
    assert_eq!((decided_by(&attempts), fleet.id_of(1)), (Some(110), waiting));
}

#[test]
fn a_registered_serial_number_is_found_before_the_name() {
    let (mut fleet, waiting) = registered(&[("serial", "SRV00001"), ("manufacturer", "DELL INC."), ("fqdn", "db1.example.com")]);
    let (_, attempts) = identified(&fleet.report(1, [system(server(1))]));
    assert_eq!((decided_by(&attempts), fleet.id_of(1)), (Some(30), waiting));
    fleet.check();
    let (mut fleet, waiting) = registered(&[("serial", "SRV00001"), ("fqdn", "db1.example.com")]);
    fleet.report(1, [system(System { fqdn: Some("db1.example.com".into()), ..server(2) })]);
    assert_ne!(fleet.id_of(1), waiting, "a record with a serial number of its own is not adopted by a name");
}
