//! Throughput, operations, queue and busy time of whole disks: `/proc/diskstats`.

use super::Raw;
use crate::collect::{Scope, disks};

/// The kernel counts in sectors of 512 bytes whatever the disk's own are.
const SECTOR: f64 = 512.0;

/// Disks measured, ten series each; when other sources leave no room for all, whole disks are left out.
const DISKS: usize = 256;

/// Reads the series.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let Some(text) = scope.text_or_problem("/proc/diskstats") else { return Vec::new() };
    let whole = scope.list("/sys/block");
    let is_disk = |name: &str| !disks::is_noise(name) && whole.binary_search_by(|known| known.as_str().cmp(name)).is_ok();
    text.lines().filter_map(parse).filter(|disk| is_disk(disk.name)).take(DISKS).flat_map(Disk::raw).collect()
}

struct Disk<'a> {
    name: &'a str,
    /// Counters from the fourth column on: reads, merged, sectors, ms; the same for writes; in flight, busy ms, ms in the queue.
    counters: [u64; 11],
}

fn parse(line: &str) -> Option<Disk<'_>> {
    let mut columns = line.split_whitespace().skip(2);
    let name = columns.next()?;
    let mut counters = [0; 11];
    for counter in &mut counters {
        *counter = columns.next()?.parse().ok()?;
    }
    Some(Disk { name, counters })
}

impl Disk<'_> {
    fn raw(self) -> Vec<Raw> {
        let [reads, _, read_sectors, read_ms, writes, _, written_sectors, write_ms, _, busy_ms, queued_ms] = self.counters;
        let device = ("device", self.name);
        let both = |metric, unit, read, written, factor| {
            [("read", read), ("write", written)]
                .map(|(direction, counter)| Raw::rate(metric, &[device, ("direction", direction)], unit, counter, factor))
        };
        let latency = [("read", read_ms, reads), ("write", write_ms, writes)].map(|(direction, spent, operations)| {
            Raw::average("system.disk.latency", &[device, ("direction", direction)], "s", (spent, operations), 1e-3)
        });
        let mut raw = Vec::with_capacity(10);
        raw.extend(both("system.disk.io", "By/s", read_sectors, written_sectors, SECTOR));
        raw.extend(both("system.disk.operations", "{operation}/s", reads, writes, 1.0));
        raw.extend(both("system.disk.operation_time", "s/s", read_ms, write_ms, 1e-3));
        raw.extend(latency);
        raw.push(Raw::busy("system.disk.utilization", &[device], busy_ms, 1e-3));
        // Each operation adds its time in the queue and at the device: over a second, that is how many there were on average.
        raw.push(Raw::rate("system.disk.queue_length", &[device], "{operation}", queued_ms, 1e-3));
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_has_a_name_and_counters() {
        let disk = parse(" 254  0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17").expect("a disk");
        assert_eq!((disk.name, disk.counters), ("vda", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
        assert!(parse(" 254  0 vda 1 2 x").is_none());
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[ -~]{0,80}") {
            let _ = parse(&line);
        }
    }
}
