use super::*;
use crate::alert::AlertEvent;
use crate::alert::decide::AlertCommand;
use crate::alert::mute::{Change, NewMute, Schedule};
use crate::alert::scenario::{Scenario, agent, host, rule as load, seconds};
use crate::rule::case::Tested;
use crate::rule::{Level, Levels, Override, RuleCommand, Selector};
use crate::{Command, Event};

/// The lines that an answer brings at a moment to an agent that works with a version; nothing when that is the current one.
fn answer(scenario: &mut Scenario, at: i64, has: u64) -> Option<(u64, Vec<f64>)> {
    scenario.push(at, 1, Vec::new(), Vec::new());
    let settings = scenario.world.answer(agent(1), has, seconds(at))?;
    Some((settings.version, settings.thresholds.iter().map(|line| line.value).collect()))
}

fn level(raise: f64) -> Levels {
    Levels { warning: None, critical: Some(Level { raise, clear: raise, and: None, for_ms: None }) }
}

fn quiet_for(tag: &str) -> Override {
    Override {
        selector: Selector { tags: [tag.to_owned()].into(), ..Selector::default() },
        reason: "busy by nature".into(),
        levels: Some(level(99.0)),
        for_ms: None,
        tier: None,
        disabled: false,
        set_by: None,
        set_at: None,
    }
}

#[test]
fn a_table_changes_with_the_rules_the_host_and_its_mutes_and_reaches_the_agent_with_its_next_answer() {
    let mut scenario =
        Scenario::new(vec![Rule { overrides: vec![quiet_for("busy")], ..load("load") }, Rule { enabled: false, ..load("other") }]);
    let (first, lines) = answer(&mut scenario, 1, 0).expect("a first table");
    assert_eq!(lines, [95.0, 90.0, 85.0, 80.0]);
    assert_eq!(answer(&mut scenario, 2, first), None, "it has it");

    let edited = Rule { levels: level(70.0), overrides: vec![quiet_for("busy")], ..load("load") };
    scenario.command(3, &Command::Rule(RuleCommand::Update { rule: Tested::of(edited).unwrap(), expected: None })).unwrap();
    let (second, lines) = answer(&mut scenario, 4, first).expect("the rule was edited");
    assert_eq!(lines, [70.0]);

    // The override applies from the moment when the host has the tag, though no rule was touched.
    scenario.seed(|world| {
        let ci = world.cmdb.cis.get_mut(&host(1)).unwrap();
        ci.tags.insert("busy".into());
        ci.revision += 1;
    });
    let (third, lines) = answer(&mut scenario, 5, second).expect("the host was tagged");
    assert_eq!(lines, [99.0]);

    let schedule = Schedule::Once { from: seconds(100), to: seconds(200) };
    let (kind, rules) = (MuteKind::Maintenance, vec![load("load").id]);
    let mute = NewMute { kind, reason: "patching".into(), selector: Selector::default(), rules, external: None, schedule };
    scenario.command(6, &Command::Alert(AlertCommand::Mute(Box::new(mute)))).unwrap();
    assert_eq!(answer(&mut scenario, 7, third), None, "it has not begun");
    let (muted, lines) = answer(&mut scenario, 100, third).expect("it has begun");
    assert!(lines.is_empty());
    let known = scenario.world.alerts.mutes.values().next().unwrap().clone();
    let change = |rule: &str| {
        let Mute { kind, reason, selector, external, schedule, .. } = known.clone();
        let new = Box::new(NewMute { kind, reason, selector, rules: vec![rule.parse().unwrap()], external, schedule });
        Command::Alert(AlertCommand::ChangeMute { mute: known.id, change: Change { new, expected: None } })
    };
    scenario.command(110, &change("other")).unwrap();
    assert_eq!(answer(&mut scenario, 111, muted), Some((third, vec![99.0])), "it is about another rule");
    scenario.command(120, &change("load")).unwrap();
    assert_eq!(answer(&mut scenario, 121, third), Some((muted, vec![])), "it is as before");
    assert_eq!(answer(&mut scenario, 200, muted), Some((third, vec![99.0])), "it is over, and the table is as it was");
    assert!(scenario.log.iter().any(|record| matches!(record.event, Event::Alert(AlertEvent::MuteSet { .. }))));
}

#[test]
fn the_version_names_the_content_and_what_the_agent_has_is_known() {
    let mut scenario = Scenario::new(vec![load("load")]);
    let (version, _) = answer(&mut scenario, 1, 0).expect("a table");
    let fresh = Scenario::new(vec![Rule { title: "Another title".into(), ..load("load") }]);
    assert_eq!(settings(&fresh.world, agent(1), seconds(9)).version, version, "equal lines, equal version");
    assert!(version > 0 && version <= VERSION_BITS);
    let standing = |scenario: &Scenario| scenario.world.thresholds(agent(1), seconds(2));
    assert_eq!(standing(&scenario), Standing { version, lines: 4, left_out: 0, applied: Some(0) });
    answer(&mut scenario, 2, version);
    assert_eq!(standing(&scenario).applied, Some(version));
    assert_eq!(scenario.world.thresholds(agent(9), seconds(2)).applied, None);
}

#[test]
fn what_is_cached_is_what_would_be_made_anew() {
    let mut scenario = Scenario::new(vec![load("load"), Rule { overrides: vec![quiet_for("busy")], ..load("other") }]);
    for at in 1..20 {
        if at % 5 == 0 {
            let rule = Rule { levels: level(f64::from(u32::try_from(at).unwrap())), ..load("load") };
            scenario.command(at, &Command::Rule(RuleCommand::Update { rule: Tested::of(rule).unwrap(), expected: None })).unwrap();
        }
        scenario.push(at, 1, Vec::new(), Vec::new());
        let told = scenario.world.answer(agent(1), 0, seconds(at)).expect("never 0");
        assert_eq!(told, settings(&scenario.world, agent(1), seconds(at)));
    }
}

#[test]
fn a_table_is_bounded_and_holds_nothing_that_an_agent_cannot_see() {
    let rules = (0..900).map(|n| {
        let mut rule = load(&format!("r{n}"));
        let Condition::Threshold { metric, .. } = &mut rule.condition else { panic!("a threshold") };
        *metric = format!("m{n}");
        rule
    });
    let silent = Rule { condition: Condition::HostSilent { after_ms: 60_000 }, ..load("silent") };
    let scenario = Scenario::new(rules.chain([silent]).collect());
    let table = settings(&scenario.world, agent(1), seconds(1));
    assert_eq!(table.thresholds.len(), limits::THRESHOLDS);
    let standing = scenario.world.thresholds(agent(1), seconds(1));
    assert_eq!((standing.lines, standing.left_out), (limits::THRESHOLDS, 900 * 4 - limits::THRESHOLDS), "what has no room is counted");
    let alone = Scenario::new(vec![Rule { condition: Condition::HostSilent { after_ms: 60_000 }, ..load("silent") }]);
    assert!(settings(&alone.world, agent(1), seconds(1)).thresholds.is_empty());
}

#[test]
fn each_line_names_the_rules_that_drew_it() {
    let scenario = Scenario::new(vec![load("load"), Rule { levels: level(95.0), ..load("other") }]);
    let Explained { settings, rules, left_out } = explained(&scenario.world, agent(1), seconds(1));
    assert_eq!(left_out, 0);
    assert_eq!(settings, super::settings(&scenario.world, agent(1), seconds(1)));
    let lines: Vec<_> = settings.thresholds.iter().map(|line| line.value).zip(rules).collect();
    let of = |names: &[&str]| names.iter().map(|name| load(name).id).collect::<Vec<_>>();
    assert_eq!(lines, [(95.0, of(&["load", "other"])), (90.0, of(&["load"])), (85.0, of(&["load"])), (80.0, of(&["load"]))]);
}

#[test]
fn a_check_about_another_item_has_lines_whatever_is_muted_for_the_host_that_looks() {
    let asked = Condition::TargetCheck { asks: crate::rule::Asks::Up, check: None };
    let of_switches = Rule { condition: asked, classes: vec![Class::NetworkDevice], ..load("down") };
    let mut scenario = Scenario::new(vec![of_switches.clone(), Rule { enabled: false, id: load("off").id, ..of_switches }]);
    let (first, lines) = answer(&mut scenario, 1, 0).expect("a table");
    assert_eq!(lines, [1.0]);
    let schedule = Schedule::Once { from: seconds(1), to: seconds(200) };
    let (kind, selector) = (MuteKind::Maintenance, Selector { cis: [host(1)].into(), ..Selector::default() });
    let mute = NewMute { kind, reason: "patching".into(), selector, rules: Vec::new(), external: None, schedule };
    scenario.command(2, &Command::Alert(AlertCommand::Mute(Box::new(mute)))).unwrap();
    assert_eq!(answer(&mut scenario, 3, first), None, "what stands elsewhere is not patched");
}
