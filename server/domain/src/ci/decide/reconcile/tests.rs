//! Whose value counts, and why.

use super::*;
use proptest::prelude::*;
use rollcall_shared::AgentId;

fn person(name: &str, value: &str, at: i64) -> Proposal {
    proposal(Source::Person { name: name.into() }, value, at)
}

fn agent(id: u128, value: &str, at: i64) -> Proposal {
    proposal(Source::Agent { id: AgentId(id) }, value, at)
}

fn proposal(source: Source, value: &str, at: i64) -> Proposal {
    Proposal { value: AttributeValue::Text(value.into()), source, observed_at: Timestamp(at), method: "test".into() }
}

/// Proposals lead to a value, with or without drift.
#[track_caller]
fn check(proposals: &[Proposal], expected: (&str, bool)) {
    let found = resolve(proposals.to_vec()).expect("there are proposals");
    assert_eq!((&found.value, found.drift), (&AttributeValue::Text(expected.0.into()), expected.1), "{}", found.reason);
}

#[test]
fn people_count_more_than_agents_however_old() {
    check(&[person("ada", "a", 1), agent(1, "b", 9)], ("a", true));
    check(&[person("ada", "a", 1), agent(1, "a", 9)], ("a", false));
}

#[test]
fn of_equals_the_newest_counts() {
    check(&[agent(1, "a", 1), agent(2, "b", 2)], ("b", false));
    check(&[person("ada", "a", 2), person("bob", "b", 1)], ("a", false));
}

#[test]
fn the_reason_is_a_sentence() {
    let reason = |proposals: &[Proposal]| resolve(proposals.to_vec()).unwrap().reason;
    assert_eq!(reason(&[person("ada", "a", 1)]), "ada asserted it; no agent measured it");
    assert_eq!(
        reason(&[person("ada", "a", 1), person("bob", "b", 2), agent(1, "c", 3)]),
        "bob asserted it, the newest of 2 assertions; what people assert counts more than what agents measure"
    );
    assert_eq!(reason(&[agent(1, "a", 1)]), "agent_00000000000000000000000001 measured it; nobody else says anything of it");
    assert_eq!(reason(&[agent(1, "a", 1), agent(2, "a", 2)]), "agent_00000000000000000000000002 measured it, the newest of 2 measurements");
}

#[test]
fn the_time_of_a_source_only_moves_forward() {
    let known = resolve(vec![agent(1, "a", 9)]).unwrap();
    let found = propose(Some(&known), agent(1, "b", 3)).unwrap();
    assert_eq!((found.value, found.proposals[0].observed_at), (AttributeValue::Text("b".into()), Timestamp(9)));
}

#[test]
fn a_measurement_that_is_repeated_changes_nothing() {
    let known = resolve(vec![agent(1, "a", 1)]).unwrap();
    assert_eq!(propose(Some(&known), agent(1, "a", 9)), Some(known));
}

#[test]
fn an_attribute_without_sources_is_gone() {
    let known = resolve(vec![agent(1, "a", 1)]).unwrap();
    assert_eq!(withdraw(&known, |_| true), None);
    assert_eq!(withdraw(&known, is_person), Some(known));
}

proptest! {
    #[test]
    fn the_order_of_proposals_does_not_matter(
        order in Just(vec![person("ada", "a", 3), person("bob", "b", 3), agent(1, "c", 5), agent(2, "d", 5)]).prop_shuffle(),
        count in 1_usize..5,
    ) {
        let mut sorted = order[..count].to_vec();
        sorted.sort_by(|a, b| a.source.cmp(&b.source));
        let one_by_one = order[..count].iter().fold(None, |known: Option<Attribute>, next| propose(known.as_ref(), next.clone()));
        prop_assert_eq!(one_by_one, resolve(sorted));
    }
}
