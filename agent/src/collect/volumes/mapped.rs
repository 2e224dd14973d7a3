//! Device-mapper devices: name and uuid as their maker chose them, and the devices below.
//!
//! The uuid begins with the maker: `LVM-`, `CRYPT-`, `mpath-`, `part1-mpath-`, `DMRAID-`, `VDO-`. Nothing here asks the device mapper itself.

use super::size_of;
use crate::collect::Scope;
use rollcall_shared::section::Volume;

/// One device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mapped {
    /// Kernel name.
    pub(super) device: String,
    pub(super) name: String,
    pub(super) uuid: String,
    pub(super) size_bytes: Option<u64>,
    pub(super) suspended: Option<bool>,
    /// Kernel names, sorted.
    pub(super) below: Vec<String>,
}

/// Those among `names`.
pub(super) fn read(scope: &Scope<'_>, names: &[String]) -> Vec<Mapped> {
    let read = |device: &String| {
        let folder = format!("/sys/block/{device}");
        let attribute = |name: &str| scope.attribute(&format!("{folder}/dm/{name}"));
        Mapped {
            name: attribute("name").unwrap_or_else(|| device.clone()),
            uuid: attribute("uuid").unwrap_or_default(),
            size_bytes: size_of(scope, device),
            suspended: attribute("suspended").map(|flag| flag == "1"),
            below: scope.list(&format!("{folder}/slaves")),
            device: device.clone(),
        }
    };
    names.iter().filter(|name| name.starts_with("dm-")).map(read).collect()
}

impl Mapped {
    /// `active` or `suspended`.
    pub(super) fn state(&self) -> Option<String> {
        self.suspended.map(|suspended| if suspended { "suspended" } else { "active" }.to_owned())
    }

    /// The row of anything but a logical volume, which is LVM's to describe.
    pub(super) fn row(&self, scope: &Scope<'_>) -> Volume {
        let row = Volume {
            kind: "dm".to_owned(),
            name: self.name.clone(),
            device: Some(self.device.clone()),
            size_bytes: self.size_bytes,
            state: self.state(),
            members: self.below.clone(),
            ..Volume::default()
        };
        let uuid = Some(self.uuid.clone()).filter(|uuid| !uuid.is_empty());
        if let Some(wwid) = self.uuid.strip_prefix("mpath-") {
            let members = self.below.iter().map(|path| path_with_state(scope, path)).collect();
            return Volume { kind: "multipath".to_owned(), uuid: Some(wwid.to_owned()), level: Some("multipath".to_owned()), members, ..row };
        }
        match encryption(&self.uuid) {
            Some((scheme, uuid)) => Volume { kind: "crypt".to_owned(), level: Some(scheme), uuid, ..row },
            None => Volume { level: maker(&self.uuid), uuid, ..row },
        }
    }
}

/// Scheme and, for LUKS, uuid of an encrypted device, from `CRYPT-LUKS2-0123…-name`. What cryptsetup makes without encrypting
/// anything (verity, integrity) is none.
pub(crate) fn encryption(uuid: &str) -> Option<(String, Option<String>)> {
    const NOT_ENCRYPTED: [&str; 3] = ["VERITY", "INTEGRITY", "SUBDEV"];
    let (scheme, rest) = uuid.strip_prefix("CRYPT-")?.split_once('-')?;
    let identifier = rest.split('-').next().filter(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let dashed = |digits: &str| [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
    (!NOT_ENCRYPTED.contains(&scheme)).then(|| (scheme.to_lowercase(), identifier.map(dashed)))
}

/// What made a device, in small letters: `partition`, `verity`, `dmraid`, `vdo`, ….
fn maker(uuid: &str) -> Option<String> {
    let uuid = uuid.strip_prefix("CRYPT-").unwrap_or(uuid);
    let (maker, _) = uuid.split_once('-')?;
    let is_partition = maker.strip_prefix("part").is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    Some(if is_partition { "partition".to_owned() } else { maker.to_lowercase() })
}

/// A path that does not carry data is marked: `sdb (offline)`.
fn path_with_state(scope: &Scope<'_>, path: &str) -> String {
    // A blocked path is on its way to one or the other.
    match scope.attribute(&format!("/sys/class/block/{path}/device/state")).as_deref() {
        None | Some("running" | "live" | "blocked") => path.to_owned(),
        Some(state) => format!("{path} ({state})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_encrypts_is_encryption() {
        let luks = encryption("CRYPT-LUKS2-0123456789abcdef0123456789abcdef-home");
        assert_eq!(luks, Some(("luks2".to_owned(), Some("01234567-89ab-cdef-0123-456789abcdef".to_owned()))));
        assert_eq!(encryption("CRYPT-PLAIN-swap"), Some(("plain".to_owned(), None)));
        assert_eq!(encryption("CRYPT-VERITY-0123456789abcdef0123456789abcdef-root"), None);
        assert_eq!(encryption("LVM-x"), None);
    }

    #[test]
    fn makers_are_named() {
        for (uuid, expected) in [
            ("part1-mpath-3600", Some("partition")),
            ("CRYPT-VERITY-abc-root", Some("verity")),
            ("DMRAID-isw_x", Some("dmraid")),
            ("partly-x", Some("partly")),
            ("", None),
        ] {
            assert_eq!(maker(uuid).as_deref(), expected, "{uuid}");
        }
    }
}
