//! The helper's side: the fixed list of what it reads, and how it says it.

use super::{ANSWER_BYTES, DiskHealth, Privileged, ProbeError, SCHEMA};
use crate::collect::{Scope, disk_health, disks, processes};
use crate::root::Root;
use rollcall_shared::wire::{self, WireError};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

/// Files whose content is handed on as it is.
const FILES: [&str; 8] = [
    "/sys/firmware/dmi/tables/smbios_entry_point",
    "/sys/firmware/dmi/tables/DMI",
    // Firecracker is known by its name in it alone.
    "/sys/firmware/acpi/tables/DSDT",
    "/sys/class/dmi/id/product_serial",
    "/sys/class/dmi/id/product_uuid",
    "/sys/class/dmi/id/board_serial",
    "/sys/class/dmi/id/chassis_serial",
    "/etc/sudoers",
];

/// Folder of further sudo rules.
const SUDOERS: &str = "/etc/sudoers.d";

/// Accounts with their password hashes, which are taken out.
const SHADOW: &str = "/etc/shadow";

/// Bytes of one file; SMBIOS tables and rule files are far below.
const FILE_BYTES: usize = 1 << 20;

/// Bytes of all files: with everything else below the bound of an answer.
const FILES_BYTES: usize = ANSWER_BYTES / 2;

/// Files of one folder.
const FOLDER_FILES: usize = 256;

/// Disks asked for their health.
const DISKS: usize = 256;

/// Sockets whose owner is told.
const SOCKETS: usize = 200_000;

/// Descriptors looked at for that.
const DESCRIPTORS: usize = 1_000_000;

/// One caller at a time, and each is answered or given up within this.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Everything the helper reads, as one frame.
///
/// # Errors
/// When it has no encoding within the bounds.
pub fn answer(root: &Root) -> Result<Vec<u8>, WireError> {
    wire::encode(SCHEMA, &gather(root))
}

/// Answers whoever connects to `path`, one after the other, for ever. The group of the socket's folder decides who may.
///
/// # Errors
/// When the socket cannot be made. A caller that goes away is no error.
pub fn listen(path: &Path, root: &Root) -> Result<(), ProbeError> {
    let failed = |what| move |source| ProbeError::Io { path: path.to_owned(), what, source };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("replace")(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed("listen on"))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(failed("set the mode of"))?;
    for caller in listener.incoming() {
        let said = caller.and_then(|mut caller| {
            caller.set_write_timeout(Some(WRITE_PATIENCE))?;
            caller.write_all(&answer(root).map_err(io::Error::other)?)
        });
        if let Err(error) = said {
            tracing::debug!(%error, "a caller went without an answer");
        }
    }
    Ok(())
}

pub(super) fn gather(root: &Root) -> Privileged {
    let scope = Scope::new(root);
    Privileged { files: files(&scope), disk_health: disk_health(&scope), socket_owners: socket_owners(&scope) }
}

fn files(scope: &Scope<'_>) -> BTreeMap<String, Vec<u8>> {
    let below = scope.root().list(SUDOERS).ok().flatten().unwrap_or_default();
    let paths = FILES.iter().map(|path| (*path).to_owned()).chain(below.iter().take(FOLDER_FILES).map(|name| format!("{SUDOERS}/{name}")));
    let mut files = BTreeMap::new();
    let mut room = FILES_BYTES;
    let read = |path: &str| scope.bytes(path, FILE_BYTES).ok().flatten();
    let shadow = read(SHADOW).map(|bytes| (SHADOW.to_owned(), without_hashes(&bytes)));
    for (path, bytes) in paths.filter_map(|path| read(&path).map(|bytes| (path, bytes))).chain(shadow) {
        if bytes.len() <= room {
            room -= bytes.len();
            files.insert(path, bytes);
        }
    }
    files
}

/// shadow(5) with what stands for a hash in place of each: whether it locks the account, and nothing else of it.
pub(super) fn without_hashes(shadow: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(shadow);
    let line = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let (hash, ages) = rest.split_once(':').unwrap_or((rest, ""));
        let stands_for = match hash.chars().next() {
            None => "",
            Some('!') => "!",
            Some('*') => "*",
            Some(_) => "x",
        };
        Some(format!("{name}:{stands_for}:{ages}\n"))
    };
    text.lines().filter_map(line).collect::<String>().into_bytes()
}

fn disk_health(scope: &Scope<'_>) -> BTreeMap<String, DiskHealth> {
    let names = scope.root().list("/sys/block").ok().flatten().unwrap_or_default();
    let disks = names.into_iter().filter(|name| !disks::is_noise(name)).take(DISKS);
    disks.filter_map(|name| disk_health::read(scope, &name).ok().flatten().map(|health| (name, health))).collect()
}

/// The lowest process id that holds each socket.
fn socket_owners(scope: &Scope<'_>) -> BTreeMap<u64, u32> {
    let mut owners = BTreeMap::new();
    let mut looked_at = 0;
    for pid in processes::pids(scope) {
        let folder = format!("/proc/{pid}/fd");
        let descriptors = scope.root().list(&folder).ok().flatten().unwrap_or_default();
        looked_at += descriptors.len();
        let Some(directory) = scope.root().directory(&folder) else { continue };
        let inode = |target: String| target.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok();
        for inode in descriptors.iter().filter_map(|descriptor| directory.link(descriptor).and_then(inode)) {
            owners.entry(inode).or_insert(pid);
        }
        if owners.len() >= SOCKETS || looked_at >= DESCRIPTORS {
            break;
        }
    }
    owners
}
