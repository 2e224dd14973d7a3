//! The rules that come with the release.
//!
//! Each is an ordinary rule that people may change or switch off. Lines are those that proved themselves in monitoring systems
//! of long standing: far apart, with a clear line of their own, and loud only where a host is about to stop working.

use super::{Condition, Grade, Guard, Level, Levels, NoData, Reduce, Rule, Tier};
use rollcall_shared::message::Side;
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 3_600_000;

/// Five gigabytes: below this a nearly full file system is in danger whatever its size.
const LITTLE_SPACE_BYTES: f64 = 5e9;

/// An unsynchronised kernel lets its maximum error grow to 16 s and stops there (`NTP_PHASE_LIMIT`), so the line is just below.
const CLOCK_ERROR_MS: f64 = 15_999.0;

/// All of them.
#[must_use]
pub fn stock() -> Vec<Rule> {
    vec![
        cpu_utilization(),
        memory_utilization(),
        filesystem_space(),
        filesystem_inodes(),
        systemd_unit_failed(),
        oom_kill(),
        agent_silent(),
        host_silent(),
        clock_unsynchronised(),
        filesystem_read_only(),
    ]
}

fn cpu_utilization() -> Rule {
    Rule {
        tier: Tier::Ticket,
        warning_tier: Some(Tier::RecordOnly),
        ..rule(
            "cpu_utilization",
            "CPU utilisation",
            "The processors have been busy for ten minutes on average. Look for the processes with the most CPU time (top, \
             systemd-cgtop) and whether they are meant to run now. A steady rise over weeks asks for more capacity; a sudden one \
             follows a change: see what changed on this host.",
            above("system.cpu.utilization", Reduce::Avg, 10 * MINUTE_MS),
            levels(Some((0.85, 0.75)), Some((0.95, 0.85))),
        )
    }
}

fn memory_utilization() -> Rule {
    Rule {
        tier: Tier::Page,
        warning_tier: Some(Tier::Ticket),
        ..rule(
            "memory_utilization",
            "Memory",
            "Little memory is left for programs; caches that the kernel can give back count as free. When it runs out the kernel \
             kills processes. Find the largest (top, sorted by RES), restart what leaks, or add memory.",
            above("system.memory.utilization", Reduce::Last, 0),
            levels(Some((0.90, 0.85)), Some((0.98, 0.90))),
        )
    }
}

fn filesystem_space() -> Rule {
    let mut levels = levels(Some((0.90, 0.80)), Some((0.98, 0.90)));
    if let Some(critical) = &mut levels.critical {
        critical.and = Some(Guard { metric: "system.filesystem.available".into(), side: Side::Below, value: LITTLE_SPACE_BYTES });
    }
    Rule {
        tier: Tier::Page,
        warning_tier: Some(Tier::Ticket),
        ..rule(
            "filesystem_space",
            "Filesystem space",
            "The file system is nearly full; programs fail when they cannot write. Find what grew (du -x, journalctl --disk-usage), \
             remove or rotate it, or enlarge the volume. Deleted files that are still open need their process restarted (lsof +L1).",
            above("system.filesystem.utilization", Reduce::Last, 0),
            levels,
        )
    }
}

fn filesystem_inodes() -> Rule {
    Rule {
        tier: Tier::Page,
        warning_tier: Some(Tier::Ticket),
        ..rule(
            "filesystem_inodes",
            "Filesystem inodes",
            "The file system can hold hardly any more files, however small. Find the directory with very many files (du --inodes -x): \
             usually a cache, a session store or a mail queue.",
            above("system.filesystem.inodes.utilization", Reduce::Last, 0),
            levels(Some((0.90, 0.80)), Some((0.98, 0.90))),
        )
    }
}

fn systemd_unit_failed() -> Rule {
    Rule {
        for_ms: 5 * MINUTE_MS,
        ..rule(
            "systemd_unit_failed",
            "Failed systemd unit",
            "At least one unit has been in the state failed for five minutes. List them (systemctl --failed), read their journal \
             (journalctl -u UNIT) and restart or reset them.",
            above("system.systemd.units.failed", Reduce::Last, 0),
            levels(Some((0.0, 0.0)), None),
        )
    }
}

fn oom_kill() -> Rule {
    rule(
        "oom_kill",
        "Out-of-memory kill",
        "The kernel killed a process within the last half hour because memory, or a control group's share of it, ran out. The kernel \
         log (journalctl -k) names it. Check that its service is running again, then whether it leaks or its limit is too low.",
        above("system.memory.oom_kills", Reduce::Sum, 30 * MINUTE_MS),
        levels(Some((0.0, 0.0)), None),
    )
}

fn agent_silent() -> Rule {
    rule(
        "agent_silent",
        "Agent silent",
        "Nothing has come from the agent for three minutes. When it stopped on purpose, the reason says so: start it again or retire \
         the host. Otherwise see whether the host is up, the service runs (systemctl status rollcall-agent) and the server can be \
         reached from there. Until it returns nothing is known of this host.",
        Condition::AgentSilent { after_ms: 3 * MINUTE_MS },
        levels(Some((0.0, 0.0)), None),
    )
}

fn host_silent() -> Rule {
    Rule {
        tier: Tier::Page,
        ..rule(
            "host_silent",
            "Host silent",
            "Nothing has come from the host for ten minutes and its agent did not say goodbye: it is probably down or cut off. Try to \
             reach it, look at its console or hypervisor, and at the network between.",
            Condition::HostSilent { after_ms: 10 * MINUTE_MS },
            levels(None, Some((0.0, 0.0))),
        )
    }
}

fn clock_unsynchronised() -> Rule {
    rule(
        "clock_unsynchronised",
        "Clock unsynchronised",
        "The kernel's clock has had no time source for so long that it may be wrong by 16 seconds or more. Certificates, logs and \
         clusters depend on it. Check the time service (timedatectl, chronyc sources) and whether its servers can be reached.",
        above("system.clock.max_error_ms", Reduce::Last, 0),
        levels(Some((CLOCK_ERROR_MS, CLOCK_ERROR_MS / 2.0)), None),
    )
}

fn filesystem_read_only() -> Rule {
    Rule {
        tier: Tier::Page,
        ..rule(
            "filesystem_read_only",
            "Filesystem read-only",
            "The file system was writable within the last seven days and is not now: the kernel remounts it after input/output errors. \
             Read the kernel log (journalctl -k), check the disk's health, back up what matters, then repair (fsck) and remount.",
            above("system.filesystem.read_only", Reduce::Increase, 7 * DAY_MS),
            levels(None, Some((0.0, 0.0))),
        )
    }
}

fn above(metric: &str, reduce: Reduce, window_ms: u64) -> Condition {
    Condition::Threshold { metric: metric.into(), attributes: BTreeMap::new(), reduce, window_ms, side: Side::Above }
}

/// Each level as (raise, clear).
fn levels(warning: Option<(f64, f64)>, critical: Option<(f64, f64)>) -> Levels {
    let level = |(raise, clear)| Level { raise, clear, and: None };
    Levels { warning: warning.map(level), critical: critical.map(level) }
}

fn rule(id: &str, title: &str, description: &str, condition: Condition, levels: Levels) -> Rule {
    Rule {
        id: id.parse().expect("a stock rule has a proper name"),
        title: title.into(),
        description: description.into(),
        enabled: true,
        tier: Tier::Ticket,
        warning_tier: None,
        classes: Vec::new(),
        condition,
        levels,
        for_ms: 0,
        keep_firing_for_ms: 0,
        no_data: NoData::Unknown,
        impact: Grade::Medium,
        group: None,
        runbook: None,
        auto_resolve: true,
        stock: true,
    }
}
