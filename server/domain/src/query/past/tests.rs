//! A query about the past finds what it found then.

use super::*;
use crate::ci::past::Past;
use crate::ci::testing::*;
use crate::ci::{AttributeValue, CiCommand};
use crate::id::CiId;
use rollcall_shared::section::System;
use std::collections::BTreeMap;

/// The past of one item, and of what is around it, from their own histories.
fn past(fleet: &Fleet, id: CiId, at: Timestamp) -> Past {
    let mut past = Past::new(at);
    let mut wanted = BTreeSet::from([id]);
    for _ in 0..2 {
        let histories = wanted.iter().flat_map(|id| fleet.world.cmdb.cis[id].history.clone());
        let records: Vec<_> = histories.map(|revision| fleet.log[usize::try_from(revision).expect("small") - 1].clone()).collect();
        past.add(wanted, records);
        wanted = past.around(id);
    }
    past
}

#[track_caller]
fn found(fleet: &Fleet, at: Timestamp, text: &str) -> Vec<CiId> {
    let query = Query::parse(text).expect("a query");
    check(&Scope { world: &fleet.world, groups: &NoGroups, now: at }, &query).expect("can be asked");
    let read = Cell::new(0);
    let fits = |id: &CiId| {
        let past = past(fleet, *id, at);
        let then = Then { world: past.world(), groups: &NoGroups, at, content: &fleet.content, read: &read };
        past.ci(*id).is_some_and(|ci| then.matches(&query, ci))
    };
    fleet.world.cmdb.cis.keys().copied().filter(fits).collect()
}

#[test]
fn a_query_about_a_moment_finds_what_the_same_query_found_then() {
    let queries = [
        "class:server",
        "package:openssl<3.0.14",
        "package:openssl>=3.0.14 class:server",
        "listener:443/tcp",
        "not listener:443/tcp class:host",
        "serial:srv00001",
        "memory>1GiB",
        "owner:ann",
        "tag:prod",
        "class:disk status:operational",
        "class:disk parent:srv*",
        "srv",
        "",
        "user:alice or package:vim",
    ];
    let listening = |port: u16| {
        let row = rollcall_shared::section::Listener { port, protocol: "tcp".into(), ..Default::default() };
        Section::Listeners(vec![row])
    };
    let mut fleet = Fleet::with_agents([1, 2]);
    let mut seen: Vec<(Timestamp, Vec<Vec<CiId>>)> = Vec::new();
    let note = |fleet: &Fleet, seen: &mut Vec<_>| {
        let scope = Scope { world: &fleet.world, groups: &NoGroups, now: fleet.now };
        let answers = queries.map(|text| {
            let query = Query::parse(text).expect("a query");
            let fitting = fleet.world.cmdb.cis.values().filter(|ci| scope.matches(&query, ci));
            fitting.map(|ci| ci.id).collect::<Vec<_>>()
        });
        seen.push((fleet.now, answers.to_vec()));
    };
    fleet.report(1, [system(server(1)), packages(&[("openssl", "3.0.13")]), Section::Disks(vec![disk("sda", "S5XBNJ0R1")])]);
    note(&fleet, &mut seen);
    fleet.report(2, [system(server(2)), packages(&[("openssl", "3.0.14"), ("vim", "9")]), listening(443)]);
    let attributes = BTreeMap::from([("owner".to_owned(), Some(AttributeValue::Text("ann".into())))]);
    fleet.command("ann", CiCommand::AssertAttributes { ci: fleet.id_of(1), attributes, expected: None }).expect("asserted");
    note(&fleet, &mut seen);
    fleet.report(
        1,
        [system(System { memory_bytes: Some(1 << 31), ..server(1) }), packages(&[("openssl", "3.0.14")]), Section::Disks(vec![])],
    );
    fleet.report(2, [system(server(2)), listening(80)]);
    note(&fleet, &mut seen);
    for (at, answers) in seen {
        for (text, expected) in queries.iter().zip(answers) {
            assert_eq!(found(&fleet, at, text), expected, "{text} at {at}");
        }
    }
}

#[test]
fn what_no_history_tells_is_refused_by_name() {
    let fleet = Fleet::with_agents([1]);
    let scope = Scope { world: &fleet.world, groups: &NoGroups, now: fleet.now };
    for (text, named) in [
        ("class:host last_seen>7d", "last_seen>7d"),
        ("not agent:silent", "agent:silent"),
        ("incident:open", "incident:open"),
        ("name:bash installations>3", "installations>3"),
        ("has:installations", "has:installations"),
    ] {
        let refused = check(&scope, &Query::parse(text).expect("a query")).expect_err(text).to_string();
        assert!(refused.starts_with(named), "{refused}");
    }
    let refused = check(&scope, &Query::parse("group:nowhere").expect("a query"));
    assert_eq!(refused, Err(Unknowable::Unanswerable(Unanswerable::UnknownGroup("nowhere".into()))));
}
