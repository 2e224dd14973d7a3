//! Decisions on rules.
//!
//! A rule is carried whole by every event. Its revision is its ETag. A change keeps the windows whose metric, attributes, reduction and length are as before and starts the others
//! anew; alerts are judged again with the next sample, by the ordinary clear path.

use super::case::Tested;
use super::{KnownRule, Override, Rule, RuleCommand, RuleEvent, Rules, known, stock, validate};
use crate::{Actor, Context, Event, Record, Rejection, World};

/// Decides a command.
///
/// # Errors
/// [`Rejection::Invalid`] with the path of the field, [`Rejection::Conflict`] for a taken id, [`Rejection::NotFound`],
/// [`Rejection::Stale`], [`Rejection::WrongState`] for taking a stock rule away and for resetting one that is none.
pub fn command(world: &World, command: &RuleCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    match command {
        RuleCommand::Create(rule) => {
            may_be_made(&world.rules, rule)?;
            known::check(world, rule)?;
            let group = known::group(world, rule, None)?;
            Ok(set(Rule { group, ..rule.written(signed(&rule.overrides, &[], context), false) }))
        }
        RuleCommand::Update { rule, expected } => {
            validate::rule(rule)?;
            known::check(world, rule)?;
            let known = find(&world.rules, &rule.id, *expected)?;
            let group = known::group(world, rule, Some(&known.rule))?;
            let overrides = signed(&rule.overrides, &known.rule.overrides, context);
            Ok(set_if_changed(known, Rule { group, ..rule.written(overrides, known.rule.stock) }))
        }
        RuleCommand::Import { rules, expected } => import(world, rules, *expected, context),
        RuleCommand::Enable { rule, enabled, expected } => {
            let known = find(&world.rules, rule, *expected)?;
            Ok(set_if_changed(known, Rule { enabled: *enabled, ..known.rule.clone() }))
        }
        RuleCommand::Remove { rule, expected } => {
            let known = find(&world.rules, rule, *expected)?;
            if known.rule.stock {
                return Err(refused(rule, "a stock rule, which can be switched off", "removed"));
            }
            // Its alerts and incidents end while it is there to say how.
            let mut events = set_if_changed(known, Rule { enabled: false, ..known.rule.clone() });
            events.push(Event::Rule(RuleEvent::RuleRemoved { rule: rule.clone() }));
            Ok(events)
        }
        RuleCommand::Reset { rule, expected } => {
            let known = find(&world.rules, rule, *expected)?;
            let original = stock::stock().into_iter().find(|stock| known.rule.stock && stock.id == *rule);
            let original = original.ok_or_else(|| refused(rule, "no stock rule of this release", "reset"))?;
            Ok(set_if_changed(known, original))
        }
    }
}

fn refused(rule: &crate::id::RuleId, state: &str, action: &'static str) -> Rejection {
    Rejection::WrongState { subject: format!("rule {rule}"), state: state.into(), action }
}

fn may_be_made(rules: &Rules, rule: &Rule) -> Result<(), Rejection> {
    validate::name(&rule.id)?;
    validate::rule(rule)?;
    if rules.rules.contains_key(&rule.id) {
        return Err(Rejection::Conflict(format!("rule {} exists already; update it instead", rule.id)));
    }
    if rules.rules.len() >= validate::RULES {
        return Err(Rejection::Conflict(format!("there are {} rules already, which is the limit", validate::RULES)));
    }
    Ok(())
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

/// What an import would do with each of these rules: all that the import itself says, save for their tests.
pub fn examine(world: &World, rules: &[Rule], context: &Context<'_>) -> Vec<Result<Imported, Rejection>> {
    let mut made = 0;
    let one = |(position, rule): (usize, &Rule)| {
        if rules[..position].iter().any(|other| other.id == rule.id) {
            return Err(Rejection::invalid("id", format!("names {} twice", rule.id)));
        }
        let known = world.rules.rules.get(&rule.id);
        if known.is_none() {
            validate::name(&rule.id)?;
            made += 1;
        }
        validate::rule(rule)?;
        known::check(world, rule)?;
        let group = known::group(world, rule, known.map(|known| &known.rule))?;
        if known.is_none() && world.rules.rules.len() + made > validate::RULES {
            return Err(Rejection::Conflict(format!("there would be more than {} rules, which is the limit", validate::RULES)));
        }
        Ok(match known {
            None => Imported::Created,
            Some(known) if imported(known, rule, group, context) == known.rule => Imported::Unchanged,
            Some(_) => Imported::Updated,
        })
    };
    rules.iter().enumerate().map(one).collect()
}

/// What takes the place of a known rule.
fn imported(known: &KnownRule, rule: &Rule, group: Option<String>, context: &Context<'_>) -> Rule {
    Rule { stock: known.rule.stock, group, overrides: signed(&rule.overrides, &known.rule.overrides, context), ..rule.clone() }
}

/// A refusal of one rule as one of the file that it is in.
#[must_use]
pub fn in_file(position: usize, rejection: Rejection) -> Rejection {
    match rejection {
        Rejection::Invalid { field, reason } => Rejection::invalid(format!("rule[{position}].{field}"), reason),
        other => other,
    }
}

fn import(world: &World, tested: &[Tested], expected: Option<u64>, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    let current = world.rules.revision;
    if let Some(expected) = expected.filter(|expected| *expected != current) {
        return Err(Rejection::Stale { subject: "the rules".into(), current, expected });
    }
    let rules: Vec<Rule> = tested.iter().map(|rule| Rule::clone(rule)).collect();
    let mut events = Vec::new();
    for (position, (rule, outcome)) in rules.iter().zip(examine(world, &rules, context)).enumerate() {
        outcome.map_err(|rejection| in_file(position, rejection))?;
        let known = world.rules.rules.get(&rule.id);
        let group = known::group(world, rule, known.map(|known| &known.rule)).map_err(|rejection| in_file(position, rejection))?;
        events.extend(match known {
            Some(known) => set_if_changed(known, imported(known, rule, group, context)),
            None => set(Rule { stock: false, group, overrides: signed(&rule.overrides, &[], context), ..rule.clone() }),
        });
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

impl Rules {
    /// Remembers an event. Total.
    pub fn apply(&mut self, record: &Record, event: &RuleEvent) {
        self.revision = record.revision;
        let rule = match event {
            RuleEvent::RuleSet { rule } => rule,
            RuleEvent::RuleRemoved { rule } => {
                if let Some((id, known)) = self.rules.remove_entry(rule) {
                    self.removed.insert(id, known.history);
                }
                return;
            }
        };
        let before = self.rules.remove(&rule.id).map(|known| known.history);
        let mut history = before.or_else(|| self.removed.remove(&rule.id)).unwrap_or_default();
        history.push(record.revision);
        let known = KnownRule { rule: (**rule).clone(), revision: record.revision, updated_at: record.at, history };
        self.rules.insert(rule.id.clone(), known);
    }
}

#[cfg(test)]
mod tests;
