//! Security controls: which there are, and in what state.
//!
//! A control whose state cannot be known is left out, never called off. What the firewall does is a section of its own.

use super::text::tidy;
use super::{Failure, Scope, filesystems, virtualisation};
use rollcall_shared::section::Security;
use services::Services;

mod kernel;
mod passwords;
mod services;
mod updates;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Security>, Failure> {
    if !scope.root().exists("/etc") {
        return Err(Failure::Skipped("there is no /etc that could say what is configured".to_owned()));
    }
    let services = Services::read(scope);
    // A container has its host's kernel and firmware, and is mostly not shown what state they are in.
    let of_kernel = [kernel::selinux, kernel::apparmor, kernel::lockdown, kernel::secure_boot, kernel::core_dumps];
    let is_asked = virtualisation::container(scope).is_none();
    let of_kernel = of_kernel.into_iter().filter(|_| is_asked).map(|read| read(scope));
    let controls = [
        disk_encryption(scope),
        passwords::policy(scope),
        updates::automatic(scope, &services),
        Some(services::antivirus(&services)),
        Some(services::time_synchronisation(&services)),
        Some(services::audit(scope, &services)),
        services::ssh(scope, &services),
    ];
    Ok(of_kernel.chain(controls).flatten().collect())
}

/// One control with its facts, those that are known, in order.
fn control<'a>(name: &str, state: &str, facts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Security {
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), tidy(&value?)?)));
    let mut facts: Vec<(String, String)> = facts.collect();
    facts.sort_unstable();
    facts.dedup();
    Security { control: name.to_owned(), state: state.to_owned(), facts }
}

/// Whether what is mounted lies on dm-crypt. Encryption within a file system or a drive shows nowhere here.
fn disk_encryption(scope: &Scope<'_>) -> Option<Security> {
    let filesystems = filesystems::collect(scope).ok()?;
    let root = filesystems.iter().find(|filesystem| filesystem.mount_point == "/")?.encrypted?;
    let encrypted: Vec<&str> = filesystems.iter().filter(|one| one.encrypted == Some(true)).map(|one| one.mount_point.as_str()).collect();
    let names = scope.root().list("/sys/block").ok().flatten().unwrap_or_default();
    let uuids =
        names.iter().filter(|name| name.starts_with("dm-")).filter_map(|name| scope.attribute(&format!("/sys/block/{name}/dm/uuid")));
    let devices = uuids.filter(|uuid| uuid.starts_with("CRYPT-")).count();
    let state = match (root, encrypted.is_empty()) {
        (true, _) => "enabled",
        (false, false) => "partial",
        (false, true) => "disabled",
    };
    let mount_points = (!encrypted.is_empty()).then(|| encrypted.join(" "));
    Some(control("disk_encryption", state, [("devices", Some(devices.to_string())), ("mount_points", mount_points)]))
}

#[cfg(test)]
mod tests;
