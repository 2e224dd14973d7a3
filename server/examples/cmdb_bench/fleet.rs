//! Hosts by number: the same number is the same machine in every run.

use crate::Size;
use crate::measure::Distribution;
use anyhow::{Context, Result};
use clap::ValueEnum;
use rollcall_domain::trust::Agent;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::{Actor, Command, Content, Record, World, context};
use rollcall_server::engine::{Engine, Request};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::{Content as Uploaded, Message, Payload, Push, Report, SectionEntry, Upload, root_hash};
use rollcall_shared::section::{
    Cpu, Disk, InterfaceAddress, Listener, MemoryModule, NetworkInterface, Os, Package, Service, System, User, Virtualisation,
};
use rollcall_shared::{AgentId, ContentHash, Outcome, Section, SectionName, Timestamp};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Requests under way at once: what a few hundred agents amount to.
const AT_ONCE: usize = 64;

/// Hosts whose unchanged and changed inventories are measured.
const MEASURED: u32 = 1_000;

/// Enrolments that one join token is good for.
const PER_TOKEN: u32 = 1_000;

/// What the maker wrote into the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Serials {
    /// A serial number and a UUID of its own into each.
    Own,
    /// The same serial number into all, and no UUID.
    Shared,
}

/// The fleet.
pub struct Fleet {
    hosts: u32,
    images: u32,
    packages: u32,
    serials: Serials,
    /// Contents that all hosts of an image share.
    shared: Vec<Vec<SectionEntry>>,
}

impl Fleet {
    /// A fleet of that size.
    pub fn new(size: &Size) -> Self {
        let Size { hosts, images, packages, serials, .. } = *size;
        Self { hosts, images: images.min(hosts), packages, serials, shared: Vec::new() }
    }

    /// Every agent joins.
    pub async fn enrol(&self, engine: &Engine) -> Result<()> {
        for token in 0..self.hosts.div_ceil(PER_TOKEN) {
            let secret_hash = format!("{token:064x}");
            let ttl = Duration::from_secs(3600);
            execute(engine, TrustCommand::CreateJoinToken { secret_hash: secret_hash.clone(), uses: PER_TOKEN, ttl, auto_approve: true })
                .await?;
            let mut tasks = JoinSet::new();
            for host in (token * PER_TOKEN..self.hosts).take(PER_TOKEN as usize) {
                let (engine, secret_hash) = (engine.clone(), secret_hash.clone());
                tasks.spawn(async move { execute(&engine, TrustCommand::Enrol { secret_hash, agent: Box::new(agent(host)) }).await });
            }
            while let Some(done) = tasks.join_next().await {
                done??;
            }
        }
        Ok(())
    }

    /// Every host reports for the first time; the first one of an image uploads what they share.
    pub async fn report(&mut self, engine: &Engine) -> Result<()> {
        for image in 0..self.images {
            let sections = [os(image), cpus(), packages(image, self.packages, None), services(image), listeners(image), users()];
            self.shared.push(upload(engine, AgentId(u128::from(image) + 1), sections.into()).await?);
        }
        let mut tasks = JoinSet::new();
        for host in 0..self.hosts {
            if tasks.len() >= AT_ONCE {
                tasks.join_next().await.context("a task")???;
            }
            let (engine, shared) = (engine.clone(), self.shared[(host % self.images) as usize].clone());
            let system = system(host, self.serials);
            tasks.spawn(async move { first_report(&engine, host, system, shared).await });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Microseconds of judgement of an inventory that says nothing new.
    pub fn unchanged(&self, engine: &Engine) -> Result<Distribution> {
        let mut times = Vec::new();
        for host in 0..self.hosts.min(MEASURED) {
            let report = engine.read(|world| {
                let agent = world.trust.agents.get(&AgentId(u128::from(host) + 1)).and_then(|agent| agent.ci);
                let host = agent.and_then(|ci| world.cmdb.cis.get(&ci)).context("a host that reported")?;
                let entries = host.sections.iter().filter_map(|(name, state)| Some(entry(*name, state.hash?)));
                Ok::<_, anyhow::Error>(report(entries.collect()))
            })?;
            let mut ids = context::CountingIds::default();
            let (took, events) = engine.read(|world| {
                let actor = Actor::System;
                let mut context = rollcall_domain::Context { now: Timestamp(1), actor, ids: &mut ids, content: &context::NoContent };
                let began = Instant::now();
                let events = world.report(AgentId(u128::from(host) + 1), &report, &mut context);
                (began.elapsed(), events)
            });
            anyhow::ensure!(events?.is_empty(), "an unchanged inventory says something");
            times.push(took.as_secs_f64() * 1e6);
        }
        Ok(Distribution::of(times))
    }

    /// Milliseconds from the push of an inventory with one upgraded package to its answer: decided, applied, durable.
    pub async fn changed(&self, engine: &Engine) -> Result<Distribution> {
        let mut times = Vec::new();
        for host in 0..self.changing() {
            let (agent, report) = self.upgrade(engine, host).await?;
            let began = Instant::now();
            push(engine, agent, 2, report).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Distribution::of(times))
    }

    /// Inventories with one upgraded package whose content is stored and that are not reported yet.
    pub async fn upgrades(&self, engine: &Engine) -> Result<Vec<Upgrade>> {
        let mut upgrades = Vec::new();
        for host in self.changing()..(2 * self.changing()).min(self.hosts) {
            upgrades.push(self.upgrade(engine, host).await?);
        }
        Ok(upgrades)
    }

    /// Hosts whose changed inventories are measured.
    fn changing(&self) -> u32 {
        self.hosts.min(MEASURED / 10)
    }

    async fn upgrade(&self, engine: &Engine, host: u32) -> Result<Upgrade> {
        let agent = AgentId(u128::from(host) + 1);
        let fresh = upload(engine, agent, vec![packages(host % self.images, self.packages, Some(host))]).await?;
        let known = engine.read(|world| {
            let ci = world.trust.agents.get(&agent).and_then(|agent| agent.ci).context("a host that reported")?;
            let sections = &world.cmdb.cis.get(&ci).context("a host that reported")?.sections;
            Ok::<_, anyhow::Error>(sections.iter().filter_map(|(name, state)| Some(entry(*name, state.hash?))).collect::<Vec<_>>())
        })?;
        let mut entries: Vec<SectionEntry> = known.into_iter().filter(|entry| fresh.iter().all(|new| new.name != entry.name)).collect();
        entries.extend(fresh);
        Ok((agent, report(entries)))
    }
}

/// A changed inventory and whose it is.
pub type Upgrade = (AgentId, Report);

/// Milliseconds that each of some changed inventories takes to be decided and applied, without disk.
pub fn judged(world: &mut World, upgrades: &[Upgrade], content: &dyn Content) -> Result<Distribution> {
    let mut times = Vec::new();
    for (agent, report) in upgrades {
        for entry in &report.sections {
            let is_packages = entry.name == SectionName::Packages;
            // What an agent has just uploaded is at hand; what it had before may not be.
            drop(entry.hash.filter(|_| is_packages).and_then(|hash| content.section(&hash)));
        }
        let began = Instant::now();
        judge(world, *agent, report, content)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Distribution::of(times))
}

fn judge(world: &mut World, agent: AgentId, report: &Report, content: &dyn Content) -> Result<()> {
    let (now, actor) = (Timestamp(1_795_235_470_000), Actor::Agent { id: agent });
    let mut ids = context::CountingIds::default();
    let mut context = rollcall_domain::Context { now, actor: actor.clone(), ids: &mut ids, content };
    let events = world.report(agent, report, &mut context)?;
    anyhow::ensure!(!events.is_empty(), "a changed inventory says nothing");
    for event in events {
        let (revision, actor) = (world.revision + 1, actor.clone());
        let record = Record { revision, at: now, actor, request_id: None, idempotency_key: None, event };
        world.apply(&record, content);
        world.react(&record.event, &mut context);
    }
    Ok(())
}

async fn first_report(engine: &Engine, host: u32, system: Section, shared: Vec<SectionEntry>) -> Result<()> {
    let agent = AgentId(u128::from(host) + 1);
    let own = upload(engine, agent, vec![system, disks(host), memory(host), network(host)]).await?;
    push(engine, agent, 1, report(own.into_iter().chain(shared).collect())).await
}

async fn push(engine: &Engine, agent: AgentId, sequence: u64, report: Report) -> Result<()> {
    let messages = vec![Message { sequence, payload: Payload::Report(report) }];
    let reply = engine.push(agent, Push { epoch: 1, sent_at: engine.now(), settings_version: 0, messages }).await?;
    anyhow::ensure!(reply.acknowledged == sequence, "{agent}: content {:?} is wanted", reply.wanted);
    Ok(())
}

async fn upload(engine: &Engine, agent: AgentId, sections: Vec<Section>) -> Result<Vec<SectionEntry>> {
    let mut entries = Vec::new();
    let mut contents = Vec::new();
    let mut known = BTreeSet::new();
    for section in sections {
        let name = section.name();
        let (hash, bytes) = section.canonical()?;
        if known.insert(hash) {
            contents.push(Uploaded(bytes));
        }
        entries.push(entry(name, hash));
    }
    engine.upload(agent, Upload { sections: contents }).await?;
    Ok(entries)
}

fn entry(name: SectionName, hash: ContentHash) -> SectionEntry {
    SectionEntry { name, outcome: Outcome::Complete, hash: Some(hash), reason: None, duration_us: 900, bytes_read: 4096 }
}

fn report(mut sections: Vec<SectionEntry>) -> Report {
    sections.sort_by_key(|entry| entry.name);
    Report { collected_at: Timestamp(1_795_235_460_000), root: root_hash(&sections), sections }
}

async fn execute(engine: &Engine, command: TrustCommand) -> Result<()> {
    let command = Command::Trust(command);
    engine.execute(Request { actor: Actor::Local, request_id: None, idempotency_key: None, command }).await?;
    Ok(())
}

fn agent(host: u32) -> Agent {
    Agent {
        id: AgentId(u128::from(host) + 1),
        status: AgentStatus::Pending,
        enrolment_id: format!("{host:032x}"),
        public_key: format!("{host:064x}"),
        token: rollcall_domain::id::TokenId(0),
        hostname: Some(format!("srv{host}")),
        agent_version: "0.1.0".into(),
        address: Some("192.0.2.7".into()),
        enrolled_at: Timestamp(1_795_235_460_000),
        certificate_expires_at: Timestamp(1_895_235_460_000),
        // As long as a real one.
        certificate: "M".repeat(800),
        ci: None,
        revoked_because: None,
        revision: 0,
    }
}

fn system(host: u32, serials: Serials) -> Section {
    let (serial, uuid) = match serials {
        Serials::Own => (format!("SRV{host:06}"), Some(format!("4c4c4544-0042-3510-8056-{host:012x}"))),
        Serials::Shared => ("SHARED-4711".to_owned(), None),
    };
    Section::System(vec![System {
        manufacturer: Some("Dell Inc.".into()),
        product: Some("PowerEdge R650".into()),
        serial: Some(serial),
        uuid,
        chassis_type: Some("rack_mount_chassis".into()),
        bios_vendor: Some("Dell Inc.".into()),
        bios_version: Some("2.21.2".into()),
        virtualisation: Some(Virtualisation::Physical),
        machine_id: Some(format!("0123456789abcdef{host:016x}")),
        hostname: Some(format!("srv{host}")),
        fqdn: Some(format!("srv{host}.example.net")),
        domain: Some("example.net".into()),
        memory_bytes: Some(64 << 30),
        ..System::default()
    }])
}

fn os(image: u32) -> Section {
    Section::Os(vec![Os {
        id: Some(if image.is_multiple_of(3) { "ubuntu" } else { "debian" }.into()),
        name: Some("Debian GNU/Linux".into()),
        version: Some(format!("{}", 11 + image % 3)),
        pretty_name: Some(format!("Image {image}")),
        kernel_release: Some(format!("6.1.0-{}-amd64", 20 + image % 10)),
        architecture: Some("x86_64".into()),
        time_zone: Some("Etc/UTC".into()),
        init: Some("systemd".into()),
        reboot_required: Some(false),
        ..Os::default()
    }])
}

fn cpus() -> Section {
    let cpu = |socket: u32| Cpu {
        socket,
        manufacturer: Some("Intel".into()),
        model: Some("Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz".into()),
        cores: Some(32),
        threads: Some(64),
        ..Cpu::default()
    };
    Section::Cpus((0..2).map(cpu).collect())
}

fn disks(host: u32) -> Section {
    let disk = |place: u32| Disk {
        name: format!("sd{place}"),
        model: Some("SAMSUNG MZ7LH960HAJR-00005".into()),
        serial: Some(format!("S45NNA{host:06}{place}")),
        firmware: Some("HXT7404Q".into()),
        size_bytes: Some(960_197_124_096),
        interface: Some("sata".into()),
        rotational: Some(false),
        ..Disk::default()
    };
    Section::Disks((0..2).map(disk).collect())
}

fn memory(host: u32) -> Section {
    let module = |slot: u32| MemoryModule {
        slot: format!("A{slot}"),
        size_bytes: Some(16 << 30),
        manufacturer: Some("Samsung".into()),
        part_number: Some("M393A2K43DB3-CWE".into()),
        serial: Some(format!("{:08X}", host * 4 + slot)),
        ..MemoryModule::default()
    };
    Section::MemoryModules((0..4).map(module).collect())
}

fn network(host: u32) -> Section {
    let [_, a, b, c] = host.to_be_bytes();
    let interface = |place: u8| {
        let mac = format!("e4:43:4{place}:{a:02x}:{b:02x}:{c:02x}");
        NetworkInterface {
            name: format!("eno{place}"),
            mac: Some(mac.clone()),
            permanent_mac: Some(mac),
            kind: "ethernet".into(),
            is_virtual: Some(false),
            driver: Some("i40e".into()),
            speed_mbps: Some(10_000),
            addresses: vec![InterfaceAddress { address: [10 + place, a, b, c].into(), prefix: 24, scope: "global".into() }],
            ..NetworkInterface::default()
        }
    };
    Section::NetworkInterfaces((0..2).map(interface).collect())
}

fn packages(image: u32, count: u32, upgraded: Option<u32>) -> Section {
    let row = |place: u32| {
        let version = match upgraded {
            Some(host) if place == host % count => "9.0-1".to_owned(),
            // Two thirds of the packages are of one version everywhere.
            _ if !place.is_multiple_of(3) => "1.0-1".to_owned(),
            _ => format!("1.{}-1", image % 20),
        };
        Package {
            purl: Some(format!("pkg:deb/debian/package-with-a-name-{place}@{version}?arch=amd64")),
            name: format!("package-with-a-name-{place}"),
            version,
            manager: "dpkg".into(),
            architecture: Some("amd64".into()),
            vendor: Some("Debian".into()),
            ..Package::default()
        }
    };
    let own = Package { name: format!("role-{image}"), version: "1.0".into(), manager: "dpkg".into(), ..Package::default() };
    Section::Packages((0..count.saturating_sub(1)).map(row).chain([own]).collect())
}

fn services(image: u32) -> Section {
    let service = |place: u32| Service { name: format!("unit-{}.service", place + image % 5), ..Service::default() };
    Section::Services((0..120).map(service).collect())
}

fn listeners(image: u32) -> Section {
    let listener = |port: u16| Listener {
        protocol: "tcp".into(),
        address: "0.0.0.0".into(),
        port,
        process: Some(if port == 22 { "sshd" } else { "nginx" }.into()),
        ..Listener::default()
    };
    Section::Listeners([22, 443 + u16::try_from(image % 4).unwrap_or(0)].into_iter().map(listener).collect())
}

fn users() -> Section {
    let user = |uid: u32| User { name: format!("user{uid}"), uid, ..User::default() };
    Section::Users((0..30).map(user).collect())
}
