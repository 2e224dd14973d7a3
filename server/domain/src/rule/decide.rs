//! Decisions on rules.
//!
//! A rule is carried whole by every event. Its revision is its ETag. A change keeps the windows whose metric, attributes, reduction and length are as before and starts the others
//! anew; alerts are judged again with the next sample, by the ordinary clear path.

use super::{KnownRule, Override, Rule, RuleCommand, RuleEvent, Rules, case, select, validate};
use crate::{Actor, Context, Event, Record, Rejection, World};

/// Decides a command.
///
/// # Errors
/// [`Rejection::Invalid`] with the path of the field, [`Rejection::Conflict`] for a taken id, [`Rejection::NotFound`],
/// [`Rejection::Stale`].
pub fn command(world: &World, command: &RuleCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    match command {
        RuleCommand::Create(rule) => {
            let events = create(&world.rules, rule, context)?;
            select::check_groups(world, rule)?;
            Ok(events)
        }
        RuleCommand::Update { rule, expected } => {
            validate::rule(rule)?;
            select::check_groups(world, rule)?;
            case::run_all(rule)?;
            let known = find(&world.rules, &rule.id, *expected)?;
            let overrides = signed(&rule.overrides, &known.rule.overrides, context);
            Ok(set_if_changed(known, Rule { stock: known.rule.stock, overrides, ..(**rule).clone() }))
        }
        RuleCommand::Import(rules) => import(world, rules, context),
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

/// What an import would do with a rule. Whether the groups are there that it names, [`select::check_groups`] says.
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

fn import(world: &World, imported: &[Rule], context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    let rules = &world.rules;
    let mut events = Vec::new();
    for (position, rule) in imported.iter().enumerate() {
        let at = |field: &str| format!("rule[{position}].{field}");
        if imported[..position].iter().any(|other| other.id == rule.id) {
            return Err(Rejection::invalid(at("id"), format!("names {} twice", rule.id)));
        }
        let one = import_one(rules, rule, context).and_then(|one| select::check_groups(world, rule).map(|()| one));
        let one = one.map_err(|rejection| match rejection {
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
