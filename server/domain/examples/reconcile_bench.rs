//! What reconciliation costs, as one JSON object: `cargo run --release -p rollcall-domain --example reconcile_bench`.
//!
//! 1,000 hosts from 20 images with 2,000 packages each report once; then each reports the same again; then one package of each
//! is upgraded. Memory is what the process gained while the hosts came (the sections themselves, 20 of them, included).
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use rollcall_domain::context::CountingIds;
use rollcall_domain::id::TokenId;
use rollcall_domain::trust::{Agent, TrustEvent};
use rollcall_domain::{Actor, Content, Context, Event, Record, World};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::section::{Disk, Os, Package, System, Virtualisation};
use rollcall_shared::{AgentId, ContentHash, Outcome, Section, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

const HOSTS: u32 = 1_000;
const IMAGES: u32 = 20;
const PACKAGES: u32 = 2_000;

#[derive(Default)]
struct Sections(BTreeMap<ContentHash, Arc<Section>>);

impl Content for Sections {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        self.0.get(hash).cloned()
    }
}

impl Sections {
    fn put(&mut self, section: Section) -> SectionEntry {
        let name = section.name();
        let (hash, bytes) = section.canonical().expect("canonical");
        self.0.entry(hash).or_insert_with(|| Arc::new(Section::decode(&bytes).expect("decodes")));
        SectionEntry { name, outcome: Outcome::Complete, hash: Some(hash), reason: None, duration_us: 0, bytes_read: 0 }
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

    fn enrol(&mut self, host: u32) {
        let agent = Box::new(Agent {
            id: AgentId(u128::from(host)),
            status: AgentStatus::Approved,
            enrolment_id: host.to_string(),
            public_key: host.to_string(),
            token: TokenId(0),
            hostname: None,
            agent_version: "0.1.0".into(),
            address: None,
            enrolled_at: Timestamp(0),
            certificate_expires_at: Timestamp(0),
            certificate: String::new(),
            ci: None,
            revoked_because: None,
            revision: 0,
        });
        self.append(vec![Event::Trust(TrustEvent::AgentEnrolled { agent })]);
    }

    fn prepare(&mut self, host: u32, upgraded: Option<u32>) -> Report {
        let entry = [system(host), os(), disks(host), packages(host % IMAGES, upgraded)];
        let sections: Vec<SectionEntry> = entry.into_iter().map(|section| self.content.put(section)).collect();
        Report { collected_at: Timestamp(self.now), root: root_hash(&sections), sections }
    }

    /// Microseconds of judgement and memory, and how many events there were.
    fn report(&mut self, host: u32, report: &Report) -> (f64, usize) {
        self.now += 1_000;
        let began = Instant::now();
        let mut context = Context { now: Timestamp(self.now), actor: Actor::System, ids: &mut self.ids, content: &self.content };
        let events = self.world.report(AgentId(u128::from(host)), report, &mut context).expect("accepted");
        let count = events.len();
        self.append(events);
        (began.elapsed().as_secs_f64() * 1e6, count)
    }
}

fn system(host: u32) -> Section {
    Section::System(vec![System {
        manufacturer: Some("Dell Inc.".into()),
        serial: Some(format!("SRV{host:05}")),
        uuid: Some(format!("4c4c4544-0042-3510-8056-{host:012x}")),
        virtualisation: Some(Virtualisation::Physical),
        machine_id: Some(format!("0123456789abcdef{host:016x}")),
        hostname: Some(format!("srv{host}")),
        ..System::default()
    }])
}

fn os() -> Section {
    Section::Os(vec![Os { id: Some("debian".into()), version: Some("13".into()), ..Os::default() }])
}

fn disks(host: u32) -> Section {
    let disk =
        |n: u32| Disk { name: format!("sd{n}"), serial: Some(format!("PHAX{host:05}{n}")), model: Some("SSD".into()), ..Disk::default() };
    Section::Disks((0..2).map(disk).collect())
}

fn packages(image: u32, upgraded: Option<u32>) -> Section {
    let row = |n: u32| Package {
        name: format!("package-with-a-name-{n}"),
        version: if upgraded == Some(n) { "2.0-1".into() } else { format!("1.{image}-1") },
        manager: "dpkg".into(),
        architecture: Some("amd64".into()),
        vendor: Some("Debian".into()),
        ..Package::default()
    };
    Section::Packages((0..PACKAGES).map(row).collect())
}

/// Resident bytes of this process; `None` where there is no procfs.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let mut bench = Bench::default();
    (0..HOSTS).for_each(|host| bench.enrol(host));
    let reports: Vec<Report> = (0..HOSTS).map(|host| bench.prepare(host, None)).collect();
    // The products of the fleet are not a host's memory.
    for host in 0..IMAGES {
        bench.report(host, &reports[host as usize]);
    }
    let before = resident();
    let first: Vec<f64> = (IMAGES..HOSTS).map(|host| bench.report(host, &reports[host as usize]).0).collect();
    let gained = resident().zip(before).map(|(after, before)| after.saturating_sub(before) / u64::from(HOSTS - IMAGES));
    let unchanged: Vec<(f64, usize)> = (0..HOSTS).map(|host| bench.report(host, &reports[host as usize])).collect();
    let events_of_unchanged: usize = unchanged.iter().map(|(_, events)| events).sum();
    let changed: Vec<f64> = (0..HOSTS)
        .map(|host| {
            let report = bench.prepare(host, Some(host));
            bench.report(host, &report).0
        })
        .collect();
    let result = serde_json::json!({
        "hosts": HOSTS,
        "images": IMAGES,
        "packages": PACKAGES,
        "first_report_us": median(first),
        "unchanged_report_us": median(unchanged.into_iter().map(|(us, _)| us).collect()),
        "events_of_unchanged_reports": events_of_unchanged,
        "one_upgrade_report_ms": median(changed) / 1e3,
        "bytes_per_host": gained,
    });
    println!("{result:#}");
}
