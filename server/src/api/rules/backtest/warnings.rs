//! What people should know before they believe a back-test.
//!
//! Invariant: whatever live judgement knows and the past does not tell is named here, for the rules that it matters to alone.

use super::super::super::Api;
use crate::backtest::{Host, Report};
use rollcall_domain::World;
use rollcall_domain::rule::{Condition, Predicate, Rule, expression, known};
use rollcall_domain::trust::collector;

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
