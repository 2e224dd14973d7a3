//! What queries cost, as one JSON object: `cargo run --release -p rollcall-domain --example query_bench [hosts]`.
//!
//! Builds so many hosts (20,000 unless given) from 50 images, each with two disks, two memory modules and a network adapter, and asks
//! ten queries a hundred times each: the first page and the number of all that fit, as the API does. Memory is what the index
//! says of itself. A rebuild is that of a restart, save for reading the content of sections.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use rollcall_domain::context::CountingIds;
use rollcall_domain::id::TokenId;
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::query::{NoGroups, Query, Scope};
use rollcall_domain::trust::{Agent, TrustEvent};
use rollcall_domain::{Actor, Content, Context, Event, Record, World};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::section::{
    Cpu, Disk, InterfaceAddress, Listener, MemoryModule, NetworkInterface, Os, Package, Service, System, User, Virtualisation,
};
use rollcall_shared::{AgentId, ContentHash, Outcome, Section, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

const IMAGES: u32 = 50;
const PACKAGES: u32 = 300;
const ROUNDS: usize = 100;
/// Hosts for which a section is kept that no other has.
const KEPT: u32 = 1_000;

/// The ten, from the cheap to the dear.
const QUERIES: [&str; 10] = [
    "class:server status:operational",
    "name:srv00007*",
    "app-1",
    "os.id:debian os.version:12 memory>=64GiB class:host",
    "package:openssl<3.0.13 class:server",
    "class:server os.id:debian package:package-with-a-name-7<1.20 not status:retired last_seen>7d",
    "service:nginx listener:443/tcp not user:alice",
    "ip:10.3.0.0/16 last_seen<1h",
    "class:disk size>1TB parent:srv0001* or serial~77",
    "agent:none or drift:true or updated<1m or cpu.cores>=32",
];

/// Sections with the number of the host that last had each.
#[derive(Default)]
struct Sections(BTreeMap<ContentHash, (Arc<Section>, u32)>);

impl Content for Sections {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        self.0.get(hash).map(|(section, _)| Arc::clone(section))
    }
}

impl Sections {
    fn put(&mut self, section: Section, host: u32) -> SectionEntry {
        let name = section.name();
        let (hash, bytes) = section.canonical().expect("canonical");
        let decoded = || (Arc::new(Section::decode(&bytes).expect("decodes")), host);
        self.0.entry(hash).or_insert_with(decoded).1 = host;
        SectionEntry { name, outcome: Outcome::Complete, hash: Some(hash), reason: None, duration_us: 0, bytes_read: 0 }
    }

    /// Forgets what no host had lately: what is measured is the index.
    fn forget(&mut self, host: u32) {
        if host.is_multiple_of(KEPT) {
            self.0.retain(|_, (_, last)| *last + KEPT > host);
        }
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

    fn report(&mut self, host: u32) {
        self.now += 100;
        self.content.forget(host);
        let sections = [
            system(host),
            os(host),
            cpus(host),
            memory(host),
            disks(host),
            network(host),
            packages(host),
            services(host),
            users(host),
            listeners(host),
        ];
        let mut entries: Vec<SectionEntry> = sections.into_iter().map(|section| self.content.put(section, host)).collect();
        entries.sort_by_key(|entry| entry.name);
        let report = Report { collected_at: Timestamp(self.now), root: root_hash(&entries), sections: entries };
        let agent = AgentId(u128::from(host));
        let mut context = Context { now: Timestamp(self.now), actor: Actor::System, ids: &mut self.ids, content: &self.content };
        let events = self.world.report(agent, &report, &mut context).expect("accepted");
        self.append(events);
        // One of nine was last heard of two weeks ago.
        let received_at = Timestamp(self.now - if host.is_multiple_of(9) { 14 * 86_400_000 } else { 0 });
        let entry = JournalEntry { agent, epoch: 1, through: 1, received_at, skew_ms: 0, sets: Vec::new(), signs: Vec::new() };
        let mut context = Context { now: Timestamp(self.now), actor: Actor::System, ids: &mut self.ids, content: &self.content };
        self.world.observe(&entry, &mut context);
    }
}

fn system(host: u32) -> Section {
    Section::System(vec![System {
        manufacturer: Some(["Dell Inc.", "HPE", "Lenovo"][host as usize % 3].into()),
        product: Some(format!("Model {}", host % 40)),
        serial: Some(format!("SER{host:07}")),
        uuid: Some(format!("4c4c4544-0042-3510-8056-{host:012x}")),
        virtualisation: Some(Virtualisation::Physical),
        machine_id: Some(format!("0123456789abcdef{host:016x}")),
        hostname: Some(if host.is_multiple_of(20) { format!("app-{host}") } else { format!("srv{host:07}") }),
        fqdn: Some(format!("srv{host:07}.example.com")),
        memory_bytes: Some(u64::from(1 + host % 16) << 33),
        ..System::default()
    }])
}

fn os(host: u32) -> Section {
    let id = ["debian", "ubuntu", "rhel"][host as usize % 3];
    let booted_at = Some(Timestamp(1_700_000_000_000 + i64::from(host) * 61_000));
    Section::Os(vec![Os {
        id: Some(id.into()),
        version: Some((10 + host % 4).to_string()),
        kernel_release: Some(format!("6.1.{}", host % 60)),
        booted_at,
        ..Os::default()
    }])
}

fn cpus(host: u32) -> Section {
    Section::Cpus(vec![Cpu {
        cores: Some(4 << (host % 4)),
        threads: Some(8 << (host % 4)),
        model: Some("EPYC 9354".into()),
        ..Cpu::default()
    }])
}

fn memory(host: u32) -> Section {
    let module = |slot: u32| MemoryModule {
        slot: format!("DIMM{slot}"),
        size_bytes: Some(32 << 30),
        serial: Some(format!("MEM{host:07}{slot}")),
        part_number: Some("M393A4K40".into()),
        ..MemoryModule::default()
    };
    Section::MemoryModules((0..2).map(module).collect())
}

fn disks(host: u32) -> Section {
    let disk = |n: u32| Disk {
        name: format!("sd{n}"),
        serial: Some(format!("PHAX{host:07}{n}")),
        model: Some("SSDPF2KX038TZ".into()),
        size_bytes: Some(u64::from(1 + host % 4) * 480_000_000_000),
        ..Disk::default()
    };
    Section::Disks((0..2).map(disk).collect())
}

fn network(host: u32) -> Section {
    let mac = format!("52:54:{:02x}:{:02x}:{:02x}:{:02x}", host >> 24, host >> 16 & 255, host >> 8 & 255, host & 255);
    let address = std::net::Ipv4Addr::new(10, (host >> 16) as u8 + (host % 5) as u8, (host >> 8 & 255) as u8, (host & 255) as u8);
    let addresses = vec![InterfaceAddress { address: address.into(), prefix: 16, scope: "global".into() }];
    Section::NetworkInterfaces(vec![NetworkInterface {
        name: "eth0".into(),
        kind: "ethernet".into(),
        is_virtual: Some(false),
        mac: Some(mac.clone()),
        permanent_mac: Some(mac),
        addresses,
        ..NetworkInterface::default()
    }])
}

fn packages(host: u32) -> Section {
    let image = host % IMAGES;
    let row = |name: String, version: String| Package {
        name,
        version,
        manager: "dpkg".into(),
        architecture: Some("amd64".into()),
        ..Package::default()
    };
    let mut rows: Vec<Package> = (0..PACKAGES).map(|n| row(format!("package-with-a-name-{n}"), format!("1.{image}-1"))).collect();
    rows.push(row("openssl".into(), format!("3.0.{}-1", image % 16)));
    Section::Packages(rows)
}

fn services(host: u32) -> Section {
    let image = host % IMAGES;
    let row = |name: String| Service { name, active_state: Some("active".into()), restarts: Some(host % 3), ..Service::default() };
    let mut rows: Vec<Service> = (0..100 + image).map(|n| row(format!("unit-{n}.service"))).collect();
    rows.extend((image.is_multiple_of(2)).then(|| row("nginx.service".into())));
    Section::Services(rows)
}

fn users(host: u32) -> Section {
    let name = if host % IMAGES < 10 { "alice" } else { "bob" };
    Section::Users(["root", name].into_iter().map(|name| User { name: name.into(), ..User::default() }).collect())
}

fn listeners(host: u32) -> Section {
    let row = |port: u16| Listener { protocol: "tcp".into(), address: "0.0.0.0".into(), port, pid: Some(host), ..Listener::default() };
    let web = if host.is_multiple_of(2) { 443 } else { 80 };
    Section::Listeners([22, web].into_iter().map(row).collect())
}

/// Resident bytes of this process; `None` where there is no procfs.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The value that so many of a hundred are at most.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}

fn ask(world: &World, now: Timestamp, text: &str) -> serde_json::Value {
    let query = Query::parse(text).expect("a query");
    let mut found = 0;
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            let scope = Scope { world, groups: &NoGroups, now };
            let matches = scope.find(&query).expect("answered");
            let page = matches.page(None, 100);
            found = matches.len();
            assert!(page.len() as u64 == found.min(100));
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    serde_json::json!({ "query": text, "found": found, "p50_ms": percentile(&times, 50), "p99_ms": percentile(&times, 99) })
}

fn main() {
    let hosts: u32 = std::env::args().nth(1).map_or(20_000, |hosts| hosts.parse().expect("a number of hosts"));
    let began = Instant::now();
    let mut bench = Bench { now: 1_800_000_000_000, ..Bench::default() };
    for host in 0..hosts {
        bench.enrol(host);
        bench.report(host);
    }
    let built = began.elapsed().as_secs_f64();
    let cis = bench.world.cmdb.index.len();
    let now = Timestamp(bench.now);
    let queries: Vec<serde_json::Value> = QUERIES.iter().map(|text| ask(&bench.world, now, text)).collect();
    let worst = queries.iter().filter_map(|query| query["p99_ms"].as_f64()).fold(0.0, f64::max);
    let bytes = bench.world.cmdb.index.bytes();
    let began = Instant::now();
    bench.world.cmdb.rebuild_index(&bench.content);
    let result = serde_json::json!({
        "hosts": hosts,
        "cis": cis,
        "built_s": built,
        "rebuilt_s": began.elapsed().as_secs_f64(),
        "resident_bytes": resident(),
        "index_bytes": bytes,
        "index_bytes_per_ci": bytes / cis.max(1),
        "index_bytes_per_host": bytes / (hosts as usize).max(1),
        "worst_p99_ms": worst,
        "queries": queries,
    });
    println!("{result:#}");
}
