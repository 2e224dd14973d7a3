//! What people's verdicts make of what is suspected.
//!
//! Invariant: what people refuted explains nothing and takes no incidents, wherever it stands and by whatever member of its bundle it is
//! called; what they confirmed comes before what is merely suspected.

use super::{Origin, Problem, ProblemState, Verdict};

/// How well a cause of an open problem stands; the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// People confirmed it.
    Confirmed,
    /// The machine suspects it, and nobody has refuted it.
    Suspected,
}

/// The causes by which a problem of hosts that share something takes incidents: those that people confirmed; while there are none, what it
/// was opened for, unless that was refuted. None of any other problem.
#[must_use]
pub fn causes(problem: &Problem) -> Vec<(Standing, &str)> {
    let Origin::CommonCause { factor, .. } = &problem.origin else { return Vec::new() };
    let confirmed = problem.hypotheses.iter().filter(|one| one.verdict == Verdict::Confirmed);
    let confirmed: Vec<_> = confirmed.map(|one| (Standing::Confirmed, one.factor.as_str())).collect();
    match confirmed.is_empty() {
        true if is_refuted(problem, factor) => Vec::new(),
        true => vec![(Standing::Suspected, factor)],
        false => confirmed,
    }
}

/// Whether people refuted what hosts share under this name. What is tested again may be called by another member of its bundle, so the
/// verdict on any hypothesis that has it counts, unless it was judged itself.
#[must_use]
pub fn is_refuted(problem: &Problem, factor: &str) -> bool {
    let judged = || problem.hypotheses.iter().filter(|one| one.verdict != Verdict::Suspected);
    let own = judged().find(|one| one.factor == factor).map(|one| one.verdict);
    let bundled = || judged().filter(|one| one.bundle.iter().any(|member| member == factor)).map(|one| one.verdict).max();
    own.or_else(bundled) == Some(Verdict::Refuted)
}

/// Whether a problem that the machine opened was rightly opened; `None` while nobody has said.
///
/// A verdict counts wherever its hypothesis stands, as tests with later incidents put others in front of it. One that people confirmed makes
/// the problem right, whatever else they refuted. Without one it was wrong when what it was opened for is refuted, or nothing but refuted
/// hypotheses is left, or it was cancelled; that only lesser ones were refuted decides nothing. Where nothing is named that could be
/// judged, what was fixed was right.
#[must_use]
pub fn outcome(problem: &Problem) -> Option<bool> {
    let verdicts = || problem.hypotheses.iter().map(|one| one.verdict);
    let opened_for = match &problem.origin {
        Origin::CommonCause { factor, .. } => is_refuted(problem, factor),
        // The one thing that it names, by whatever name it was judged.
        Origin::Topology { .. } | Origin::Recurrence { .. } | Origin::Person => verdicts().any(|verdict| verdict == Verdict::Refuted),
    };
    let is_judged = !problem.hypotheses.is_empty();
    match problem.state {
        _ if verdicts().any(|verdict| verdict == Verdict::Confirmed) => Some(true),
        ProblemState::Cancelled => Some(false),
        _ if opened_for || (is_judged && verdicts().all(|verdict| verdict == Verdict::Refuted)) => Some(false),
        ProblemState::Resolved | ProblemState::Closed if !is_judged => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
