//! Processors and memory.

use super::{
    HOUR_MS, MINUTE_MS, NETDATA, NODE_MIXIN, above, above_of, any, formula, lasting, levels, newest, paging, recorded, rule, sourced,
};
use crate::rule::{Reduce, Rule, Tier};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            warning_tier: Some(Tier::RecordOnly),
            ..sourced(
                NETDATA,
                rule(
                    "cpu_utilization",
                    "CPU utilisation",
                    "The processors have been busy for ten minutes on average. Look for the processes with the most CPU time (top, systemd-cgtop) and whether they are meant to run now. A steady rise over weeks asks for more capacity; a sudden one follows a change: see what changed on this host.",
                    above_of("system.cpu.utilization", &[("state", "")], Reduce::Avg, 10 * MINUTE_MS),
                    levels(Some((0.85, 0.75)), Some((0.95, 0.85))),
                ),
            )
        },
        sourced(
            NETDATA,
            recorded(rule(
                "cpu_iowait",
                "CPU waits for input/output",
                "For ten minutes the processors have waited for disks more than they should. See which disk is busy (iostat -x) and which processes wait for it (state D in ps, iotop). It is kept for correlation: by itself it slows programs down, it breaks nothing.",
                above_of("system.cpu.utilization", &[("state", "iowait")], Reduce::Avg, 10 * MINUTE_MS),
                levels(Some((0.4, 0.2)), None),
            )),
        ),
        sourced(
            NETDATA,
            rule(
                "cpu_steal",
                "CPU time stolen by the hypervisor",
                "For twenty minutes the hypervisor has given this virtual machine less processor time than it asked for. Nothing on the machine itself helps: look at the load of the hypervisor and of its other guests, move the machine, or lift its limit or its plan's credits.",
                above_of("system.cpu.utilization", &[("state", "steal")], Reduce::Avg, 20 * MINUTE_MS),
                levels(Some((0.1, 0.05)), None),
            ),
        ),
        sourced(
            NETDATA,
            recorded(rule(
                "load_15m",
                "Load for each processor",
                "Twice as many threads as there are processors have wanted to run or waited for disks over a quarter of an hour. With busy processors look for the processes (top), without them for what waits (state D in ps): usually a slow disk or a dead network file system.",
                formula("system.cpu.load_average.15m / system.cpu.logical.count"),
                levels(Some((2.0, 1.75)), None),
            )),
        ),
        sourced(
            NODE_MIXIN,
            recorded(lasting(
                15 * MINUTE_MS,
                rule(
                    "load_1m",
                    "Load stays high",
                    "For a quarter of an hour there have been more than two threads for each processor that want to run or wait for disks. Compare with processor utilisation and pressure: they tell whether it is processors or disks that are missing.",
                    formula("system.cpu.load_average.1m / system.cpu.logical.count"),
                    levels(Some((2.0, 2.0)), None),
                ),
            )),
        ),
        sourced(
            "Pressure stall information over an hour",
            rule(
                "pressure_cpu",
                "Processor pressure",
                "In the last hour programs stood still for most of the time because others had the processor. It is the measure of what users feel. Find the control group with the most processor time (systemd-cgtop), limit it, or give the host more processors.",
                above_of("system.linux.psi.some", &[("resource", "cpu")], Reduce::Avg, HOUR_MS),
                levels(Some((0.75, 0.6)), None),
            ),
        ),
        sourced(
            "Pressure stall information over an hour",
            rule(
                "pressure_memory",
                "Memory pressure",
                "In the last hour programs stood still for most of the time because memory had to be freed first. The host is close to thrashing. Find the largest processes (top, sorted by RES), stop what is not needed, or add memory.",
                above_of("system.linux.psi.some", &[("resource", "memory")], Reduce::Avg, HOUR_MS),
                levels(Some((0.6, 0.45)), None),
            ),
        ),
        sourced(
            "Pressure stall information over an hour",
            rule(
                "pressure_io",
                "Input/output pressure",
                "In the last hour programs stood still for most of the time because they waited for disks. Find the busy disk (iostat -x) and who uses it (iotop); a failing disk shows in its health and in the kernel log (journalctl -k).",
                above_of("system.linux.psi.some", &[("resource", "io")], Reduce::Avg, HOUR_MS),
                levels(Some((0.6, 0.45)), None),
            ),
        ),
        sourced(
            NETDATA,
            paging(rule(
                "memory_utilization",
                "Memory",
                "Little memory is left for programs; caches that the kernel can give back count as free. When it runs out the kernel kills processes. Find the largest (top, sorted by RES), restart what leaks, or add memory.",
                newest("system.memory.utilization"),
                levels(Some((0.9, 0.85)), Some((0.98, 0.9))),
            )),
        ),
        sourced(
            NETDATA,
            rule(
                "oom_kill",
                "Out-of-memory kill",
                "The kernel killed a process within the last half hour because memory, or a control group's share of it, ran out. The kernel log (journalctl -k) names it. Check that its service is running again, then whether it leaks or its limit is too low.",
                above("system.memory.oom_kills", Reduce::Sum, 30 * MINUTE_MS),
                any(false),
            ),
        ),
        sourced(
            NETDATA,
            recorded(rule(
                "swap_used",
                "Swap space",
                "Swap space is nearly used up; when it is, and memory too, the kernel kills processes. See who is swapped out (smem, VmSwap in /proc/PID/status). Swap that is used and not touched does no harm: look at memory pressure before acting.",
                newest("system.paging.utilization"),
                levels(Some((0.9, 0.8)), None),
            )),
        ),
        sourced(
            NETDATA,
            recorded(rule(
                "swapped_out",
                "Swapping out",
                "Within half an hour as much as a third of the memory was written to swap space: programs need more than there is, and everything becomes slow. Find what grew (top, sorted by RES), stop or limit it, or add memory.",
                formula("avg(system.paging.io{direction=\"out\"}, 30m) * 1800 / system.memory.limit"),
                levels(Some((0.3, 0.2)), None),
            )),
        ),
    ]
}
