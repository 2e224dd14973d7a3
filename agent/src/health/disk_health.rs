//! What disks say of their own health. Asking wakes none, but a disk in trouble may take a minute to answer.

use super::{Raw, float};
use crate::collect::{Scope, disk_health, disks};
use crate::probe::DiskHealth;

/// Disks asked, up to ten series each; when there is no room for all, whole disks are left out.
const DISKS: usize = 64;

/// Reads the series of every disk that has any.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let names = scope.list("/sys/block");
    let one = |name: &String| {
        let brought = scope.privileged().disk_health(name).cloned();
        let health = brought.or_else(|| {
            disk_health::read(scope, name).unwrap_or_else(|error| {
                scope.problem(error);
                None
            })
        });
        health.map(|health| series(name, &health)).unwrap_or_default()
    };
    names.iter().filter(|name| !disks::is_noise(name)).take(DISKS).flat_map(one).collect()
}

fn series(name: &str, health: &DiskHealth) -> Vec<Raw> {
    let device = [("device", name)];
    let ratio = |metric, percent: Option<u8>| percent.map(|percent| Raw::gauge(metric, &device, "1", Some(f64::from(percent) / 100.0)));
    let errors = [
        ("crc", health.crc_errors),
        ("media", health.media_errors),
        ("pending_sectors", health.pending_sectors),
        ("reallocated_sectors", health.reallocated_sectors),
        ("uncorrectable_sectors", health.uncorrectable_sectors),
    ];
    let total = |(kind, number): (&str, Option<u64>)| {
        number.map(|number| Raw::count("hw.physical_disk.errors", &[device[0], ("kind", kind)], "{error}", number))
    };
    let single = [
        health.passed.map(|passed| Raw::flag("hw.physical_disk.passed", &device, Some(passed))),
        // Worn beyond what it is rated for is more than 1.
        ratio("hw.physical_disk.wear", health.percentage_used),
        ratio("hw.physical_disk.spare", health.available_spare_percent),
        health.temperature_celsius.map(|degrees| Raw::gauge("hw.physical_disk.temperature", &device, "Cel", Some(f64::from(degrees)))),
        health.power_on_hours.map(|hours| Raw::gauge("hw.physical_disk.power_on_time", &device, "s", Some(float(hours) * 3600.0))),
    ];
    single.into_iter().chain(errors.map(total)).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_disk_does_not_say_is_no_series() {
        assert_eq!(series("sda", &DiskHealth::default()), []);
        let health = DiskHealth { percentage_used: Some(120), media_errors: Some(0), ..DiskHealth::default() };
        let expected = [
            Raw::gauge("hw.physical_disk.wear", &[("device", "sda")], "1", Some(1.2)),
            Raw::count("hw.physical_disk.errors", &[("device", "sda"), ("kind", "media")], "{error}", 0),
        ];
        assert_eq!(series("sda", &health), expected);
    }
}
