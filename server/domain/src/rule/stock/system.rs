//! Services, clocks, certificates, reachability and what the inventory says.

use super::{DAY_MS, MINUTE_MS, NETDATA, NODE_MIXIN, above, any, formula, lasting, levels, newest, paging, recorded, rule, sourced};
use crate::catalogue::Category;
use crate::ci::{AttributeValue, Class};
use crate::rule::{Asks, Comparison, Condition, Predicate, Reduce, Rule};
use rollcall_shared::message::Side;
use std::collections::BTreeMap;

/// An unsynchronised kernel lets its maximum error grow to 16 s and stops there (`NTP_PHASE_LIMIT`), so the line is just below.
const CLOCK_ERROR_MS: f64 = 15_999.0;

/// The mean offset of ten minutes where that of the last five is not less than it by more than a twentieth, and zero where it is: a clock
/// that is being put right is no matter. The thousandth of a millisecond keeps a clock that is exactly right from being no number.
const DIVERGING_CLOCK: &str = "ratio(abs(avg(system.clock.offset_ms, 5m)), \
    abs(avg(system.clock.offset_ms, 5m)) / (abs(avg(system.clock.offset_ms, 10m)) + 0.001), 0.95)";

/// Whether it started unexpectedly, for the first day; both parts carry what is left of it, and the ratio is zero once nothing is.
const UNEXPECTED_START: &str = "ratio(system.boot.unexpected * (86400 - system.uptime), 86400 - system.uptime)";

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rules() -> Vec<Rule> {
    vec![
        early_warning(sourced(
            NODE_MIXIN,
            paging(rule(
                "file_descriptors",
                "File descriptors",
                "The kernel has handed out most of the file descriptors that it may; when all are used up, programs fail to open files and connections. Find who has so many (lsof, sorted by process), restart what leaks, or raise fs.file-max.",
                newest("system.file_descriptors.utilization"),
                levels(Some((0.7, 0.65)), Some((0.9, 0.8))),
            )),
        )),
        sourced(
            NETDATA,
            paging(rule(
                "processes",
                "Processes",
                "Most of the processes and threads that the kernel allows are there; when the limit is reached nothing can be started, not even a shell. Find what multiplies (ps -eLf, systemd-cgtop -o tasks), stop it, or raise the limit.",
                newest("system.processes.utilization"),
                levels(Some((0.9, 0.85)), Some((0.95, 0.9))),
            )),
        ),
        sourced(
            NODE_MIXIN,
            lasting(
                5 * MINUTE_MS,
                rule(
                    "systemd_unit_failed",
                    "Failed systemd unit",
                    "At least one unit has been in the state failed for five minutes. List them (systemctl --failed), read their journal (journalctl -u UNIT) and restart or reset them.",
                    newest("system.systemd.units.failed"),
                    any(false),
                ),
            ),
        ),
        sourced(
            NODE_MIXIN,
            lasting(
                15 * MINUTE_MS,
                rule(
                    "systemd_unit_restarting",
                    "systemd unit restarts again and again",
                    "For a quarter of an hour the unit has been restarted more than twice in any five minutes: it crashes as soon as it runs. Read its journal (journalctl -u UNIT) and what changed on the host; stop it while it does harm.",
                    above("system.systemd.unit.restarts", Reduce::Sum, 5 * MINUTE_MS),
                    levels(Some((2.0, 0.0)), None),
                ),
            ),
        ),
        sourced(
            NODE_MIXIN,
            lasting(
                10 * MINUTE_MS,
                rule(
                    "clock_offset",
                    "Clock offset",
                    "The clock has been off by more than 50 ms for ten minutes and does not come closer, though it has a time source. Check the time service (timedatectl, chronyc tracking, chronyc sources) and whether a virtual machine's host sets the clock too.",
                    formula(DIVERGING_CLOCK),
                    levels(Some((50.0, 25.0)), None),
                ),
            ),
        ),
        sourced(
            NODE_MIXIN,
            rule(
                "clock_unsynchronised",
                "Clock unsynchronised",
                "The kernel's clock has had no time source for so long that it may be wrong by 16 seconds or more. Certificates, logs and clusters depend on it. Check the time service (timedatectl, chronyc sources) and whether its servers can be reached.",
                newest("system.clock.max_error_ms"),
                levels(Some((CLOCK_ERROR_MS, CLOCK_ERROR_MS / 2.0)), None),
            ),
        ),
        sourced(
            NETDATA,
            paging(rule(
                "certificate_expires",
                "Certificate expires",
                "The certificate is valid for less than two weeks (critical: one week). Renew it, or find out why its automatic renewal does not work (certbot, acme.sh), then reload the services that use it.",
                Condition::Threshold {
                    metric: "system.certificate.days_left".into(),
                    attributes: BTreeMap::new(),
                    reduce: Reduce::Last,
                    window_ms: 0,
                    side: Side::Below,
                },
                levels(Some((14.0, 14.0)), Some((7.0, 7.0))),
            )),
        ),
        sourced(
            "Three push intervals",
            rule(
                "agent_silent",
                "Agent silent",
                "Nothing has come from the agent for three minutes, or for three of its pushes when it is configured to push less often than every minute. When it stopped on purpose, the reason says so: start it again or retire the host. Otherwise see whether the host is up, the service runs (systemctl status rollcall-agent) and the server can be reached from there. Until it returns nothing is known of this host.",
                Condition::AgentSilent { after_ms: 3 * MINUTE_MS },
                any(false),
            ),
        ),
        sourced(
            "Ten push intervals",
            paging(rule(
                "host_silent",
                "Host silent",
                "Nothing has come from the host for ten minutes, or for ten of its pushes when they are further apart than a minute, and its agent did not say goodbye: it is probably down or cut off. Try to reach it, look at its console or hypervisor, and at the network between.",
                Condition::HostSilent { after_ms: 10 * MINUTE_MS },
                any(true),
            )),
        ),
        sourced(
            "Three times the five minutes for which Prometheus takes a value as current",
            rule(
                "collector_silent",
                "Collector silent",
                "A feed of another system's measurements (Prometheus, OpenTelemetry) that used to tell of this item has told nothing of it for fifteen minutes: what it measures is not watched, and its alerts are unknown. See whether the exporter or collector still runs on the item and whether the sender reaches it (Prometheus: Status, Targets); when many items fell silent at once, look at the sender, its queue (prometheus_remote_storage_samples_failed_total) and the feed's credential first. Where it was taken away on purpose, switch this rule off for the item by an override; a feed that comes less often needs a rule of its own with a longer time.",
                Condition::CollectorSilent { after_ms: 15 * MINUTE_MS, feed: None },
                any(false),
            ),
        ),
        sourced(
            "The check's own thresholds",
            rule(
                "check_result",
                "Check",
                "A check that was set up on this host says WARNING or CRITICAL. What it looks at and what to do is a matter of the check: run its command by hand, and read its output in the host's checks.",
                Condition::Check { check: None },
                levels(Some((1.0, 0.0)), Some((2.0, 1.0))),
            ),
        ),
        sourced(
            "The check's own thresholds",
            paging(Rule {
                means_down: true,
                ..rule(
                    "target_down",
                    "Not reachable",
                    "Every agent that checks whether this can be reached says that it cannot. What stands behind it is told about in this incident. See whether it has power and its uplink is up, look at its console or management address, and at what they share that look at it.",
                    Condition::TargetCheck { asks: Asks::Up, check: None },
                    any(true),
                )
            }),
        ),
        sourced(
            "The check's own thresholds",
            rule(
                "target_check",
                "Check",
                "A check about this item, which the agent of another host runs, says WARNING or CRITICAL. What it looks at and what to do is a matter of the check: the reason names the hosts that run it; run its command there by hand.",
                Condition::TargetCheck { asks: Asks::State, check: None },
                levels(Some((1.0, 0.0)), Some((2.0, 1.0))),
            ),
        ),
        sourced(
            "The date that the system's maker gives",
            rule(
                "os_support_end",
                "System no longer supported soon",
                "The operating system gets no more security updates from its maker in less than 90 days, or not any more. Plan its upgrade, or buy extended support and override this rule for the host.",
                Condition::Inventory { predicate: Predicate::DaysLeft { attribute: "os_support_end".into() } },
                levels(Some((90.0, 90.0)), None),
            ),
        ),
        sourced(
            "A week to plan it",
            recorded(lasting(
                7 * DAY_MS,
                rule(
                    "reboot_required",
                    "Reboot required",
                    "For a week updates have waited for a restart to take effect: the old kernel or libraries, with their holes, are still running. Plan a restart in the host's maintenance window.",
                    Condition::Inventory {
                        predicate: Predicate::Attribute {
                            name: "reboot_required".into(),
                            operator: Comparison::Equal,
                            value: Some(AttributeValue::Boolean(true)),
                        },
                    },
                    any(false),
                ),
            )),
        ),
        below(sourced(
            "Ten minutes",
            recorded(rule(
                "rebooted",
                "Rebooted",
                "The host was started within the last ten minutes. It is kept for correlation: whatever began at the same time probably has to do with it. Whether somebody wanted it is in the host's logins and journal (last -x, journalctl -b -1 -e).",
                newest("system.uptime"),
                levels(Some((600.0, 600.0)), None),
            )),
        )),
        sourced(
            "Any start that no shutdown came before, for a day",
            recorded(rule(
                "restarted_unexpectedly",
                "Restarted unexpectedly",
                "Within the last day the host was started though it had not been shut down: it lost power, its kernel crashed, or somebody switched or reset it, by hand, by its management controller or by its hypervisor. Look at the end of the journal before (journalctl -b -1 -e), at what the kernel left (/var/lib/systemd/pstore, /var/crash), at the hardware's event log and at the hypervisor. Hosts whose records do not tell, such as containers, are never judged.",
                formula(UNEXPECTED_START),
                any(false),
            )),
        ),
        sourced(
            "Any change",
            recorded(rule(
                "drift_system",
                "System changed",
                "Name, operating system or kernel of the host changed within a day. It is kept for correlation: compare the host with what it was before (compare, history) when something else goes wrong.",
                Condition::Inventory { predicate: Predicate::Drift { names: vec!["system".into(), "os".into()], within_ms: DAY_MS } },
                any(false),
            )),
        ),
        sourced(
            "Any change",
            recorded(rule(
                "drift_users",
                "Users or their rights changed",
                "An account, a group, a key for logging in or a right to become another user was added, changed or taken away within a day. Look at the host's history; when nobody knows of it, treat it as an intrusion.",
                Condition::Inventory {
                    predicate: Predicate::Drift {
                        names: vec!["users".into(), "groups".into(), "sudoers".into(), "ssh_keys".into()],
                        within_ms: DAY_MS,
                    },
                },
                any(false),
            )),
        ),
        sourced(
            "Any change",
            recorded(rule(
                "drift_hardware",
                "Hardware changed",
                "Processors, memory modules or disks of the host changed within a day. It is kept for correlation: compare with what was there before (history of the section). What is missing is told about by itself.",
                Condition::Inventory { predicate: Predicate::Drift { names: hardware(), within_ms: DAY_MS } },
                any(false),
            )),
        ),
        sourced(
            "Any part",
            rule(
                "hardware_removed",
                "Hardware removed",
                "A processor, a memory module or a disk that was there a day ago is there no more. When nobody worked on the host, the part has failed or was taken out: compare with what was there before (history of the section), look at the hardware's event log, and at the part itself.",
                Condition::Inventory { predicate: Predicate::Removed { names: hardware(), within_ms: DAY_MS } },
                any(true),
            ),
        ),
        sourced(
            "Any package",
            recorded(rule(
                "package_removed",
                "Package removed",
                "A package that was installed a day ago is not any more. It is kept for correlation: when a service of the host is missing or a program fails to start, see what was removed (history of the packages).",
                Condition::Inventory { predicate: Predicate::Removed { names: vec!["packages".into()], within_ms: DAY_MS } },
                any(false),
            )),
        ),
        sourced(
            "What people decided about software",
            rule(
                "software_denied",
                "Software that is not allowed",
                "Software is installed that was ruled out, for this product or by a rule of the catalogue; the reason names it. Remove it, or have the ruling changed when there is a need for it. Whoever wants nothing that was not approved adds a rule like this one for the category unclassified.",
                Condition::Inventory { predicate: Predicate::Software { category: Category::Denied } },
                any(false),
            ),
        ),
        Rule {
            classes: vec![Class::SoftwareProduct],
            ..sourced(
                "What people recorded of licences",
                rule(
                    "licence_overused",
                    "Licences over-used",
                    "More hosts have this software than are licensed (attribute licensed_installations of the product); hosts that are retired do not count. See who has it (installations of the product), remove it where nobody needs it, buy licences for the rest, or correct what is recorded.",
                    Condition::Inventory { predicate: Predicate::Licences {} },
                    any(false),
                ),
            )
        },
        Rule {
            classes: vec![Class::SoftwareProduct],
            ..sourced(
                "Time to renew it",
                rule(
                    "licence_ends",
                    "Licence ends soon",
                    "The licence of this software (attribute licence_ends of the product) ends in less than 30 days, or has ended. Renew it, or remove the software from the hosts that have it (installations of the product).",
                    Condition::Inventory { predicate: Predicate::DaysLeft { attribute: "licence_ends".into() } },
                    levels(Some((30.0, 30.0)), None),
                ),
            )
        },
        Rule {
            classes: vec![Class::Host, Class::NetworkDevice, Class::StorageDevice, Class::Printer],
            ..sourced(
                "Time to buy a contract or a successor",
                rule(
                    "warranty_ends",
                    "Warranty ends soon",
                    "The warranty (attribute warranty_end) of the device ends in less than 30 days, or has ended. Extend it, buy a successor, or override this rule for devices that are to run without.",
                    Condition::Inventory { predicate: Predicate::DaysLeft { attribute: "warranty_end".into() } },
                    levels(Some((30.0, 30.0)), None),
                ),
            )
        },
    ]
}

fn hardware() -> Vec<String> {
    vec!["cpus".into(), "memory_modules".into(), "disks".into()]
}

/// The warning must last, the critical level is told at once.
fn early_warning(mut rule: Rule) -> Rule {
    if let Some(warning) = &mut rule.levels.warning {
        warning.for_ms = Some(15 * MINUTE_MS);
    }
    rule
}

/// Less is worse.
fn below(mut rule: Rule) -> Rule {
    if let Condition::Threshold { side, .. } = &mut rule.condition {
        *side = Side::Below;
    }
    rule
}
