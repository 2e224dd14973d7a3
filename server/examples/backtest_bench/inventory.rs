//! Rules on the inventory over a log of so many hosts and days.
//!
//! Each host is made, gets sixty attributes and 2,000 packages, and from then on tells of four changes a day that no rule asks for. Every
//! fifth day its packages are upgraded, ten hosts alike; one host in ten gets another warranty half way. A few products are licensed for
//! two hosts in three; with every upgrade a third of the hosts lose each of them and another third get it back.

use super::{EPOCH_HOUR, Size, end, figures};
use rollcall_domain::actor::Actor;
use rollcall_domain::alert::replay::Inquiry;
use rollcall_domain::ci::{Attribute, AttributeChange, AttributeValue, CiEvent, Class, Method, Proposal, Source};
use rollcall_domain::context::NoContent;
use rollcall_domain::id::{CiId, Family};
use rollcall_domain::rule::select::Variant;
use rollcall_domain::rule::{Condition, Level, Levels, Predicate, Rule, stock};
use rollcall_domain::{Event, Record, World};
use rollcall_server::backtest::{Evidence, Host, Question, Resolution, run_over};
use rollcall_server::engine::{History, Retention, SectionCache};
use rollcall_server::log::{Head, encode};
use rollcall_server::store::sled::SledStore;
use rollcall_server::store::{Commit, HOUR_MS, Store};
use rollcall_shared::section::Package;
use rollcall_shared::{AgentId, ContentHash, Outcome, Section, SectionName, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const DAY_MS: i64 = 24 * HOUR_MS;

/// Hosts that have the same packages.
const ALIKE: u64 = 10;

/// Hosts whose changes come into the log together.
const TOGETHER: usize = 4;

const PACKAGES: usize = 2_000;

/// The first packages, of which licences are recorded.
const LICENSED: usize = 5;

struct Written {
    world: World,
    head: Head,
    store: Arc<SledStore>,
}

/// Writes the log and replays rules over it.
pub(super) fn measure(dir: &Path, size: &Size, runs: &mut serde_json::Map<String, serde_json::Value>) -> anyhow::Result<()> {
    let mut written = Written { world: World::default(), head: Head::default(), store: Arc::new(SledStore::create(dir)?) };
    let begin = Timestamp(EPOCH_HOUR * HOUR_MS);
    let hosts: Vec<u64> = (0..size.hosts).collect();
    written.commit(begin.0 - DAY_MS, licences(size)?, Vec::new())?;
    for some in hosts.chunks(TOGETHER) {
        let lists = some.iter().map(|host| package_list(*host, 0)).collect::<anyhow::Result<Vec<_>>>()?;
        written.commit(begin.0 - DAY_MS, some.iter().flat_map(|host| first(*host)).collect(), lists)?;
    }
    for day in 0..size.days {
        for some in hosts.chunks(TOGETHER) {
            let upgrade = |host: &u64| package_list(*host, day / 5 + 1);
            let lists = if day % 5 == 4 { some.iter().map(upgrade).collect::<anyhow::Result<Vec<_>>>()? } else { Vec::new() };
            let of = |(place, host): (usize, &u64)| changes(*host, (day, size.days), lists.get(place).map(|(hash, _)| *hash));
            let events = some.iter().enumerate().flat_map(of).collect();
            written.commit(begin.0 + day * DAY_MS + i64::try_from(some[0])? * 1000, events, lists)?;
        }
    }
    let Written { world, store, .. } = written;
    let records = world.revision;
    drop(store);
    let store: Arc<dyn Store> = Arc::new(SledStore::open(dir)?);
    let world = Arc::new(world);
    for (name, predicate) in [
        ("inventory_days_left", Predicate::DaysLeft { attribute: "warranty_end".into() }),
        ("inventory_package_below", Predicate::PackageBelow { package: "package-0007".into(), version: "1.3".into() }),
        ("inventory_drift", Predicate::Drift { names: vec!["packages".into()], within_ms: 3_600_000 }),
        ("inventory_licences", Predicate::Licences {}),
    ] {
        let content = SectionCache::new(Arc::clone(&store), 64 << 20);
        let history = History::new(Arc::clone(&store), content, Retention::default());
        let rule = rule(predicate);
        let began = Instant::now();
        let hosts: Vec<CiId> = (0..size.hosts).map(ci).collect();
        let (evidence, subjects) = match Inquiry::of(&world, &rule) {
            Some(inquiry) => (Evidence::Log(Arc::new(inquiry)), hosts),
            None => (Evidence::Licences(hosts.into()), (0..LICENSED).map(product).collect()),
        };
        let subject = |ci| Host { ci: Some(ci), agents: Vec::new(), variant: Variant::Plain, goodbye: None, interval_ms: None };
        let hosts = subjects.into_iter().map(subject).collect();
        let span = (begin, end(size));
        let question = Question { rule, span, resolution: Resolution::Auto, evidence, hosts };
        let looked_at = Arc::clone(&world);
        let report = run_over(history, question, Arc::new(move |id| looked_at.cmdb.cis.get(&id).cloned()), span.1)?;
        let mut figures = figures(&report, began.elapsed(), size);
        figures["records"] = records.into();
        runs.insert(name.to_owned(), figures);
    }
    Ok(())
}

fn rule(predicate: Predicate) -> Rule {
    let mut rule = stock::stock().into_iter().find(|rule| rule.id.as_str() == "os_support_end").expect("it is in stock");
    let raise = if matches!(predicate, Predicate::DaysLeft { .. }) { 30.0 } else { 0.0 };
    rule.levels = Levels { warning: Some(Level { raise, clear: raise, and: None, for_ms: None }), critical: None };
    rule.tier = rollcall_domain::rule::Tier::Ticket;
    (rule.warning_tier, rule.condition) = (None, Condition::Inventory { predicate });
    rule.classes.clear();
    rule
}

impl Written {
    fn commit(&mut self, at: i64, events: Vec<CiEvent>, sections: Vec<(ContentHash, Vec<u8>)>) -> anyhow::Result<()> {
        let expected_revision = self.world.revision;
        let mut encoded = Vec::new();
        for event in events {
            let revision = self.world.revision + 1;
            let actor = Actor::Agent { id: AgentId(1) };
            let record = Record { revision, at: Timestamp(at), actor, request_id: None, idempotency_key: None, event: Event::Ci(event) };
            self.world.apply(&record, &NoContent);
            let (head, bytes) = encode(self.head, &record)?;
            self.head = head;
            encoded.push(bytes);
        }
        self.store.commit(&Commit { expected_revision, events: encoded, sections, ..Commit::default() })?;
        Ok(())
    }
}

fn ci(host: u64) -> CiId {
    CiId { family: Family::Host, bits: u128::from(host) + 1 }
}

fn product(n: usize) -> CiId {
    CiId { family: Family::Software, bits: n as u128 + 1 }
}

/// A few products, each licensed for two hosts in three.
fn licences(size: &Size) -> anyhow::Result<Vec<CiEvent>> {
    let named = |n: usize| (product(n), package_name(n), format!("dpkg/{}", package_name(n)));
    let value = AttributeValue::Integer(i64::try_from(size.hosts * 2 / 3)?);
    let by = Source::Person { name: "ada".into() };
    let after = Attribute::sole(Proposal::new(value, by, Timestamp(0), Method::Api));
    let change = AttributeChange { name: "licensed_installations".into(), before: None, after: Some(after) };
    let recorded = |n| CiEvent::AttributesChanged { ci: product(n), changes: vec![change.clone()] };
    let made = CiEvent::ProductsDiscovered { products: (0..LICENSED).map(named).collect() };
    Ok(std::iter::once(made).chain((0..LICENSED).map(recorded)).collect())
}

fn package_name(n: usize) -> String {
    format!("package-{n:04}")
}

fn source() -> Source {
    Source::Agent { id: AgentId(1) }
}

fn attribute(name: &str, text: String) -> AttributeChange {
    let proposal = Proposal::new(AttributeValue::Text(text), source(), Timestamp(0), Method::Section(SectionName::System));
    AttributeChange { name: name.to_owned(), before: None, after: Some(Attribute::sole(proposal)) }
}

fn section(ci: CiId, section: SectionName, after: ContentHash) -> CiEvent {
    let (before, reason) = (None, None);
    CiEvent::SectionChanged {
        ci,
        section,
        feed: None,
        before,
        after: Some(after),
        outcome: Outcome::Complete,
        reason,
        added: 1,
        removed: 0,
        changed: 0,
    }
}

fn warranty(days: i64) -> AttributeChange {
    let day = Timestamp(EPOCH_HOUR * HOUR_MS + days * DAY_MS).to_string();
    attribute("warranty_end", day.chars().take(10).collect())
}

fn first(host: u64) -> Vec<CiEvent> {
    let (id, name) = (ci(host), format!("host-{host}"));
    let mut changes: Vec<AttributeChange> =
        (0..60).map(|n| attribute(&format!("attribute_{n:02}"), format!("value {n} of {host}"))).collect();
    changes.push(warranty(i64::try_from(host % 400).unwrap_or(0)));
    let list = package_list(host, 0).ok().map(|(hash, _)| hash);
    let mut events = vec![
        CiEvent::CiCreated { ci: id, class: Class::Server, name, key: None, parent: None, source: source() },
        CiEvent::AttributesChanged { ci: id, changes },
    ];
    events.extend(list.map(|hash| section(id, SectionName::Packages, hash)));
    events
}

fn changes(host: u64, (day, days): (i64, i64), list: Option<ContentHash>) -> Vec<CiEvent> {
    let id = ci(host);
    let other = |name: &str| ContentHash::of(format!("{name} {host} {day}").as_bytes());
    let mut events = vec![
        section(id, SectionName::Users, other("users")),
        section(id, SectionName::Disks, other("disks")),
        CiEvent::AttributesChanged { ci: id, changes: vec![attribute("attribute_07", format!("kernel {day}"))] },
        CiEvent::AttributesChanged { ci: id, changes: vec![attribute("attribute_08", format!("swap {day}"))] },
    ];
    events.extend(list.map(|hash| section(id, SectionName::Packages, hash)));
    if host.is_multiple_of(10) && day == days / 2 {
        events.push(CiEvent::AttributesChanged { ci: id, changes: vec![warranty(400)] });
    }
    events
}

fn package_list(host: u64, upgrade: i64) -> anyhow::Result<(ContentHash, Vec<u8>)> {
    let row = |n: usize| {
        let version = if n % 50 == 7 { format!("1.{upgrade}") } else { format!("2.{}", host / ALIKE) };
        Package { name: package_name(n), version, manager: "dpkg".into(), architecture: Some("amd64".into()), ..Package::default() }
    };
    let turn = host / ALIKE + u64::try_from(upgrade)?;
    let has = |n: &usize| *n >= LICENSED || !(turn + *n as u64).is_multiple_of(3);
    Ok(Section::Packages((0..PACKAGES).filter(has).map(row).collect()).canonical()?)
}
