//! Temperatures, fans, voltages, power, and what hardware itself finds alarming: `/sys/class/hwmon`, else `/sys/class/thermal`.
//!
//! Reading a sensor may wait for a slow bus or a disk, so this is not read with every sample.

use super::Raw;
use crate::collect::Scope;
use std::collections::{BTreeMap, BTreeSet};

/// Chips looked at; a large server has some 30.
const CHIPS: usize = 128;

/// Sensors of one chip; those for two sockets with 64 cores have one for each core.
const SENSORS: usize = 256;

/// Reads the series; of sensors with one label the hottest counts.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let mut found = Found::default();
    for chip in scope.list("/sys/class/hwmon").iter().take(CHIPS) {
        found.add_chip(scope, &format!("/sys/class/hwmon/{chip}"));
    }
    // Boards without monitoring chips often show their thermal zones only.
    if found.temperatures.is_empty() {
        let zones = scope.list("/sys/class/thermal");
        for zone in zones.iter().filter(|name| name.starts_with("thermal_zone")).take(CHIPS) {
            let folder = format!("/sys/class/thermal/{zone}");
            let label = scope.attribute(&format!("{folder}/type")).unwrap_or_else(|| zone.clone());
            found.add_temperature(label, measured(scope, &format!("{folder}/temp"), 1e-3));
        }
    }
    found.raw()
}

#[derive(Default)]
struct Found {
    temperatures: BTreeMap<String, Option<f64>>,
    others: Vec<Raw>,
    /// Whether anything alarms, by sensor and kind.
    alarms: BTreeMap<(String, &'static str), Option<bool>>,
}

impl Found {
    fn add_chip(&mut self, scope: &Scope<'_>, folder: &str) {
        let files = scope.list(folder);
        let Some(chip) = scope.attribute(&format!("{folder}/name")) else { return };
        let model = scope.attribute(&format!("{folder}/device/model"));
        let sensors: BTreeSet<&str> =
            files.iter().filter_map(|file| file.split_once('_')).map(|(sensor, _)| sensor).take(SENSORS * 8).collect();
        for sensor in sensors.into_iter().filter(|sensor| is_sensor(sensor)).take(SENSORS) {
            let of_sensor = |file: &&String| file.strip_prefix(sensor).is_some_and(|rest| rest.starts_with('_'));
            let label = label(&chip, sensor, scope.attribute(&format!("{folder}/{sensor}_label")).as_deref(), model.as_deref());
            for file in files.iter().filter(of_sensor) {
                let path = format!("{folder}/{file}");
                match file.rsplit('_').next() {
                    Some("alarm" | "fault") => self.add_alarm(scope, &label, &path),
                    Some("input") => self.add_value(scope, &label, sensor, &path),
                    // Chips that know only the average have no `power1_input`.
                    Some("average") if !files.contains(&format!("{sensor}_input")) => self.add_value(scope, &label, sensor, &path),
                    _ => {}
                }
            }
        }
    }

    fn add_value(&mut self, scope: &Scope<'_>, label: &str, sensor: &str, path: &str) {
        let attributes = [("sensor", label)];
        let other = |metric, unit, factor| Raw::gauge(metric, &attributes, unit, measured(scope, path, factor));
        match sensor.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "temp" => self.add_temperature(label.to_owned(), measured(scope, path, 1e-3)),
            "fan" => self.others.push(other("hw.fan.speed", "rpm", 1.0)),
            "in" => self.others.push(other("hw.voltage", "V", 1e-3)),
            "curr" => self.others.push(other("hw.current", "A", 1e-3)),
            "power" => self.others.push(other("hw.power", "W", 1e-6)),
            _ => {}
        }
    }

    fn add_temperature(&mut self, label: String, value: Option<f64>) {
        let hottest = self.temperatures.entry(label).or_default();
        *hottest = match (*hottest, value) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
    }

    /// `temp1_crit_alarm`, `fan2_alarm`, `temp3_fault`. Limits that nobody set alarm on many boards, so the kinds are told apart.
    fn add_alarm(&mut self, scope: &Scope<'_>, label: &str, path: &str) {
        let kind = if path.ends_with("_fault") {
            "fault"
        } else if path.contains("crit_alarm") || path.contains("emergency_alarm") {
            "critical"
        } else {
            "limit"
        };
        let alarms = match scope.attribute(path).as_deref() {
            Some("0") => Some(false),
            Some(_) => Some(true),
            None => None,
        };
        let so_far = self.alarms.entry((label.to_owned(), kind)).or_default();
        *so_far = so_far.zip(alarms).map(|(one, other)| one || other).or(*so_far).or(alarms);
    }

    fn raw(mut self) -> Vec<Raw> {
        let mut raw: Vec<Raw> =
            self.temperatures.iter().map(|(sensor, value)| Raw::gauge("hw.temperature", &[("sensor", sensor)], "Cel", *value)).collect();
        raw.append(&mut self.others);
        raw.extend(
            self.alarms.iter().map(|((sensor, kind), alarms)| Raw::flag("hw.sensor.alarm", &[("kind", kind), ("sensor", sensor)], *alarms)),
        );
        raw
    }
}

/// `temp1`, `fan12`, `in0`, `curr1`, `power1`, `intrusion0`.
fn is_sensor(text: &str) -> bool {
    let kind = text.trim_end_matches(|c: char| c.is_ascii_digit());
    kind.len() < text.len() && matches!(kind, "temp" | "fan" | "in" | "curr" | "power" | "intrusion")
}

/// The chip, what the board's maker calls the sensor, and what it is in.
fn label(chip: &str, sensor: &str, label: Option<&str>, model: Option<&str>) -> String {
    match (label, model) {
        (Some(label), Some(model)) => format!("{chip} {label} {model}"),
        (Some(label), None) => format!("{chip} {label}"),
        // Of a disk, whose only sensor it is.
        (None, Some(model)) if sensor == "temp1" => format!("{chip} {model}"),
        (None, Some(model)) => format!("{chip} {model} {sensor}"),
        (None, None) => format!("{chip} {sensor}"),
    }
}

/// Sensors that are switched off refuse to be read.
fn measured(scope: &Scope<'_>, path: &str, factor: f64) -> Option<f64> {
    let number: i64 = scope.attribute(path)?.parse().ok()?;
    // Sensors have at most some 40 bits.
    #[expect(clippy::cast_precision_loss, reason = "stated above")]
    let number = number as f64;
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[track_caller]
    fn check(tree: &str, expected: &[(&str, &str, Option<f64>)]) {
        let directory = plant(tree);
        let root = Root::new(directory.path());
        let raw = read(&Scope::new(&root));
        let found: Vec<_> = raw
            .iter()
            .filter_map(|raw| {
                let super::super::series::Figure::Gauge(value) = raw.figure else { return None };
                Some((raw.series.metric.as_str(), raw.series.attributes.last()?.1.as_str(), value))
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn sensors_have_the_names_that_people_know() {
        check(
            "=== /sys/class/hwmon/hwmon0/name\ncoretemp\n=== /sys/class/hwmon/hwmon0/temp1_input\n41500\n\
             === /sys/class/hwmon/hwmon0/temp1_label\nPackage id 0\n=== /sys/class/hwmon/hwmon0/temp1_crit_alarm\n0\n\
             === /sys/class/hwmon/hwmon1/name\nnvme\n=== /sys/class/hwmon/hwmon1/device/model\nSSD 1\n=== /sys/class/hwmon/hwmon1/temp1_input\n30000\n\
             === /sys/class/hwmon/hwmon2/name\nnvme\n=== /sys/class/hwmon/hwmon2/device/model\nSSD 1\n=== /sys/class/hwmon/hwmon2/temp1_input\n35000\n\
             === /sys/class/hwmon/hwmon3/name\nnct6775\n=== /sys/class/hwmon/hwmon3/fan2_input\n900\n=== /sys/class/hwmon/hwmon3/fan2_alarm\n1\n\
             === /sys/class/hwmon/hwmon3/in0_input\n1250\n=== /sys/class/hwmon/hwmon3/power1_average\n2500000\n\
             === /sys/class/hwmon/hwmon3/pwm1\n5\n=== /sys/class/hwmon/hwmon3/temp9_input\nx\n",
            &[
                ("hw.temperature", "coretemp Package id 0", Some(41.5)),
                ("hw.temperature", "nct6775 temp9", None),
                ("hw.temperature", "nvme SSD 1", Some(35.0)),
                ("hw.fan.speed", "nct6775 fan2", Some(900.0)),
                ("hw.voltage", "nct6775 in0", Some(1.25)),
                ("hw.power", "nct6775 power1", Some(2.5)),
                ("hw.sensor.alarm", "coretemp Package id 0", Some(0.0)),
                ("hw.sensor.alarm", "nct6775 fan2", Some(1.0)),
            ],
        );
    }

    #[test]
    fn without_chips_the_thermal_zones_count() {
        check(
            "=== /sys/class/thermal/thermal_zone0/type\ncpu-thermal\n=== /sys/class/thermal/thermal_zone0/temp\n51000\n=== /sys/class/thermal/cooling_device0/type\nfan\n",
            &[("hw.temperature", "cpu-thermal", Some(51.0))],
        );
    }
}
