use super::*;
use crate::backtest::{Evidence, Question, Resolution};
use crate::engine::{History, Retention, SectionCache};
use crate::log::{Head, encode};
use crate::store::memory::MemoryStore;
use crate::store::{Commit, Store};
use rollcall_domain::ci::{Attribute, AttributeValue, CiEvent, Class, Method, Proposal, SectionState, Source};
use rollcall_domain::id::Family;
use rollcall_domain::rule::select::Variant;
use rollcall_domain::rule::stock;
use rollcall_domain::{Actor, Event, Record};
use rollcall_shared::section::Package;
use rollcall_shared::{ContentHash, Outcome, Section, SectionName, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

const HOSTS: u128 = 5;

fn id(family: Family, bits: u128) -> CiId {
    CiId { family, bits }
}

fn product(licensed: i64) -> Ci {
    let source = Source::Person { name: "ada".into() };
    let value = Proposal::new(AttributeValue::Integer(licensed), source, Timestamp(0), Method::Api);
    let mut product = Ci::new(id(Family::Software, 1), Class::SoftwareProduct, "bash", Timestamp(0), 1);
    product.key = Some("dpkg/bash".into());
    product.attributes.insert("licensed_installations".into(), Attribute::sole(value));
    product
}

fn host(bits: u128, hash: ContentHash) -> Ci {
    let (hash, since, outcome) = (Some(hash), Timestamp(0), Outcome::Complete);
    let state = SectionState { hash, partial: None, outcome, reason: None, since, history: Vec::new(), reverted: false };
    let mut host = Ci::new(id(Family::Host, bits), Class::Server, "host", Timestamp(0), 1);
    host.sections.insert(SectionName::Packages, state);
    host
}

/// What comes of five hosts that have a product, when the time is over after somebody has looked at the clock so often. `event` is what the
/// log says of all of them.
fn report(licensed: i64, looks: u64, event: Option<CiEvent>) -> Report {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let package = Package { name: "bash".into(), version: "5.2".into(), manager: "dpkg".into(), ..Package::default() };
    let (hash, bytes) = Section::Packages(vec![package]).canonical().unwrap();
    let events = event.map(|event| {
        let (at, actor, event) = (Timestamp(1_500), Actor::System, Event::Ci(event));
        encode(Head::default(), &Record { revision: 1, at, actor, request_id: None, idempotency_key: None, event }).unwrap().1
    });
    let events = events.into_iter().collect();
    store.commit(&Commit { events, sections: vec![(hash, bytes)], ..Commit::default() }).unwrap();
    let content = SectionCache::new(Arc::clone(&store), 1 << 20);
    let hosts = (1..=HOSTS).map(|bits| host(bits, hash));
    let cis: BTreeMap<CiId, Ci> = hosts.chain([product(licensed)]).map(|ci| (ci.id, ci)).collect();
    let counted: Arc<[CiId]> = cis.keys().copied().filter(|id| id.family == Family::Host).collect();
    let rule = stock::stock().into_iter().find(|rule| rule.id.as_str() == "licence_overused").unwrap();
    let subject = Host { ci: Some(id(Family::Software, 1)), agents: Vec::new(), variant: Variant::Plain, goodbye: None, interval_ms: None };
    let question = Question {
        rule,
        span: (Timestamp(1_000), Timestamp(2_000)),
        resolution: Resolution::Auto,
        evidence: Evidence::Licences(counted),
        hosts: vec![subject],
    };
    let looked = AtomicU64::new(0);
    let task = Task {
        question,
        history: History::new(store, content, Retention::default()),
        look: Arc::new(move |id| cis.get(&id).cloned()),
        deadline: Duration::from_secs(looks),
        clock: Arc::new(move || Duration::from_secs(looked.fetch_add(1, Ordering::Relaxed))),
    };
    task.run(Timestamp(2_000)).unwrap()
}

/// Incidents, products that were judged and that were not reached, and whether some host was not counted.
#[track_caller]
fn check(licensed: i64, looks: u64, expected: (usize, usize, usize, bool)) {
    let report = report(licensed, looks, None);
    assert_eq!((report.incidents, report.judged, report.unreached, report.uncounted > 0), expected);
}

#[test]
fn hosts_that_did_not_change_are_counted_as_they_are() {
    check(4, u64::MAX, (1, 1, 0, false));
    check(5, u64::MAX, (0, 1, 0, false));
}

#[test]
fn no_product_is_judged_by_a_part_of_the_hosts() {
    check(0, 0, (0, 0, 1, false));
    check(0, 1, (0, 0, 1, false));
    check(0, 2, (0, 0, 1, true));
    check(0, 5, (0, 0, 1, true));
    check(0, 12, (1, 1, 0, false));
}

#[test]
fn hosts_that_do_not_remember_all_that_they_were_are_counted_as_they_are_and_it_is_said() {
    let (before, after, reason) = (None, None, None);
    let (ci, section, outcome) = (id(Family::Host, 1), SectionName::Packages, Outcome::Complete);
    let event = CiEvent::SectionChanged { ci, section, feed: None, before, after, outcome, reason, added: 0, removed: 1, changed: 0 };
    let report = report(4, u64::MAX, Some(event));
    assert_eq!((report.incidents, report.counted_as_now, report.forgotten), (1, HOSTS as usize, 0));
}
