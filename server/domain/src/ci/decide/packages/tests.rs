//! Upgrades, installations, removals; products that are new.

use super::*;
use crate::context::CountingIds;
use proptest::prelude::*;
use rollcall_shared::Section;
use serde_json::Value;

fn package(name: &str, version: &str) -> Package {
    Package { name: name.into(), version: version.into(), manager: "rpm".into(), architecture: Some("x86_64".into()), ..Package::default() }
}

fn sorted(mut rows: Vec<Package>) -> Vec<Package> {
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Changes between two lists whose products are all known.
fn compare(before: &[Package], after: &[Package]) -> Vec<PackageChange> {
    let all: Vec<Package> = before.iter().chain(after).cloned().collect();
    let (_, fresh) = discover(&Cmdb::default(), &Lists::new(&[], &all), &mut CountingIds::default());
    changes(&Cmdb::default(), &fresh, &Lists::new(before, after))
}

#[track_caller]
fn check(before: &[(&str, &str)], after: &[(&str, &str)], expected: &[(&str, Option<&str>, Option<&str>)]) {
    let rows = |list: &[(&str, &str)]| sorted(list.iter().map(|(name, version)| package(name, version)).collect());
    let found = compare(&rows(before), &rows(after));
    let found: Vec<_> = found.iter().map(|change| (change.name.as_str(), change.before.as_deref(), change.after.as_deref())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_package_with_another_version_is_an_upgrade() {
    check(&[("curl", "8.0")], &[("curl", "8.1")], &[("curl", Some("8.0"), Some("8.1"))]);
}

#[test]
fn a_downgrade_is_told_from_an_upgrade_by_the_order_of_the_manager() {
    let kinds = |manager: &str, before: &str, after: &str| {
        let row = |version: &str| Package { manager: manager.into(), ..package("curl", version) };
        compare(&[row(before)], &[row(after)]).iter().map(|change| change.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds("rpm", "8.9", "8.10"), [PackageChangeKind::Upgraded]);
    assert_eq!(kinds("rpm", "8.10", "8.9"), [PackageChangeKind::Downgraded]);
    assert_eq!(kinds("dpkg", "8.0~rc1", "8.0"), [PackageChangeKind::Upgraded]);
    assert_eq!(kinds("dpkg", "1:7", "8"), [PackageChangeKind::Downgraded]);
    assert_eq!(kinds("npm", "8.0.0", "8.0"), [PackageChangeKind::Changed]);
    assert_eq!(compare(&[], &[package("curl", "1")])[0].kind, PackageChangeKind::Installed);
    assert_eq!(compare(&[package("curl", "1")], &[])[0].kind, PackageChangeKind::Removed);
}

#[test]
fn what_came_and_what_went_is_told_in_order_of_name() {
    check(&[("b", "1")], &[("a", "1"), ("c", "1")], &[("a", None, Some("1")), ("b", Some("1"), None), ("c", None, Some("1"))]);
}

#[test]
fn of_kernels_side_by_side_the_last_was_replaced_and_the_others_came_and_went() {
    let expected = [("kernel", Some("4.8"), None), ("kernel", None, Some("5.0")), ("kernel", Some("4.9"), Some("5.1"))];
    check(&[("kernel", "4.8"), ("kernel", "4.9")], &[("kernel", "5.0"), ("kernel", "5.1")], &expected);
    check(&[("kernel", "4.8"), ("kernel", "4.9")], &[("kernel", "4.9"), ("kernel", "5.0")], &[("kernel", Some("4.8"), Some("5.0"))]);
}

#[test]
fn an_installation_of_the_same_version_again_is_no_change_of_software() {
    let again = Package { size_bytes: Some(7), ..package("curl", "8.0") };
    assert_eq!(compare(&[package("curl", "8.0")], &[again]), []);
}

#[test]
fn two_places_of_one_package_are_told_apart() {
    let at = |version: &str, place: &str| Package { location: Some(place.into()), ..package("lodash", version) };
    let found = compare(&sorted(vec![at("1", "/a"), at("5", "/b")]), &sorted(vec![at("2", "/a"), at("5", "/b")]));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].before.as_deref(), found[0].after.as_deref()), (Some("1"), Some("2")));
    let moved = compare(&[at("1", "/a")], &[at("1", "/b")]);
    assert_eq!(moved.len(), 2, "one came and one went");
}

#[test]
fn architectures_of_one_product_are_told_apart() {
    let other = Package { architecture: Some("i686".into()), ..package("glibc", "2.0") };
    let found = compare(&sorted(vec![package("glibc", "2.0"), other.clone()]), &sorted(vec![package("glibc", "2.1"), other]));
    assert_eq!(found.len(), 1);
}

#[test]
fn products_are_discovered_once_and_in_events_of_bounded_size() {
    let rows: Vec<Package> = (0..600).map(|n| package(&format!("p{n}"), "1")).collect();
    let (events, fresh) = discover(&Cmdb::default(), &Lists::new(&[], &[rows.clone(), rows].concat()), &mut CountingIds::default());
    assert_eq!((events.len(), fresh.len()), (3, 600));
}

#[test]
fn a_flood_of_changes_is_cut() {
    let rows: Vec<Package> = (0..6_000).map(|n| package(&format!("p{n:04}"), "1")).collect();
    assert_eq!(compare(&[], &rows).len(), SOFTWARE_CHANGES);
}

fn real(file: &str) -> Option<Vec<Package>> {
    let path = std::path::PathBuf::from(std::env::var_os("ROLLCALL_TEST_DATA")?).join("inventory_format").join(file);
    let inventory: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = |row: &Value, field: &str| row[field].as_str().map(str::to_owned);
    let row = |row: &Value| Package {
        name: text(row, "name").unwrap(),
        version: text(row, "version").unwrap(),
        architecture: text(row, "arch"),
        manager: text(row, "from").unwrap(),
        vendor: text(row, "publisher"),
        size_bytes: row["filesize"].as_u64(),
        ..Package::default()
    };
    Some(sorted(inventory["content"]["softwares"].as_array().unwrap().iter().map(row).collect()))
}

/// A real computer before and after a release upgrade, when the test data are there. What took the place of another version is
/// counted as one change, and of these 853 rpm's order takes every one for an upgrade.
#[test]
fn a_real_upgrade_is_853_upgrades_163_installations_and_12_removals() {
    let (Some(before), Some(after)) = (real("computer_3.json"), real("computer_3_updated.json")) else { return };
    let found = compare(&before, &after);
    let count = |of: fn(&PackageChange) -> bool| found.iter().filter(|change| of(change)).count();
    let upgrades = count(|change| change.before.is_some() && change.after.is_some());
    assert_eq!((upgrades, count(|change| change.before.is_none()), count(|change| change.after.is_none())), (853, 163, 12));
    let of = |kind| found.iter().filter(|change| change.kind == kind).count();
    assert_eq!((of(PackageChangeKind::Upgraded), of(PackageChangeKind::Downgraded), of(PackageChangeKind::Changed)), (853, 0, 0));
    let diff = Section::Packages(after).diff(&Section::Packages(before));
    assert_eq!((diff.added.len(), diff.removed.len()), (163, 12));
}

proptest! {
    #[test]
    fn the_changes_lead_from_one_list_to_the_other(
        before in proptest::collection::btree_set((0_u8..4, 0_u8..4), 0..8),
        after in proptest::collection::btree_set((0_u8..4, 0_u8..4), 0..8),
    ) {
        let rows = |set: &std::collections::BTreeSet<(u8, u8)>| sorted(set.iter().map(|(name, version)| package(&name.to_string(), &version.to_string())).collect());
        let mut reached: std::collections::BTreeSet<(String, String)> = before.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        for change in compare(&rows(&before), &rows(&after)) {
            if let Some(version) = change.before {
                prop_assert!(reached.remove(&(change.name.clone(), version)));
            }
            if let Some(version) = change.after {
                prop_assert!(reached.insert((change.name, version)));
            }
        }
        prop_assert_eq!(reached, after.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect());
    }
}
