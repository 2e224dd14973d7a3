//! What an administrator may list, and what is refused.

use super::*;

fn set(entries: &[&str]) -> BTreeSet<String> {
    entries.iter().map(|&entry| entry.to_owned()).collect()
}

#[track_caller]
fn check_refused(policy: &Identification, field: &str, words: &str) {
    match policy.checked() {
        Err(Rejection::Invalid { field: found, reason }) => {
            assert_eq!((found.as_str(), reason.contains(words)), (field, true), "{reason}");
        }
        other => panic!("expected a refusal of {field}, got {other:?}"),
    }
}

#[test]
fn lists_are_kept_in_the_form_in_which_values_are_compared() {
    let policy = Identification {
        junk_serials: set(&["  ACME  0001 "]),
        junk_uuids: set(&["44454C4C-4200-1035-8056-B2C04F4D3133"]),
        junk_macs: set(&["3C-EC-EF-01-02-03"]),
        junk_texts: set(&["Straße"]),
        reject_ambiguous: BTreeSet::from([Class::Server]),
    };
    let kept = policy.checked().unwrap();
    assert_eq!(kept.checked().unwrap(), kept, "checking twice changes nothing");
    assert!(kept.lists_serial("acme 0001") && kept.lists_serial("strasse") && !kept.lists_serial("acme 0002"));
    assert!(kept.lists_uuid(Uuid::parse("4c4c4544-0042-3510-8056-b2c04f4d3133").unwrap()));
    assert!(kept.lists_mac("3c:ec:ef:01:02:03") && kept.lists_text("strasse"));
    assert!(kept.rejects(Class::Hypervisor) && !kept.rejects(Class::VirtualMachine));
    assert!(kept.lists_attribute("board_serial", "Acme 0001") && !kept.lists_attribute("hostname", "Acme 0001"));
}

#[test]
fn a_refusal_names_list_and_entry() {
    check_refused(&Identification { junk_uuids: set(&["2"]), ..Default::default() }, "identification.junk_uuids", "\"2\"");
    check_refused(&Identification { junk_macs: set(&["11:22"]), ..Default::default() }, "identification.junk_macs", "\"11:22\"");
    check_refused(&Identification { junk_serials: set(&[" \0"]), ..Default::default() }, "identification.junk_serials", "a text");
    check_refused(&Identification { junk_texts: set(&[&"x".repeat(256)]), ..Default::default() }, "identification.junk_texts", "255");
    let many = (0..=JUNK_ENTRIES).map(|n| n.to_string()).collect();
    check_refused(&Identification { junk_serials: many, ..Default::default() }, "identification.junk_serials", "at most 1000");
    let disks = BTreeSet::from([Class::Disk]);
    check_refused(&Identification { reject_ambiguous: disks, ..Default::default() }, "identification.reject_ambiguous", "disk");
}
