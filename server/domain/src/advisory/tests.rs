//! From OSV records to hosts.

use super::*;
use crate::ci::testing::{Fleet, server, system};
use crate::{Command, Rejection};
use proptest::prelude::*;
use rollcall_shared::Section;
use rollcall_shared::section::{Os, Package};
use serde_json::{Value, json};
use std::ops::Bound;

fn os(id: &str, version: &str) -> Section {
    Section::Os(vec![Os { id: Some(id.into()), version: Some(version.into()), ..Os::default() }])
}

/// Manager, name, version, source.
type Row<'a> = (&'a str, &'a str, &'a str, Option<&'a str>);

fn packages(rows: &[Row<'_>]) -> Section {
    let row = |(manager, name, version, source): &Row<'_>| Package {
        name: (*name).into(),
        version: (*version).into(),
        manager: (*manager).into(),
        source: source.map(Into::into),
        ..Package::default()
    };
    Section::Packages(rows.iter().map(row).collect())
}

fn record(id: &str, ecosystem: &str, name: &str, events: &Value) -> Value {
    json!({
        "schema_version": "1.6.0", "id": id, "modified": "2026-01-01T00:00:00Z", "summary": "Something is wrong",
        "affected": [{ "package": { "ecosystem": ecosystem, "name": name }, "ranges": [{ "type": "ECOSYSTEM", "events": events }] }]
    })
}

fn import(fleet: &mut Fleet, records: &[Value]) -> usize {
    let advisories = records.iter().map(|record| osv::read(record).unwrap()).collect();
    fleet.decide("ada", &Command::Advisory(AdvisoryCommand::Import { advisories })).unwrap().len()
}

/// What is wrong on the first host: advisory, version, fixed version.
fn found(fleet: &Fleet) -> Vec<(String, String, Option<String>)> {
    let exposures = fleet.world.advisories.of_host(&fleet.world.cmdb, fleet.id_of(1));
    exposures.iter().map(|one| (one.advisory.advisory.id.to_string(), one.version.to_owned(), one.fixed.map(str::to_owned))).collect()
}

/// Whether an advisory means a package on a system, and the fix; the same whichever comes first.
#[track_caller]
fn check(system_is: (&str, &str), row: Row<'_>, record: &Value, expected: Option<Option<&str>>) {
    let hosts = |fleet: &Fleet| {
        let id: AdvisoryId = record["id"].as_str().unwrap().parse().unwrap();
        let set = fleet.world.advisories.host_set(&fleet.world.cmdb, &id).ids();
        let listed = fleet.world.advisories.hosts_of(&fleet.world.cmdb, &id, Bound::Unbounded).map(|(host, _)| host).collect();
        assert_eq!(set, listed);
        set.len()
    };
    for advisory_first in [true, false] {
        let mut fleet = Fleet::with_agents([1]);
        if advisory_first {
            import(&mut fleet, std::slice::from_ref(record));
        }
        fleet.report(1, [system(server(1)), os(system_is.0, system_is.1), packages(&[row])]);
        if !advisory_first {
            import(&mut fleet, std::slice::from_ref(record));
        }
        let fixes: Vec<Option<String>> = found(&fleet).into_iter().map(|(_, _, fixed)| fixed).collect();
        assert_eq!(fixes, expected.map(|fixed| fixed.map(str::to_owned)).into_iter().collect::<Vec<_>>(), "{record}");
        assert_eq!(hosts(&fleet), fixes.len());
        fleet.check();
    }
}

#[test]
fn debian_speaks_of_source_packages_of_a_release() {
    let advisory = record("DSA-1", "Debian:12", "openssl", &json!([{ "introduced": "0" }, { "fixed": "3.0.13-1~deb12u1" }]));
    let installed = |version: &'static str| ("dpkg", "libssl3", version, Some("openssl"));
    check(("debian", "12"), installed("3.0.9-1"), &advisory, Some(Some("3.0.13-1~deb12u1")));
    check(("debian", "12.5"), installed("3.0.11-1~deb12u2"), &advisory, Some(Some("3.0.13-1~deb12u1")));
    check(("debian", "12"), installed("3.0.13-1~deb12u1"), &advisory, None);
    check(("debian", "11"), installed("3.0.9-1"), &advisory, None);
    check(("ubuntu", "12"), installed("3.0.9-1"), &advisory, None);
    check(("debian", "12"), ("dpkg", "openssl", "3.0.9-1", None), &advisory, Some(Some("3.0.13-1~deb12u1")));
    check(("debian", "12"), ("rpm", "openssl", "3.0.9-1", None), &advisory, None);
}

#[test]
fn red_hat_speaks_of_binary_packages_with_epochs() {
    let advisory = record(
        "RHSA-2024:1",
        "Red Hat:enterprise_linux:9::baseos",
        "openssl-libs",
        &json!([{ "introduced": "0" }, { "fixed": "1:3.0.7-27.el9" }]),
    );
    check(("rhel", "9.4"), ("rpm", "openssl-libs", "1:3.0.7-6.el9_2", None), &advisory, Some(Some("1:3.0.7-27.el9")));
    check(("rhel", "9.4"), ("rpm", "openssl-libs", "1:3.0.7-27.el9", None), &advisory, None);
    check(("rhel", "9.4"), ("rpm", "openssl", "1:3.0.7-6.el9_2", Some("openssl-libs")), &advisory, None);
    let rocky = record("RLSA-1", "Rocky Linux:9", "openssl", &json!([{ "introduced": "0" }, { "fixed": "1:3.0.7-27.el9" }]));
    check(("rocky", "9.4"), ("rpm", "openssl-libs", "1:3.0.7-6.el9_2", Some("openssl")), &rocky, Some(Some("1:3.0.7-27.el9")));
}

#[test]
fn language_packages_are_the_same_everywhere() {
    let semver = json!([{ "introduced": "1.0.0" }, { "fixed": "1.2.3" }, { "introduced": "2.0.0" }, { "last_affected": "2.1.0" }]);
    let advisory = record("GHSA-1", "npm", "@Angular/core", &semver);
    let installed = |version: &'static str| ("npm", "@angular/core", version, None);
    check(("", ""), installed("1.2.3-rc.1"), &advisory, Some(Some("1.2.3")));
    check(("debian", "12"), installed("2.1.0"), &advisory, Some(None));
    for version in ["0.9.0", "1.2.3", "2.1.1"] {
        check(("debian", "12"), installed(version), &advisory, None);
    }
    let python = record("PYSEC-1", "PyPI", "zope-interface", &json!([{ "introduced": "0" }, { "fixed": "5.0" }]));
    check(("alpine", "3.18.4"), ("python", "Zope.Interface", "5.0rc1", None), &python, Some(Some("5.0")));
    let go = record("GO-1", "Go", "stdlib", &json!([{ "introduced": "0" }, { "fixed": "1.21.4" }]));
    check(("debian", "12"), ("go", "stdlib", "go1.21.3", None), &go, Some(Some("1.21.4")));
    let alpine = record("CVE-1", "Alpine:v3.18", "openssl", &json!([{ "introduced": "0" }, { "fixed": "3.1.4-r1" }]));
    check(("alpine", "3.18.4"), ("apk", "libcrypto3", "3.1.4-r0", Some("openssl")), &alpine, Some(Some("3.1.4-r1")));
}

#[test]
fn listed_versions_count_beside_ranges() {
    let mut advisory = record("CVE-2", "RubyGems", "rack", &json!([{ "introduced": "0" }, { "fixed": "2.0" }]));
    advisory["affected"][0]["versions"] = json!(["1.0", "1.5", "2.5.0"]);
    let read = osv::read(&advisory).unwrap();
    assert_eq!(read.affected[0].versions, ["2.5.0".into()]);
    check(("debian", "12"), ("gem", "rack", "2.5", None), &advisory, Some(None));
    check(("debian", "12"), ("gem", "rack", "2.6", None), &advisory, None);
}

#[test]
fn a_newer_record_replaces_and_an_older_one_does_not() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1)), os("debian", "12"), packages(&[("dpkg", "bash", "5.2-1", None)])]);
    let advisory = |fixed: &str, modified: &str| {
        let mut one = record("DSA-2", "Debian:12", "bash", &json!([{ "introduced": "0" }, { "fixed": fixed }]));
        one["modified"] = modified.into();
        one
    };
    assert_eq!(import(&mut fleet, &[advisory("5.2-2", "2026-02-01T00:00:00Z")]), 1);
    assert_eq!(import(&mut fleet, &[advisory("5.2-2", "2026-02-01T00:00:00Z")]), 0);
    assert_eq!(import(&mut fleet, &[advisory("5.2-9", "2026-01-01T00:00:00Z")]), 0);
    assert_eq!(found(&fleet), [("DSA-2".into(), "5.2-1".into(), Some("5.2-2".into()))]);
    let mut withdrawn = advisory("5.2-2", "2026-03-01T00:00:00Z");
    withdrawn["withdrawn"] = "2026-03-01T00:00:00Z".into();
    import(&mut fleet, &[withdrawn]);
    assert_eq!(found(&fleet), []);
    import(&mut fleet, &[advisory("5.2-1", "2026-04-01T00:00:00Z")]);
    assert_eq!(found(&fleet), []);
    fleet.check();
}

#[test]
fn matches_follow_what_is_installed_and_what_hosts_run() {
    let mut fleet = Fleet::with_agents([1, 2]);
    import(&mut fleet, &[record("DSA-3", "Debian:12", "bash", &json!([{ "introduced": "0" }, { "fixed": "5.2-2" }]))]);
    let id: AdvisoryId = "DSA-3".parse().unwrap();
    let count = |fleet: &Fleet| fleet.world.advisories.host_set(&fleet.world.cmdb, &id).len();
    let bash = |version: &'static str| packages(&[("dpkg", "bash", version, None)]);
    fleet.report(1, [system(server(1)), os("debian", "12"), bash("5.2-1")]);
    fleet.report(2, [system(server(2)), os("debian", "11"), bash("5.2-1")]);
    assert_eq!(count(&fleet), 1);
    fleet.report(2, [system(server(2)), os("debian", "12"), bash("5.2-1")]);
    assert_eq!(count(&fleet), 2);
    fleet.report(1, [system(server(1)), os("debian", "12"), bash("5.2-2")]);
    assert_eq!((count(&fleet), found(&fleet)), (1, Vec::new()));
    fleet.report(2, [system(server(2)), os("debian", "12"), bash("5.2-3")]);
    assert_eq!((count(&fleet), fleet.world.advisories.matching().count()), (0, 0));
    fleet.check();
}

#[track_caller]
fn refuse(change: impl FnOnce(&mut Value), field: &str) {
    let mut wrong = record("CVE-3", "PyPI", "x", &json!([{ "introduced": "0" }]));
    change(&mut wrong);
    match osv::read(&wrong) {
        Err(Rejection::Invalid { field: found, .. }) => assert_eq!(found, field, "{wrong}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_record_is_refused_with_the_path() {
    refuse(|record| *record = json!([]), "record");
    refuse(|record| drop(record.as_object_mut().unwrap().remove("id")), "id");
    refuse(|record| record["id"] = json!("a b"), "id");
    refuse(|record| record["modified"] = json!("yesterday"), "modified");
    refuse(|record| record["aliases"] = json!([1]), "aliases[0]");
    refuse(|record| record["affected"] = json!([]), "affected");
    refuse(|record| record["affected"][0]["package"]["ecosystem"] = json!("Android"), "affected");
    refuse(|record| record["affected"][0]["package"]["name"] = json!(7), "affected[0].package.name");
    refuse(|record| record["affected"][0]["ranges"][0]["type"] = json!("MAGIC"), "affected[0].ranges[0].type");
    refuse(|record| record["affected"][0]["ranges"][0]["events"] = json!([{ "fixed": 1 }]), "affected[0].ranges[0].events[0].fixed");
    refuse(|record| record["affected"][0]["versions"] = json!({}), "affected[0].versions");
}

#[test]
fn the_worst_score_counts_and_a_word_where_there_is_none() {
    let mut advisory = record("CVE-4", "PyPI", "x", &json!([{ "introduced": "0" }]));
    let severity = |record: &Value| osv::read(record).unwrap().severity.map(|severity| (severity.rating, severity.score_tenths));
    assert_eq!(severity(&advisory), None);
    advisory["database_specific"] = json!({ "severity": "MODERATE" });
    assert_eq!(severity(&advisory), Some((Rating::Medium, None)));
    advisory["severity"] = json!([
        { "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H" },
        { "type": "CVSS_V4", "score": "CVSS:4.0/AV:N" },
        { "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }
    ]);
    assert_eq!(severity(&advisory), Some((Rating::Critical, Some(98))));
}

#[test]
fn too_many_at_once_are_refused() {
    let one = osv::read(&record("CVE-5", "PyPI", "x", &json!([{ "introduced": "0" }]))).unwrap();
    let advisories = vec![one; decide::ADVISORIES_PER_IMPORT + 1];
    let refused = Fleet::default().decide("ada", &Command::Advisory(AdvisoryCommand::Import { advisories }));
    assert!(matches!(refused, Err(Rejection::Invalid { .. })));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop::sample::select(vec![
            "id",
            "package",
            "ecosystem",
            "name",
            "ranges",
            "type",
            "events",
            "introduced",
            "fixed",
            "versions",
            "severity",
            "score",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_record_is_too_odd(value in any_json(), field in prop::sample::select(vec!["affected", "severity", "aliases", "published", "summary"])) {
        let mut one = record("CVE-6", "PyPI", "x", &json!([{ "introduced": "0" }]));
        one[field] = value.clone();
        let _ = osv::read(&one);
        let _ = osv::read(&value);
        one["affected"] = json!([value]);
        let _ = osv::read(&one);
    }

    /// What the intervals say is what the rule of the format says: go through the events in order and remember the last.
    #[test]
    fn intervals_agree_with_the_rule_of_the_format(
        events in prop::collection::vec((prop::sample::select(vec!["introduced", "fixed", "last_affected"]), 0_u32..8), 0..6),
        version in 0_u32..9,
    ) {
        let list: Vec<Value> = events.iter().map(|(mark, version)| json!({ *mark: version.to_string() })).collect();
        let Ok(advisory) = osv::read(&record("CVE-7", "npm", "x", &Value::from(list))) else { return Ok(()) };
        let mut sorted = events;
        sorted.sort_by_key(|(mark, version)| (*version, ["introduced", "fixed", "last_affected"].iter().position(|known| known == mark)));
        let mut affected = false;
        for (mark, at) in sorted {
            match mark {
                "introduced" if version >= at => affected = true,
                "fixed" if version >= at => affected = false,
                "last_affected" if version > at => affected = false,
                _ => {}
            }
        }
        prop_assert_eq!(advisory.affected[0].judge(Kind::Npm, &version.to_string()).is_some(), affected);
    }
}
