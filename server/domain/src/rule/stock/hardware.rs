//! Disks, memory modules, sensors and batteries.

use super::{DAY_MS, HOUR_MS, MINUTE_MS, NETDATA, NODE_MIXIN, above_of, any, lasting, levels, newest, paging, rule, sourced};
use crate::ci::Class;
use crate::rule::{Condition, Reduce, Rule, Tier};
use rollcall_shared::message::Side;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rules() -> Vec<Rule> {
    vec![
        sourced(
            NODE_MIXIN,
            paging(lasting(
                15 * MINUTE_MS,
                rule(
                    "raid_degraded",
                    "RAID degraded",
                    "The array has been without one of its disks for a quarter of an hour: the next failure loses data. Find the disk that is missing (mdadm --detail, the controller's tool), check its slot and cable, replace it and watch the rebuild.",
                    newest("system.raid.degraded"),
                    any(true),
                ),
            )),
        ),
        sourced(
            NODE_MIXIN,
            loud(rule(
                "raid_member_failed",
                "RAID member failed",
                "A disk of the array was marked as failed. A spare may have taken its place; without one the array is degraded. Find it (mdadm --detail), look at its health, and replace it.",
                newest("system.raid.members.failed"),
                any(false),
            )),
        ),
        below(sourced(
            "SMART's own verdict",
            paging(lasting(
                HOUR_MS,
                rule(
                    "disk_failing",
                    "Disk failing",
                    "The disk has said of itself for an hour that it fails (SMART health, NVMe critical warning). Back up what is on it, move services away, and replace it; its warranty may cover it.",
                    newest("hw.physical_disk.passed"),
                    levels(None, Some((1.0, 1.0))),
                ),
            )),
        )),
        sourced(
            "The rating by the disk's maker",
            rule(
                "disk_wear",
                "Disk worn",
                "The solid state disk has used up four fifths of the writes that it is rated for. Nothing is broken yet: plan its replacement, and see what writes so much (iotop -a).",
                newest("hw.physical_disk.wear"),
                levels(Some((0.795, 0.795)), None),
            ),
        ),
        sourced(
            NETDATA,
            rule(
                "memory_errors_corrected",
                "Memory errors corrected",
                "The memory controller corrected errors within a day. Single ones happen; a module with many of them will fail. Find the module (edac-util, the controller's log), and plan to replace it.",
                above_of("hw.memory.errors", &[("kind", "corrected")], Reduce::Sum, DAY_MS),
                any(false),
            ),
        ),
        sourced(
            NETDATA,
            paging(rule(
                "memory_errors_uncorrected",
                "Memory errors not corrected",
                "The memory controller found errors that it could not correct: data was lost, and programs or the kernel may have crashed. Move services away, find the module (edac-util, the controller's log) and replace it.",
                above_of("hw.memory.errors", &[("kind", "uncorrected")], Reduce::Sum, DAY_MS),
                any(true),
            )),
        ),
        sourced(
            "The limits of the hardware's maker",
            paging(lasting(
                5 * MINUTE_MS,
                rule(
                    "sensor_critical",
                    "Sensor in the critical range",
                    "A temperature, fan or voltage has been in the critical range for five minutes by the hardware's own limits. Check fans, air flow and room temperature, then power supplies. Hosts switch themselves off to save themselves.",
                    above_of("hw.sensor.alarm", &[("kind", "critical")], Reduce::Last, 0),
                    any(true),
                ),
            )),
        ),
        sourced(
            "The limits of the hardware's maker",
            lasting(
                5 * MINUTE_MS,
                rule(
                    "sensor_fault",
                    "Sensor faulty",
                    "A sensor has reported a fault for five minutes: it or what it measures is broken or was unplugged, such as a fan. Look at the hardware's event log (ipmitool sel list) and at the part itself.",
                    above_of("hw.sensor.alarm", &[("kind", "fault")], Reduce::Last, 0),
                    any(false),
                ),
            ),
        ),
        Rule {
            classes: vec![Class::Server],
            ..below(sourced(
                NETDATA,
                paging(lasting(
                    5 * MINUTE_MS,
                    rule(
                        "battery_charge",
                        "Battery charge of a server",
                        "The battery or uninterruptible supply of the server is not fully charged: it runs on battery, or the battery has grown old. See whether mains power is there; shut services down in order while there is charge left.",
                        newest("hw.battery.charge.utilization"),
                        levels(Some((0.75, 0.75)), Some((0.4, 0.5))),
                    ),
                )),
            ))
        },
    ]
}

/// A page at both levels.
fn loud(rule: Rule) -> Rule {
    Rule { tier: Tier::Page, ..rule }
}

/// Less is worse.
fn below(mut rule: Rule) -> Rule {
    if let Condition::Threshold { side, .. } = &mut rule.condition {
        *side = Side::Below;
    }
    rule
}
