use super::*;
use proptest::prelude::*;

#[track_caller]
fn check((affected_exposed, affected, exposed, population): (u64, u64, u64, u64), p_value: f64, lift: f64) {
    let table = Table { affected_exposed, affected, exposed, population };
    assert!((table.p_value() / p_value - 1.0).abs() < 0.05, "p = {:e}", table.p_value());
    assert!((table.lift().unwrap() / lift - 1.0).abs() < 0.01, "lift = {:?}", table.lift());
}

#[test]
fn the_reference_tables_have_their_known_probabilities() {
    check((8, 8, 12, 200), 9.0e-12, 16.7);
    check((6, 8, 12, 200), 3.0e-7, 12.5);
    check((6, 6, 25, 50), 0.011, 2.0);
    check((6, 6, 45, 50), 0.51, 1.11);
}

#[test]
fn impossible_and_empty_tables_prove_nothing() {
    for (affected_exposed, affected, exposed, population) in [(3, 2, 5, 10), (1, 2, 0, 10), (0, 0, 0, 0), (5, 11, 5, 10)] {
        let table = Table { affected_exposed, affected, exposed, population };
        assert!((table.p_value() - 1.0).abs() < 1e-9, "{table:?}");
    }
}

#[test]
fn many_tests_are_paid_for() {
    let found = q_values(&[0.04, 0.01, 0.03, 0.02], 4);
    assert!(found.iter().all(|q| (q - 0.04).abs() < 1e-12), "{found:?}");
    assert!((q_values(&[0.001], 100)[0] - 0.1).abs() < 1e-12);
}

#[test]
fn the_logarithm_of_the_factorial_is_right() {
    let exact: f64 = (1..=170).map(|n| f64::from(n).ln()).sum();
    assert!((ln_gamma(171.0) - exact).abs() < 1e-9);
    assert!(ln_gamma(1.0).abs() < 1e-12);
}

proptest! {
    #[test]
    fn a_probability_is_one(population in 0_u64..300, affected in 0_u64..300, exposed in 0_u64..300, both in 0_u64..300) {
        let p = Table { affected_exposed: both, affected, exposed, population }.p_value();
        prop_assert!((0.0..=1.0).contains(&p), "{p}");
    }
}
