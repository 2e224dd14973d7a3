//! What measuring the health of a CMDB costs, as one JSON object: `cargo run --release -p rollcall-domain --example health_bench [hosts]`.
//!
//! Builds so many hosts (20,000 unless given), each with two disks, two memory modules and a network adapter, a tenth of them with an
//! owner, and three groups by query that most hosts without one are asked for. Then measures once, as the clock does it, and once as
//! a page of the list of findings does. The longest portion is what a writer waits for in one second of one measurement.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use rollcall_domain::ci::health::{self, Examiner};
use rollcall_domain::ci::{AttributeValue, CiCommand};
use rollcall_domain::context::CountingIds;
use rollcall_domain::group::{GroupCommand, NewGroup, Selection};
use rollcall_domain::query::Query;
use rollcall_domain::{Actor, Command, Content, Context, Event, Record, World};
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::section::{Disk, MemoryModule, NetworkInterface, Os, System, Virtualisation};
use rollcall_shared::{ContentHash, Outcome, Section, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

#[derive(Default)]
struct Sections(BTreeMap<ContentHash, Arc<Section>>);

impl Content for Sections {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        self.0.get(hash).cloned()
    }
}

#[derive(Default)]
struct Bench {
    world: World,
    content: Sections,
    ids: CountingIds,
    now: i64,
}

impl Bench {
    fn append(&mut self, events: Vec<Event>) {
        for event in events {
            let (revision, at) = (self.world.revision + 1, Timestamp(self.now));
            let record = Record { revision, at, actor: Actor::System, request_id: None, idempotency_key: None, event };
            self.world.apply(&record, &self.content);
        }
    }

    fn run(&mut self, command: Command) {
        let mut context = Context { now: Timestamp(self.now), actor: Actor::System, ids: &mut self.ids, content: &self.content };
        let events = self.world.decide(&command, &mut context).expect("accepted");
        self.append(events);
    }

    fn deliver(&mut self, host: u32) {
        self.now += 100;
        // What is delivered is read once.
        self.content.0.clear();
        let mut entries: Vec<SectionEntry> = sections(host).into_iter().map(|section| self.entry(section)).collect();
        entries.sort_by_key(|entry| entry.name);
        let report = Box::new(Report { collected_at: Timestamp(self.now), root: root_hash(&entries), sections: entries });
        self.run(Command::Ci(CiCommand::Deliver { feed: "glpi".into(), key: host.to_string(), former: None, report }));
        if host.is_multiple_of(10) {
            let ci = self.world.cmdb.natives[&("glpi".to_owned(), host.to_string())];
            let attributes = [("owner".to_owned(), Some(AttributeValue::Text("ada".into())))].into();
            self.run(Command::Ci(CiCommand::AssertAttributes { ci, attributes, expected: None }));
        }
    }

    fn entry(&mut self, section: Section) -> SectionEntry {
        let name = section.name();
        let (hash, bytes) = section.canonical().expect("canonical");
        self.content.0.insert(hash, Arc::new(Section::decode(&bytes).expect("decodes")));
        SectionEntry { name, outcome: Outcome::Complete, hash: Some(hash), reason: None, duration_us: 0, bytes_read: 0 }
    }
}

fn sections(host: u32) -> Vec<Section> {
    let system = System {
        manufacturer: Some("Dell Inc.".into()),
        product: Some("PowerEdge R650".into()),
        serial: Some(format!("SRV{host:06}")),
        uuid: Some(format!("4c4c4544-0042-3510-8056-{host:012x}")),
        virtualisation: Some(Virtualisation::Physical),
        hostname: Some(format!("srv{host:06}")),
        memory_bytes: Some(64 << 30),
        ..System::default()
    };
    let os = Os { name: Some("Debian GNU/Linux".into()), version: Some("12".into()), ..Os::default() };
    let disk = |slot: u32| Disk {
        name: format!("nvme{slot}n1"),
        serial: Some(format!("S{slot}CK{host:06}")),
        size_bytes: Some(1 << 40),
        ..Disk::default()
    };
    let module = |slot: u32| MemoryModule {
        slot: format!("DIMM_A{slot}"),
        manufacturer: Some("Samsung".into()),
        part_number: Some("M393A4K40EB3".into()),
        serial: Some(format!("M{slot}C{host:06}")),
        size_bytes: Some(32 << 30),
        ..MemoryModule::default()
    };
    let mac = format!("3c:ec:ef:{:02x}:{:02x}:{:02x}", host >> 16 & 255, host >> 8 & 255, host & 255);
    let adapter = NetworkInterface {
        name: "eno1".into(),
        kind: "ethernet".into(),
        is_virtual: Some(false),
        mac: Some(mac.clone()),
        permanent_mac: Some(mac),
        ..NetworkInterface::default()
    };
    vec![
        Section::System(vec![system]),
        Section::Os(vec![os]),
        Section::Disks(vec![disk(0), disk(1)]),
        Section::MemoryModules(vec![module(1), module(2)]),
        Section::NetworkInterfaces(vec![adapter]),
    ]
}

fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e5).round() / 100.0
}

fn main() {
    let hosts: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let mut bench = Bench { now: 1_700_000_000_000, ..Bench::default() };
    for query in ["name:web*", "os.id:rhel", "name:*9"] {
        let selection = Selection::Query { query: Query::parse(query).expect("a query") };
        let group = NewGroup { name: query.into(), description: None, owner: None, support_group: false, selection };
        bench.run(Command::Group(GroupCommand::Create { group, members: std::collections::BTreeSet::new() }));
    }
    (0..hosts).for_each(|host| bench.deliver(host));
    bench.now += 86_400_000;
    let (mut portions, mut log_bytes) = (Vec::new(), 0);
    loop {
        let began = Instant::now();
        let Some(event) = health::due(&bench.world, Timestamp(bench.now)) else { break };
        portions.push(milliseconds(began));
        log_bytes += serde_json::to_vec(&event).map_or(0, |bytes| bytes.len());
        bench.append(vec![Event::Ci(event)]);
    }
    let began = Instant::now();
    let mut examiner = Examiner::new(&bench.world, Timestamp(bench.now));
    let mut failing = 0;
    for ci in bench.world.cmdb.cis.values() {
        if examiner.work >= 5_000 {
            break;
        }
        failing += usize::from(examiner.examine(ci).is_some_and(|examined| !examined.reasons.is_empty()));
    }
    let page = milliseconds(began);
    let longest = portions.iter().copied().fold(0.0, f64::max);
    let result = serde_json::json!({
        "hosts": hosts,
        "items": bench.world.cmdb.cis.len(),
        "portions": portions.len(),
        "longest_portion_ms": longest,
        "all_portions_ms": portions.iter().sum::<f64>().round(),
        "log_bytes_a_day": log_bytes,
        "page_of_findings_ms": page,
        "findings_of_the_page": failing,
    });
    println!("{result:#}");
}
