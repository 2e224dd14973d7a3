//! What can be measured: the one table of all metrics that agents send, with their units.
//!
//! Names and units are those of the OpenTelemetry semantic conventions where these have them; units are written in UCUM. An agent's sources
//! and the server's rules are held against this table by their tests; what is not in it came from somewhere else: a collector of
//! the site, a check, another system.

use serde::{Deserialize, Serialize};

/// How the values of a metric come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What holds at the moment, or held on average since the sample before.
    Gauge,
    /// How much was counted a second since the sample before.
    Rate,
    /// How much was counted since the sample before.
    Growth,
    /// A number that stands for a state: 1 for yes and 0 for no unless the description says otherwise.
    State,
}

/// A metric that agents send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Unit in UCUM notation: `By`, `s`, `1` for ratios and states, `{packet}/s`; none where each series has its own.
    pub unit: Option<&'static str>,
    /// How its values come about.
    pub kind: Kind,
    /// What tells its series apart; some may be without one of them.
    pub attributes: &'static [&'static str],
    /// What it is, for people.
    pub about: &'static str,
}

/// The metric of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.binary_search_by(|metric| metric.name.cmp(name)).ok().map(|place| &METRICS[place])
}

/// The unit of a metric, when it has one that is known.
#[must_use]
pub fn unit(name: &str) -> Option<&'static str> {
    find(name)?.unit
}

const fn metric(name: &'static str, unit: &'static str, kind: Kind, attributes: &'static [&'static str], about: &'static str) -> Metric {
    let unit = if unit.is_empty() { None } else { Some(unit) };
    Metric { name, unit, kind, attributes, about }
}

use Kind::{Gauge, Growth, Rate, State};

/// All of them, by name.
pub const METRICS: &[Metric] = &[
    metric("check.duration", "s", Gauge, &["check"], "How long the check ran."),
    metric(
        "check.perfdata",
        "",
        Gauge,
        &["check", "label"],
        "A value that the check printed, in base units: s, By, 1 for ratios and numbers, {count}/s for counters.",
    ),
    metric("check.state", "1", State, &["check"], "What the check says: 0 ok, 1 warning, 2 critical, 3 unknown."),
    metric(
        "check.target_state",
        "1",
        State,
        &["asks", "check", "target"],
        "What a check about another item says of it: 0 ok, 1 warning, 2 critical.",
    ),
    metric(
        "hw.battery.capacity.utilization",
        "1",
        Gauge,
        &["battery"],
        "What a full charge holds of what it held when the battery was new.",
    ),
    metric("hw.battery.charge.utilization", "1", Gauge, &["battery"], "How far the battery is charged."),
    metric("hw.battery.cycles", "{cycle}", Gauge, &["battery"], "How often the battery was charged."),
    metric("hw.current", "A", Gauge, &["sensor"], "Electric current."),
    metric("hw.fan.speed", "rpm", Gauge, &["sensor"], "Turns of the fan a minute."),
    metric(
        "hw.memory.errors",
        "{error}",
        Growth,
        &["controller", "kind"],
        "Errors of memory that the controller found; kind is corrected or uncorrected.",
    ),
    metric(
        "hw.physical_disk.errors",
        "{error}",
        Gauge,
        &["device", "kind"],
        "Errors in the disk's life; kind is crc, media, pending_sectors, reallocated_sectors or uncorrectable_sectors.",
    ),
    metric("hw.physical_disk.passed", "1", State, &["device"], "Whether the disk says of itself that it is healthy."),
    metric("hw.physical_disk.power_on_time", "s", Gauge, &["device"], "How long the disk has been switched on in its life."),
    metric("hw.physical_disk.spare", "1", Gauge, &["device"], "Spare blocks that are left."),
    metric("hw.physical_disk.temperature", "Cel", Gauge, &["device"], "Temperature of the disk."),
    metric(
        "hw.physical_disk.wear",
        "1",
        Gauge,
        &["device"],
        "How much of the writes that the disk is rated for is used up; more than 1 beyond.",
    ),
    metric("hw.power", "W", Gauge, &["sensor"], "Electric power."),
    metric("hw.power_supply.online", "1", State, &["supply"], "Whether there is power from outside."),
    metric(
        "hw.sensor.alarm",
        "1",
        State,
        &["kind", "sensor"],
        "Whether the hardware says that the sensor is out of its limits; kind is critical, fault or another limit's name.",
    ),
    metric("hw.temperature", "Cel", Gauge, &["sensor"], "Temperature; of sensors with one name the hottest."),
    metric("hw.voltage", "V", Gauge, &["sensor"], "Voltage."),
    metric("process.count", "{process}", Gauge, &["process"], "Processes of the configured name."),
    metric("process.cpu.time", "s/s", Rate, &["process"], "Processor time of the processes of the configured name: 1 is one processor."),
    metric("process.memory.usage", "By", Gauge, &["process"], "Memory of the processes of the configured name."),
    metric(
        "process.open_file_descriptor.count",
        "{file_descriptor}",
        Gauge,
        &["process"],
        "Files that the processes of the configured name have open.",
    ),
    metric("rollcall.agent.cpu", "s/s", Rate, &[], "Processor time of the agent: 1 is one processor."),
    metric("rollcall.agent.memory", "By", Gauge, &[], "Memory of the agent."),
    metric("rollcall.agent.open_files", "{file_descriptor}", Gauge, &[], "Files that the agent has open."),
    metric("system.boot.unexpected", "1", State, &[], "Whether the system was started without having been shut down before."),
    metric("system.certificate.days_left", "d", Gauge, &["path"], "Days until the certificate expires; less than 0 after that."),
    metric("system.clock.max_error_ms", "ms", Gauge, &[], "How wrong the clock may be by the kernel's estimate."),
    metric("system.clock.offset_ms", "ms", Gauge, &[], "How far the clock is from its source of time."),
    metric("system.clock.synchronized", "1", State, &[], "Whether the clock has a source of time."),
    metric(
        "system.cpu.load_average.15m",
        "{thread}",
        Gauge,
        &[],
        "Threads that ran, wanted to run or waited for disks, on average over 15 minutes.",
    ),
    metric(
        "system.cpu.load_average.1m",
        "{thread}",
        Gauge,
        &[],
        "Threads that ran, wanted to run or waited for disks, on average over a minute.",
    ),
    metric(
        "system.cpu.load_average.5m",
        "{thread}",
        Gauge,
        &[],
        "Threads that ran, wanted to run or waited for disks, on average over 5 minutes.",
    ),
    metric("system.cpu.logical.count", "{cpu}", Gauge, &[], "Processors that the system sees."),
    metric(
        "system.cpu.utilization",
        "1",
        Gauge,
        &["state"],
        "Time that the processors were busy; state is user, system, iowait or steal, and the series without it is all but idle and iowait.",
    ),
    metric("system.disk.io", "By/s", Rate, &["device", "direction"], "Bytes read and written."),
    metric(
        "system.disk.latency",
        "s",
        Gauge,
        &["device", "direction"],
        "How long an operation took on average; none while there were no operations.",
    ),
    metric(
        "system.disk.operation_time",
        "s/s",
        Rate,
        &["device", "direction"],
        "Time of all operations together: what ran at once adds up.",
    ),
    metric("system.disk.operations", "{operation}/s", Rate, &["device", "direction"], "Operations that ended."),
    metric("system.disk.queue_length", "{operation}", Gauge, &["device"], "Operations at the device or waiting for it, on average."),
    metric("system.disk.utilization", "1", Gauge, &["device"], "Time that the disk was busy."),
    metric("system.file_descriptors.utilization", "1", Gauge, &[], "Open files of all that the kernel allows."),
    metric("system.filesystem.available", "By", Gauge, &["mountpoint"], "What programs can still write."),
    metric("system.filesystem.inodes.utilization", "1", Gauge, &["mountpoint"], "Inodes in use."),
    metric("system.filesystem.limit", "By", Gauge, &["mountpoint"], "Size of the file system."),
    metric("system.filesystem.read_only", "1", State, &["mountpoint"], "Whether the file system is mounted read-only."),
    metric("system.filesystem.utilization", "1", Gauge, &["mountpoint"], "Space in use of what programs may use, as df shows it."),
    metric("system.linux.context_switches", "{switch}/s", Rate, &[], "Switches of the processors from one thread to another."),
    metric("system.linux.entropy.available", "bit", Gauge, &[], "Entropy in the kernel's pool."),
    metric(
        "system.linux.psi.full",
        "1",
        Gauge,
        &["resource"],
        "Time in which all work stood still for want of the resource: cpu, io, irq or memory.",
    ),
    metric(
        "system.linux.psi.some",
        "1",
        Gauge,
        &["resource"],
        "Time in which some work stood still for want of the resource: cpu, io, irq or memory.",
    ),
    metric("system.memory.available", "By", Gauge, &[], "What programs can still have; caches that can be given back count."),
    metric("system.memory.limit", "By", Gauge, &[], "Memory that there is."),
    metric("system.memory.linux.hugepages.limit", "{page}", Gauge, &[], "Huge pages that there are."),
    metric("system.memory.linux.hugepages.utilization", "1", Gauge, &[], "Huge pages in use."),
    metric("system.memory.oom_kills", "{kill}", Growth, &[], "Processes that the kernel killed because memory ran out."),
    metric("system.memory.utilization", "1", Gauge, &[], "Memory that is not available."),
    metric("system.network.bond.members.active", "{interface}", Gauge, &["device"], "Interfaces of the bond that work."),
    metric("system.network.bond.members.expected", "{interface}", Gauge, &["device"], "Interfaces of the bond."),
    metric("system.network.conntrack.utilization", "1", Gauge, &[], "Connections that the firewall follows, of those that it can."),
    metric("system.network.dropped", "{packet}/s", Rate, &["device", "direction"], "Packets dropped."),
    metric("system.network.errors", "{error}/s", Rate, &["device", "direction"], "Packets damaged or not sent."),
    metric("system.network.io", "By/s", Rate, &["device", "direction"], "Bytes received and sent."),
    metric("system.network.link.speed", "bit/s", Gauge, &["device"], "Speed that the link negotiated."),
    metric("system.network.link.up", "1", State, &["device"], "Whether the interface has a link."),
    metric("system.network.packets", "{packet}/s", Rate, &["device", "direction"], "Packets received and sent."),
    metric("system.network.softnet.dropped", "{packet}/s", Rate, &[], "Packets that the kernel dropped because its queue was full."),
    metric("system.network.softnet.squeezed", "{event}/s", Rate, &[], "Times that the kernel had more packets than time for them."),
    metric("system.network.tcp.established", "{connection}", Gauge, &[], "Connections that are open."),
    metric(
        "system.network.tcp.listen_drops",
        "{connection}/s",
        Rate,
        &[],
        "Connections that were refused because the program was not ready.",
    ),
    metric("system.network.tcp.listen_overflows", "{connection}/s", Rate, &[], "Connections that found the queue of the program full."),
    metric("system.network.tcp.retransmit.utilization", "1", Gauge, &[], "Segments that were sent again, of all that were sent."),
    metric("system.network.tcp.retransmits", "{segment}/s", Rate, &[], "Segments that were sent again."),
    metric(
        "system.network.udp.errors",
        "{error}/s",
        Rate,
        &["type"],
        "Datagrams lost; type is checksum, receive, receive_buffer or send_buffer.",
    ),
    metric(
        "system.network.utilization",
        "1",
        Gauge,
        &["device", "direction"],
        "Bytes received and sent, of what the speed of the link allows.",
    ),
    metric("system.paging.faults", "{fault}/s", Rate, &["type"], "Pages that had to be read from a disk; type is major."),
    metric("system.paging.io", "By/s", Rate, &["direction"], "Bytes read from swap space (in) and written to it (out)."),
    metric("system.paging.operations", "{operation}/s", Rate, &["direction"], "Pages read from swap space (in) and written to it (out)."),
    metric("system.paging.utilization", "1", Gauge, &[], "Swap space in use."),
    metric("system.processes.blocked", "{process}", Gauge, &[], "Processes that wait for disks."),
    metric("system.processes.count", "{process}", Gauge, &[], "Processes."),
    metric("system.processes.created", "{process}/s", Rate, &[], "Processes started."),
    metric("system.processes.running", "{process}", Gauge, &[], "Processes that run or want to."),
    metric("system.processes.threads", "{thread}", Gauge, &[], "Threads of all processes."),
    metric("system.processes.utilization", "1", Gauge, &[], "Threads of all that the kernel allows."),
    metric("system.processes.zombies", "{process}", Gauge, &[], "Processes that have ended and that nobody asked after."),
    metric("system.raid.degraded", "1", State, &["device"], "Whether the array is without one of its disks."),
    metric("system.raid.members.active", "{disk}", Gauge, &["device"], "Disks of the array that are in step."),
    metric("system.raid.members.expected", "{disk}", Gauge, &["device"], "Disks that the array should have."),
    metric("system.raid.members.failed", "{disk}", Gauge, &["device"], "Disks of the array that are marked as failed."),
    metric("system.raid.members.spare", "{disk}", Gauge, &["device"], "Spare disks of the array."),
    metric("system.systemd.unit.cpu", "s/s", Rate, &["unit"], "Processor time of the unit: 1 is one processor."),
    metric("system.systemd.unit.memory", "By", Gauge, &["unit"], "Memory of the unit."),
    metric(
        "system.systemd.unit.oom_kills",
        "{kill}",
        Growth,
        &["unit"],
        "Processes of the unit that the kernel killed because memory ran out.",
    ),
    metric("system.systemd.unit.restarts", "{restart}", Growth, &["unit"], "Restarts of the unit by systemd."),
    metric("system.systemd.unit.tasks", "{task}", Gauge, &["unit"], "Threads of the unit."),
    metric(
        "system.systemd.unit.throttled",
        "s/s",
        Rate,
        &["unit"],
        "Time that the unit waited because its share of the processors was used up.",
    ),
    metric("system.systemd.units.failed", "{unit}", Gauge, &[], "Units in the state failed."),
    metric("system.systemd.units.restarting", "{unit}", Gauge, &[], "Services that wait to be started again."),
    metric("system.uptime", "s", Gauge, &[], "Time since the system was started."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_every_name_is_found() {
        assert!(METRICS.is_sorted_by(|a, b| a.name < b.name));
        for metric in METRICS {
            assert_eq!(find(metric.name), Some(metric));
            assert!(metric.about.ends_with('.') && metric.attributes.is_sorted(), "{}", metric.name);
        }
        assert_eq!((find("system.cpu"), unit("check.perfdata"), unit("system.uptime")), (None, None, Some("s")));
    }

    #[test]
    fn a_name_agrees_with_its_unit() {
        for Metric { name, unit, kind, .. } in METRICS {
            assert!(!name.ends_with(".utilization") || *unit == Some("1"), "{name}");
            assert!(!name.ends_with("_ms") || *unit == Some("ms"), "{name}");
            assert!(*kind != Kind::State || *unit == Some("1"), "{name}");
            assert!(*kind != Kind::Rate || unit.is_some_and(|unit| unit.ends_with("/s")), "{name}");
        }
    }
}
