//! Which rule is the closest, and which rules are refused.

use super::*;

fn source(text: &str) -> Source {
    text.parse().unwrap()
}

fn policy(json: serde_json::Value) -> Reconciliation {
    serde_json::from_value(json).unwrap()
}

/// Validation names this field; an empty one for rules that are fine.
#[track_caller]
fn check(json: serde_json::Value, field: &str) {
    let found = match policy(json.clone()).validate() {
        Ok(()) => String::new(),
        Err(Rejection::Invalid { field, .. }) => field,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(found, field, "{json}");
}

#[test]
fn a_rule_that_names_the_source_comes_before_one_that_does_not_and_the_own_class_before_its_parent() {
    let rules = policy(serde_json::json!({"refresh": [
        {"seconds": 1000},
        {"class": "host", "seconds": 2000},
        {"class": "server", "seconds": 3000},
        {"source": "feed", "seconds": 4000},
        {"source": "feed:import:*", "class": "server", "seconds": 5000},
        {"source": "feed:glpi", "seconds": 6000},
    ]}));
    for (name, class, seconds) in [
        ("person:ada", Class::Disk, 1000),
        ("person:ada", Class::Workstation, 2000),
        ("person:ada", Class::Hypervisor, 3000),
        ("feed:ocs", Class::Hypervisor, 4000),
        ("feed:import:racks", Class::Hypervisor, 5000),
        ("feed:import:racks", Class::Host, 4000),
        ("feed:glpi", Class::Server, 6000),
    ] {
        assert_eq!(rules.refresh(&source(name), class), Some(Duration::from_secs(seconds)), "{name} {}", class.as_str());
    }
    assert_eq!(Reconciliation::default().refresh(&source("feed:glpi"), Class::Host), None);
}

#[test]
fn whoever_has_no_rule_may_insert() {
    let rules = policy(serde_json::json!({"insert": [
        {"source": "feed", "right": "park"},
        {"source": "feed", "class": "printer", "right": "allow"},
        {"source": "feed:dhcp", "right": "refuse"},
    ]}));
    for (name, class, right) in [
        ("agent_00000000000000000000000001", Class::Server, InsertRight::Allow),
        ("feed:glpi", Class::Server, InsertRight::Park),
        ("feed:glpi", Class::Printer, InsertRight::Allow),
        ("feed:dhcp", Class::Printer, InsertRight::Refuse),
    ] {
        assert_eq!(rules.may_insert(&source(name), class), right, "{name} {}", class.as_str());
    }
}

#[test]
fn rules_that_say_nothing_or_say_it_twice_are_refused_by_their_path() {
    use serde_json::json;
    check(json!({}), "");
    check(
        json!({"attributes": [{"attribute": "owner", "sources": ["person", "feed:cmdb"]}, {"attribute": "owner", "class": "server", "sources": ["agent"]}]}),
        "",
    );
    check(
        json!({"attributes": [{"attribute": "owner", "sources": ["person"]}, {"attribute": "owner", "sources": ["agent"]}]}),
        "reconciliation.attributes[1]",
    );
    check(json!({"attributes": [{"attribute": "Owner", "sources": ["person"]}]}), "reconciliation.attributes[0].attribute");
    check(json!({"attributes": [{"attribute": "owner", "sources": []}]}), "reconciliation.attributes[0].sources");
    check(json!({"classes": [{"class": "host", "sources": ["person", "agent", "person"]}]}), "reconciliation.classes[0].sources[2]");
    check(
        json!({"classes": [{"class": "host", "sources": ["person"]}, {"class": "host", "sources": ["agent"]}]}),
        "reconciliation.classes[1]",
    );
    check(json!({"sources": ["feed", "feed"]}), "reconciliation.sources[1]");
    check(json!({"refresh": [{"seconds": 300}, {"source": "agent", "seconds": 299}]}), "reconciliation.refresh[1].seconds");
    check(json!({"refresh": [{"seconds": u64::MAX}]}), "reconciliation.refresh[0].seconds");
    check(json!({"insert": [{"right": "park"}, {"right": "allow"}]}), "reconciliation.insert[1]");
    let many: Vec<_> = (0..501).map(|n| json!({"attribute": format!("a{n}"), "sources": ["agent"]})).collect();
    check(json!({"attributes": many}), "reconciliation.attributes");
}

#[test]
fn words_that_the_policy_does_not_know_are_no_policy() {
    for text in [
        r#"{"colour": 1}"#,
        r#"{"sources": ["people"]}"#,
        r#"{"insert": [{"right": "maybe"}]}"#,
        r#"{"refresh": [{"seconds": 300, "minutes": 5}]}"#,
        r#"{"classes": [{"class": "toaster", "sources": ["agent"]}]}"#,
    ] {
        assert!(serde_json::from_str::<Reconciliation>(text).is_err(), "{text}");
    }
}
