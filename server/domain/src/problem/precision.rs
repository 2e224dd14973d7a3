//! How often the machine was right: problems that it opened, by what opened them, and what people made of them.

use super::{Origin, Problem, verdict};
use crate::World;
use std::collections::BTreeMap;

/// What opened problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suspicion {
    /// The same breach again and again.
    Recurrence,
    /// Something that hosts share.
    CommonCause,
    /// One thing that others stand behind.
    Topology,
}

impl Suspicion {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recurrence => "recurrence",
            Self::CommonCause => "common_cause",
            Self::Topology => "topology",
        }
    }
}

/// How problems of one kind and one rule ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Precision {
    /// Opened by the machine.
    pub opened: u64,
    /// Nobody has said yet whether it was right.
    pub undecided: u64,
    /// People confirmed a cause, or fixed what came back; see [`verdict::outcome`].
    pub confirmed: u64,
    /// People refuted the cause that it was opened for, or cancelled the problem.
    pub refuted: u64,
}

impl Precision {
    /// Share of those decided that were right; none while nothing is decided.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let decided = self.confirmed + self.refuted;
        let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        (decided > 0).then(|| number(self.confirmed) / number(decided))
    }

    fn add(&mut self, problem: &Problem) {
        self.opened += 1;
        match verdict::outcome(problem) {
            Some(true) => self.confirmed += 1,
            Some(false) => self.refuted += 1,
            None => self.undecided += 1,
        }
    }
}

/// For each kind, and within it each rule that a first incident was of.
#[must_use]
pub fn precision(world: &World) -> BTreeMap<(Suspicion, String), Precision> {
    let mut found = BTreeMap::<_, Precision>::new();
    for problem in world.problems.problems.values() {
        let kind = match problem.origin {
            Origin::Recurrence { .. } => Suspicion::Recurrence,
            Origin::CommonCause { .. } => Suspicion::CommonCause,
            Origin::Topology { .. } => Suspicion::Topology,
            Origin::Person => continue,
        };
        let first = problem.incidents.first().and_then(|id| world.incidents.incidents.get(id));
        let rule = first.and_then(|incident| incident.breach.as_ref()).map(|breach| breach.key.rule.to_string());
        found.entry((kind, rule.unwrap_or_default())).or_default().add(problem);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::scenario::{Scenario, rule};
    use crate::problem::ProblemAction;

    #[track_caller]
    fn check(action: Option<ProblemAction>, expected: Precision, share: Option<f64>) {
        let mut scenario = Scenario::new(vec![rule("load")]);
        for hour in 1..=3 {
            scenario.value(hour * 3_600, 97.0);
            scenario.value(hour * 3_600 + 60, 1.0);
        }
        if let Some(action) = action {
            scenario.work(20_000, 1, action).unwrap();
        }
        let found = precision(&scenario.world);
        assert_eq!(found, BTreeMap::from([((Suspicion::Recurrence, "load".to_owned()), expected)]));
        assert_eq!(expected.share(), share);
    }

    #[test]
    fn what_people_make_of_a_problem_decides_whether_it_was_rightly_opened() {
        let one = Precision { opened: 1, ..Precision::default() };
        check(None, Precision { undecided: 1, ..one }, None);
        let resolve = ProblemAction::Resolve { notes: "New disk.".into(), incidents: false };
        check(Some(resolve), Precision { confirmed: 1, ..one }, Some(1.0));
        check(Some(ProblemAction::Cancel { reason: "Batch.".into() }), Precision { refuted: 1, ..one }, Some(0.0));
    }
}
