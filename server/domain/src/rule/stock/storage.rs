//! File systems and disks.

use super::{HOUR_MS, MINUTE_MS, NETDATA, NODE_MIXIN, above, formula, lasting, levels, newest, paging, recorded, rule, sourced};
use crate::rule::{Condition, Guard, Reduce, Rule};
use rollcall_shared::message::Side;
use std::collections::BTreeMap;

/// Five gigabytes: below this a nearly full file system is in danger whatever its size.
const LITTLE_SPACE_BYTES: f64 = 5e9;

/// Two where it was writable within seven days and is not now, one where it has been read-only for longer, zero where it is writable: raised
/// by the change alone, and held until it can be written to again.
const TURNED_READ_ONLY: &str = "system.filesystem.read_only + increase(system.filesystem.read_only, 7d)";

pub(super) fn rules() -> Vec<Rule> {
    vec![
        guarded_space(sourced(
            NETDATA,
            paging(rule(
                "filesystem_space",
                "Filesystem space",
                "The file system is nearly full; programs fail when they cannot write. Find what grew (du -x, journalctl --disk-usage), remove or rotate it, or enlarge the volume. Deleted files that are still open need their process restarted (lsof +L1).",
                newest("system.filesystem.utilization"),
                levels(Some((0.9, 0.8)), Some((0.98, 0.9))),
            )),
        )),
        guarded_forecast(sourced(
            NODE_MIXIN,
            paging(lasting(
                HOUR_MS,
                rule(
                    "filesystem_time_to_full",
                    "Filesystem fills up",
                    "If it goes on as it did in the last six hours, the file system is full within a day (critical: within four hours). Find what grows now (du -x twice, some minutes apart; lsof), stop it or rotate it, or enlarge the volume before it is full.",
                    Condition::Forecast {
                        metric: "system.filesystem.utilization".into(),
                        attributes: BTreeMap::new(),
                        window_ms: 6 * HOUR_MS,
                        target: 1.0,
                        side: Side::Above,
                    },
                    levels(Some((86_400.0, 129_600.0)), Some((14_400.0, 21_600.0))),
                ),
            )),
        )),
        sourced(
            NETDATA,
            paging(rule(
                "filesystem_inodes",
                "Filesystem inodes",
                "The file system can hold hardly any more files, however small. Find the directory with very many files (du --inodes -x): usually a cache, a session store or a mail queue.",
                newest("system.filesystem.inodes.utilization"),
                levels(Some((0.9, 0.8)), Some((0.98, 0.9))),
            )),
        ),
        sourced(
            NODE_MIXIN,
            paging(rule(
                "filesystem_read_only",
                "Filesystem read-only",
                "The file system was writable within the last seven days and is not now: the kernel remounts it after input/output errors. Read the kernel log (journalctl -k), check the disk's health, back up what matters, then repair (fsck) and remount.",
                formula(TURNED_READ_ONLY),
                levels(None, Some((1.5, 0.5))),
            )),
        ),
        sourced(
            NETDATA,
            recorded(rule(
                "disk_utilization",
                "Disk utilisation",
                "The disk has been busy nearly without pause for ten minutes. For a single disk that is its limit; fast ones and arrays can do more at once, so compare with its latency. See which processes use it (iotop).",
                above("system.disk.utilization", Reduce::Avg, 10 * MINUTE_MS),
                levels(Some((0.98, 0.686)), None),
            )),
        ),
    ]
}

fn guarded_space(mut rule: Rule) -> Rule {
    if let Some(critical) = &mut rule.levels.critical {
        critical.and = Some(Guard { metric: "system.filesystem.available".into(), side: Side::Below, value: LITTLE_SPACE_BYTES });
    }
    rule
}

/// A nearly empty file system that happens to grow is no matter yet: less than 40 % free, critical 20 %.
fn guarded_forecast(mut rule: Rule) -> Rule {
    for (level, used) in [(&mut rule.levels.warning, 0.6), (&mut rule.levels.critical, 0.8)] {
        if let Some(level) = level {
            level.and = Some(Guard { metric: "system.filesystem.utilization".into(), side: Side::Above, value: used });
        }
    }
    rule
}
