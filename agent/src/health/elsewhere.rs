//! Health on platforms other than Linux, through `sysinfo`. Compiled for tests on Linux too.

use super::{Raw, float};
use std::collections::BTreeMap;
use sysinfo::{Components, Disks, Networks, System};

/// Sensors measured; a large server has some 100.
const SENSORS: usize = 256;

/// What `sysinfo` keeps between readings: processor use is the difference of two.
#[derive(Debug, Default)]
pub(super) struct Machine {
    system: Option<System>,
    sensors: Option<Components>,
    has_before: bool,
}

impl Machine {
    /// Reads the series.
    pub(super) fn read(&mut self) -> Vec<Raw> {
        let mut raw = Vec::new();
        if self.system.is_none() {
            self.system = System::new().ok();
        }
        if let Some(system) = &mut self.system {
            system.refresh_cpu_usage();
            system.refresh_memory();
            let usage = self.has_before.then(|| f64::from(system.global_cpu_usage()) / 100.0);
            self.has_before = true;
            raw.push(Raw::gauge("system.cpu.utilization", &[], "1", usage.map(|usage| usage.clamp(0.0, 1.0))));
            raw.push(Raw::gauge("system.cpu.logical.count", &[], "{cpu}", Some(float(system.cpus().len() as u64))));
            raw.extend(memory(system));
        }
        raw.extend(load());
        raw.push(Raw::gauge("system.uptime", &[], "s", System::uptime().ok().map(float)));
        raw.extend(filesystems());
        raw.extend(network());
        if self.sensors.is_none() {
            self.sensors = Components::new_with_refreshed_list().ok();
        }
        raw.extend(self.sensors.as_mut().map(temperatures).unwrap_or_default());
        raw
    }
}

/// Of sensors with one label the hottest counts.
fn temperatures(sensors: &mut Components) -> Vec<Raw> {
    sensors.refresh(true);
    let mut hottest: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    for sensor in sensors.iter().take(SENSORS) {
        let value = sensor.temperature().map(f64::from).filter(|value| value.is_finite());
        let kept = hottest.entry(sensor.label()).or_default();
        *kept = match (*kept, value) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
    }
    hottest.into_iter().map(|(sensor, value)| Raw::gauge("hw.temperature", &[("sensor", sensor)], "Cel", value)).collect()
}

fn memory(system: &System) -> Vec<Raw> {
    let (total, available) = (system.total_memory(), system.available_memory());
    let mut raw = Vec::new();
    if total > 0 {
        raw.push(Raw::gauge("system.memory.limit", &[], "By", Some(float(total))));
        raw.push(Raw::gauge("system.memory.available", &[], "By", Some(float(available))));
        raw.push(Raw::ratio("system.memory.utilization", &[], total.saturating_sub(available), total));
    }
    if system.total_swap() > 0 {
        raw.push(Raw::ratio("system.paging.utilization", &[], system.used_swap(), system.total_swap()));
    }
    raw
}

/// Windows has no such figure.
fn load() -> Vec<Raw> {
    let Ok(load) = System::load_average() else { return Vec::new() };
    let averages = [("1m", load.one), ("5m", load.five), ("15m", load.fifteen)];
    averages.map(|(span, value)| Raw::gauge(&format!("system.cpu.load_average.{span}"), &[], "{thread}", Some(value))).into()
}

fn filesystems() -> Vec<Raw> {
    let disks = Disks::new_with_refreshed_list().ok();
    let one = |disk: &sysinfo::Disk| {
        let mount_point = disk.mount_point().to_string_lossy().into_owned();
        let attributes = [("mountpoint", mount_point.as_str())];
        let (total, available) = (disk.total_space(), disk.available_space());
        vec![
            Raw::ratio("system.filesystem.utilization", &attributes, total.saturating_sub(available), total),
            Raw::gauge("system.filesystem.available", &attributes, "By", Some(float(available))),
            Raw::gauge("system.filesystem.read_only", &attributes, "1", Some(if disk.is_read_only() { 1.0 } else { 0.0 })),
        ]
    };
    disks.iter().flat_map(|disks| disks.iter()).flat_map(one).collect()
}

fn network() -> Vec<Raw> {
    let networks = Networks::new_with_refreshed_list().ok();
    let one = |(name, network): (&std::ffi::OsString, &sysinfo::NetworkData)| {
        let name = name.to_string_lossy().into_owned();
        let both = |metric, unit, received, sent| {
            [("receive", received), ("transmit", sent)]
                .map(|(direction, counter)| Raw::rate(metric, &[("device", &name), ("direction", direction)], unit, counter, 1.0))
        };
        let mut raw = Vec::from(both("system.network.io", "By/s", network.total_received(), network.total_transmitted()));
        raw.extend(both("system.network.errors", "{error}/s", network.total_errors_on_received(), network.total_errors_on_transmitted()));
        raw
    };
    networks.iter().flat_map(|networks| networks.iter()).flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_use_is_unknown_until_there_is_a_difference() {
        let mut machine = Machine::default();
        assert!(machine.read().contains(&Raw::gauge("system.cpu.utilization", &[], "1", None)));
        assert!(machine.read().iter().any(|raw| raw.series.metric == "system.memory.limit"));
    }
}
