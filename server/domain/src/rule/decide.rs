//! Decisions on rules, and what agents are told of them.
//!
//! A rule is carried whole by every event. Its revision is its ETag; the newest revision of all is the version of the agents'
//! settings. A change keeps the windows whose metric, attributes, reduction and length are as before and starts the others
//! anew; alerts are judged again with the next sample, by the ordinary clear path.

use super::select::effective;
use super::{Condition, KnownRule, Level, Override, Reduce, Rule, RuleCommand, RuleEvent, Rules, case, validate};
use crate::{Actor, Context, Event, Record, Rejection, World};
use rollcall_shared::message::{Settings, Side, Threshold};
use rollcall_shared::{AgentId, limits};
use std::collections::BTreeMap;

/// Windows up to this length (the default push interval) are worth hurrying for when they clear, too.
const SHORT_MS: u64 = 60_000;

/// Decides a command.
///
/// # Errors
/// [`Rejection::Invalid`] with the path of the field, [`Rejection::Conflict`] for a taken id, [`Rejection::NotFound`],
/// [`Rejection::Stale`].
pub fn command(world: &World, command: &RuleCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    match command {
        RuleCommand::Create(rule) => create(&world.rules, rule, context),
        RuleCommand::Update { rule, expected } => {
            validate::rule(rule)?;
            case::run_all(rule)?;
            let known = find(&world.rules, &rule.id, *expected)?;
            let overrides = signed(&rule.overrides, &known.rule.overrides, context);
            Ok(set_if_changed(known, Rule { stock: known.rule.stock, overrides, ..(**rule).clone() }))
        }
        RuleCommand::Import(rules) => import(&world.rules, rules, context),
        RuleCommand::Enable { rule, enabled, expected } => {
            let known = find(&world.rules, rule, *expected)?;
            Ok(set_if_changed(known, Rule { enabled: *enabled, ..known.rule.clone() }))
        }
    }
}

fn create(rules: &Rules, rule: &Rule, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    validate::name(&rule.id)?;
    validate::rule(rule)?;
    case::run_all(rule)?;
    if rules.rules.contains_key(&rule.id) {
        return Err(Rejection::Conflict(format!("rule {} exists already; update it instead", rule.id)));
    }
    if rules.rules.len() >= validate::RULES {
        return Err(Rejection::Conflict(format!("there are {} rules already, which is the limit", validate::RULES)));
    }
    Ok(set(Rule { stock: false, overrides: signed(&rule.overrides, &[], context), ..rule.clone() }))
}

/// What an import would do with one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is new.
    Created,
    /// It replaces what is there.
    Updated,
    /// It is there already.
    Unchanged,
}

/// What an import would do with a rule.
///
/// # Errors
/// As for making or replacing it, its tests included.
pub fn examine(rules: &Rules, rule: &Rule, context: &Context<'_>) -> Result<Imported, Rejection> {
    import_one(rules, rule, context).map(|(imported, _)| imported)
}

fn import_one(rules: &Rules, rule: &Rule, context: &Context<'_>) -> Result<(Imported, Vec<Event>), Rejection> {
    let Some(known) = rules.rules.get(&rule.id) else { return Ok((Imported::Created, create(rules, rule, context)?)) };
    validate::rule(rule)?;
    case::run_all(rule)?;
    let overrides = signed(&rule.overrides, &known.rule.overrides, context);
    let events = set_if_changed(known, Rule { stock: known.rule.stock, overrides, ..rule.clone() });
    Ok((if events.is_empty() { Imported::Unchanged } else { Imported::Updated }, events))
}

fn import(rules: &Rules, imported: &[Rule], context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    let mut events = Vec::new();
    for (position, rule) in imported.iter().enumerate() {
        let at = |field: &str| format!("rule[{position}].{field}");
        if imported[..position].iter().any(|other| other.id == rule.id) {
            return Err(Rejection::invalid(at("id"), format!("names {} twice", rule.id)));
        }
        let one = import_one(rules, rule, context).map_err(|rejection| match rejection {
            Rejection::Invalid { field, reason } => Rejection::invalid(at(&field), reason),
            other => other,
        });
        events.extend(one?.1);
    }
    let made = imported.iter().filter(|rule| !rules.rules.contains_key(&rule.id)).count();
    if rules.rules.len() + made > validate::RULES {
        return Err(Rejection::Conflict(format!("there would be more than {} rules, which is the limit", validate::RULES)));
    }
    Ok(events)
}

/// Who acts, for people.
#[must_use]
pub fn who(actor: &Actor) -> String {
    match actor {
        Actor::Token { name, .. } => name.clone(),
        Actor::Local => "the operator of the server".into(),
        _ => "the server".into(),
    }
}

/// Overrides with who set them when: those that were there before keep their origin, whatever the input claims.
fn signed(overrides: &[Override], before: &[Override], context: &Context<'_>) -> Vec<Override> {
    let sign = |one: &Override| {
        let (set_by, set_at) = match before.iter().find(|known| known.unsigned() == one.unsigned()) {
            Some(known) => (known.set_by.clone(), known.set_at),
            None => (Some(who(&context.actor)), Some(context.now)),
        };
        Override { set_by, set_at, ..one.clone() }
    };
    overrides.iter().map(sign).collect()
}

fn find<'a>(rules: &'a Rules, id: &crate::id::RuleId, expected: Option<u64>) -> Result<&'a KnownRule, Rejection> {
    let known = rules.rules.get(id).ok_or_else(|| Rejection::not_found("rule", id))?;
    match expected {
        Some(expected) if expected != known.revision => {
            Err(Rejection::Stale { subject: format!("rule {id}"), current: known.revision, expected })
        }
        _ => Ok(known),
    }
}

fn set_if_changed(known: &KnownRule, rule: Rule) -> Vec<Event> {
    if known.rule == rule { Vec::new() } else { set(rule) }
}

fn set(rule: Rule) -> Vec<Event> {
    vec![Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule) })]
}

/// The settings of an agent: the default intervals, and the lines of all enabled threshold rules that apply to its host. The
/// clear lines of longer windows are left out: crossing one by a single sample changes nothing soon.
#[must_use]
pub fn settings(world: &World, agent: AgentId) -> Settings {
    let ci = world.trust.agents.get(&agent).and_then(|agent| agent.ci);
    let host = ci.and_then(|ci| world.cmdb.cis.get(&ci));
    let mut thresholds = Vec::new();
    for rule in world.rules.rules.values().filter_map(|known| effective(&known.rule, host)) {
        add_lines(&mut thresholds, &rule);
    }
    thresholds.truncate(limits::THRESHOLDS);
    Settings { version: world.rules.revision, thresholds, ..Settings::default() }
}

fn add_lines(thresholds: &mut Vec<Threshold>, rule: &Rule) {
    let Condition::Threshold { metric, attributes, reduce, window_ms, side } = &rule.condition else { return };
    let clears = *reduce == Reduce::Last || *window_ms <= SHORT_MS;
    let mut add = |value: f64| {
        let line = line(metric, attributes, *side, value);
        if !thresholds.contains(&line) {
            thresholds.push(line);
        }
    };
    for Level { raise, clear, .. } in [&rule.levels.critical, &rule.levels.warning].into_iter().flatten() {
        add(*raise);
        if clears {
            add(*clear);
        }
    }
}

fn line(metric: &str, attributes: &BTreeMap<String, String>, side: Side, value: f64) -> Threshold {
    // Agents know no attribute that must not be there: they hurry once too often then.
    let attributes = attributes.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.clone(), value.clone())).collect();
    Threshold { metric: metric.to_owned(), attributes, side, value }
}

impl Rules {
    /// Remembers an event. Total.
    pub fn apply(&mut self, record: &Record, event: &RuleEvent) {
        let RuleEvent::RuleSet { rule } = event;
        let mut history = self.rules.remove(&rule.id).map(|known| known.history).unwrap_or_default();
        history.push(record.revision);
        let known = KnownRule { rule: (**rule).clone(), revision: record.revision, updated_at: record.at, history };
        self.rules.insert(rule.id.clone(), known);
        self.revision = record.revision;
    }
}

#[cfg(test)]
mod tests;
