//! What a rule says, held against what is known of the fleet.
//!
//! What can never hold is refused: a value of another type than the attribute's, a group that is not there. What merely is not there yet, such
//! as a metric, an attribute or a package that nobody has reported, is worth a word: a rule may be written before the first host says it,
//! but most of the time the name is misspelt.

use super::query::Written;
use super::{Comparison, Condition, Predicate, Rule, Selector, metric, select};
use crate::attribute::{BUILT_IN, BuiltIn, Kind, fit};
use crate::ci::AttributeValue;
use crate::contact::responsible::Naming;
use crate::query::doubt::unknown_item;
use crate::query::field::{distance, nearest};
use crate::{Rejection, World};

/// Judges a rule by what is known.
///
/// # Errors
/// [`Rejection::Invalid`] with the path of the field: a group that is not there, a value of another type than its attribute.
pub fn check(world: &World, rule: &Rule) -> Result<(), Rejection> {
    select::check_groups(world, rule)?;
    let Condition::Inventory { predicate } = &rule.condition else { return Ok(()) };
    match predicate {
        Predicate::Attribute { name, operator, value: Some(value) } => {
            let Some(kind) = kind(world, name) else { return Ok(()) };
            let wrong =
                |reason| Rejection::invalid("condition.predicate.value", format!("{reason}, as {name} is of type {}", kind.as_str()));
            compares(world, &kind, *operator, value).map_err(wrong)
        }
        Predicate::DaysLeft { attribute } | Predicate::DaysSince { attribute } => match kind(world, attribute) {
            None | Some(Kind::Text | Kind::Date) => Ok(()),
            Some(kind) => {
                let reason = format!("must hold a day or a moment; {attribute} is of type {}", kind.as_str());
                Err(Rejection::invalid("condition.predicate.attribute", reason))
            }
        },
        _ => Ok(()),
    }
}

/// The group that gets a rule's incidents, as it is kept; that of before may stay.
///
/// # Errors
/// [`Rejection::Invalid`]: no team is called so.
pub fn group(world: &World, rule: &Rule, before: Option<&Rule>) -> Result<Option<String>, Rejection> {
    let naming = Naming { field: "group", before: before.and_then(|rule| rule.group.as_deref()) };
    rule.group.as_deref().map(|text| naming.team(world, text)).transpose()
}

/// What people should know about a rule that is right as far as it goes.
#[must_use]
pub fn warnings(world: &World, rule: &Rule) -> Vec<String> {
    let mut warnings = metric::warnings(world, rule);
    if let Condition::Inventory { predicate } = &rule.condition {
        match predicate {
            Predicate::Attribute { name, .. } | Predicate::DaysLeft { attribute: name } | Predicate::DaysSince { attribute: name } => {
                warnings.extend(unknown_attribute(world, name));
            }
            Predicate::PackageBelow { package, version } => {
                if !is_package(world, package) {
                    warnings.push(format!("no host has a package {package}"));
                }
                if !version.bytes().any(|byte| byte.is_ascii_digit()) {
                    warnings.push(format!("version {version:?} has no number: whether another is below it cannot be told"));
                }
            }
            Predicate::Drift { .. } | Predicate::Removed { .. } | Predicate::Software { .. } | Predicate::Licences {} => {}
        }
    }
    if let Condition::CollectorSilent { feed: Some(feed), .. } = &rule.condition {
        warnings.extend(unknown_feed(world, feed));
    }
    warnings.extend(unknown_in(world, &rule.selector, "selector"));
    for (position, one) in rule.overrides.iter().enumerate() {
        warnings.extend(unknown_in(world, &one.selector, &format!("overrides[{position}].selector")));
    }
    warnings
}

/// What a selector names and nothing has, each with the field that it stands in, of which `path` is the begin.
#[must_use]
pub fn unknown_in(world: &World, selector: &Selector, path: &str) -> Vec<String> {
    let items = selector.cis.iter().filter_map(|id| unknown_item(world, *id)).map(|said| format!("{path}.cis: {said}"));
    let attributes = selector.attributes.keys().filter_map(|name| unknown_attribute(world, name));
    let attributes = attributes.map(|said| format!("{path}.attributes: {said}"));
    let asked = selector.query.iter().filter_map(Written::query).flat_map(|query| query.doubts(world));
    items.chain(attributes).chain(asked.map(|said| format!("{path}.query: {said}"))).collect()
}

/// What is said of a feed that is not there, or not any more.
#[must_use]
pub fn unknown_feed(world: &World, name: &str) -> Option<String> {
    let feeds = || world.trust.feeds.values().filter(|feed| !feed.revoked).map(|feed| feed.name.as_str());
    if feeds().any(|feed| feed == name) {
        return None;
    }
    let hint = nearest(name, feeds()).map(|near| format!("; did you mean {near}?"));
    Some(format!("there is no feed {name}{}", hint.unwrap_or_default()))
}

/// What values an attribute takes; `None` for one that nobody defined.
fn kind(world: &World, name: &str) -> Option<Kind> {
    let defined = || world.attributes.definitions.get(name).map(|known| known.definition.kind.clone());
    BuiltIn::find(name).map(BuiltIn::kind).or_else(defined)
}

/// Whether an attribute of this type can be compared so, or what would be right.
fn compares(world: &World, kind: &Kind, operator: Comparison, wanted: &AttributeValue) -> Result<(), String> {
    match (kind, operator, wanted) {
        (Kind::List | Kind::Text, Comparison::Contains, AttributeValue::Text(_)) => Ok(()),
        (_, Comparison::Contains, _) => Err("must be a text that a text or a list can contain".into()),
        (Kind::Boolean | Kind::List, Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual, _) => {
            Err("has no order; use equal or not_equal".into())
        }
        // Between two whole numbers.
        (Kind::Integer, _, AttributeValue::Number(_)) => Ok(()),
        // What people or items are called may come and go.
        (Kind::Ci | Kind::Contact | Kind::Url, _, AttributeValue::Text(_)) => Ok(()),
        _ => fit(world, kind, wanted).map(drop),
    }
}

fn unknown_attribute(world: &World, name: &str) -> Option<String> {
    if kind(world, name).is_some() || world.cmdb.index.field(name).is_some() {
        return None;
    }
    let defined = world.attributes.definitions.keys().map(String::as_str);
    let known = BUILT_IN.iter().map(|known| known.name).chain(defined);
    let near = known.map(|known| (distance(name, known), known)).min();
    // A third of the letters may be wrong, as in other names that people write.
    let hint = near.filter(|(wrong, _)| *wrong <= name.len() / 3).map(|(_, known)| format!("; did you mean {known}?"));
    Some(format!("no item has an attribute {name}, and nobody defined it{}", hint.unwrap_or_default()))
}

fn is_package(world: &World, package: &str) -> bool {
    world.cmdb.software.products().filter_map(|id| world.cmdb.cis.get(&id)).any(|product| product.name == package)
}

#[cfg(test)]
mod tests;
