//! Software RAID (md): sysfs, and `/proc/mdstat` where sysfs has none.
//!
//! The state is the one that lasts: an array that is written to, one that is not yet, and one that rebuilds a member are told apart
//! by whether a member is missing, never by progress.

mod mdstat;

use super::size_of;
use crate::collect::udev::Properties;
use crate::collect::{Failure, Scope};
use rollcall_shared::section::Volume;

/// One array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Array {
    /// Kernel name, such as `md127`.
    pub(crate) name: String,
    /// Such as `raid1`.
    pub(crate) level: Option<String>,
    /// Members that a whole array has.
    pub(crate) members_expected: Option<u32>,
    /// Members in sync.
    pub(crate) members_active: Option<u32>,
    /// Members that are missing; none where the level has no redundancy.
    pub(crate) degraded: Option<u32>,
    /// `idle`, `resync`, `recover`, `check`, …: changes by itself, so it is for series and never for a row.
    pub(crate) sync_action: Option<String>,
    uuid: Option<String>,
    state: Option<String>,
    members: Vec<String>,
    size_bytes: Option<u64>,
}

/// Members of one array that are looked at; md allows 1,920.
const MEMBERS: usize = 4096;

/// The arrays of this machine, by name; empty when it has none.
///
/// # Errors
/// When `/proc/mdstat` is what is left and malformed.
pub(crate) fn arrays(scope: &Scope<'_>) -> Result<Vec<Array>, Failure> {
    let names = scope.root().list("/sys/block")?.unwrap_or_default();
    let is_array = |name: &&String| name.starts_with("md") && scope.root().exists(&format!("/sys/block/{name}/md/array_state"));
    let shown: Vec<Array> = names.iter().filter(is_array).map(|name| shown(scope, name)).collect();
    if !shown.is_empty() {
        return Ok(shown);
    }
    match scope.text("/proc/mdstat")? {
        Some(text) => mdstat::parse(&text).map_err(|(line, what)| Failure::malformed("/proc/mdstat", line, what)),
        None => Ok(Vec::new()),
    }
}

fn shown(scope: &Scope<'_>, name: &str) -> Array {
    let folder = format!("/sys/block/{name}/md");
    let attribute = |attribute: &str| scope.attribute(&format!("{folder}/{attribute}"));
    // While an array is reshaped, the old number follows in parentheses.
    let first = |name: &str| attribute(name)?.split(' ').next()?.parse::<u32>().ok();
    let properties = scope.attribute(&format!("/sys/block/{name}/dev")).map(|number| Properties::of_block(scope, &number)).unwrap_or_default();
    let entries = scope.list(&folder);
    let members: Vec<(&str, String)> = (entries.iter().filter_map(|entry| entry.strip_prefix("dev-")).take(MEMBERS))
        .map(|member| (member, attribute(&format!("dev-{member}/state")).unwrap_or_default()))
        .collect();
    let in_sync = members.iter().filter(|(_, state)| state.split(',').any(|word| word == "in_sync")).count();
    let degraded = first("degraded");
    let array_state = attribute("array_state");
    Array {
        name: name.to_owned(),
        level: attribute("level"),
        members_expected: first("raid_disks"),
        members_active: u32::try_from(in_sync).ok(),
        sync_action: attribute("sync_action"),
        uuid: attribute("uuid").or_else(|| properties.get("MD_UUID")).and_then(|uuid| grouped(&uuid)),
        state: array_state.and_then(|state| lasting(&state, degraded)),
        members: members.iter().map(|(member, state)| with_state(member, state)).collect(),
        size_bytes: size_of(scope, name),
        degraded,
    }
}

/// The kernel's states without those that come and go with writing.
fn lasting(state: &str, degraded: Option<u32>) -> Option<String> {
    Some(match state {
        "clean" | "active" | "write-pending" | "active-idle" | "read-auto" if degraded.is_some_and(|missing| missing > 0) => "degraded".to_owned(),
        "clean" | "active" | "write-pending" | "active-idle" | "read-auto" => "active".to_owned(),
        "clear" => "inactive".to_owned(),
        "broken" => "failed".to_owned(),
        other => other.to_owned(),
    })
}

/// A member with what is special of it: `sdb1 (faulty)`.
fn with_state(member: &str, state: &str) -> String {
    const SPECIAL: [&str; 6] = ["faulty", "spare", "journal", "replacement", "want_replacement", "write_mostly"];
    let mut words: Vec<&str> = state.split(',').map(str::trim).filter(|word| SPECIAL.contains(word)).collect();
    words.sort_unstable();
    if words.is_empty() { member.to_owned() } else { format!("{member} ({})", words.join(", ")) }
}

/// An array's uuid as mdadm prints it, in four groups of eight digits.
fn grouped(uuid: &str) -> Option<String> {
    let digits: String = uuid.chars().filter(|c| !matches!(c, ':' | '-')).collect::<String>().to_lowercase();
    let sound = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    sound.then(|| [&digits[..8], &digits[8..16], &digits[16..24], &digits[24..]].join(":"))
}

impl Array {
    pub(super) fn into_row(self) -> Volume {
        let mut members = self.members;
        members.sort_unstable();
        Volume {
            kind: "md".to_owned(),
            device: Some(self.name.clone()),
            name: self.name,
            uuid: self.uuid,
            size_bytes: self.size_bytes,
            level: self.level,
            state: self.state,
            group: None,
            members,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_that_come_and_go_are_one() {
        for (state, degraded, expected) in [
            ("clean", Some(0), "active"),
            ("active", None, "active"),
            ("write-pending", Some(1), "degraded"),
            ("read-auto", Some(0), "active"),
            ("clear", None, "inactive"),
            ("broken", Some(2), "failed"),
            ("suspended", Some(0), "suspended"),
        ] {
            assert_eq!(lasting(state, degraded).as_deref(), Some(expected), "{state}");
        }
    }

    #[test]
    fn both_spellings_of_a_uuid_are_one() {
        let expected = Some("f1b5a1c0:11223344:55667788:99aabbcc".to_owned());
        assert_eq!(grouped("f1b5a1c0:11223344:55667788:99aabbcc"), expected);
        assert_eq!(grouped("f1b5a1c0-1122-3344-5566-778899AABBCC"), expected);
        assert_eq!(grouped("f1b5:a1c0"), None);
    }
}
