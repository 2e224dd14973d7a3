//! The index says the same as a plain list of everything would.

use super::*;
use crate::id::Family;
use proptest::prelude::*;

fn host(n: u128) -> CiId {
    CiId { family: Family::Host, bits: n }
}

fn product(n: u128) -> CiId {
    CiId { family: Family::Software, bits: n }
}

fn contents(text: &str) -> Contents {
    Contents { complete: ContentHash::of(text.as_bytes()), partial: None }
}

/// Installs on a host what a list of (product, version) says.
fn install(index: &mut SoftwareIndex, on: u128, list: &[(u128, u8)]) {
    let name = format!("{list:?}");
    index.set(host(on), contents(&name), list.iter().map(|(number, version)| (product(*number), version.to_string().into())));
}

#[track_caller]
fn check(purl: Option<&str>, expected: &str) {
    let package = Package { name: "openssl".into(), manager: "dpkg".into(), purl: purl.map(str::to_owned), ..Package::default() };
    assert_eq!(product_key(&package), expected);
}

#[test]
fn a_product_is_a_package_url_without_version_or_manager_and_name() {
    check(Some("pkg:deb/debian/openssl@3.0.1?arch=amd64"), "pkg:deb/debian/openssl");
    check(Some("pkg:npm/%40angular/core@1.0#src"), "pkg:npm/%40angular/core");
    check(Some("pkg:npm/@angular/core"), "pkg:npm/@angular/core");
    check(Some("openssl 3"), "dpkg/openssl");
    check(None, "dpkg/openssl");
    check(Some(&format!("pkg:deb/{}", "é".repeat(300))), &format!("pkg:deb/{}", "é".repeat(123)));
}

#[test]
fn hosts_of_one_image_share_it() {
    let mut index = SoftwareIndex::default();
    install(&mut index, 1, &[(1, 1), (2, 1)]);
    install(&mut index, 2, &[(1, 1), (2, 1)]);
    install(&mut index, 3, &[(1, 2)]);
    assert_eq!(index.installations(product(1)), [(host(1), "1".into()), (host(2), "1".into()), (host(3), "2".into())]);
    assert_eq!((index.host_count(product(1)), index.host_count(product(2)), index.host_count(product(9))), (3, 2, 0));
    assert_eq!(index.product_versions(product(1)).collect::<Vec<_>>(), [("1", 2), ("2", 1)]);
    assert_eq!(index.hosts_with(product(1), "1"), BTreeSet::from([host(1), host(2)]));
    assert_eq!(index.count_with(product(1), "1", &BTreeSet::from([host(2), host(3)])), 1);
    let mark = |host: CiId| u64::try_from(host.bits).unwrap();
    let exposures = index.exposures(&BTreeSet::from([host(1), host(2), host(3)]), mark);
    assert_eq!((exposures.get(&(product(1), "1")), exposures.get(&(product(1), "2"))), (Some(&(2, 1 ^ 2)), Some(&(1, 3))));
    assert!(index.knows(&contents("[(1, 2)]")));
}

#[test]
fn what_nobody_has_any_more_is_forgotten() {
    let mut index = SoftwareIndex::default();
    install(&mut index, 1, &[(1, 1)]);
    install(&mut index, 1, &[(2, 1)]);
    assert_eq!(index.products().collect::<Vec<_>>(), [product(2)]);
    index.remove(host(1));
    index.remove(host(1));
    assert_eq!((index.products().count(), index.has_host(host(1))), (0, false));
}

proptest! {
    #[test]
    fn it_agrees_with_a_plain_list(steps in proptest::collection::vec((0_u128..5, proptest::option::of(proptest::collection::btree_set((0_u128..4, 0_u8..3), 0..5))), 0..30)) {
        let mut index = SoftwareIndex::default();
        let mut plain: BTreeMap<u128, Vec<(u128, u8)>> = BTreeMap::new();
        for (on, list) in steps {
            match list {
                Some(list) => {
                    let list: Vec<(u128, u8)> = list.into_iter().collect();
                    install(&mut index, on, &list);
                    plain.insert(on, list);
                }
                None => {
                    index.remove(host(on));
                    plain.remove(&on);
                }
            }
        }
        let everyone: BTreeSet<CiId> = (0..5).map(host).collect();
        for number in 0..4 {
            for version in 0..3 {
                let expected: BTreeSet<CiId> = plain.iter().filter(|(_, list)| list.contains(&(number, version))).map(|(on, _)| host(*on)).collect();
                prop_assert_eq!(index.count_with(product(number), &version.to_string(), &everyone), expected.len() as u64);
                prop_assert_eq!(index.hosts_with(product(number), &version.to_string()), expected);
            }
        }
        let mut rebuilt = SoftwareIndex::default();
        for (on, list) in plain.iter().rev() {
            install(&mut rebuilt, *on, list);
            let expected: Vec<(CiId, String)> = list.iter().map(|(number, version)| (product(*number), version.to_string())).collect();
            let found: Vec<(CiId, String)> = index.packages_of(host(*on)).into_iter().map(|(product, version)| (product, version.to_owned())).collect();
            prop_assert_eq!(found, expected);
        }
        prop_assert_eq!(rebuilt, index);
    }
}
