//! Memory, swap, huge pages and the out-of-memory killer: `/proc/meminfo`, `/proc/vmstat`.

use super::{Raw, float};
use crate::collect::Scope;

/// Reads the series.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let mut raw = scope.text_or_problem("/proc/meminfo").map(|text| meminfo(&text)).unwrap_or_default();
    // A captured tree does not say how large the pages of its machine were.
    let page_bytes = scope.root().is_live().then(rustix::param::page_size);
    raw.extend(scope.text_or_problem("/proc/vmstat").into_iter().flat_map(|text| vmstat(&text, page_bytes)));
    raw
}

fn meminfo(text: &str) -> Vec<Raw> {
    let bytes = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let mut raw = Vec::new();
    if let Some(total) = bytes("MemTotal") {
        raw.push(Raw::gauge("system.memory.limit", &[], "By", Some(float(total))));
        // Kernels before 3.14 do not estimate it, and nothing else says what can be had.
        if let Some(available) = bytes("MemAvailable") {
            raw.push(Raw::gauge("system.memory.available", &[], "By", Some(float(available))));
            raw.push(Raw::ratio("system.memory.utilization", &[], total.saturating_sub(available), total));
        }
    }
    if let (Some(total), Some(free)) = (bytes("SwapTotal").filter(|&total| total > 0), bytes("SwapFree")) {
        raw.push(Raw::ratio("system.paging.utilization", &[], total.saturating_sub(free), total));
    }
    let pages = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')?.trim().parse::<u64>().ok());
    if let (Some(total), Some(free)) = (pages("HugePages_Total").filter(|&total| total > 0), pages("HugePages_Free")) {
        raw.push(Raw::ratio("system.memory.linux.hugepages.utilization", &[], total.saturating_sub(free), total));
        raw.push(Raw::count("system.memory.linux.hugepages.limit", &[], "{page}", total));
    }
    raw
}

/// Pages have 4, 16 or 64 KiB, by the processor and by how the kernel was built.
fn vmstat(text: &str, page_bytes: Option<usize>) -> Vec<Raw> {
    let counter = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse::<u64>().ok());
    let paging = |direction, key| {
        counter(key).map(|pages| Raw::rate("system.paging.operations", &[("direction", direction)], "{operation}/s", pages, 1.0))
    };
    let bytes = |direction, key| {
        let factor = float(page_bytes?.try_into().ok()?);
        counter(key).map(|pages| Raw::rate("system.paging.io", &[("direction", direction)], "By/s", pages, factor))
    };
    let kills = counter("oom_kill").map(|kills| Raw::growth("system.memory.oom_kills", &[], "{kill}", kills));
    let faults = counter("pgmajfault").map(|faults| Raw::rate("system.paging.faults", &[("type", "major")], "{fault}/s", faults, 1.0));
    let paged = [paging("in", "pswpin"), paging("out", "pswpout"), bytes("in", "pswpin"), bytes("out", "pswpout")];
    [kills, faults].into_iter().chain(paged).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_that_is_not_stated_is_not_measured() {
        let raw = meminfo("MemTotal: 1000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB");
        assert_eq!(raw, [Raw::gauge("system.memory.limit", &[], "By", Some(1_024_000.0))]);
    }

    #[test]
    fn huge_pages_are_measured_where_there_are_any() {
        assert_eq!(meminfo("HugePages_Total:       0\nHugePages_Free:        0"), []);
        let raw = meminfo("HugePages_Total:       8\nHugePages_Free:        6");
        assert_eq!(raw[0], Raw::gauge("system.memory.linux.hugepages.utilization", &[], "1", Some(0.25)));
    }

    #[test]
    fn what_is_swapped_is_told_in_bytes_of_the_pages_that_there_are() {
        let out = |page_bytes| vmstat("pswpin 1\npswpout 7\n", page_bytes).into_iter().rfind(|raw| raw.series.metric == "system.paging.io");
        let expected = |factor| Raw::rate("system.paging.io", &[("direction", "out")], "By/s", 7, factor);
        assert_eq!((out(Some(4096)), out(Some(65_536)), out(None)), (Some(expected(4096.0)), Some(expected(65_536.0)), None));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(MemTotal|MemAvailable|SwapTotal|SwapFree|HugePages_Total|HugePages_Free|oom_kill|pswpin)?:? *[0-9]{0,25}( kB)?\n?[ -~]{0,20}") {
            let _ = (meminfo(&text), vmstat(&text, Some(4096)));
        }
    }
}
