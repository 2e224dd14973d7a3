//! When incidents are looked at together: once what belongs together has come.
//!
//! A fault that goes through a fleet rack by rack shows on one rack first; whoever judges its first three incidents names the rack. So
//! incidents of one rule are looked at a minute after the last of them, or five minutes after the first while they keep coming: a
//! problem is about a pattern, and people have been told of the incidents meanwhile. It also keeps the work out of the moment in which
//! thousands of hosts break.
//!
//! Memory of the process alone: after a restart the last hour is looked at once more, which finds nothing new when it was looked at.

use crate::id::RuleId;
use crate::incident::{Incident, Incidents};
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// After the last incident of a rule.
const QUIET: Duration = Duration::from_secs(60);

/// After the first, when more keep coming.
const PATIENCE: Duration = Duration::from_secs(300);

/// How far back incidents are looked at after a restart.
const BEFORE: Duration = Duration::from_secs(3_600);

/// Incidents of one kind that are to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The rule that opened them; none for people and other systems.
    pub rule: Option<RuleId>,
    /// When the first of them opened.
    pub since: Timestamp,
}

/// Incidents that wait to be looked at, by the rule that opened them.
#[derive(Clone, Debug, Default)]
pub struct Watch(BTreeMap<Option<RuleId>, Span>);

#[derive(Clone, Copy, Debug)]
struct Span {
    first: Timestamp,
    latest: Timestamp,
}

// A cache: two worlds that know the same are equal whatever they have looked at.
impl PartialEq for Watch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Watch {
    /// After a restart.
    #[must_use]
    pub fn after_restart(incidents: &Incidents) -> Self {
        let newest = incidents.incidents.values().next_back().map(|incident| incident.opened_at);
        let mut watch = Self::default();
        let recent = incidents
            .incidents
            .values()
            .rev()
            .take_while(|incident| newest.is_some_and(|newest| newest.since(incident.opened_at) <= BEFORE));
        recent.for_each(|incident| watch.note(incident));
        watch
    }

    /// One has opened.
    pub fn note(&mut self, incident: &Incident) {
        let at = incident.opened_at;
        let rule = incident.breach.as_ref().map(|breach| breach.key.rule.clone());
        let span = self.0.entry(rule).or_insert(Span { first: at, latest: at });
        (span.first, span.latest) = (span.first.min(at), span.latest.max(at));
    }

    /// Takes out those of one rule that have settled. Where the clock was put back nobody waits until it is as late again.
    pub fn settled(&mut self, now: Timestamp) -> Option<Settled> {
        let has_settled = |span: &Span| now.since(span.latest) >= QUIET || now.since(span.first) >= PATIENCE || now < span.first;
        let rule = self.0.iter().find(|(_, span)| has_settled(span)).map(|(rule, _)| rule.clone())?;
        let span = self.0.remove(&rule)?;
        Some(Settled { rule, since: span.first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::scenario::{Scenario, rule, seconds};

    /// Incidents of one rule that open at these seconds, and when they are looked at with which of them as the first.
    #[track_caller]
    fn check(opened: &[i64], expected: &[(i64, i64)]) {
        let mut scenario = Scenario::new(vec![rule("load")]);
        scenario.value(0, 97.0);
        let incident = scenario.world.incidents.incidents.values().next().expect("an incident").clone();
        let mut watch = Watch::default();
        let mut looked = Vec::new();
        for now in 0..1_000 {
            for _ in opened.iter().filter(|at| **at == now) {
                watch.note(&Incident { opened_at: seconds(now), ..incident.clone() });
            }
            looked.extend(watch.settled(seconds(now)).map(|settled| (now, settled.since.0 / 1_000)));
        }
        assert_eq!(looked, expected);
    }

    #[test]
    fn incidents_are_looked_at_a_minute_after_the_last_one() {
        check(&[10], &[(70, 10)]);
        check(&[10, 30, 30, 80], &[(140, 10)]);
        check(&[10, 200], &[(70, 10), (260, 200)]);
    }

    #[test]
    fn incidents_that_keep_coming_are_looked_at_every_five_minutes() {
        let all: Vec<i64> = (0..600).step_by(20).collect();
        check(&all, &[(300, 0), (620, 320)]);
    }

    #[test]
    fn a_clock_that_is_put_back_holds_nothing_up() {
        let mut scenario = Scenario::new(vec![rule("load")]);
        scenario.value(9_000, 97.0);
        let mut watch = Watch::after_restart(&scenario.world.incidents);
        assert_eq!(watch.settled(seconds(9_010)), None);
        assert!(watch.settled(seconds(10)).is_some());
    }
}
