use super::*;
use crate::id::ProblemId;
use crate::problem::Hypothesis;
use rollcall_shared::Timestamp;

/// A problem opened for `kernel 2`, with causes in the order in which they are told; signs of equality make bundles.
fn problem(state: ProblemState, told: &[(&str, Verdict)]) -> Problem {
    let origin = Origin::CommonCause { rule: "load".parse().unwrap(), factor: "kernel 2".into() };
    let blank = Problem::blank(ProblemId(1), 1, origin, Timestamp(0));
    let cause = |(factor, verdict): &(&str, Verdict)| Hypothesis {
        factor: factor.split(" = ").next().unwrap_or_default().to_owned(),
        bundle: factor.split(" = ").map(str::to_owned).collect(),
        affected_exposed: 2,
        affected: 2,
        exposed: 2,
        population: 60,
        p_value: 0.001,
        q_value: 0.001,
        lift: 30.0,
        arrived: 0,
        lag_ms: None,
        counter_examples: Vec::new(),
        verdict: *verdict,
    };
    Problem { state, hypotheses: told.iter().map(cause).collect(), ..blank }
}

#[track_caller]
fn check(state: ProblemState, told: &[(&str, Verdict)], expected: Option<bool>) {
    assert_eq!(outcome(&problem(state, told)), expected, "{told:?}");
}

#[test]
fn causes_are_those_confirmed_or_what_the_problem_was_opened_for_unless_that_is_refuted() {
    use Standing as S;
    use Verdict::{Confirmed, Refuted, Suspected};
    let check = |told: &[(&str, Verdict)], expected: &[(Standing, &str)]| {
        assert_eq!(causes(&problem(ProblemState::Assess, told)), expected, "{told:?}");
    };
    check(&[("feed A", Suspected), ("kernel 2", Suspected)], &[(S::Suspected, "kernel 2")]);
    check(&[("feed A", Suspected), ("kernel 2", Refuted)], &[]);
    check(&[("feed A", Confirmed), ("kernel 2", Suspected)], &[(S::Confirmed, "feed A")]);
    // It was judged under another name of its bundle.
    check(&[("driver 7 = kernel 2", Refuted)], &[]);
    check(&[("kernel 2 = driver 7", Suspected), ("driver 7 = kernel 2", Refuted)], &[]);
    check(&[("driver 7 = kernel 2", Refuted), ("kernel 2", Confirmed)], &[(S::Confirmed, "kernel 2")]);
    // Of what the tests no longer tell nobody has said anything.
    check(&[("feed A", Refuted)], &[(S::Suspected, "kernel 2")]);
}

#[test]
fn a_judged_cause_counts_wherever_it_stands() {
    use ProblemState::{Assess, Cancelled, Resolved};
    use Verdict::{Confirmed, Refuted, Suspected};
    check(Assess, &[("kernel 2", Confirmed), ("feed A", Suspected)], Some(true));
    check(Assess, &[("feed A", Suspected), ("kernel 2", Confirmed)], Some(true));
    check(Assess, &[("feed A", Suspected), ("kernel 2", Refuted)], Some(false));
    check(Assess, &[("kernel 2", Refuted), ("feed A", Confirmed)], Some(true));
    check(Cancelled, &[("feed A", Suspected), ("kernel 2", Confirmed)], Some(true));
    // That a lesser one was refuted says nothing yet of what it was opened for.
    check(Assess, &[("kernel 2", Suspected), ("feed A", Refuted)], None);
    check(Resolved, &[("kernel 2", Suspected), ("feed A", Refuted)], None);
    check(Cancelled, &[("kernel 2", Suspected), ("feed A", Refuted)], Some(false));
    // Nothing but refuted ones is left.
    check(Assess, &[("feed B", Refuted), ("feed A", Refuted)], Some(false));
    check(Assess, &[("kernel 2", Suspected)], None);
    check(Resolved, &[("kernel 2", Suspected)], None);
}
