//! Whose value counts, and why.

use super::*;
use crate::ci::AttributeValue;
use crate::ci::attribute::Method;
use crate::ci::policy::{AttributeRule, ClassRule, Selector};
use proptest::prelude::*;
use rollcall_shared::AgentId;

fn person(name: &str, value: &str, at: i64) -> Proposal {
    proposal(Source::Person { name: name.into() }, value, at)
}

fn agent(id: u128, value: &str, at: i64) -> Proposal {
    proposal(Source::Agent { id: AgentId(id) }, value, at)
}

fn feed(name: &str, value: &str, at: i64) -> Proposal {
    proposal(Source::Feed { name: name.into() }, value, at)
}

fn proposal(source: Source, value: &str, at: i64) -> Proposal {
    Proposal::new(AttributeValue::Text(value.into()), source, Timestamp(at), Method::Api)
}

fn sources(texts: &[&str]) -> Vec<Selector> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn for_attribute(class: Option<Class>, order: &[&str]) -> Reconciliation {
    let rule = AttributeRule { attribute: "model".into(), class, sources: sources(order) };
    Reconciliation { attributes: vec![rule], ..Reconciliation::default() }
}

fn for_class(class: Class, order: &[&str]) -> Reconciliation {
    Reconciliation { classes: vec![ClassRule { class, sources: sources(order) }], ..Reconciliation::default() }
}

fn for_everything(order: &[&str]) -> Reconciliation {
    Reconciliation { sources: sources(order), ..Reconciliation::default() }
}

/// Rules of both, those of the first before those of the second.
fn both(a: Reconciliation, b: Reconciliation) -> Reconciliation {
    Reconciliation {
        attributes: [a.attributes, b.attributes].concat(),
        classes: [a.classes, b.classes].concat(),
        sources: [a.sources, b.sources].concat(),
        ..Reconciliation::default()
    }
}

/// The proposals for the model of a hypervisor lead to this value for this reason.
#[track_caller]
fn check(policy: &Reconciliation, proposals: &[Proposal], value: &str, reason: &str) {
    let weighing = Weighing::new(policy, Class::Hypervisor, "model");
    let found = weighing.resolve(proposals.to_vec(), None).expect("there are proposals");
    assert_eq!((found.text(), weighing.reason(&found).as_str()), (Some(value), reason));
}

fn plain() -> Reconciliation {
    Reconciliation::default()
}

const AGENT_1: &str = "agent_00000000000000000000000001";

#[test]
fn without_a_policy_people_count_more_than_agents_and_these_more_than_other_systems() {
    let people = "ada asserted it; what people assert counts more than what is measured";
    check(&plain(), &[person("ada", "a", 1), agent(1, "b", 9)], "a", people);
    let agents = format!("{AGENT_1} measured it; what an agent measures counts more than what other systems deliver");
    check(&plain(), &[feed("glpi", "a", 9), agent(1, "b", 1)], "b", &agents);
    check(&plain(), &[feed("glpi", "a", 9)], "a", "glpi delivered it; nobody else says anything of it");
}

#[test]
fn of_equals_the_newest_counts() {
    check(&plain(), &[agent(1, "a", 2), agent(2, "b", 1)], "a", &format!("{AGENT_1} measured it, the newest of 2"));
    check(&plain(), &[person("ada", "a", 2), person("bob", "b", 1), agent(1, "c", 9)], "a", "ada asserted it, the newest of 2");
}

#[test]
fn a_rule_for_the_attribute_comes_before_a_rule_for_the_class_and_that_before_the_order_of_sources() {
    let proposals = [person("ada", "a", 1), agent(1, "b", 2), feed("glpi", "c", 3), feed("ocs", "d", 4)];
    let attribute = for_attribute(None, &["feed:glpi"]);
    let class = for_class(Class::Hypervisor, &["feed:ocs", "feed:glpi"]);
    let all = for_everything(&["agent", "feed"]);
    check(&all, &proposals, "b", &format!("{AGENT_1} measured it; the order of sources puts it before feed:ocs"));
    check(&both(all.clone(), class.clone()), &proposals, "d", "ocs delivered it; the rule for every hypervisor puts it before feed:glpi");
    check(
        &both(all.clone(), both(class.clone(), attribute)),
        &proposals,
        "c",
        "glpi delivered it; the rule for model puts it before feed:ocs",
    );
    let elsewhere = Reconciliation {
        attributes: vec![AttributeRule { attribute: "serial".into(), class: None, sources: sources(&["feed:glpi"]) }],
        ..both(all, class)
    };
    check(&elsewhere, &proposals, "d", "ocs delivered it; the rule for every hypervisor puts it before feed:glpi");
}

#[test]
fn the_own_class_comes_before_the_one_it_inherits_from_which_decides_ties() {
    let proposals = [person("ada", "a", 1), agent(1, "b", 2), feed("glpi", "c", 3), feed("ocs", "d", 4)];
    let parent = for_class(Class::Host, &["feed:glpi"]);
    check(&parent, &proposals, "c", "glpi delivered it; the rule for every host puts it before person:ada");
    check(
        &both(parent.clone(), for_class(Class::Server, &["agent"])),
        &proposals,
        "b",
        &format!("{AGENT_1} measured it; the rule for every server puts it before feed:glpi"),
    );
    check(
        &both(parent.clone(), for_class(Class::Server, &["feed"])),
        &proposals,
        "c",
        "glpi delivered it; the rule for every host puts it before feed:ocs",
    );
    check(
        &both(parent.clone(), for_class(Class::Workstation, &["agent"])),
        &proposals,
        "c",
        "glpi delivered it; the rule for every host puts it before person:ada",
    );
    let own = both(for_attribute(Some(Class::Host), &["feed:glpi"]), for_attribute(Some(Class::Server), &["feed:ocs"]));
    check(
        &both(own, for_attribute(None, &["agent"])),
        &proposals,
        "d",
        "ocs delivered it; the rule for model of a server puts it before feed:glpi",
    );
}

#[test]
fn sources_that_a_rule_does_not_name_come_after_those_that_it_names() {
    let rule = for_attribute(None, &["feed:ocs"]);
    check(&rule, &[agent(1, "a", 1), feed("ocs", "b", 1)], "b", &format!("ocs delivered it; the rule for model puts it before {AGENT_1}"));
    let agents = format!("{AGENT_1} measured it; what an agent measures counts more than what other systems deliver");
    check(&rule, &[agent(1, "a", 1), feed("glpi", "b", 2)], "a", &agents);
}

#[test]
fn a_word_that_was_not_confirmed_in_time_gives_way_to_any_that_was() {
    let proposals = [person("ada", "a", 1).aged(), agent(1, "b", 2).aged(), feed("glpi", "c", 3)];
    check(&plain(), &proposals, "c", "glpi delivered it; person:ada has not confirmed its value in time");
    let all = [person("ada", "a", 1).aged(), agent(1, "b", 2).aged()];
    check(&plain(), &all, "a", "ada asserted it; what people assert counts more than what is measured");
}

#[test]
fn a_lock_counts_more_than_everything_and_says_until_when() {
    let lock = Lock {
        value: AttributeValue::Text("z".into()),
        source: Source::Person { name: "eve".into() },
        reason: "audit".into(),
        locked_at: Timestamp(0),
        expires_at: Timestamp(1000),
    };
    let policy = for_attribute(None, &["feed"]);
    let weighing = Weighing::new(&policy, Class::Server, "model");
    let found = weighing.resolve(vec![person("ada", "a", 9), feed("ocs", "b", 9)], Some(lock)).unwrap();
    assert_eq!((found.text(), weighing.reason(&found).as_str()), (Some("z"), "person:eve locked it until 1970-01-01T00:00:01.000Z: audit"));
    let after = weighing.propose(Some(&found), feed("ocs", "c", 10)).unwrap();
    assert_eq!((after.text(), after.winner().unwrap().value()), (Some("z"), &AttributeValue::Text("c".into())));
}

#[test]
fn what_machines_say_is_weighed_apart_from_what_people_say() {
    let policy = for_attribute(None, &["feed"]);
    let weighing = Weighing::new(&policy, Class::Server, "model");
    let found = weighing.resolve(vec![person("ada", "a", 9), agent(1, "b", 9), feed("ocs", "c", 1)], None).unwrap();
    assert_eq!(found.observed().unwrap().value(), &AttributeValue::Text("c".into()));
    assert_eq!(weighing.resolve(vec![person("ada", "a", 9)], None).unwrap().observed(), None);
}

#[test]
fn the_time_of_a_source_only_moves_forward() {
    let policy = plain();
    let weighing = Weighing::new(&policy, Class::Server, "model");
    let known = weighing.resolve(vec![agent(1, "a", 9)], None).unwrap();
    let found = weighing.propose(Some(&known), agent(1, "b", 3)).unwrap();
    assert_eq!((found.text(), found.proposals()[0].observed_at()), (Some("b"), Timestamp(9)));
}

#[test]
fn a_measurement_that_is_repeated_changes_nothing_unless_it_had_gone_stale() {
    let policy = plain();
    let weighing = Weighing::new(&policy, Class::Server, "model");
    let known = weighing.resolve(vec![agent(1, "a", 1)], None).unwrap();
    assert_eq!(weighing.propose(Some(&known), agent(1, "a", 9)), Some(known.clone()));
    let stale = weighing.revise(&known, Proposal::aged).unwrap();
    let fresh = weighing.propose(Some(&stale), agent(1, "a", 9)).unwrap();
    assert_eq!((fresh.proposals()[0].is_stale(), fresh.proposals()[0].observed_at()), (false, Timestamp(9)));
}

#[test]
fn an_attribute_without_sources_is_gone() {
    let policy = plain();
    let weighing = Weighing::new(&policy, Class::Server, "model");
    let known = weighing.resolve(vec![agent(1, "a", 1)], None).unwrap();
    assert_eq!(weighing.withdraw(&known, |_| true), None);
    assert_eq!(weighing.withdraw(&known, Source::is_person), Some(known));
}

/// Proposals of ten sources at few times, so that ties are common.
fn any_proposals() -> impl Strategy<Value = Vec<Proposal>> {
    let word = (0_usize..10, 0_i64..3, 0_u8..3, any::<bool>()).prop_map(|(source, at, value, stale)| {
        let source = match source {
            0..3 => Source::Person { name: format!("p{source}") },
            3..6 => Source::Agent { id: AgentId(source as u128) },
            _ => Source::Feed { name: format!("f{source}") },
        };
        let word = proposal(source, &value.to_string(), at);
        if stale { word.aged() } else { word }
    });
    proptest::collection::vec(word, 1..8).prop_map(|mut words| {
        words.sort_by(|a, b| a.source().cmp(b.source()));
        words.dedup_by(|a, b| a.source() == b.source());
        words
    })
}

fn any_policy() -> impl Strategy<Value = Reconciliation> {
    let names = ["person", "agent", "feed", "person:p1", "feed:f7", "feed:f*", "agent_00000000000000000000000004"];
    let order = || proptest::sample::subsequence(names.to_vec(), 1..5).prop_shuffle();
    (order(), order(), order(), any::<[bool; 3]>()).prop_map(|(attribute, class, all, with)| {
        let mut policy = plain();
        if with[0] {
            policy = both(policy, for_attribute(None, &attribute));
        }
        if with[1] {
            policy = both(policy, for_class(Class::Host, &class));
        }
        if with[2] {
            policy = both(policy, for_everything(&all));
        }
        policy
    })
}

proptest! {
    #[test]
    fn the_winner_depends_on_the_set_of_proposals_and_never_on_their_order(
        (words, shuffled) in any_proposals().prop_flat_map(|words| (Just(words.clone()), Just(words).prop_shuffle())),
        policy in any_policy(),
    ) {
        prop_assert!(policy.validate().is_ok());
        let weighing = Weighing::new(&policy, Class::Server, "model");
        let at_once = weighing.resolve(words, None);
        prop_assert_eq!(&weighing.resolve(shuffled.clone(), None), &at_once);
        let one_by_one = shuffled.into_iter().fold(None, |known: Option<Attribute>, next| weighing.propose(known.as_ref(), next));
        prop_assert_eq!(&one_by_one, &at_once);
        let attribute = at_once.unwrap();
        prop_assert!(!weighing.reason(&attribute).contains("weighed anew"), "{}", weighing.reason(&attribute));
    }

    #[test]
    fn a_source_that_does_not_count_can_be_withdrawn_without_a_change_of_value(words in any_proposals(), policy in any_policy()) {
        let weighing = Weighing::new(&policy, Class::Server, "model");
        let attribute = weighing.resolve(words.clone(), None).unwrap();
        for word in words.iter().filter(|word| word.source() != attribute.source()) {
            let left = weighing.withdraw(&attribute, |source| source == word.source()).unwrap();
            prop_assert_eq!((left.value(), left.source()), (attribute.value(), attribute.source()));
        }
    }
}
