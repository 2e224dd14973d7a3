//! The hosts: what they are, what they measure when nothing is wrong, and what is installed on them when.

use super::fault::{BAD_AGENT, Fault};
use super::stage::{self, Stage};
use super::{BEGIN, Plan};
use anyhow::{Context as _, Result};
use rollcall_domain::Command;
use rollcall_domain::ci::CiCommand;
use rollcall_domain::id::TokenId;
use rollcall_domain::rule::case::Tested;
use rollcall_domain::rule::{Override, RuleCommand, Selector, Tier};
use rollcall_domain::trust::Agent;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::section::{InterfaceAddress, Neighbour, NetworkInterface, Os, Package, System, Virtualisation};
use rollcall_shared::{AgentId, ContentHash, Section, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;

/// A day, ms.
pub const DAY_MS: i64 = 86_400_000;

/// An hour, ms.
pub const HOUR_MS: i64 = 3_600_000;

/// Hosts behind one switch, and in one subnet.
pub const PER_SWITCH: u32 = 60;

/// Packages that every host has.
const PACKAGES: u32 = 60;

/// The day from which on the whole fleet is upgraded: everything changes, nothing breaks by it.
const UPGRADE_DAY: i64 = 10;

/// What a host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves pages: a third of the fleet.
    Web,
    /// Holds data.
    Database,
    /// Computes at night.
    Batch,
    /// The rest.
    Other,
}

/// Where randomness comes from: a number for each host, moment and purpose.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// The fortnight's seed.
    pub seed: u64,
}

impl Noise {
    /// Evenly from 0 to 1.
    #[must_use]
    pub fn unit(self, host: u32, moment: i64, purpose: u64) -> f64 {
        let bits = mix(self.seed ^ mix(u64::from(host) ^ mix(moment.unsigned_abs() ^ mix(purpose))));
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// SplitMix64's finaliser.
#[must_use]
pub fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a host measured, by name.
#[derive(Clone, Debug)]
pub struct Values([f64; SERIES.len()]);

/// Series of every host, in the order of their table: metric, attribute, its value.
const SERIES: [(&str, &str, &str); 14] = [
    ("system.cpu.load_average.15m", "", ""),
    ("system.cpu.logical.count", "", ""),
    ("system.cpu.utilization", "", ""),
    ("system.disk.utilization", "device", "sda"),
    ("system.filesystem.available", "mountpoint", "/"),
    ("system.filesystem.available", "mountpoint", "/var"),
    ("system.filesystem.read_only", "mountpoint", "/"),
    ("system.filesystem.utilization", "mountpoint", "/"),
    ("system.filesystem.utilization", "mountpoint", "/var"),
    ("system.memory.oom_kills", "", ""),
    ("system.memory.utilization", "", ""),
    ("system.raid.degraded", "device", "md0"),
    ("system.systemd.units.failed", "", ""),
    ("system.uptime", "", ""),
];

/// Bytes of each file system.
const FILESYSTEM_BYTES: f64 = 40e9;

impl Values {
    /// Changes one.
    ///
    /// # Panics
    /// When there is no such series.
    pub fn set_value(&mut self, metric: &str, instance: &str, value: f64) {
        let place = SERIES.iter().position(|(name, _, of)| *name == metric && *of == instance).expect("a series of the table");
        self.0[place] = value;
    }

    /// Share of a file system that is used, with what is left of it.
    pub fn fill(&mut self, mountpoint: &str, used: f64) {
        self.set_value("system.filesystem.utilization", mountpoint, used);
        self.set_value("system.filesystem.available", mountpoint, (1.0 - used) * FILESYSTEM_BYTES);
    }

    /// As it is sent.
    #[must_use]
    pub fn set(&self, table: ContentHash, at: Timestamp) -> SampleSet {
        SampleSet { table, at, values: self.0.iter().map(|value| Some(*value)).collect() }
    }
}

/// All hosts.
pub struct Fleet {
    plan: Plan,
    table: ContentHash,
    /// Faults that touch a host, by their place in the list.
    touched: BTreeMap<u32, Vec<usize>>,
    /// Packages of a host that are not what they were at first.
    versions: BTreeMap<u32, BTreeMap<String, String>>,
    /// What was reported last.
    changed: BTreeSet<(u32, String, String)>,
}

impl Fleet {
    /// Hosts that have not joined yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let table = ContentHash::of(&[]);
        Self { plan, table, touched: BTreeMap::new(), versions: BTreeMap::new(), changed: BTreeSet::new() }
    }

    /// How many.
    #[must_use]
    pub fn hosts(&self) -> u32 {
        self.plan.hosts
    }

    /// The table of all hosts' series.
    #[must_use]
    pub fn table(&self) -> ContentHash {
        self.table
    }

    /// The agent of a host.
    #[must_use]
    pub fn agent(&self, host: u32) -> AgentId {
        AgentId(u128::from(host) + 1)
    }

    /// What a host does.
    #[must_use]
    pub fn role(&self, host: u32) -> Role {
        match host % 12 {
            0..4 => Role::Web,
            4..6 => Role::Database,
            6 => Role::Batch,
            _ => Role::Other,
        }
    }

    /// Which switch a host hangs on.
    #[must_use]
    pub fn switch(&self, host: u32) -> u32 {
        host / PER_SWITCH
    }

    /// Faults that touch a host.
    #[must_use]
    pub fn faults_of(&self, host: u32) -> &[usize] {
        self.touched.get(&host).map_or(&[], Vec::as_slice)
    }

    /// Every host joins, reports, and gets its tag; people say what batch hosts may do.
    ///
    /// # Errors
    /// The rejection.
    pub fn join(&mut self, stage: &mut Stage) -> Result<()> {
        let rows = SERIES.map(|(metric, attribute, value)| Series {
            metric: metric.into(),
            attributes: if attribute.is_empty() { Vec::new() } else { vec![(attribute.into(), value.into())] },
        });
        self.table = stage.shelve(Section::Series(rows.into()))?;
        let secret_hash = stage::join_token(stage, self.plan.hosts)?;
        let mut batch = BTreeSet::new();
        for host in 0..self.plan.hosts {
            let enrol = TrustCommand::Enrol { secret_hash: secret_hash.clone(), agent: Box::new(enrolled(host)) };
            stage.command(BEGIN, &Command::Trust(enrol))?;
            stage.report(self.agent(host), BEGIN, self.sections(host))?;
            if self.role(host) == Role::Batch {
                batch.insert(stage.host(self.agent(host))?);
            }
        }
        stage.command(BEGIN, &Command::Ci(CiCommand::Tag { cis: batch, add: vec!["batch".into()], remove: Vec::new(), expected: None }))?;
        let mut rule = stage.world.rules.rules.get(&"cpu_utilization".parse()?).context("a stock rule")?.rule.clone();
        rule.overrides.push(Override {
            selector: Selector { tags: BTreeSet::from(["batch".into()]), ..Selector::default() },
            reason: "computing is what they are for".into(),
            levels: None,
            for_ms: None,
            tier: Some(Tier::RecordOnly),
            disabled: false,
            set_by: None,
            set_at: None,
        });
        stage.command(BEGIN, &Command::Rule(RuleCommand::Update { rule: Tested::of(rule)?, expected: None }))?;
        Ok(())
    }

    /// Tells hosts which faults touch them.
    pub fn touch(&mut self, faults: &[Fault]) {
        for (index, fault) in faults.iter().enumerate() {
            fault.hosts.iter().for_each(|host| self.touched.entry(*host).or_default().push(index));
        }
    }

    /// Installs what is due by now, and reports it.
    ///
    /// # Errors
    /// When a report is refused.
    pub fn change(&mut self, stage: &mut Stage, faults: &[Fault], now: Timestamp) -> Result<()> {
        if self.touched.is_empty() {
            self.touch(faults);
        }
        let mut due = Vec::new();
        for fault in faults {
            due.extend(fault.installs(now).map(|(host, package, version)| (host, package.to_owned(), version.to_owned())));
        }
        due.extend(self.upgrades(now));
        let mut reporting = BTreeSet::new();
        for (host, package, version) in due {
            if self.changed.insert((host, package.clone(), version.clone())) {
                self.versions.entry(host).or_default().insert(package, version);
                reporting.insert(host);
            }
        }
        for host in reporting {
            stage.report(self.agent(host), now, self.sections(host))?;
        }
        Ok(())
    }

    /// The upgrade of the whole fleet: each host at its moment of two days.
    fn upgrades(&self, now: Timestamp) -> Vec<(u32, String, String)> {
        let since = now.0 - BEGIN.0 - UPGRADE_DAY * DAY_MS;
        if !(0..=2 * DAY_MS).contains(&since) {
            return Vec::new();
        }
        let step = 2 * DAY_MS / i64::from(self.plan.hosts);
        let due = u32::try_from(since / step).unwrap_or(u32::MAX).min(self.plan.hosts - 1);
        let recent = due.saturating_sub(2)..=due;
        recent.flat_map(|host| (0..8).map(move |package| (host, format!("library-{package}"), "1.1-1".to_owned()))).collect()
    }

    /// What a healthy host measures.
    #[must_use]
    pub fn values(&self, host: u32, at: Timestamp, noise: Noise) -> Values {
        let of_day = (at.0 - BEGIN.0) % DAY_MS;
        let wave = (TAU * of_day as f64 / DAY_MS as f64 - TAU / 4.0).sin();
        let base = |purpose, from: f64, span: f64| from + span * noise.unit(host, 0, purpose);
        let tremble = |purpose, by: f64| by * (noise.unit(host, at.0, purpose) - 0.5);
        let nightly = self.role(host) == Role::Batch && (2 * HOUR_MS..2 * HOUR_MS + 40 * 60_000).contains(&of_day);
        // Once in a few days a single measurement is far off: nobody is to be woken by that.
        let spike = noise.unit(host, at.0, 90) > 0.9998;
        let cpu = if nightly { 0.985 } else { base(1, 0.1, 0.3) + 0.1 * wave + tremble(2, 0.1) };
        let memory = base(3, 0.3, 0.35) + 0.05 * wave + tremble(4, 0.02);
        let disk = if nightly { 0.9 } else { base(5, 0.05, 0.2) + tremble(6, 0.05) };
        let mut values = Values([0.0; SERIES.len()]);
        values.set_value("system.cpu.logical.count", "", 8.0);
        values.set_value("system.cpu.load_average.15m", "", if nightly { 9.0 } else { 8.0 * cpu });
        values.set_value("system.cpu.utilization", "", if spike { 1.0 } else { cpu });
        values.set_value("system.disk.utilization", "sda", if spike { 1.0 } else { disk });
        values.set_value("system.memory.utilization", "", memory);
        // File systems grow by a few percent a fortnight.
        let grown = 0.03 * (at.0 - BEGIN.0) as f64 / (14 * DAY_MS) as f64;
        values.fill("/", base(7, 0.2, 0.45) + tremble(8, 0.002));
        values.fill("/var", base(9, 0.2, 0.45) + grown + tremble(10, 0.004));
        values.set_value("system.uptime", "", 1e6 + (at.0 - BEGIN.0) as f64 / 1e3);
        values
    }

    fn sections(&self, host: u32) -> Vec<Section> {
        vec![system(host), os(), self.packages(host), network(host), self.neighbours(host)]
    }

    fn packages(&self, host: u32) -> Section {
        let changed = self.versions.get(&host);
        let role = match self.role(host) {
            Role::Web => ["nginx", "libcache"],
            Role::Database => ["postgresql", "libpq"],
            Role::Batch => ["slurm", "libmunge"],
            Role::Other => ["java", "libasound"],
        };
        let common = (0..PACKAGES).map(|place| format!("library-{place}"));
        let rows = common.chain(role.map(str::to_owned)).chain([BAD_AGENT.0.to_owned()]).map(|name| {
            let version = changed.and_then(|changed| changed.get(&name)).cloned().unwrap_or_else(|| "1.0-1".into());
            Package { name, version, manager: "dpkg".into(), architecture: Some("amd64".into()), ..Package::default() }
        });
        Section::Packages(rows.collect())
    }

    fn neighbours(&self, host: u32) -> Section {
        let switch = self.switch(host);
        Section::Neighbours(vec![Neighbour {
            protocol: "lldp".into(),
            interface: "eno1".into(),
            chassis_id: Some(format!("3c:51:0e:00:{:02x}:{:02x}", switch / 256, switch % 256)),
            port_id: Some(format!("Gi1/0/{}", host % PER_SWITCH + 1)),
            system_name: Some(format!("switch-{switch}")),
            capabilities: vec!["bridge".into()],
            ..Neighbour::default()
        }])
    }
}

fn enrolled(host: u32) -> Agent {
    Agent {
        id: AgentId(u128::from(host) + 1),
        status: AgentStatus::Pending,
        enrolment_id: format!("{host:032x}"),
        public_key: format!("{host:064x}"),
        token: TokenId(0),
        hostname: Some(format!("srv{host}")),
        agent_version: "1.2.0".into(),
        address: None,
        enrolled_at: BEGIN,
        certificate_expires_at: Timestamp(BEGIN.0 + 400 * DAY_MS),
        certificate: String::new(),
        ci: None,
        revoked_because: None,
        revision: 0,
    }
}

fn system(host: u32) -> Section {
    Section::System(vec![System {
        manufacturer: Some("Dell Inc.".into()),
        product: Some(["PowerEdge R650", "PowerEdge R750"][(host / 7 % 2) as usize].into()),
        serial: Some(format!("SRV{host:06}")),
        uuid: Some(format!("4c4c4544-0042-3510-8056-{host:012x}")),
        chassis_type: Some("rack_mount_chassis".into()),
        virtualisation: Some(Virtualisation::Physical),
        machine_id: Some(format!("0123456789abcdef{host:016x}")),
        hostname: Some(format!("srv{host}")),
        ..System::default()
    }])
}

fn os() -> Section {
    Section::Os(vec![Os {
        id: Some("debian".into()),
        name: Some("Debian GNU/Linux".into()),
        version: Some("12".into()),
        kernel_release: Some("6.1.0-40-amd64".into()),
        architecture: Some("x86_64".into()),
        ..Os::default()
    }])
}

fn network(host: u32) -> Section {
    let (subnet, place) = (host / PER_SWITCH, host % PER_SWITCH);
    let mac = format!("e4:43:4b:00:{:02x}:{:02x}", host / 256, host % 256);
    let octets = [10, 20, u8::try_from(subnet % 256).unwrap_or(0), u8::try_from(place + 10).unwrap_or(0)];
    Section::NetworkInterfaces(vec![NetworkInterface {
        name: "eno1".into(),
        mac: Some(mac.clone()),
        permanent_mac: Some(mac),
        kind: "ethernet".into(),
        is_virtual: Some(false),
        driver: Some("i40e".into()),
        speed_mbps: Some(10_000),
        addresses: vec![InterfaceAddress { address: octets.into(), prefix: 24, scope: "global".into() }],
        ..NetworkInterface::default()
    }])
}
