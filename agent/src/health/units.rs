//! What services use: memory, processor time, tasks, and what their limits cost them. Control groups of either version.

use super::Raw;
use super::options::HealthOptions;
use crate::collect::Scope;

const BASE: &str = "/sys/fs/cgroup";
const SLICE: &str = "system.slice";

/// Reads the series of the configured groups and of the first services of `system.slice`.
pub(super) fn read(scope: &Scope<'_>, options: &HealthOptions) -> Vec<Raw> {
    let hierarchy = if scope.root().exists(&format!("{BASE}/cgroup.controllers")) { Hierarchy::Unified } else { Hierarchy::Separate };
    let mut groups: Vec<String> = options.units.iter().filter_map(|name| hierarchy.find(scope, name)).collect();
    let services = if options.max_services > 0 { hierarchy.services(scope) } else { Vec::new() };
    let services: Vec<String> = services.into_iter().filter(|service| !groups.contains(service)).take(options.max_services).collect();
    groups.extend(services);
    groups.iter().flat_map(|group| hierarchy.measure(scope, group)).collect()
}

/// Version 2 has one tree, version 1 one for each resource.
#[derive(Clone, Copy)]
enum Hierarchy {
    Unified,
    Separate,
}

impl Hierarchy {
    /// The folder of one resource.
    fn folder(self, resource: &str, group: &str) -> String {
        match self {
            Self::Unified => format!("{BASE}/{group}"),
            Self::Separate => format!("{BASE}/{resource}/{group}"),
        }
    }

    /// Where a configured group is: as it is written, or where systemd puts units of that name.
    fn find(self, scope: &Scope<'_>, name: &str) -> Option<String> {
        let name = name.trim_matches('/');
        let places = [name.to_owned(), format!("{SLICE}/{name}"), format!("machine.slice/{name}")];
        places.into_iter().find(|group| ["memory", "cpu", "pids"].iter().any(|resource| scope.root().exists(&self.folder(resource, group))))
    }

    /// Services of `system.slice`, and of the slices in it that hold the instances of a template.
    fn services(self, scope: &Scope<'_>) -> Vec<String> {
        let resource = ["memory", "pids", "systemd"].into_iter().find(|resource| scope.root().exists(&self.folder(resource, SLICE)));
        let Some(resource) = resource else { return Vec::new() };
        let mut services = Vec::new();
        for name in scope.list(&self.folder(resource, SLICE)) {
            let group = format!("{SLICE}/{name}");
            if name.ends_with(".service") {
                services.push(group);
            } else if name.ends_with(".slice") {
                let instances = scope.list(&self.folder(resource, &group));
                services.extend(instances.iter().filter(|name| name.ends_with(".service")).map(|name| format!("{group}/{name}")));
            }
        }
        services
    }

    fn measure(self, scope: &Scope<'_>, group: &str) -> Vec<Raw> {
        let unit = [("unit", group.rsplit('/').next().unwrap_or(group))];
        let number = |resource, file: &str| scope.attribute(&format!("{}/{file}", self.folder(resource, group)))?.parse::<u64>().ok();
        let keyed = |resource, file: &str, key| {
            scope.text(&format!("{}/{file}", self.folder(resource, group))).ok()?.and_then(|text| of(&text, key))
        };
        let (memory, used, throttled, kills) = match self {
            Self::Unified => {
                let cpu = scope.text(&format!("{BASE}/{group}/cpu.stat")).ok().flatten().unwrap_or_default();
                let time = |key| of(&cpu, key).map(|time| (time, 1e-6));
                (
                    number("memory", "memory.current"),
                    time("usage_usec"),
                    time("throttled_usec"),
                    keyed("memory", "memory.events", "oom_kill"),
                )
            }
            Self::Separate => (
                number("memory", "memory.usage_in_bytes"),
                number("cpuacct", "cpuacct.usage").map(|time| (time, 1e-9)),
                keyed("cpu", "cpu.stat", "throttled_time").map(|time| (time, 1e-9)),
                keyed("memory", "memory.oom_control", "oom_kill"),
            ),
        };
        let tasks = number("pids", "pids.current");
        let series = [
            memory.map(|bytes| Raw::count("system.systemd.unit.memory", &unit, "By", bytes)),
            used.map(|(time, factor)| Raw::rate("system.systemd.unit.cpu", &unit, "s/s", time, factor)),
            throttled.map(|(time, factor)| Raw::rate("system.systemd.unit.throttled", &unit, "s/s", time, factor)),
            tasks.map(|tasks| Raw::count("system.systemd.unit.tasks", &unit, "{task}", tasks)),
            kills.map(|kills| Raw::growth("system.systemd.unit.oom_kills", &unit, "{kill}", kills)),
        ];
        series.into_iter().flatten().collect()
    }
}

/// The number after a key: `usage_usec 123`.
fn of(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[track_caller]
    fn check(tree: &str, options: &HealthOptions, expected: &[Raw]) {
        let directory = plant(tree);
        let root = Root::new(directory.path());
        assert_eq!(read(&Scope::new(&root), options), expected);
    }

    fn series(unit: &str, memory: u64, used: u64, factor: f64) -> [Raw; 5] {
        let unit = [("unit", unit)];
        [
            Raw::count("system.systemd.unit.memory", &unit, "By", memory),
            Raw::rate("system.systemd.unit.cpu", &unit, "s/s", used, factor),
            Raw::rate("system.systemd.unit.throttled", &unit, "s/s", 7, factor),
            Raw::count("system.systemd.unit.tasks", &unit, "{task}", 3),
            Raw::growth("system.systemd.unit.oom_kills", &unit, "{kill}", 2),
        ]
    }

    #[test]
    fn both_versions_of_control_groups_say_the_same() {
        let unified = "=== /sys/fs/cgroup/cgroup.controllers\ncpu memory\n\
            === /sys/fs/cgroup/system.slice/a.service/memory.current\n4096\n\
            === /sys/fs/cgroup/system.slice/a.service/cpu.stat\nusage_usec 11\nuser_usec 5\nthrottled_usec 7\n\
            === /sys/fs/cgroup/system.slice/a.service/memory.events\nlow 0\noom 9\noom_kill 2\n\
            === /sys/fs/cgroup/system.slice/a.service/pids.current\n3\n";
        check(unified, &HealthOptions::default(), &series("a.service", 4096, 11, 1e-6));
        let separate = "=== /sys/fs/cgroup/memory/system.slice/a.service/memory.usage_in_bytes\n4096\n\
            === /sys/fs/cgroup/cpuacct/system.slice/a.service/cpuacct.usage\n11\n\
            === /sys/fs/cgroup/cpu/system.slice/a.service/cpu.stat\nnr_throttled 0\nthrottled_time 7\n\
            === /sys/fs/cgroup/memory/system.slice/a.service/memory.oom_control\nunder_oom 0\noom_kill 2\n\
            === /sys/fs/cgroup/pids/system.slice/a.service/pids.current\n3\n";
        check(separate, &HealthOptions::default(), &series("a.service", 4096, 11, 1e-9));
    }

    #[test]
    fn configured_groups_come_before_services_and_instances_of_templates_count() {
        let tree = "=== /sys/fs/cgroup/cgroup.controllers\n\n\
            === /sys/fs/cgroup/system.slice/a.service/pids.current\n1\n\
            === /sys/fs/cgroup/system.slice/system-pg.slice/pg@1.service/pids.current\n2\n\
            === /sys/fs/cgroup/user.slice/pids.current\n5\n";
        let tasks = |unit, tasks| Raw::count("system.systemd.unit.tasks", &[("unit", unit)], "{task}", tasks);
        let options = |units: &[&str], max_services| HealthOptions {
            units: units.iter().map(|unit| (*unit).to_owned()).collect(),
            max_services,
            ..HealthOptions::default()
        };
        check(tree, &options(&["user.slice", "absent.service"], 1), &[tasks("user.slice", 5), tasks("a.service", 1)]);
        check(tree, &options(&["a.service"], 8), &[tasks("a.service", 1), tasks("pg@1.service", 2)]);
        check(tree, &options(&[], 0), &[]);
    }
}
