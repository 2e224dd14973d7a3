//! The index says the same as a plain list of everything would.

use super::*;
use crate::id::Family;
use proptest::prelude::*;
use rollcall_shared::section::Package;

fn host(n: u128) -> CiId {
    CiId { family: Family::Host, bits: n }
}

fn product(n: u128) -> CiId {
    CiId { family: Family::Software, bits: n }
}

fn contents(text: &str) -> Contents {
    Contents { complete: ContentHash::of(text.as_bytes()), partial: None }
}

fn installed(number: u128, version: &str, details: Details) -> Installed {
    Installed { product: product(number), version: version.into(), details }
}

/// Installs on a host what a list of (product, version) says.
fn install(index: &mut SoftwareIndex, on: u128, list: &[(u128, u8)]) {
    let package = |(number, version): &(u128, u8)| installed(*number, &version.to_string(), Details::default());
    index.set(host(on), contents(&format!("{list:?}")), list.iter().map(package).collect());
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

#[test]
fn hosts_are_found_by_what_a_version_fulfils() {
    let mut index = SoftwareIndex::default();
    for (on, version) in [(1, 9), (2, 10), (3, 13), (4, 9)] {
        install(&mut index, on, &[(1, version), (2, 1)]);
    }
    let below = |limit: &'static str| move |version: &str| compare("dpkg", version, limit).is_lt();
    let found = index.hosts_where(product(1), below("13"));
    assert_eq!((found.len(), found.ids()), (3, BTreeSet::from([host(1), host(2), host(4)])));
    assert!(found.contains(host(4)) && !found.contains(host(3)) && !found.contains(host(9)));
    assert_eq!(found.and(&index.hosts_where(product(1), |version| version == "9")).ids(), BTreeSet::from([host(1), host(4)]));
    let after = index.installations_where(product(1), below("13"), Bound::Excluded(host(1))).collect::<Vec<_>>();
    assert_eq!(after, [(host(2), "10"), (host(4), "9")]);
    assert!(index.hosts_where(product(7), |_| true).is_empty());
}

#[test]
fn few_of_many_hosts_are_found_in_the_same_order() {
    let mut index = SoftwareIndex::default();
    (0..40).rev().for_each(|on| install(&mut index, on, &[(2, 1)]));
    [31, 7, 20].into_iter().for_each(|on| install(&mut index, on, &[(1, 1), (1, 2)]));
    let found = index.installations_where(product(1), |_| true, Bound::Included(host(20))).collect::<Vec<_>>();
    assert_eq!(found, [(host(20), "1"), (host(20), "2"), (host(31), "1"), (host(31), "2")]);
}

#[test]
fn details_tell_pairs_apart_and_count_once_a_host() {
    let mut index = SoftwareIndex::default();
    let of = |vendor: &str| Details { vendor: Some(vendor.into()), ..Details::default() };
    index.set(host(1), contents("a"), vec![installed(1, "1", of("z")), installed(1, "1", of("a"))]);
    index.set(host(2), contents("b"), vec![installed(1, "1", of("z"))]);
    let vendors = index.pairs_of_product(product(1)).map(|pair| pair.details.vendor.as_deref()).collect::<BTreeSet<_>>();
    assert_eq!(vendors, BTreeSet::from([Some("a"), Some("z")]));
    assert_eq!(index.product_versions(product(1)).collect::<Vec<_>>(), [("1", 2)]);
    assert_eq!(index.exposures(&BTreeSet::from([host(1), host(2)]), |_| 1)[&(product(1), "1")], (2, 0));
    let came: BTreeSet<u32> = index.take_changed().into_iter().collect();
    assert_eq!((came.len(), index.take_changed().len()), (2, 0));
    index.remove(host(1));
    let gone = index.take_changed();
    assert_eq!((gone.len(), index.pair(gone[0]).map(|pair| pair.version)), (1, None));
    assert_eq!(index.details.len(), 1);
}

#[test]
fn what_a_package_says_of_itself_is_kept_where_it_says_more_than_its_name() {
    let package = Package {
        name: "libssl3".into(),
        version: "3.0.9-1".into(),
        source: Some("openssl".into()),
        source_version: Some("3.0.9-1".into()),
        vendor: Some("  Debian\tOpenSSL ".into()),
        licence: Some("".into()),
        ..Package::default()
    };
    let expected = Details { source: Some("openssl".into()), vendor: Some("Debian OpenSSL".into()), ..Details::default() };
    assert_eq!(Details::of(&package), expected);
    for (raw, kept) in
        [("a b", Some("a b")), (" a", Some("a")), ("a ", Some("a")), ("a  b", Some("a b")), (" ", None), ("é\u{7}", Some("é"))]
    {
        let vendor = Details::of(&Package { vendor: Some(raw.into()), ..Package::default() }).vendor;
        assert_eq!(vendor.as_deref(), kept, "{raw:?}");
    }
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
