//! Canonical form: one content, one name; anything else is refused.

use super::*;
use proptest::prelude::*;

fn user(name: &str, uid: u32) -> User {
    User { name: name.into(), uid, gid: Some(uid), ..User::default() }
}

#[track_caller]
fn check_refused(bytes: &[u8], expected: SectionError) {
    assert_eq!(Section::decode(bytes), Err(expected));
}

#[test]
fn order_and_repetition_do_not_change_the_name() {
    let one = Section::Users(vec![user("b", 2), user("a", 1), user("a", 1)]).canonical().expect("canonical");
    let other = Section::Users(vec![user("a", 1), user("b", 2)]).canonical().expect("canonical");
    assert_eq!(one, other);
}

#[test]
fn the_canonical_bytes_of_format_1_are_frozen() {
    let (_, bytes) = Section::Users(vec![user("a", 1)]).canonical().expect("canonical");
    assert_eq!(bytes, [b'R', b'S', 0, 10, 0, 1, 1, 1, b'a', 1, 1, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn rows_out_of_order_are_refused() {
    let rows = wire::to_bincode(&vec![user("b", 2), user("a", 1)]).expect("encodes");
    check_refused(&[b"RS\x00\x0a\x00\x01", &rows[..]].concat(), SectionError::NotCanonical(SectionName::Users));
}

#[test]
fn a_number_in_more_bytes_than_it_needs_is_refused() {
    let (_, bytes) = Section::Users(vec![user("a", 1)]).canonical().expect("canonical");
    // One row, said in a byte and in three.
    let long = [&bytes[..6], &[0xfb, 1, 0], &bytes[7..]].concat();
    check_refused(&long, SectionError::NotCanonical(SectionName::Users));
}

#[test]
fn foreign_and_future_sections_are_named() {
    check_refused(b"", SectionError::NotASection);
    check_refused(b"RS\x00\x0a", SectionError::NotASection);
    check_refused(b"RS\xff\xff\x00\x01", SectionError::UnknownCode(0xffff));
    check_refused(b"RS\x00\x0a\x00\x09", SectionError::UnknownFormat { name: SectionName::Users, found: 9, known: 1 });
    check_refused(b"RS\x00\x01\x00\x01\x00", SectionError::NotOneRow(SectionName::System));
}

#[test]
fn codes_and_names_are_unique_and_read_back() {
    let codes: std::collections::BTreeSet<u16> = SectionName::ALL.iter().map(|name| name.code()).collect();
    assert_eq!(codes.len(), SectionName::ALL.len());
    for &name in SectionName::ALL {
        assert_eq!(name.as_str().parse(), Ok(name));
        assert_eq!(serde_json::to_value(name).expect("a name is JSON"), name.as_str());
    }
}

#[test]
fn an_upgrade_is_a_change_and_not_an_addition_and_a_removal() {
    let package =
        |name: &str, version: &str| Package { name: name.into(), version: version.into(), manager: "dpkg".into(), ..Package::default() };
    let before = Section::Packages(vec![package("curl", "8.0"), package("gone", "1")]);
    let after = Section::Packages(vec![package("curl", "8.1"), package("new", "1")]);
    let diff = after.diff(&before);
    assert_eq!((diff.added.len(), diff.removed.len(), diff.changed.len()), (1, 1, 1));
    assert_eq!(diff.changed[0].1["version"], "8.1");
}

#[test]
fn packages_side_by_side_are_one_change_and_the_rest_come_and_go() {
    let kernel = |version: &str| Package { name: "kernel".into(), version: version.into(), manager: "rpm".into(), ..Package::default() };
    let before = Section::Packages(vec![kernel("4.7"), kernel("4.8"), kernel("4.9")]);
    let after = Section::Packages(vec![kernel("4.9"), kernel("5.0"), kernel("5.1"), kernel("5.2")]);
    let diff = after.diff(&before);
    assert_eq!((diff.added.len(), diff.removed.len(), diff.changed.len()), (2, 1, 1));
    assert_eq!((&diff.changed[0].0["version"], &diff.changed[0].1["version"]), (&"4.8".into(), &"5.2".into()));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), code in 1_u8..48) {
        let _ = Section::decode(&bytes);
        let _ = Section::decode(&[&[b'R', b'S', 0, code, 0, 1], &bytes[..]].concat());
    }

    #[test]
    fn a_round_trip_is_the_identity(rows in proptest::collection::vec(("[a-z]{0,6}", 0_u32..9), 0..20)) {
        let section = Section::Users(rows.iter().map(|(name, uid)| user(name, *uid)).collect());
        let (hash, bytes) = section.canonical().expect("canonical");
        let decoded = Section::decode(&bytes).expect("decodes");
        prop_assert_eq!(decoded.canonical().expect("canonical"), (hash, bytes));
    }
}
