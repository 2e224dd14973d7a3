//! Hints that a section changed: the kernel tells when a package database, an account file, a device, an interface or a mount does.
//!
//! A hint decides nothing: it only brings the section's collector forward. One that is lost costs the time until the section's
//! turn, and a machine without any of the sources works the same, later. Nothing here polls.

use rollcall_shared::SectionName;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Sleep;

#[cfg(linux)]
mod sources;

#[cfg(linux)]
pub use sources::Sources;

/// Hints are gathered this long: what changes rarely changes alone.
const GATHER: Duration = Duration::from_millis(500);

/// A folder in which something may change, and which files of it matter to which sections; a name of `*` is any.
struct Folder {
    path: &'static str,
    files: Files,
}

type Files = &'static [(&'static str, &'static [SectionName])];

const PACKAGES: &[SectionName] = &[SectionName::Packages];
const USERS: &[SectionName] = &[SectionName::Users];
const GROUPS: &[SectionName] = &[SectionName::Groups, SectionName::Users];
const UNITS: &[SectionName] = &[SectionName::Services, SectionName::ScheduledTasks];
const TASKS: &[SectionName] = &[SectionName::ScheduledTasks];
const RULES: &[SectionName] = &[SectionName::Sudoers];
const OS: &[SectionName] = &[SectionName::Os];

const FOLDERS: &[Folder] = &[
    Folder { path: "/var/lib/dpkg", files: &[("status", PACKAGES)] },
    Folder { path: "/var/lib/rpm", files: &[("*", PACKAGES)] },
    Folder { path: "/usr/lib/sysimage/rpm", files: &[("*", PACKAGES)] },
    Folder { path: "/lib/apk/db", files: &[("installed", PACKAGES)] },
    Folder { path: "/var/lib/pacman/local", files: &[("*", PACKAGES)] },
    Folder { path: "/var/lib/snapd", files: &[("state.json", PACKAGES)] },
    Folder { path: "/var/lib/flatpak", files: &[(".changed", PACKAGES)] },
    Folder { path: "/nix/var/nix/profiles", files: &[("*", PACKAGES)] },
    Folder {
        path: "/etc",
        files: &[
            ("passwd", USERS),
            ("shadow", USERS),
            ("group", GROUPS),
            ("sudoers", RULES),
            ("resolv.conf", &[SectionName::Dns]),
            ("hostname", &[SectionName::System]),
            ("hosts", &[SectionName::System]),
            ("machine-id", &[SectionName::System]),
            ("os-release", OS),
            ("localtime", OS),
            ("crontab", TASKS),
        ],
    },
    Folder { path: "/etc/sudoers.d", files: &[("*", RULES)] },
    Folder { path: "/etc/cron.d", files: &[("*", TASKS)] },
    Folder { path: "/var/spool/cron/crontabs", files: &[("*", TASKS)] },
    Folder { path: "/var/spool/cron", files: &[("*", TASKS)] },
    Folder { path: "/etc/systemd/system", files: &[("*", UNITS)] },
    Folder { path: "/etc/libvirt/qemu", files: &[("*", &[SectionName::VirtualMachines])] },
    Folder { path: "/run", files: &[("reboot-required", OS)] },
    Folder { path: "/run/systemd/resolve", files: &[("resolv.conf", &[SectionName::Dns])] },
];

/// In the configured folder of extensions.
const EXTENSIONS: Files = &[("*", &[SectionName::Custom])];

/// The sections that a change of `name` hints at in a folder where `files` matter.
fn of_file(files: Files, name: &str) -> &'static [SectionName] {
    // What editors and package managers write first and rename then.
    let is_temporary = name.ends_with(['~', '+', '-']) || name.ends_with(".tmp") || name.ends_with(".new") || name.ends_with(".lock");
    let of =
        |wanted: &str| wanted == name || (wanted == "*" && !is_temporary && !name.starts_with(".lock") && !name.starts_with(".rpm.lock"));
    files.iter().find(|(wanted, _)| of(wanted)).map_or(&[], |(_, sections)| sections)
}

/// The sections that a kernel's device event hints at: `action@path` and `KEY=value`, separated by NUL.
fn of_device_event(event: &[u8]) -> &'static [SectionName] {
    use SectionName as S;
    let value = |key: &str| event.split(|&byte| byte == 0).find_map(|part| std::str::from_utf8(part).ok()?.strip_prefix(key));
    // A battery that charges and a disk that is partitioned change all the time; what comes and goes does not.
    if !matches!(value("ACTION="), Some("add" | "remove" | "move" | "online" | "offline" | "bind" | "unbind")) {
        return &[];
    }
    match value("SUBSYSTEM=") {
        Some("block") => &[S::Disks, S::Volumes, S::Filesystems],
        Some("usb") => &[S::UsbDevices],
        Some("pci") => &[S::PciDevices, S::Gpus],
        Some("drm") => &[S::Monitors],
        Some("power_supply") => &[S::Batteries],
        Some("net") => &[S::NetworkInterfaces],
        Some("module") => &[S::KernelModules],
        Some("cpu" | "memory") => &[S::Cpus, S::System],
        _ => &[],
    }
}

/// The sections that a message of rtnetlink hints at, by its type (linux/rtnetlink.h).
fn of_route_message(kind: u16) -> &'static [SectionName] {
    const NEW_LINK: u16 = 16;
    const DELETE_LINK: u16 = 17;
    const NEW_ADDRESS: u16 = 20;
    const DELETE_ADDRESS: u16 = 21;
    const NEW_ROUTE: u16 = 24;
    const DELETE_ROUTE: u16 = 25;
    match kind {
        NEW_LINK | DELETE_LINK | NEW_ADDRESS | DELETE_ADDRESS => &[SectionName::NetworkInterfaces],
        NEW_ROUTE | DELETE_ROUTE => &[SectionName::Routes, SectionName::Neighbours],
        _ => &[],
    }
}

/// Types of the messages in one datagram of netlink: length (u32), type (u16), … in the machine's byte order, each padded to four.
fn message_types(datagram: &[u8]) -> Vec<u16> {
    /// Length, type, flags, sequence and port.
    const HEADER: usize = 16;
    let mut types = Vec::new();
    let mut rest = datagram;
    while let (Some(length), Some(kind)) = (rest.first_chunk::<4>(), rest.get(4..6)) {
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX);
        types.push(u16::from_ne_bytes([kind[0], kind[1]]));
        let Some(next) = length.checked_next_multiple_of(4).filter(|_| length >= HEADER).and_then(|length| rest.get(length..)) else {
            break;
        };
        rest = next;
    }
    types
}

/// Where hints come from, and those that are not handed on yet.
#[derive(Default)]
pub struct Hints {
    #[cfg(linux)]
    sources: Option<Sources>,
    gathered: BTreeSet<SectionName>,
    /// Runs since the first of what is gathered, however often the waiting is interrupted.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Hints {
    /// Watches the running machine, and a folder of extension files. Needs a runtime.
    #[cfg(linux)]
    #[must_use]
    pub fn live(extensions: &str) -> Self {
        Self { sources: Some(Sources::open(extensions)), ..Self::default() }
    }

    /// Nothing of the kind is known of this platform.
    #[cfg(not(linux))]
    #[must_use]
    pub fn live(_extensions: &str) -> Self {
        Self::default()
    }

    /// The next hints, gathered for a moment. May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> BTreeSet<SectionName> {
        while self.gathered.is_empty() {
            #[cfg(linux)]
            if let Some(sources) = &mut self.sources {
                let hinted = sources.next().await;
                self.gathered.extend(hinted);
                continue;
            }
            std::future::pending::<()>().await;
        }
        self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(GATHER))).await;
        self.pause = None;
        std::mem::take(&mut self.gathered)
    }
}

/// What inotify calls a folder, and which files of it matter.
type Watched = BTreeMap<i32, Files>;

/// A device event, a datagram of rtnetlink, the name of a file that changed.
#[cfg(all(linux, any(test, feature = "fuzzing")))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let name = String::from_utf8_lossy(bytes);
    let of_files: usize = FOLDERS.iter().map(|folder| of_file(folder.files, &name).len()).sum();
    let of_messages: usize = message_types(bytes).into_iter().map(|kind| of_route_message(kind).len()).sum();
    of_files + of_messages + of_device_event(bytes).len()
}

#[cfg(all(test, linux))]
mod tests;
