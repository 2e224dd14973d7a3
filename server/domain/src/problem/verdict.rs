//! What people's verdicts make of what is suspected.
//!
//! Invariant: what people refuted explains nothing and takes no incidents, wherever it stands and by whatever member of its bundle it is
//! called; what they confirmed comes before what is merely suspected.

use super::{Origin, Problem, Verdict};

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

#[cfg(test)]
mod tests;
