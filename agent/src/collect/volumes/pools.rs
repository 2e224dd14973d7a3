//! Pools that file systems make of devices: ZFS, btrfs, and the cache devices of bcache.

use super::size_of;
use crate::collect::Scope;
use crate::collect::text::tidy;
use rollcall_shared::section::Volume;

/// Devices of one pool that are looked at.
const DEVICES: usize = 4096;

/// ZFS pools as the kernel module lists them; their devices are only known to ZFS's own interface.
pub(super) fn zfs(scope: &Scope<'_>) -> Vec<Volume> {
    const FOLDER: &str = "/proc/spl/kstat/zfs";
    let pool = |name: String| {
        let state = scope.attribute(&format!("{FOLDER}/{name}/state"))?;
        let uuid = scope.attribute(&format!("{FOLDER}/{name}/guid"));
        Some(Volume { kind: "zfs_pool".to_owned(), name: tidy(&name)?, uuid, state: Some(state.to_lowercase()), ..Volume::default() })
    };
    scope.list(FOLDER).into_iter().filter_map(pool).collect()
}

/// Mounted btrfs file systems. Its profiles (`raid1`, `single`, …) are those of its data.
pub(super) fn btrfs(scope: &Scope<'_>) -> Vec<Volume> {
    const FOLDER: &str = "/sys/fs/btrfs";
    // Beside file systems, named by their uuid, it has `features`.
    let is_uuid = |name: &String| name.len() == 36 && name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let pool = |uuid: String| {
        let folder = format!("{FOLDER}/{uuid}");
        let members: Vec<String> = scope.list(&format!("{folder}/devices")).into_iter().take(DEVICES).collect();
        let profiles: Vec<String> = (scope.list(&format!("{folder}/allocation/data")).into_iter())
            .filter(|entry| scope.root().exists(&format!("{folder}/allocation/data/{entry}/total_bytes")))
            .collect();
        let numbers = scope.list(&format!("{folder}/devinfo"));
        let missing = numbers.iter().take(DEVICES).any(|number| scope.attribute(&format!("{folder}/devinfo/{number}/missing")).as_deref() == Some("1"));
        let mut sizes = members.iter().map(|member| size_of(scope, member));
        Volume {
            kind: "btrfs".to_owned(),
            name: scope.attribute(&format!("{folder}/label")).unwrap_or_else(|| uuid.clone()),
            size_bytes: sizes.try_fold(0_u64, |sum, size| sum.checked_add(size?)).filter(|&size| size > 0),
            level: (!profiles.is_empty()).then(|| profiles.join("+")),
            state: (!numbers.is_empty()).then(|| if missing { "degraded" } else { "active" }.to_owned()),
            members,
            uuid: Some(uuid),
            ..Volume::default()
        }
    };
    scope.list(FOLDER).into_iter().filter(is_uuid).map(pool).collect()
}

/// bcache devices. Clean and dirty come and go with writing.
pub(super) fn bcache(scope: &Scope<'_>, names: &[String]) -> Vec<Volume> {
    let device = |name: &String| {
        let folder = format!("/sys/block/{name}");
        let attribute = |attribute: &str| scope.attribute(&format!("{folder}/bcache/{attribute}"));
        let state = attribute("state").map(|state| if matches!(state.as_str(), "clean" | "dirty") { "active".to_owned() } else { state });
        // `writethrough [writeback] writearound none`.
        let mode = attribute("cache_mode").and_then(|modes| Some(modes.split_once('[')?.1.split_once(']')?.0.to_owned()));
        Volume {
            kind: "bcache".to_owned(),
            name: name.clone(),
            device: Some(name.clone()),
            uuid: attribute("backing_dev_uuid"),
            size_bytes: size_of(scope, name),
            level: mode,
            state,
            // The name of the cache set is its uuid.
            group: scope.root().link(&format!("{folder}/bcache/cache")).and_then(|path| tidy(path.rsplit('/').next()?)),
            members: scope.list(&format!("{folder}/slaves")),
        }
    };
    let numbered = |name: &&String| name.strip_prefix("bcache").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    names.iter().filter(numbered).map(device).collect()
}
