//! What people should know before they believe a back-test.
//!
//! Invariant: whatever live judgement knows and the past does not tell is named here, for the rules that it matters to alone.

use super::super::super::Api;
use crate::backtest::{Host, Report};
use rollcall_domain::World;
use rollcall_domain::alert::wording;
use rollcall_domain::rule::{Condition, Predicate, Rule, expression, known};
use rollcall_domain::trust::collector;
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// What can be said of a rule and whom it applies to.
pub(super) fn of(api: &Api, rule: &Rule, hosts: &[Host]) -> Vec<String> {
    api.engine.read(|world| {
        let mut warnings = known::warnings(world, rule);
        let own: &[&str] = match &rule.condition {
            Condition::HostSilent { .. } => &[TOGETHER, SPOOLED, GOODBYES],
            Condition::AgentSilent { .. } => &[TOGETHER, SPOOLED],
            Condition::CollectorSilent { .. } => &[SENT, AWAITED],
            Condition::TargetCheck { .. } => &[NAMES],
            Condition::Inventory { predicate: Predicate::Software { .. } } => &[RULINGS],
            Condition::Inventory { predicate: Predicate::Licences {} } => &[ERASED],
            Condition::Inventory { .. } => &[],
            _ if reads_collectors(world, rule, hosts) => &[ENDED],
            _ => &[],
        };
        warnings.extend(own.iter().map(|text| (*text).to_owned()));
        warnings
    })
}

/// What is told here of a rule whose windows are long for the span.
pub(super) fn begun(rule: &Rule, span: Duration) -> Option<String> {
    let expression = expression::of(&rule.condition)?;
    let window = expression.reads().iter().map(|read| read.window_ms).max()?;
    let is_long = u128::from(window) * 2 > span.as_millis();
    is_long.then(|| {
        let window = wording::span(window);
        format!("the rule looks back over {window}, and what was before the span is not looked at: ask for one that begins earlier")
    })
}

/// Series that came and went so often that live they would have flapped.
pub(super) fn flapped(rule: &Rule, report: &Report) -> Option<String> {
    let mut opened: BTreeMap<_, Vec<Timestamp>> = BTreeMap::new();
    for episode in &report.episodes {
        opened.entry((episode.ci, &episode.attributes)).or_default().push(episode.opened_at);
    }
    // Each opening and its end are two changes of the states that live judgement looks at.
    let often = |times: &&Vec<Timestamp>| times.windows(OPENINGS).any(|few| few[OPENINGS - 1].since(few[0]) <= FLAPPING);
    let series = opened.values().filter(often).count();
    (series > 0 && rule.flapping.start_percent < 100.0).then(|| {
        format!(
            "{series} series came and went {OPENINGS} times and more within {} minutes: live they are held as flapping, in fewer incidents",
            FLAPPING.as_secs() / 60
        )
    })
}

/// Openings that make somebody think of flapping, and the time that its states are from.
const OPENINGS: usize = 4;
const FLAPPING: Duration = Duration::from_mins(21);

/// Items that were not judged.
pub(super) fn forgotten(items: usize) -> Option<String> {
    let text = || format!("{items} items have changed more often than they remember and were not judged");
    (items > 0).then(text)
}

/// Hosts that were not counted as they were.
pub(super) fn counted(report: &Report) -> Vec<String> {
    let (as_now, missing) = (report.counted_as_now, report.uncounted);
    let as_now =
        (as_now > 0).then(|| format!("{as_now} hosts have changed more often than they remember and were counted as they are now"));
    let missing =
        (missing > 0).then(|| format!("{missing} hosts were not counted in time, so no product was judged: ask for a shorter span"));
    as_now.into_iter().chain(missing).collect()
}

const TOGETHER: &str = "hosts that fall silent together are told one by one here, and live in one incident on what they share: what they shared then is not kept";

const SPOOLED: &str = "samples that came late fill the gap that was: a silence in which an agent kept its samples is not seen, and moments are exact to one push of an agent";

const SENT: &str = "feeds are heard here at the moments of their samples, live when these arrive: what came late fills the gap that was, and a time in which the server was away is a silence here";

const AWAITED: &str = "feeds that are withdrawn by now, and items that are out of use, are left out";

const GOODBYES: &str = "that an agent said goodbye is known of the last time alone: earlier shutdowns count as silence here";

const ERASED: &str = "hosts that were erased since are not counted: the log does not speak of them any more";

const RULINGS: &str = "software is judged by the catalogue as it is now";

const NAMES: &str =
    "which item the name of a target means is asked of the CMDB as it is now, and what is behind one that was down is told as well";

const ENDED: &str =
    "what a collector said of the end of a series is not kept with its samples: an alert on such a series may stay open for longer here";

/// Whether it judges series of collectors.
fn reads_collectors(world: &World, rule: &Rule, hosts: &[Host]) -> bool {
    let expression = expression::of(&rule.condition);
    let reads = expression.as_ref().and_then(|expression| expression.reads().first().copied());
    let judges = match (&rule.condition, reads) {
        (Condition::Absent { metric, attributes, .. }, _) => collector::may_be_judged(metric, attributes),
        (_, Some(read)) => collector::may_be_judged(&read.metric, &read.attributes),
        _ => false,
    };
    let is_collector = |host: &Host| host.agents.iter().any(|agent| world.trust.collectors.contains(*agent));
    judges && hosts.iter().any(is_collector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_domain::alert::replay::Episode;
    use rollcall_domain::rule::{Severity, stock};

    #[test]
    fn series_that_come_and_go_too_often_are_named() {
        let check = |every_minutes: i64, openings: i64, named: bool| {
            let episode = |number: i64| Episode {
                ci: None,
                attributes: BTreeMap::new(),
                opened_at: Timestamp(number * every_minutes * 60_000),
                resolved_at: None,
                severity: Severity::Warning,
                value: 1.0,
                peak: 1.0,
            };
            let report = Report { episodes: (0..openings).map(episode).collect(), ..Report::default() };
            let rule = stock::stock().into_iter().next().expect("a stock rule");
            assert_eq!(flapped(&rule, &report).is_some(), named, "{openings} every {every_minutes} min");
        };
        check(7, 4, true);
        check(8, 4, false);
        check(1, 3, false);
        check(1, 40, true);
    }
}
