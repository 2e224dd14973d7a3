//! What images install and what healthy machines measure.

use super::{Content, Random, encode};
use anyhow::Result;
use rollcall_shared::sample::Series;
use rollcall_shared::section::{Cpu, Filesystem, Listener, MemoryModule, Os, Package, Process, Service, User};
use rollcall_shared::{Section, Timestamp};
use std::sync::OnceLock;

/// What a group of machines is installed from.
#[derive(Debug)]
pub struct Image {
    /// What the machines do; begins their names.
    pub role: &'static str,
    /// How many packages.
    pub packages: usize,
    id: &'static str,
    name: &'static str,
    version: &'static str,
    codename: &'static str,
    kernel: &'static str,
}

const IMAGES: [Image; 4] = [
    Image {
        role: "web",
        packages: 1_024,
        id: "debian",
        name: "Debian GNU/Linux",
        version: "12",
        codename: "bookworm",
        kernel: "6.1.0-28-amd64",
    },
    Image {
        role: "db",
        packages: 1_317,
        id: "debian",
        name: "Debian GNU/Linux",
        version: "13",
        codename: "trixie",
        kernel: "6.12.57+deb13-amd64",
    },
    Image { role: "app", packages: 1_893, id: "ubuntu", name: "Ubuntu", version: "24.04", codename: "noble", kernel: "6.8.0-88-generic" },
    Image {
        role: "batch",
        packages: 1_156,
        id: "debian",
        name: "Debian GNU/Linux",
        version: "12",
        codename: "bookworm",
        kernel: "6.1.0-30-amd64",
    },
];

impl Image {
    /// The image of machine `number`.
    pub fn of(number: u64) -> &'static Self {
        &IMAGES[usize::try_from(number % IMAGES.len() as u64).unwrap_or(0)]
    }

    /// What every machine of this image has in common; encoded once.
    pub fn contents(&self) -> Result<Vec<Content>> {
        static ENCODED: [OnceLock<Vec<Content>>; IMAGES.len()] = [const { OnceLock::new() }; IMAGES.len()];
        let place = IMAGES.iter().position(|image| image.role == self.role).unwrap_or(0);
        if let Some(known) = ENCODED[place].get() {
            return Ok(known.clone());
        }
        let sections =
            [self.os(), cpus(), memory_modules(), filesystems(), self.packages(), self.services(), users(), processes(), listeners()];
        let mut contents = sections.into_iter().map(encode).collect::<Result<Vec<_>>>()?;
        contents.push(encode(Section::Series(series()))?);
        Ok(ENCODED[place].get_or_init(|| contents).clone())
    }

    fn os(&self) -> Section {
        Section::Os(vec![Os {
            id: Some(self.id.into()),
            name: Some(self.name.into()),
            version: Some(self.version.into()),
            codename: Some(self.codename.into()),
            pretty_name: Some(format!("{} {} ({})", self.name, self.version, self.codename)),
            kernel_name: Some("Linux".into()),
            kernel_release: Some(self.kernel.into()),
            architecture: Some("x86_64".into()),
            booted_at: Some(Timestamp(1_790_000_000_000)),
            time_zone: Some("Etc/UTC".into()),
            locale: Some("C.UTF-8".into()),
            init: Some("systemd".into()),
            reboot_required: Some(false),
            ..Os::default()
        }])
    }

    fn packages(&self) -> Section {
        let mut random = Random::new(self.role.bytes().fold(1, |seed, byte| seed * 31 + u64::from(byte)));
        Section::Packages((0..self.packages).map(|place| self.package(place, &mut random)).collect())
    }

    fn package(&self, place: usize, random: &mut Random) -> Package {
        const ROOTS: [&str; 24] = [
            "openssl",
            "curl",
            "glib",
            "systemd",
            "perl",
            "python3",
            "gtk",
            "xml",
            "ssl",
            "boost",
            "icu",
            "kerberos",
            "ldap",
            "postgresql",
            "nginx",
            "zstd",
            "ncurses",
            "pam",
            "selinux",
            "uuid",
            "yaml",
            "ffi",
            "gmp",
            "idn",
        ];
        const SHAPES: [&str; 8] = ["lib{}", "lib{}-dev", "{}", "{}-common", "{}-doc", "python3-{}", "lib{}-perl", "{}-data"];
        let (root, rest) = (ROOTS[place % ROOTS.len()], place / ROOTS.len());
        let (shape, generation) = (SHAPES[rest % SHAPES.len()], rest / SHAPES.len());
        let suffix = if generation == 0 { String::new() } else { format!("{generation}") };
        let name = shape.replace("{}", &format!("{root}{suffix}"));
        let version = format!(
            "{}.{}.{}-{}+deb{}u{}",
            random.below(9),
            random.below(30),
            random.below(20),
            random.below(5) + 1,
            self.version,
            random.below(4)
        );
        Package {
            purl: Some(format!("pkg:deb/{}/{name}@{}?arch=amd64", self.id, version.replace('+', "%2B"))),
            name,
            version,
            architecture: Some("amd64".into()),
            manager: "dpkg".into(),
            source: Some(root.into()),
            vendor: Some(format!("{} maintainers <{root}@packages.example>", self.name)),
            size_bytes: Some((random.below(20_000) + 12) * 1024),
            ..Package::default()
        }
    }

    fn services(&self) -> Section {
        let names = [
            "cron",
            "dbus",
            "getty@tty1",
            "networking",
            "rollcall-agent",
            "rsyslog",
            "ssh",
            "systemd-journald",
            "systemd-udevd",
            self.role,
        ];
        let service = |name: &str| Service {
            name: format!("{name}.service"),
            load_state: Some("loaded".into()),
            active_state: Some("active".into()),
            sub_state: Some("running".into()),
            enabled: Some("enabled".into()),
            ..Service::default()
        };
        Section::Services(names.into_iter().map(service).collect())
    }
}

fn cpus() -> Section {
    let cpu = |socket| Cpu {
        socket,
        manufacturer: Some("Intel".into()),
        model: Some("Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz".into()),
        family: Some(6),
        model_number: Some(85),
        stepping: Some("7".to_owned()),
        cores: Some(20),
        threads: Some(40),
        max_mhz: Some(3_900),
        flags: ["aes", "avx", "avx2", "fma", "sse4_2", "vmx"].map(str::to_owned).to_vec(),
        ..Cpu::default()
    };
    Section::Cpus(vec![cpu(0), cpu(1)])
}

fn memory_modules() -> Section {
    let module = |slot: u64| MemoryModule {
        slot: format!("A{slot}"),
        size_bytes: Some(16 << 30),
        memory_type: Some("DDR4".into()),
        form_factor: Some("DIMM".into()),
        speed_mts: Some(2_933),
        configured_speed_mts: Some(2_933),
        manufacturer: Some("Hynix".into()),
        part_number: Some("HMA82GR7CJR8N-WM".into()),
        ecc: Some(true),
        ..MemoryModule::default()
    };
    Section::MemoryModules((1..=4).map(module).collect())
}

fn filesystems() -> Section {
    let filesystem = |(mount_point, device, size_bytes): (&str, &str, u64)| Filesystem {
        mount_point: mount_point.into(),
        device: Some(device.into()),
        fs_type: "ext4".into(),
        size_bytes: Some(size_bytes),
        options: vec!["relatime".into(), "rw".into()],
        ..Filesystem::default()
    };
    Section::Filesystems(MOUNTS.map(filesystem).to_vec())
}

fn users() -> Section {
    let user = |(name, uid): (&str, u32)| User {
        name: name.into(),
        uid,
        gid: Some(uid),
        shell: Some("/usr/sbin/nologin".into()),
        ..User::default()
    };
    Section::Users([("daemon", 1), ("deploy", 1_000), ("root", 0), ("sshd", 104), ("www-data", 33)].map(user).to_vec())
}

fn processes() -> Section {
    let process =
        |(pid, name): (u32, &str)| Process { pid, name: name.into(), user: Some("root".into()), parent: Some(1), ..Process::default() };
    Section::Processes(
        [(1, "systemd"), (310, "systemd-journal"), (612, "cron"), (640, "sshd"), (702, "rollcall-agent")].map(process).to_vec(),
    )
}

fn listeners() -> Section {
    let listener = |(port, process): (u16, &str)| Listener {
        protocol: "tcp".into(),
        address: "0.0.0.0".into(),
        port,
        process: Some(process.into()),
        ..Listener::default()
    };
    Section::Listeners([(22, "sshd"), (443, "nginx")].map(listener).to_vec())
}

const MOUNTS: [(&str, &str, u64); 5] = [
    ("/", "/dev/sda2", 48 << 30),
    ("/boot", "/dev/sda1", 1 << 30),
    ("/home", "/dev/sda3", 96 << 30),
    ("/srv", "/dev/sdb1", 880 << 30),
    ("/var", "/dev/sda4", 400 << 30),
];

/// Sixty series in canonical order.
pub fn series() -> Vec<Series> {
    let one = |metric: &str, attributes: &[(&str, &str)]| Series {
        metric: metric.into(),
        attributes: attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
    };
    let mut all: Vec<Series> = SCALARS.iter().map(|(metric, _)| one(metric, &[])).collect();
    for (mount, _, _) in MOUNTS {
        for metric in [
            "system.filesystem.utilization",
            "system.filesystem.inodes.utilization",
            "system.filesystem.available",
            "system.filesystem.read_only",
        ] {
            all.push(one(metric, &[("mountpoint", mount)]));
        }
    }
    for device in ["eno1", "eno2"] {
        for direction in ["receive", "transmit"] {
            for metric in ["system.network.io", "system.network.errors", "system.network.dropped"] {
                all.push(one(metric, &[("device", device), ("direction", direction)]));
            }
        }
    }
    for device in ["sda", "sdb"] {
        for direction in ["read", "write"] {
            all.push(one("system.disk.io", &[("device", device), ("direction", direction)]));
        }
        all.push(one("system.disk.utilization", &[("device", device)]));
    }
    all.sort();
    all
}

/// Metric and the highest value that a healthy machine shows.
const SCALARS: [(&str, f64); 22] = [
    ("system.clock.max_error_ms", 0.5),
    ("system.clock.offset_ms", 0.2),
    ("system.clock.synchronized", 1.0),
    ("system.cpu.iowait", 0.05),
    ("system.cpu.load_average.15m", 4.0),
    ("system.cpu.load_average.1m", 4.0),
    ("system.cpu.load_average.5m", 4.0),
    ("system.cpu.logical.count", 80.0),
    ("system.cpu.steal", 0.01),
    ("system.cpu.utilization", 0.35),
    ("system.file_descriptors.utilization", 0.1),
    ("system.linux.entropy.available", 256.0),
    ("system.memory.available", 4e10),
    ("system.memory.limit", 68_719_476_736.0),
    ("system.memory.oom_kills", 0.0),
    ("system.memory.utilization", 0.6),
    ("system.network.conntrack.utilization", 0.1),
    ("system.paging.utilization", 0.02),
    ("system.processes.count", 300.0),
    ("system.processes.utilization", 0.02),
    ("system.services.failed", 0.0),
    ("system.uptime", 9e6),
];

/// A healthy value for a place in the table.
pub fn value(place: usize, random: &mut Random) -> f64 {
    static HIGHEST: OnceLock<Vec<f64>> = OnceLock::new();
    let highest = HIGHEST.get_or_init(|| series().iter().map(highest).collect());
    let top = highest.get(place).copied().unwrap_or(1.0);
    // Six digits, as counters and ratios of a real machine have: random mantissas would be incompressible.
    match top {
        top if top == 0.0 || top == 1.0 => top,
        top => ((top * (0.8 + 0.2 * random.unit())) * 1e4).round() / 1e4,
    }
}

fn highest(series: &Series) -> f64 {
    let scalar = SCALARS.iter().find(|(metric, _)| *metric == series.metric).map(|&(_, top)| top);
    scalar.unwrap_or(match series.metric.as_str() {
        "system.filesystem.utilization" => 0.6,
        "system.filesystem.inodes.utilization" => 0.2,
        "system.filesystem.available" => 2e10,
        "system.filesystem.read_only" | "system.network.errors" | "system.network.dropped" => 0.0,
        "system.disk.utilization" => 0.3,
        _ => 1e6,
    })
}
