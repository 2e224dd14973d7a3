use super::*;
use crate::alert::external::suppress::ExternalSelector;
use crate::alert::mute::{MuteKind, Schedule};
use crate::alert::scenario::{Scenario, host, rule, seconds, text};
use crate::rule::query::Written;

fn asking(query: &str) -> Selector {
    Selector { query: Some(Written::from(query)), ..Selector::default() }
}

fn mute(selector: Selector) -> Mute {
    Mute {
        id: crate::id::MuteId(1),
        kind: MuteKind::Maintenance,
        reason: "patches".into(),
        selector,
        rules: Vec::new(),
        external: None,
        schedule: Schedule::Once { from: seconds(0), to: seconds(900) },
        created_by: "ann".into(),
        created_at: seconds(0),
        changed_by: None,
        changed_at: None,
        revision: 1,
    }
}

/// A mute over a fleet of one host, web-1, with the attribute `os_id`, and what is said of it.
#[track_caller]
fn check(mute: &Mute, expected: &[&str]) {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.seed(|world| {
        let ci = world.cmdb.cis.get_mut(&host(1)).unwrap();
        ci.attributes.insert("os_id".into(), text("debian"));
        ci.tags.insert("web".into());
        world.rebuild_projections(&crate::context::NoContent);
    });
    assert_eq!(warnings(&scenario.world, mute), expected);
}

#[test]
fn what_a_mute_names_and_nothing_has_is_said_with_its_field() {
    let nobody = host(77);
    check(
        &mute(asking("tagg:web")),
        &["selector.query: no configuration item has an attribute tagg; did you mean tag?", "selector: means no configuration item now"],
    );
    check(
        &mute(asking(&format!("id:{nobody} or name:web-1"))),
        &[&format!("selector.query: there is no configuration item {nobody}"), "selector: means every configuration item there is"],
    );
    check(
        &mute(Selector { cis: [nobody].into(), ..Selector::default() }),
        &[&format!("selector.cis: there is no configuration item {nobody}"), "selector: means no configuration item now"],
    );
    check(
        &mute(Selector { attributes: [("host_name".into(), text("a").value().clone())].into(), ..Selector::default() }),
        &[
            "selector.attributes: no item has an attribute host_name, and nobody defined it; did you mean hostname?",
            "selector: means no configuration item now",
        ],
    );
    let rules = vec!["load".parse().unwrap(), "removed".parse().unwrap()];
    check(&Mute { rules, ..mute(Selector::default()) }, &["rules[1]: there is no rule removed any more"]);
    let external = Some(ExternalSelector { sources: ["nofeed".into()].into(), ..ExternalSelector::default() });
    check(&Mute { external, ..mute(Selector::default()) }, &["external.sources: there is no feed nofeed"]);
}

#[test]
fn a_selector_that_means_no_item_or_each_is_told() {
    let none = ["selector: means no configuration item now"];
    let each = ["selector: means every configuration item there is"];
    check(&mute(asking("tag:prod")), &none);
    check(&mute(Selector { tags: ["Web".into()].into(), ..Selector::default() }), &none);
    check(&mute(Selector { attributes: [("os_id".into(), text("rocky").value().clone())].into(), ..Selector::default() }), &none);
    check(&mute(asking("not tag:prod")), &each);
    check(&mute(Selector { tags: ["web".into()].into(), ..Selector::default() }), &each);
    check(&mute(Selector { attributes: [("os_id".into(), text("debian").value().clone())].into(), ..Selector::default() }), &each);
    check(&mute(Selector { cis: [host(1)].into(), ..Selector::default() }), &each);
    // What is said of rules or of other systems alone is about all items on purpose.
    check(&Mute { rules: vec!["load".parse().unwrap()], ..mute(Selector::default()) }, &[]);
}
