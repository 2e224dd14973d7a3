//! Throughput and busy time of whole disks: `/proc/diskstats`.

use super::Raw;
use crate::collect::{Scope, disks};

/// The kernel counts in sectors of 512 bytes whatever the disk's own are.
const SECTOR: f64 = 512.0;

/// Disks measured, five series each.
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
    /// Counters from the fourth column on: reads, merged, sectors, ms; the same for writes; in flight, busy ms.
    counters: [u64; 10],
}

fn parse(line: &str) -> Option<Disk<'_>> {
    let mut columns = line.split_whitespace().skip(2);
    let name = columns.next()?;
    let mut counters = [0; 10];
    for counter in &mut counters {
        *counter = columns.next()?.parse().ok()?;
    }
    Some(Disk { name, counters })
}

impl Disk<'_> {
    fn raw(self) -> Vec<Raw> {
        let [_, _, read_sectors, read_ms, _, _, written_sectors, write_ms, _, busy_ms] = self.counters;
        let both = |metric, unit, read, written, factor| {
            [("read", read), ("write", written)]
                .map(|(direction, counter)| Raw::rate(metric, &[("device", self.name), ("direction", direction)], unit, counter, factor))
        };
        let mut raw = Vec::with_capacity(5);
        raw.extend(both("system.disk.io", "By/s", read_sectors, written_sectors, SECTOR));
        raw.extend(both("system.disk.operation_time", "s/s", read_ms, write_ms, 1e-3));
        raw.push(Raw::busy("system.disk.utilization", &[("device", self.name)], busy_ms, 1e-3));
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
        assert_eq!((disk.name, disk.counters), ("vda", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
        assert!(parse(" 254  0 vda 1 2 x").is_none());
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[ -~]{0,80}") {
            let _ = parse(&line);
        }
    }
}
