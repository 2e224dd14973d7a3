//! Sections: the parts of an inventory, and their one canonical byte form.
//!
//! A section is a table of rows of one type. Its canonical bytes are `"RS"`, section code (big-endian u16), format version
//! (big-endian u16), then bincode of the rows, sorted and without repetition. The BLAKE3 hash of these bytes is its name:
//! equal inventories have equal names on every host and at every time.
//!
//! Invariants: decoding accepts canonical bytes only; unknown is `None`, never an empty text or a zero; a row holds nothing
//! that changes while the host is idle (usage, frequencies, ages), or every report would be a change.

mod order;
mod own;
mod row;
mod texts;

pub use order::sort_rows;
pub use row::*;
pub use texts::Texts;

use crate::{ContentHash, limits, sample::Series, wire};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// How a collector's run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// Everything was read: what is not in it is not there.
    Complete = 0,
    /// Some of it was read: what is in it is there, what is not is unknown.
    Partial = 1,
    /// Nothing usable was read.
    Failed = 2,
    /// Not tried: switched off, not applicable to this platform, or without the permission.
    Skipped = 3,
}

impl Outcome {
    /// The name in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One row of a section.
pub trait Row: Clone + fmt::Debug + Ord + Serialize + DeserializeOwned + Texts {
    /// What identifies the row within its section, so that a changed row is told from one that went and one that came. Several
    /// rows may share it: versions of a package that are installed side by side.
    fn key(&self) -> String;
}

/// Why bytes are not a section.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SectionError {
    /// Not the header of a section.
    #[error("not the canonical form of a section")]
    NotASection,
    /// A section code of a later release.
    #[error("unknown section code {0}")]
    UnknownCode(u16),
    /// A format of a later release.
    #[error("section {name} has format {found}; this release reads formats up to {known}")]
    UnknownFormat {
        /// Which section.
        name: SectionName,
        /// In the bytes.
        found: u16,
        /// By this release.
        known: u16,
    },
    /// More bytes or rows than allowed.
    #[error("the section is larger than {limit} {what}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// Its unit.
        what: &'static str,
    },
    /// Rows out of order or repeated, or a number in more bytes than it needs: two names for one content.
    #[error("section {0} is not canonical: rows are out of order or repeated, or a number is longer than it needs to be")]
    NotCanonical(SectionName),
    /// A single-row section with another number of rows.
    #[error("section {0} must have exactly one row")]
    NotOneRow(SectionName),
    /// The rows do not decode.
    #[error("section {name}: {error}")]
    Rows {
        /// Which section.
        name: SectionName,
        /// What the codec says.
        error: wire::WireError,
    },
}

const MAGIC: [u8; 2] = *b"RS";
const HEADER_BYTES: usize = 6;

macro_rules! sections {
    ($($(#[$doc:meta])* $variant:ident($row:ty) = $code:literal, $name:literal, $shape:ident;)*) => {
        /// Which section. The order is frozen; new ones are added at the end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum SectionName {
            $($(#[$doc])* $variant,)*
        }

        impl SectionName {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in JSON, in paths and on the command line; also the collector's name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The code in the canonical header; never used again for another section.
            #[must_use]
            pub fn code(self) -> u16 {
                match self { $(Self::$variant => $code,)* }
            }

            fn has_one_row(self) -> bool {
                match self { $(Self::$variant => matches!(Shape::$shape, Shape::One),)* }
            }
        }

        /// A section's content.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Section {
            $($(#[$doc])* $variant(Vec<$row>),)*
        }

        impl Section {
            /// Which section this is.
            #[must_use]
            pub fn name(&self) -> SectionName {
                match self { $(Self::$variant(_) => SectionName::$variant,)* }
            }

            /// How many rows it has.
            #[must_use]
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(rows) => rows.len(),)* }
            }

            /// Bytes of memory that its rows take, without the texts and lists beside them.
            #[must_use]
            pub fn row_bytes(&self) -> usize {
                match self { $(Self::$variant(rows) => size_of::<$row>() * rows.capacity(),)* }
            }

            /// The rows as JSON objects, in canonical order.
            ///
            /// # Errors
            /// When a row has no JSON form, which is a bug in its type.
            pub fn to_json_rows(&self) -> Result<Vec<serde_json::Value>, serde_json::Error> {
                match self { $(Self::$variant(rows) => rows.iter().map(serde_json::to_value).collect(),)* }
            }

            /// What identifies each row, in the order of the rows.
            #[must_use]
            pub fn keys(&self) -> Vec<String> {
                match self { $(Self::$variant(rows) => rows.iter().map(Row::key).collect(),)* }
            }

            /// The section from JSON rows, as other people's agents send them.
            ///
            /// # Errors
            /// Rows that are not of this section's type.
            pub fn from_json_rows(name: SectionName, rows: serde_json::Value) -> Result<Self, serde_json::Error> {
                Ok(match name { $(SectionName::$variant => Self::$variant(serde_json::from_value(rows)?),)* })
            }

            /// Rows that came, went and changed from `before` to `self`. Both must be of one name.
            #[must_use]
            pub fn diff(&self, before: &Self) -> SectionDiff {
                match (before, self) {
                    $((Self::$variant(before), Self::$variant(after)) => diff_rows(before, after),)*
                    _ => SectionDiff::default(),
                }
            }

            /// Brings the rows into canonical order.
            pub fn sort(&mut self) {
                match self { $(Self::$variant(rows) => order::sort_rows(rows),)* }
            }

            fn is_sorted(&self) -> bool {
                match self { $(Self::$variant(rows) => rows.is_sorted_by(|a, b| a < b),)* }
            }

            fn encode_rows(&self) -> Result<Vec<u8>, wire::WireError> {
                match self { $(Self::$variant(rows) => wire::to_bincode(rows),)* }
            }

            fn decode_rows(name: SectionName, bytes: &[u8]) -> Result<Self, wire::WireError> {
                Ok(match name { $(SectionName::$variant => Self::$variant(wire::from_bincode(bytes)?),)* })
            }
        }
    };
}

enum Shape {
    One,
    Many,
}

sections! {
    /// The machine itself: maker, serial, identity, virtualisation.
    System(System) = 1, "system", One;
    /// The operating system.
    Os(Os) = 2, "os", One;
    /// Processors, a row a socket.
    Cpus(Cpu) = 3, "cpus", Many;
    /// Memory modules, a row a slot.
    MemoryModules(MemoryModule) = 4, "memory_modules", Many;
    /// Physical and virtual disks.
    Disks(Disk) = 5, "disks", Many;
    /// Mounted file systems.
    Filesystems(Filesystem) = 6, "filesystems", Many;
    /// Network interfaces.
    NetworkInterfaces(NetworkInterface) = 7, "network_interfaces", Many;
    /// Installed packages.
    Packages(Package) = 8, "packages", Many;
    /// System services.
    Services(Service) = 9, "services", Many;
    /// Local user accounts.
    Users(User) = 10, "users", Many;
    /// Running processes.
    Processes(Process) = 11, "processes", Many;
    /// Listening sockets.
    Listeners(Listener) = 12, "listeners", Many;
    /// Containers.
    Containers(Container) = 13, "containers", Many;
    /// The series that sample sets refer to.
    Series(Series) = 14, "series", Many;
    /// Firmware: BIOS or EFI, TPM, microcode.
    Firmware(Firmware) = 15, "firmware", Many;
    /// Volumes, arrays and pools between disks and file systems.
    Volumes(Volume) = 16, "volumes", Many;
    /// Routes.
    Routes(Route) = 17, "routes", Many;
    /// Resolver configuration.
    Dns(Dns) = 18, "dns", Many;
    /// Peers on the link that stay: LLDP, gateways, permanent entries.
    Neighbours(Neighbour) = 19, "neighbours", Many;
    /// PCI devices.
    PciDevices(PciDevice) = 20, "pci_devices", Many;
    /// USB devices.
    UsbDevices(UsbDevice) = 21, "usb_devices", Many;
    /// Graphics processors.
    Gpus(Gpu) = 22, "gpus", Many;
    /// Monitors.
    Monitors(Monitor) = 23, "monitors", Many;
    /// Batteries.
    Batteries(Battery) = 24, "batteries", Many;
    /// Power supplies.
    PowerSupplies(PowerSupply) = 25, "power_supplies", Many;
    /// Connections, put together by service and peer.
    Connections(Connection) = 26, "connections", Many;
    /// Virtual machines on this host.
    VirtualMachines(VirtualMachine) = 27, "virtual_machines", Many;
    /// Container images.
    Images(Image) = 28, "images", Many;
    /// Database instances.
    Databases(Database) = 29, "databases", Many;
    /// Web server instances.
    WebServers(WebServer) = 30, "web_servers", Many;
    /// Local groups.
    Groups(Group) = 31, "groups", Many;
    /// SSH keys by fingerprint.
    SshKeys(SshKey) = 32, "ssh_keys", Many;
    /// Rules of sudo.
    Sudoers(Sudoer) = 33, "sudoers", Many;
    /// Last log-ins.
    Logins(Login) = 34, "logins", Many;
    /// What the clock starts.
    ScheduledTasks(ScheduledTask) = 35, "scheduled_tasks", Many;
    /// Loaded kernel modules.
    KernelModules(KernelModule) = 36, "kernel_modules", Many;
    /// Kernel settings that matter for security.
    Sysctls(Sysctl) = 37, "sysctls", Many;
    /// How well-known directories are mounted.
    MountOptions(MountOption) = 38, "mount_options", Many;
    /// Packet filters.
    Firewall(Firewall) = 39, "firewall", Many;
    /// X.509 certificates.
    Certificates(Certificate) = 40, "certificates", Many;
    /// Security controls.
    Security(Security) = 41, "security", Many;
    /// What local extension files declare.
    Custom(Custom) = 42, "custom", Many;
    /// Local checks and their states.
    Checks(Check) = 43, "checks", Many;
}

/// Format that this release writes; it reads this one and earlier ones.
pub const FORMAT: u16 = 1;

impl Section {
    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Brings the rows into canonical order and encodes them; the hash of the result is the section's name.
    ///
    /// # Errors
    /// [`SectionError::TooLarge`], and [`SectionError::NotOneRow`] for a single-row section with another number.
    pub fn canonical(mut self) -> Result<(ContentHash, Vec<u8>), SectionError> {
        self.sort();
        self.content()
    }

    /// Encodes rows that are in canonical order already; the hash of the result is the section's name.
    ///
    /// # Errors
    /// As for [`Section::canonical`], and [`SectionError::NotCanonical`] for rows that are not.
    pub fn content(&self) -> Result<(ContentHash, Vec<u8>), SectionError> {
        let name = self.name();
        if !self.is_sorted() {
            return Err(SectionError::NotCanonical(name));
        }
        self.check_size()?;
        let rows = self.encode_rows().map_err(|error| SectionError::Rows { name, error })?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + rows.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&name.code().to_be_bytes());
        bytes.extend_from_slice(&FORMAT.to_be_bytes());
        bytes.extend_from_slice(&rows);
        if bytes.len() > limits::SECTION_BYTES {
            return Err(SectionError::TooLarge { limit: limits::SECTION_BYTES, what: "bytes" });
        }
        Ok((ContentHash::of(&bytes), bytes))
    }

    /// Decodes canonical bytes.
    ///
    /// # Errors
    /// Every [`SectionError`]: anything but the canonical form is refused, so that one content has one name.
    pub fn decode(bytes: &[u8]) -> Result<Self, SectionError> {
        if bytes.len() > limits::SECTION_BYTES {
            return Err(SectionError::TooLarge { limit: limits::SECTION_BYTES, what: "bytes" });
        }
        let (name, rows) = Self::header(bytes)?;
        let section = Self::decode_rows(name, rows).map_err(|error| SectionError::Rows { name, error })?;
        section.check_size()?;
        // A number can be written in more bytes than it needs.
        let is_same = section.encode_rows().is_ok_and(|again| again == rows);
        if section.is_sorted() && is_same { Ok(section) } else { Err(SectionError::NotCanonical(name)) }
    }

    /// Which section canonical bytes claim to be, without decoding the rows.
    ///
    /// # Errors
    /// When the header is not one of a known section and format.
    pub fn name_of(bytes: &[u8]) -> Result<SectionName, SectionError> {
        Self::header(bytes).map(|(name, _)| name)
    }

    fn header(bytes: &[u8]) -> Result<(SectionName, &[u8]), SectionError> {
        let (header, rows) = bytes.split_at_checked(HEADER_BYTES).ok_or(SectionError::NotASection)?;
        if header[..2] != MAGIC {
            return Err(SectionError::NotASection);
        }
        let code = u16::from_be_bytes([header[2], header[3]]);
        let name = SectionName::ALL.iter().copied().find(|name| name.code() == code).ok_or(SectionError::UnknownCode(code))?;
        let format = u16::from_be_bytes([header[4], header[5]]);
        if format != FORMAT {
            return Err(SectionError::UnknownFormat { name, found: format, known: FORMAT });
        }
        Ok((name, rows))
    }

    fn check_size(&self) -> Result<(), SectionError> {
        if self.len() > limits::SECTION_ROWS {
            return Err(SectionError::TooLarge { limit: limits::SECTION_ROWS, what: "rows" });
        }
        if self.name().has_one_row() && self.len() != 1 {
            return Err(SectionError::NotOneRow(self.name()));
        }
        Ok(())
    }
}

/// What differs between two states of one section. Positions refer to rows as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SectionDiff {
    /// Rows whose key is only in the later state.
    pub added: Vec<serde_json::Value>,
    /// Rows whose key is only in the earlier state.
    pub removed: Vec<serde_json::Value>,
    /// Rows with one key and different fields: before, after.
    pub changed: Vec<(serde_json::Value, serde_json::Value)>,
}

impl SectionDiff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Rows that only one of two states of a section has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing<'a, R> {
    /// Those of the earlier state alone, in order.
    pub gone: Vec<&'a R>,
    /// Those of the later state alone, in order.
    pub come: Vec<&'a R>,
}

impl<'a, R: Ord> Differing<'a, R> {
    /// Holds two states against each other. Both are in the order that sections have; each row is looked at once.
    #[must_use]
    pub fn of(before: &'a [R], after: &'a [R]) -> Self {
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
        while let (Some(earlier), Some(later)) = (before.peek(), after.peek()) {
            match earlier.cmp(later) {
                Ordering::Less => gone.extend(before.next()),
                Ordering::Greater => come.extend(after.next()),
                Ordering::Equal => {
                    before.next();
                    after.next();
                }
            }
        }
        gone.extend(before);
        come.extend(after);
        Self { gone, come }
    }
}

fn diff_rows<R: Row>(before: &[R], after: &[R]) -> SectionDiff {
    use std::collections::BTreeMap;
    let json = |row: &R| serde_json::to_value(row).unwrap_or_default();
    // Equal rows are the most: drop them before any key is built.
    let differing = Differing::of(before, after);
    let mut gone: BTreeMap<String, Vec<&R>> = BTreeMap::new();
    for row in differing.gone {
        gone.entry(row.key()).or_default().push(row);
    }
    let mut come: BTreeMap<String, Vec<&R>> = BTreeMap::new();
    for row in differing.come {
        come.entry(row.key()).or_default().push(row);
    }
    let mut diff = SectionDiff::default();
    for (key, mut rows) in come {
        // Rows that share a key stand side by side (kernels): the last one that went became the last one that came.
        if let Some(earlier) = gone.get_mut(&key).and_then(Vec::pop)
            && let Some(row) = rows.pop()
        {
            diff.changed.push((json(earlier), json(row)));
        }
        diff.added.extend(rows.into_iter().map(json));
    }
    diff.removed = gone.into_values().flatten().map(json).collect();
    diff
}

impl fmt::Display for SectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no section.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown section {name:?}; known are {known}")]
pub struct UnknownSection {
    name: String,
    known: String,
}

impl FromStr for SectionName {
    type Err = UnknownSection;

    fn from_str(text: &str) -> Result<Self, UnknownSection> {
        let found = Self::ALL.iter().copied().find(|name| name.as_str() == text);
        found.ok_or_else(|| UnknownSection {
            name: text.chars().take(64).collect(),
            known: Self::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "),
        })
    }
}

#[cfg(test)]
mod tests;
