//! Assignment rules: who gets which incidents.
//!
//! They are asked in order, and the first that fits decides; one that names no group and no person says that nobody gets it by rule.
//! What none fits goes by the rule that opened it, and then by the support group of its item. Invariant: a rule's place in the order
//! is that of its position, and of its id among equals.

use super::decide::{line, text};
use super::{Channel, Incident, IncidentEvent};
use crate::ci::Ci;
use crate::contact::responsible::Naming;
use crate::id::{AssignmentRuleId, RuleId};
use crate::rule::{Selector, validate};
use crate::{Context, Record, Rejection, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Rules at most: they are asked one by one whenever an incident opens.
pub const RULES: usize = 500;

/// Rules, categories and such that one of them names.
const NAMED: usize = 100;

/// Bytes of a name.
const NAME_BYTES: usize = 200;

/// Which incidents a rule is for: those that fulfil all that is given. An empty set asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Opened by one of these rules.
    #[serde(default)]
    pub rules: BTreeSet<RuleId>,
    /// Of one of these categories.
    #[serde(default)]
    pub categories: BTreeSet<String>,
    /// Of one of these priorities.
    #[serde(default)]
    pub priorities: BTreeSet<u8>,
    /// That came in one of these ways.
    #[serde(default)]
    pub channels: BTreeSet<Channel>,
    /// Of these configuration items.
    #[serde(default)]
    pub selector: Selector,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssignmentRule {
    /// Its id for ever.
    pub id: AssignmentRuleId,
    /// What people call it.
    pub name: String,
    /// Its place: lower ones are asked first.
    pub position: u32,
    /// Whether it is asked.
    pub enabled: bool,
    /// Which incidents it is for.
    pub conditions: Conditions,
    /// Group that gets them.
    pub group: Option<String>,
    /// Person who gets them.
    pub assignee: Option<String>,
}

/// A rule as people write it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAssignmentRule {
    /// What people call it.
    pub name: String,
    /// Its place.
    pub position: u32,
    /// Whether it is asked.
    pub enabled: bool,
    /// Which incidents it is for.
    pub conditions: Conditions,
    /// Group that gets them; a team, by id or name, once there are teams.
    pub group: Option<String>,
    /// Person who gets them.
    pub assignee: Option<String>,
}

/// A rule with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownAssignmentRule {
    /// As it is.
    pub rule: AssignmentRule,
    /// How often it was written: 1, 2, ….
    pub version: u32,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// All rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssignmentRules {
    /// By id.
    pub rules: BTreeMap<AssignmentRuleId, KnownAssignmentRule>,
    /// In the order in which they are asked.
    pub order: BTreeSet<(u32, AssignmentRuleId)>,
}

/// What rules look at.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// What selectors look at.
    pub world: &'a World,
    /// The rule that opened it.
    pub rule: Option<&'a RuleId>,
    /// What kind it is of.
    pub category: Option<&'a str>,
    /// 1 to 5.
    pub priority: u8,
    /// How it came.
    pub channel: Channel,
    /// Its item.
    pub ci: Option<&'a Ci>,
}

/// What one rule says of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which.
    pub rule: AssignmentRuleId,
    /// The first condition that does not hold, in words; `None` when all do.
    pub misfit: Option<String>,
}

impl<'a> Case<'a> {
    /// Of an incident.
    #[must_use]
    pub fn of(world: &'a World, incident: &'a Incident) -> Self {
        Self {
            world,
            rule: incident.rule(),
            category: incident.category.as_deref(),
            priority: incident.priority,
            channel: incident.channel,
            ci: incident.primary_ci.and_then(|ci| world.cmdb.cis.get(&ci)),
        }
    }
}

impl AssignmentRule {
    /// The first condition that does not hold, in words.
    #[must_use]
    pub fn misfit(&self, case: &Case<'_>) -> Option<String> {
        let Conditions { rules, categories, priorities, channels, selector } = &self.conditions;
        if !self.enabled {
            return Some("it is switched off".into());
        }
        if !rules.is_empty() && case.rule.is_none_or(|rule| !rules.contains(rule)) {
            return Some(format!("rules: {} is none of them", case.rule.map_or("no rule", RuleId::as_str)));
        }
        if !categories.is_empty() && case.category.is_none_or(|category| !categories.contains(category)) {
            return Some(format!("categories: {} is none of them", case.category.unwrap_or("no category")));
        }
        if !priorities.is_empty() && !priorities.contains(&case.priority) {
            return Some(format!("priorities: {} is none of them", case.priority));
        }
        if !channels.is_empty() && !channels.contains(&case.channel) {
            return Some("channels: it came another way".into());
        }
        if selector.means(case.world, case.ci) {
            return None;
        }
        Some(match case.ci {
            Some(ci) => format!("selector: it does not mean {}", ci.name),
            None => "selector: there is no configuration item".into(),
        })
    }
}

impl AssignmentRules {
    /// The first rule that fits.
    #[must_use]
    pub fn choose(&self, case: &Case<'_>) -> Option<&AssignmentRule> {
        self.in_order().map(|known| &known.rule).find(|rule| rule.misfit(case).is_none())
    }

    /// What each rule says of a case, in order.
    #[must_use]
    pub fn explain(&self, case: &Case<'_>) -> Vec<Answer> {
        self.in_order().map(|known| Answer { rule: known.rule.id, misfit: known.rule.misfit(case) }).collect()
    }

    /// The rules in the order in which they are asked.
    pub fn in_order(&self) -> impl Iterator<Item = &KnownAssignmentRule> {
        self.order.iter().filter_map(|(_, id)| self.rules.get(id))
    }

    /// Remembers that a rule was written.
    pub(super) fn set(&mut self, record: &Record, rule: &AssignmentRule) {
        let before = self.rules.get(&rule.id);
        let version = before.map_or(1, |known| known.version.saturating_add(1));
        if let Some(position) = before.map(|known| known.rule.position) {
            self.order.remove(&(position, rule.id));
        }
        self.order.insert((rule.position, rule.id));
        let known = KnownAssignmentRule { rule: rule.clone(), version, updated_at: record.at, revision: record.revision };
        self.rules.insert(rule.id, known);
    }

    /// Remembers that a rule is no more.
    pub(super) fn delete(&mut self, id: AssignmentRuleId) {
        if let Some(known) = self.rules.remove(&id) {
            self.order.remove(&(known.rule.position, id));
        }
    }
}

/// Makes a rule.
///
/// # Errors
/// A field that does not fit, or too many rules.
pub(super) fn create(world: &World, new: &NewAssignmentRule, context: &mut Context<'_>) -> Result<IncidentEvent, Rejection> {
    if world.incidents.assignment.rules.len() >= RULES {
        return Err(Rejection::Conflict(format!("there are {RULES} assignment rules, which is the limit")));
    }
    let rule = checked(world, AssignmentRuleId(context.ids.next_bits()), new, None)?;
    Ok(IncidentEvent::AssignmentRuleSet { rule: Box::new(rule) })
}

/// Changes a rule.
///
/// # Errors
/// The rule is not there, has changed since it was read, or a field does not fit.
pub(super) fn update(
    world: &World,
    id: AssignmentRuleId,
    new: &NewAssignmentRule,
    expected: Option<u64>,
) -> Result<Option<IncidentEvent>, Rejection> {
    let known = find(world, id, expected)?;
    let rule = checked(world, id, new, Some(&known.rule))?;
    Ok((rule != known.rule).then(|| IncidentEvent::AssignmentRuleSet { rule: Box::new(rule) }))
}

/// The rule, when it is the one that the person saw.
pub(super) fn find(world: &World, id: AssignmentRuleId, expected: Option<u64>) -> Result<&KnownAssignmentRule, Rejection> {
    let known = world.incidents.assignment.rules.get(&id).ok_or_else(|| Rejection::not_found("assignment rule", id))?;
    match expected.filter(|expected| *expected != known.revision) {
        Some(expected) => Err(Rejection::Stale { subject: id.to_string(), current: known.revision, expected }),
        None => Ok(known),
    }
}

fn checked(
    world: &World,
    id: AssignmentRuleId,
    new: &NewAssignmentRule,
    before: Option<&AssignmentRule>,
) -> Result<AssignmentRule, Rejection> {
    line("name", &new.name, before.map(|rule| rule.name.as_str()))?;
    let conditions = &new.conditions;
    let named =
        [("rules", conditions.rules.len()), ("categories", conditions.categories.len()), ("priorities", conditions.priorities.len())];
    if let Some((field, _)) = named.into_iter().find(|(_, count)| *count > NAMED) {
        return Err(Rejection::invalid(format!("conditions.{field}"), format!("must be at most {NAMED}")));
    }
    if let Some(rule) = conditions.rules.iter().find(|rule| !world.rules.rules.contains_key(rule)) {
        return Err(Rejection::invalid("conditions.rules", format!("there is no rule {rule}")));
    }
    conditions.categories.iter().try_for_each(|category| text("conditions.categories", category, NAME_BYTES))?;
    if conditions.priorities.iter().any(|priority| !(1..=5).contains(priority)) {
        return Err(Rejection::invalid("conditions.priorities", "must be of 1 (highest) to 5"));
    }
    validate::selector("conditions.selector", &conditions.selector)?;
    let group = Naming { field: "group", before: before.and_then(|rule| rule.group.as_deref()) };
    let assignee = Naming { field: "assignee", before: before.and_then(|rule| rule.assignee.as_deref()) };
    Ok(AssignmentRule {
        id,
        name: new.name.trim().to_owned(),
        position: new.position,
        enabled: new.enabled,
        conditions: conditions.clone(),
        group: new.group.as_deref().map(|text| group.team(world, text)).transpose()?,
        assignee: new.assignee.as_deref().map(|text| assignee.person(world, text)).transpose()?,
    })
}

#[cfg(test)]
mod tests;
