//! LVM: what the device mapper runs, joined with what LVM's metadata says of it.
//!
//! The metadata comes from the physical volumes themselves where they are on this machine and may be read, else from
//! `/etc/lvm/backup`. A backup counts only while something of its group is here: backups outlive the disks that they describe.
//! `/etc/lvm/archive` holds states that are over, so it is never read.

mod label;
mod metadata;

use super::mapped::Mapped;
use super::size_of;
use crate::collect::disks::{self, node};
use crate::collect::udev::Properties;
use crate::collect::{Failure, Scope};
use metadata::{Group, Logical};
use rollcall_shared::section::Volume;
use std::collections::{BTreeMap, BTreeSet};

/// Block devices that are looked at.
const DEVICES: usize = 20_000;

/// Backups that are read.
const BACKUPS: usize = 1000;

/// A logical volume that runs, from a uuid of `LVM-`, the group's id, its own id and perhaps a layer.
struct Running<'a> {
    mapped: &'a Mapped,
    group_id: String,
    id: String,
    /// `tpool`, `real`, `cow`, …: a device of the volume's insides.
    layer: Option<&'a str>,
    group_name: String,
    name: String,
}

/// The rows of everything that belongs to LVM.
pub(super) fn rows(scope: &Scope<'_>, mapped: &[Mapped]) -> Vec<Volume> {
    let running: Vec<Running<'_>> = mapped.iter().filter_map(running).collect();
    let here = physical_volumes(scope, &running);
    if running.is_empty() && here.is_empty() {
        return Vec::new();
    }
    let groups = groups(scope, &running, &here);
    let mut rows: Vec<Volume> = running.iter().map(|one| running_row(one, &groups)).collect();
    let runs: BTreeSet<&str> = running.iter().map(|one| one.id.as_str()).collect();
    for group in groups.values() {
        let still = group.logical.iter().filter(|one| one.visible && !runs.contains(one.id.as_str()));
        let devices = devices(group, &here);
        rows.extend(still.map(|one| still_row(group, one, &devices)));
        rows.push(group_row(group, &here));
        rows.extend(group.physical.iter().map(|one| physical_row(scope, one, group, &here)));
    }
    rows.extend(unexplained(scope, &running, &groups, &here));
    rows
}

fn running(mapped: &Mapped) -> Option<Running<'_>> {
    let rest = mapped.uuid.strip_prefix("LVM-")?;
    let (group, rest) = rest.split_at_checked(32)?;
    let (id, layer) = rest.split_at_checked(32)?;
    let (group_name, name) = split_name(&mapped.name)?;
    let layer = layer.strip_prefix('-');
    Some(Running { mapped, group_id: label::dashed(group)?, id: label::dashed(id)?, layer, group_name, name })
}

/// `vg--a-lv--b`: group and volume, hyphens in them doubled; a layer's hyphen stays.
fn split_name(name: &str) -> Option<(String, String)> {
    let mut from = 0;
    loop {
        let at = from + name.get(from..)?.find('-')?;
        if name[at + 1..].starts_with('-') {
            from = at + 2;
        } else {
            let plain = |part: &str| part.replace("--", "-");
            return Some((plain(&name[..at]), plain(&name[at + 1..])));
        }
    }
}

/// Physical volumes on this machine: kernel name of the device by id.
type Here = BTreeMap<String, String>;

fn physical_volumes(scope: &Scope<'_>, running: &[Running<'_>]) -> Here {
    let mut here = Here::new();
    // LVM's own notes of what came online, by id without dashes: `8:3`, then the group's name.
    const ONLINE: &str = "/run/lvm/pvs_online";
    for id in scope.root().list(ONLINE).ok().flatten().unwrap_or_default().into_iter().take(DEVICES) {
        let note = scope.text(&format!("{ONLINE}/{id}")).ok().flatten().unwrap_or_default();
        let number = note.lines().next().unwrap_or_default().trim();
        let device = scope.root().link(&format!("/sys/dev/block/{number}")).and_then(|path| Some(path.rsplit('/').next()?.to_owned()));
        here.extend(label::dashed(&id).zip(device));
    }
    let below: BTreeSet<&str> = running.iter().flat_map(|one| &one.mapped.below).map(String::as_str).collect();
    for name in scope.list("/sys/class/block").into_iter().take(DEVICES) {
        let Some(number) = scope.attribute(&format!("/sys/class/block/{name}/dev")) else { continue };
        let properties = Properties::of_block(scope, &number);
        let said = properties.get("ID_FS_TYPE");
        if said.as_deref() == Some("LVM2_member") {
            // Should a path say so too, the device that joins the paths (`dm-`, `md`) stands before it in this order.
            here.entry(properties.get("ID_FS_UUID").unwrap_or_default()).or_insert(name);
        } else if properties.is_empty() && may_be_one(scope, &name, below.contains(name.as_str()))
            && let Some(label) = read_label(scope, &name)
        {
            here.entry(label.id).or_insert(name);
        }
    }
    // Without its id a physical volume is nothing that a group could name.
    here.remove("");
    here
}

/// Without udev's word: whether to read the head of a device. One with partitions is none, nor is a removable one, which may sleep.
fn may_be_one(scope: &Scope<'_>, name: &str, in_use: bool) -> bool {
    let folder = format!("/sys/class/block/{name}");
    if !scope.root().is_live() || name.starts_with("dm-") && !in_use {
        return false;
    }
    let has_partitions = || scope.list(&folder).iter().any(|entry| entry.starts_with(name));
    let is_disk = !disks::is_noise(name) || name.starts_with("md");
    in_use || is_disk && size_of(scope, name).is_some() && scope.attribute(&format!("{folder}/removable")).as_deref() != Some("1") && !has_partitions()
}

fn head(scope: &Scope<'_>, name: &str) -> Option<(std::fs::File, label::Label)> {
    if !node::is_local(scope, name) {
        return None;
    }
    let device = node::open(scope, name).ok()??;
    let head = node::read_at(scope, &device, 0, label::HEAD_BYTES).ok()?;
    Some((device, label::parse(&head)?))
}

fn read_label(scope: &Scope<'_>, name: &str) -> Option<label::Label> {
    Some(head(scope, name)?.1)
}

/// The groups by id, each in its newest text.
fn groups(scope: &Scope<'_>, running: &[Running<'_>], here: &Here) -> BTreeMap<String, Group> {
    let mut groups = BTreeMap::new();
    let mut keep = |group: Group| {
        let known = groups.get(&group.id).is_some_and(|known: &Group| known.sequence >= group.sequence);
        if !known {
            groups.insert(group.id.clone(), group);
        }
    };
    for device in here.values() {
        match on_device(scope, device) {
            Ok(Some(group)) => keep(group),
            Ok(None) => {}
            Err(reason) => scope.problem(format_args!("/dev/{device}: {reason}")),
        }
    }
    let explained: BTreeSet<String> = groups.values().flat_map(|group| group.physical.iter().map(|one| one.id.clone())).collect();
    let all_run_known = running.iter().all(|one| groups.contains_key(&one.group_id));
    if all_run_known && here.keys().all(|id| explained.contains(id)) {
        return groups;
    }
    for group in backups(scope) {
        let is_here = running.iter().any(|one| one.group_id == group.id) || group.physical.iter().any(|one| here.contains_key(&one.id));
        // What the devices themselves said is newer than any backup of it.
        if is_here && !groups.contains_key(&group.id) {
            groups.insert(group.id.clone(), group);
        }
    }
    groups
}

fn on_device(scope: &Scope<'_>, device: &str) -> Result<Option<Group>, String> {
    let Some((file, label)) = head(scope, device) else { return Ok(None) };
    let text = label::text(&label, |offset, length| node::read_at(scope, &file, offset, length))?;
    text.map(|text| metadata::parse(&text).map_err(|(line, what)| format!("line {line} of its metadata: {what}"))).transpose()
}

fn backups(scope: &Scope<'_>) -> Vec<Group> {
    const FOLDER: &str = "/etc/lvm/backup";
    let read = |name: String| {
        let path = format!("{FOLDER}/{name}");
        let text = scope.text_or_problem(&path)?;
        let parsed = metadata::parse(&text).map_err(|(line, what)| scope.problem(Failure::malformed(&path, line, what)));
        parsed.ok()
    };
    scope.list(FOLDER).into_iter().take(BACKUPS).filter_map(read).collect()
}

fn running_row(one: &Running<'_>, groups: &BTreeMap<String, Group>) -> Volume {
    let group = groups.get(&one.group_id);
    let known = group.and_then(|group| group.logical.iter().find(|known| known.id == one.id));
    let group_name = group.map_or(&one.group_name, |group| &group.name);
    // A layer's name has the layer in it, which the metadata's has not.
    let name = known.filter(|_| one.layer.is_none()).map_or(&one.name, |known| &known.name);
    Volume {
        kind: "lvm_lv".to_owned(),
        name: format!("{group_name}/{name}"),
        uuid: one.layer.is_none().then(|| one.id.clone()),
        device: Some(one.mapped.device.clone()),
        size_bytes: one.mapped.size_bytes,
        level: known.and_then(|known| known.segment_type.clone()),
        state: one.mapped.state(),
        group: Some(group_name.clone()),
        members: one.mapped.below.clone(),
    }
}

/// Devices that are here, by the names that the group's text has for its physical volumes.
fn devices<'a>(group: &'a Group, here: &'a Here) -> BTreeMap<&'a str, &'a String> {
    group.physical.iter().filter_map(|one| Some((one.name.as_str(), here.get(&one.id)?))).collect()
}

/// A volume that is not activated.
fn still_row(group: &Group, one: &Logical, devices: &BTreeMap<&str, &String>) -> Volume {
    let below: BTreeSet<&String> = one.on.iter().filter_map(|name| devices.get(name.as_str()).copied()).collect();
    Volume {
        kind: "lvm_lv".to_owned(),
        name: format!("{}/{}", group.name, one.name),
        uuid: Some(one.id.clone()),
        device: None,
        size_bytes: one.size_bytes,
        level: one.segment_type.clone(),
        state: Some("inactive".to_owned()),
        group: Some(group.name.clone()),
        members: below.into_iter().cloned().collect(),
    }
}

fn group_row(group: &Group, here: &Here) -> Volume {
    let mut members: Vec<String> = group.physical.iter().filter_map(|one| here.get(&one.id).cloned()).collect();
    members.sort_unstable();
    let whole = members.len() == group.physical.len() && !group.physical.iter().any(|one| one.missing);
    let mut sizes = group.physical.iter().map(|one| one.size_bytes);
    let state = match (group.exported, whole) {
        (true, _) => Some("exported"),
        (false, true) => Some("complete"),
        // Which physical volumes are here is not known without udev or privileges.
        (false, false) if here.is_empty() => None,
        (false, false) => Some("partial"),
    };
    Volume {
        kind: "lvm_vg".to_owned(),
        name: group.name.clone(),
        uuid: Some(group.id.clone()),
        size_bytes: sizes.try_fold(0_u64, |sum, size| sum.checked_add(size?)),
        state: state.map(str::to_owned),
        members,
        ..Volume::default()
    }
}

fn physical_row(scope: &Scope<'_>, one: &metadata::Physical, group: &Group, here: &Here) -> Volume {
    let device = here.get(&one.id);
    Volume {
        kind: "lvm_pv".to_owned(),
        name: device.map(|device| path_of(scope, device)).or_else(|| one.device.clone()).unwrap_or_else(|| one.id.clone()),
        uuid: Some(one.id.clone()),
        device: device.cloned(),
        size_bytes: one.size_bytes,
        state: (one.missing || device.is_none() && !here.is_empty()).then(|| "missing".to_owned()),
        group: Some(group.name.clone()),
        members: device.into_iter().cloned().collect(),
        ..Volume::default()
    }
}

/// `/dev/sda3`, or the name that a mapped device is known by.
fn path_of(scope: &Scope<'_>, device: &str) -> String {
    let mapped = scope.attribute(&format!("/sys/class/block/{device}/dm/name"));
    mapped.map_or_else(|| format!("/dev/{}", device.replace('!', "/")), |name| format!("/dev/mapper/{name}"))
}

/// Groups and physical volumes of which no metadata could be read: what the running volumes and udev tell of them.
fn unexplained(scope: &Scope<'_>, running: &[Running<'_>], groups: &BTreeMap<String, Group>, here: &Here) -> Vec<Volume> {
    let mut rows = Vec::new();
    let mut named: BTreeMap<&str, (&str, BTreeSet<&str>)> = BTreeMap::new();
    let volumes: BTreeSet<&str> = running.iter().map(|one| one.mapped.device.as_str()).collect();
    for one in running.iter().filter(|one| !groups.contains_key(&one.group_id)) {
        let (_, below) = named.entry(&one.group_id).or_insert((&one.group_name, BTreeSet::new()));
        below.extend(one.mapped.below.iter().map(String::as_str).filter(|device| !volumes.contains(device)));
    }
    let mut told: BTreeSet<&str> = groups.values().flat_map(|group| &group.physical).filter_map(|one| Some(here.get(&one.id)?.as_str())).collect();
    let physical = |device: &str, group: Option<&str>| Volume {
        kind: "lvm_pv".to_owned(),
        name: path_of(scope, device),
        uuid: here.iter().find(|(_, known)| *known == device).map(|(id, _)| id.clone()),
        device: Some(device.to_owned()),
        group: group.map(str::to_owned),
        members: vec![device.to_owned()],
        ..Volume::default()
    };
    for (id, (name, below)) in named {
        rows.extend(below.iter().filter(|device| told.insert(device)).map(|device| physical(device, Some(name))));
        rows.push(Volume {
            kind: "lvm_vg".to_owned(),
            name: name.to_owned(),
            uuid: Some(id.to_owned()),
            members: below.into_iter().map(str::to_owned).collect(),
            ..Volume::default()
        });
    }
    rows.extend(here.values().filter(|device| !told.contains(device.as_str())).map(|device| physical(device, None)));
    rows
}

/// A device from its beginning: label, metadata area, text.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_device(bytes: &[u8]) -> usize {
    let read = |device: &[u8]| {
        let label = label::parse(device.get(..label::HEAD_BYTES).unwrap_or(device))?;
        let text = label::text(&label, |offset, length| {
            let rest = device.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
            Ok(rest.get(..length).unwrap_or(rest).to_vec())
        });
        Some(text.ok().flatten().map_or(1, |text| 1 + fuzz_text(text.as_bytes())))
    };
    read(bytes).unwrap_or_default() + read(&label::mended(bytes)).unwrap_or_default()
}

/// A metadata text.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz_text(bytes: &[u8]) -> usize {
    let Ok(group) = metadata::parse(&String::from_utf8_lossy(bytes)) else { return 0 };
    let here: Here = group.physical.iter().map(|one| (one.id.clone(), "sda1".to_owned())).collect();
    let mut rows = vec![group_row(&group, &here)];
    let devices = devices(&group, &here);
    rows.extend(group.logical.iter().map(|one| still_row(&group, one, &devices)));
    crate::fuzz::examined_rows(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubled_hyphens_are_part_of_a_name() {
        for (name, expected) in [
            ("vg_foo.4059-lv_foo.4059", Some(("vg_foo.4059", "lv_foo.4059"))),
            ("vg--a-lv--b", Some(("vg-a", "lv-b"))),
            ("vg-pool-tpool", Some(("vg", "pool-tpool"))),
            ("vg--a", None),
            ("", None),
        ] {
            assert_eq!(split_name(name), expected.map(|(group, volume)| (group.to_owned(), volume.to_owned())), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_panics(name in any::<String>(), uuid in "LVM-[a-zé-]{60,80}") {
            let _ = split_name(&name);
            let _ = running(&Mapped { name, uuid, ..Mapped::default() });
        }
    }
}
