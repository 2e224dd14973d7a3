//! What parts say when identifiers contradict.

use super::*;

fn set(serials: &[&str]) -> BTreeSet<String> {
    serials.iter().map(|&serial| serial.to_owned()).collect()
}

fn machine(disks: &[&str], modules: &[&str], macs: &[&str]) -> Fingerprint {
    Fingerprint { disks: set(disks), memory_modules: set(modules), macs: set(macs), ..Fingerprint::default() }
}

/// Whether at least half are the same, and whether none is.
#[track_caller]
fn check(mine: &Fingerprint, theirs: &Fingerprint, expected: (bool, bool)) {
    for parts in [SharedParts::of(mine, theirs), SharedParts::of(theirs, mine)] {
        assert_eq!((parts.is_half(), parts.is_none()), expected, "{parts:?}");
    }
}

#[test]
fn half_of_the_parts_are_the_same_machine_but_disks_alone_are_not() {
    check(&machine(&["d1"], &["m1", "m2"], &["a"]), &machine(&["d1"], &["m1", "m9"], &["b"]), (true, false));
    check(&machine(&["d1"], &["m1", "m2"], &["a"]), &machine(&["d9"], &["m1", "m9"], &["b"]), (false, false));
    let many = ["d1", "d2", "d3", "d4", "d5", "d6"];
    check(&machine(&many, &["m1"], &["a"]), &machine(&many, &["m2"], &["b"]), (false, false));
}

#[test]
fn what_one_side_does_not_tell_is_not_compared() {
    check(&machine(&["d1"], &["m1"], &[]), &machine(&["d2"], &[], &["a"]), (false, true));
    check(&machine(&["d1"], &["m1"], &[]), &machine(&[], &["m1"], &["a"]), (true, false));
    check(&machine(&[], &[], &[]), &machine(&["d1"], &["m1"], &["a"]), (false, false));
}

#[test]
fn another_cloud_instance_is_never_explained() {
    let instance = |id: &str| Fingerprint { cloud: Some(("aws".into(), id.into())), ..machine(&["d1"], &["m1"], &["a"]) };
    assert!(instance("i-1").contradiction(&instance("i-2")).is_some());
    assert_eq!(instance("i-1").board_replacement(&instance("i-2")), None);
    assert!(instance("i-1").board_replacement(&instance("i-1")).is_some());
}
