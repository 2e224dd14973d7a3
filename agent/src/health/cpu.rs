//! Processor time, load, and what the scheduler counts: `/proc/stat`, `/proc/loadavg`.

use super::Raw;
use crate::collect::Scope;

/// Reads the series.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let mut raw = scope.text_or_problem("/proc/stat").map(|text| stat(&text)).unwrap_or_default();
    raw.extend(scope.text_or_problem("/proc/loadavg").into_iter().flat_map(|text| load(&text)));
    raw
}

/// `cpu  user nice system idle iowait irq softirq steal guest guest_nice` in ticks; guest time is in user time already.
fn stat(text: &str) -> Vec<Raw> {
    const METRIC: &str = "system.cpu.utilization";
    let count =
        text.lines().filter(|line| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))).count();
    let mut raw = Vec::new();
    if count > 0 {
        raw.push(Raw::count("system.cpu.logical.count", &[], "{cpu}", count as u64));
    }
    raw.extend(text.lines().filter_map(scheduler));
    let Some(times) = text.lines().find_map(|line| line.strip_prefix("cpu ")) else { return raw };
    let times: Vec<u64> = times.split_whitespace().take(8).map_while(|time| time.parse().ok()).collect();
    let &[user, nice, system, idle, ref rest @ ..] = times.as_slice() else { return raw };
    let at = |position: usize| rest.get(position).copied().unwrap_or(0);
    let (iowait, irq, softirq, steal) = (at(0), at(1), at(2), at(3));
    let whole = times.iter().fold(0_u64, |sum, time| sum.saturating_add(*time));
    raw.push(Raw::share(METRIC, &[], whole.saturating_sub(idle).saturating_sub(iowait), whole));
    let states = [
        ("user", user.saturating_add(nice)),
        ("system", system.saturating_add(irq).saturating_add(softirq)),
        ("iowait", iowait),
        ("steal", steal),
    ];
    raw.extend(states.map(|(state, part)| Raw::share(METRIC, &[("state", state)], part, whole)));
    raw
}

/// `ctxt 123`, `processes 45`, `procs_running 2`, `procs_blocked 0`.
fn scheduler(line: &str) -> Option<Raw> {
    let (key, number) = line.split_once(' ')?;
    let number = || number.trim().parse().ok();
    Some(match key {
        "ctxt" => Raw::rate("system.linux.context_switches", &[], "{switch}/s", number()?, 1.0),
        "processes" => Raw::rate("system.processes.created", &[], "{process}/s", number()?, 1.0),
        "procs_running" => Raw::count("system.processes.running", &[], "{process}", number()?),
        "procs_blocked" => Raw::count("system.processes.blocked", &[], "{process}", number()?),
        _ => return None,
    })
}

fn load(text: &str) -> Vec<Raw> {
    let metrics = ["system.cpu.load_average.1m", "system.cpu.load_average.5m", "system.cpu.load_average.15m"];
    let averages = text.split_whitespace().map(|average| average.parse::<f64>().ok());
    metrics.into_iter().zip(averages).map(|(metric, average)| Raw::gauge(metric, &[], "{thread}", average)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_line_is_no_measurement() {
        assert_eq!(stat("cpu  1 2 3"), []);
        assert_eq!(stat("cpu  1 2 3 x"), []);
    }

    #[test]
    fn what_the_scheduler_counts_is_read() {
        let raw = stat("intr 5 0 0\nctxt 7\nprocs_blocked 2\nprocs_running x\n");
        assert_eq!(
            raw,
            [
                Raw::rate("system.linux.context_switches", &[], "{switch}/s", 7, 1.0),
                Raw::count("system.processes.blocked", &[], "{process}", 2)
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(cpu[0-9]? |btime |ctxt |procs_blocked )?[0-9a-z. ]{0,60}\n?[ -~]{0,20}") {
            let _ = (stat(&text), load(&text));
        }
    }
}
