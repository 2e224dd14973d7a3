//! What runs out in the kernel: threads, file descriptors, tracked connections, entropy; and how long it has been up.

use super::Raw;
use crate::collect::Scope;

/// Reads the series.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let number = |path: &str| scope.number::<u64>(path);
    let mut raw = Vec::new();
    raw.extend(threads_of_the_limit(scope));
    if let Some(text) = scope.attribute("/proc/sys/fs/file-nr") {
        raw.extend(file_descriptors(&text));
    }
    let conntrack = "/proc/sys/net/netfilter/nf_conntrack";
    if let (Some(count), Some(max)) = (number(&format!("{conntrack}_count")), number(&format!("{conntrack}_max"))) {
        raw.push(Raw::ratio("system.network.conntrack.utilization", &[], count, max));
    }
    if let Some(bits) = number("/proc/sys/kernel/random/entropy_avail") {
        raw.push(Raw::count("system.linux.entropy.available", &[], "bit", bits));
    }
    if let Some(text) = scope.attribute("/proc/uptime") {
        let seconds = text.split_whitespace().next().and_then(|seconds| seconds.parse().ok());
        raw.push(Raw::gauge("system.uptime", &[], "s", seconds));
    }
    raw
}

/// Threads, and what they are of whichever of the kernel's two limits is lower.
fn threads_of_the_limit(scope: &Scope<'_>) -> Vec<Raw> {
    let Some(threads) = scope.attribute("/proc/loadavg").and_then(|text| threads(&text)) else { return Vec::new() };
    let limits = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"].iter().filter_map(|path| scope.number::<u64>(path));
    let utilization = limits.min().map(|limit| Raw::ratio("system.processes.utilization", &[], threads, limit));
    utilization.into_iter().chain([Raw::count("system.processes.threads", &[], "{thread}", threads)]).collect()
}

/// `0.00 0.01 0.05 1/123 4567`: the fourth word is running/existing threads.
fn threads(text: &str) -> Option<u64> {
    text.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

/// `allocated unused maximum`.
fn file_descriptors(text: &str) -> Option<Raw> {
    let numbers: Vec<u64> = text.split_whitespace().map_while(|number| number.parse().ok()).collect();
    let &[allocated, _, maximum] = numbers.as_slice() else { return None };
    Some(Raw::ratio("system.file_descriptors.utilization", &[], allocated, maximum))
}
