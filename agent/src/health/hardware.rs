//! Arrays with their members, batteries, and errors of memory: `/sys/block/md*`, `/sys/class/power_supply`, `/sys/devices/system/edac`.

use super::Raw;
use crate::collect::Scope;

/// Arrays, batteries and memory controllers looked at, of each kind.
const DEVICES: usize = 64;

/// Members of one array that are looked at.
const MEMBERS: usize = 256;

/// Software RAID: how many members an array should have, and how many it has.
pub(super) fn arrays(scope: &Scope<'_>) -> Vec<Raw> {
    let is_array = |name: &&String| name.strip_prefix("md").is_some_and(|rest| !rest.is_empty());
    scope.list("/sys/block").iter().filter(is_array).take(DEVICES).flat_map(|name| array(scope, name)).collect()
}

fn array(scope: &Scope<'_>, name: &str) -> Vec<Raw> {
    let folder = format!("/sys/block/{name}/md");
    let number = |attribute: &str| scope.attribute(&format!("{folder}/{attribute}"))?.parse::<u64>().ok();
    // A container of arrays (IMSM, DDF) and a stopped array expect none.
    let Some(expected) = number("raid_disks").filter(|&expected| expected > 0) else { return Vec::new() };
    let state = |member: &String| scope.attribute(&format!("{folder}/{member}/state"));
    let members = scope.list(&folder);
    let states: Vec<String> = members.iter().filter(|name| name.starts_with("dev-")).take(MEMBERS).filter_map(state).collect();
    let count = |word: &str| states.iter().filter(|state| state.split(',').any(|one| one == word)).count() as u64;
    let device = [("device", name)];
    let mut raw = vec![
        Raw::count("system.raid.members.expected", &device, "{disk}", expected),
        Raw::count("system.raid.members.active", &device, "{disk}", count("in_sync")),
        Raw::count("system.raid.members.failed", &device, "{disk}", count("faulty")),
        Raw::count("system.raid.members.spare", &device, "{disk}", count("spare")),
    ];
    // Levels without redundancy have no such file.
    raw.extend(number("degraded").map(|missing| Raw::flag("system.raid.degraded", &device, Some(missing > 0))));
    raw
}

/// Batteries and uninterruptible supplies: charge, age, and whether there is power from outside.
pub(super) fn supplies(scope: &Scope<'_>) -> Vec<Raw> {
    const FOLDER: &str = "/sys/class/power_supply";
    let one = |name: &String| {
        let read = |attribute: &str| scope.attribute(&format!("{FOLDER}/{name}/{attribute}"));
        let number = |attribute: &str| read(attribute)?.parse::<u64>().ok();
        // Of a mouse or a headset, which comes and goes.
        if read("scope").as_deref() == Some("Device") {
            return Vec::new();
        }
        match read("type").as_deref() {
            Some("Battery" | "UPS") => {
                let battery = [("battery", name.as_str())];
                let pair = |full: &str, design: &str| number(full).zip(number(design));
                let capacity = pair("energy_full", "energy_full_design").or_else(|| pair("charge_full", "charge_full_design"));
                let series = [
                    number("capacity").map(|percent| Raw::ratio("hw.battery.charge.utilization", &battery, percent, 100)),
                    capacity.map(|(full, design)| Raw::ratio("hw.battery.capacity.utilization", &battery, full, design)),
                    number("cycle_count")
                        .filter(|&cycles| cycles > 0)
                        .map(|cycles| Raw::count("hw.battery.cycles", &battery, "{cycle}", cycles)),
                ];
                series.into_iter().flatten().collect()
            }
            Some("Mains") => number("online")
                .map(|online| Raw::flag("hw.power_supply.online", &[("supply", name)], Some(online > 0)))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    };
    scope.list(FOLDER).iter().take(DEVICES).flat_map(one).collect()
}

/// Errors that memory controllers corrected, and those that they could not.
pub(super) fn memory_errors(scope: &Scope<'_>) -> Vec<Raw> {
    const FOLDER: &str = "/sys/devices/system/edac/mc";
    let kinds = [("corrected", "ce_count"), ("uncorrected", "ue_count")];
    let one = |name: &String| {
        let read = |(kind, file)| {
            let errors = scope.attribute(&format!("{FOLDER}/{name}/{file}"))?.parse().ok()?;
            Some(Raw::growth("hw.memory.errors", &[("controller", name), ("kind", kind)], "{error}", errors))
        };
        kinds.into_iter().filter_map(read).collect::<Vec<_>>()
    };
    let is_controller = |name: &&String| name.strip_prefix("mc").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    scope.list(FOLDER).iter().filter(is_controller).take(DEVICES).flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[track_caller]
    fn check(read: fn(&Scope<'_>) -> Vec<Raw>, tree: &str, expected: &[Raw]) {
        let directory = plant(tree);
        let root = Root::new(directory.path());
        assert_eq!(read(&Scope::new(&root)), expected);
    }

    #[test]
    fn an_array_that_lost_a_member_is_degraded() {
        let device = [("device", "md0")];
        let members = |kind: &str, number| Raw::count(&format!("system.raid.members.{kind}"), &device, "{disk}", number);
        check(
            arrays,
            "=== /sys/block/md0/md/raid_disks\n2\n=== /sys/block/md0/md/degraded\n1\n=== /sys/block/md0/md/dev-sda1/state\nin_sync,write_mostly\n\
             === /sys/block/md0/md/dev-sdb1/state\nfaulty\n=== /sys/block/md127/md/raid_disks\n0\n=== /sys/block/md1/size\n0\n",
            &[
                members("expected", 2),
                members("active", 1),
                members("failed", 1),
                members("spare", 0),
                Raw::flag("system.raid.degraded", &device, Some(true)),
            ],
        );
    }

    #[test]
    fn a_battery_ages_and_a_mouse_has_none() {
        check(
            supplies,
            "=== /sys/class/power_supply/BAT0/type\nBattery\n=== /sys/class/power_supply/BAT0/capacity\n50\n\
             === /sys/class/power_supply/BAT0/energy_full\n40000000\n=== /sys/class/power_supply/BAT0/energy_full_design\n50000000\n\
             === /sys/class/power_supply/BAT0/cycle_count\n0\n=== /sys/class/power_supply/AC/type\nMains\n=== /sys/class/power_supply/AC/online\n1\n\
             === /sys/class/power_supply/mouse/type\nBattery\n=== /sys/class/power_supply/mouse/scope\nDevice\n=== /sys/class/power_supply/mouse/capacity\n9\n",
            &[
                Raw::flag("hw.power_supply.online", &[("supply", "AC")], Some(true)),
                Raw::ratio("hw.battery.charge.utilization", &[("battery", "BAT0")], 50, 100),
                Raw::ratio("hw.battery.capacity.utilization", &[("battery", "BAT0")], 40, 50),
            ],
        );
    }

    #[test]
    fn errors_of_memory_are_counted_by_controller() {
        let errors = |kind, number| Raw::growth("hw.memory.errors", &[("controller", "mc0"), ("kind", kind)], "{error}", number);
        check(
            memory_errors,
            "=== /sys/devices/system/edac/mc/mc0/ce_count\n3\n=== /sys/devices/system/edac/mc/mc0/ue_count\n0\n=== /sys/devices/system/edac/mc/power/x\n1\n",
            &[errors("corrected", 3), errors("uncorrected", 0)],
        );
    }
}
