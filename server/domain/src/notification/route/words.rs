//! The words of a route's conditions that name something: support groups, services and categories.
//!
//! A word that names nothing takes no incident, and whoever waits for it is never told. So groups and services that are not there are
//! refused when a route is written, and kept in the form in which they are recorded; incidents that carry another form of a name are
//! still the same group's or service's. A category is no closed list: other systems' alerts bring their own, and people write any. One that
//! nothing has brought so far is worth a word, no more.

use super::{Subject, When};
use crate::ci::Class;
use crate::ci::normalise::folded;
use crate::contact::responsible::Naming;
use crate::incident::react::DUPLICATE_IDENTITY;
use crate::query::field::nearest;
use crate::{Rejection, World};
use std::collections::BTreeSet;

/// Names of services that a word is held against: a company has hundreds.
const SERVICES: usize = 10_000;

impl When {
    /// With its words as they are kept. Those that it had before may stay, whatever became of what they name.
    ///
    /// # Errors
    /// [`Rejection::Invalid`]: a group or service that is not there, and what was probably meant.
    pub(in crate::notification) fn settled(&self, world: &World, before: Option<&Self>) -> Result<Self, Rejection> {
        let team = |text: &String| {
            let mut words = before.into_iter().flat_map(|before| &before.groups);
            let before = words.find(|word| *word == text || world.contacts.is_same(word, text)).map(String::as_str);
            Naming { field: "when.groups", before }.team(world, text)
        };
        let groups = self.groups.iter().map(team).collect::<Result<_, _>>()?;
        if self.services.is_empty() {
            return Ok(Self { groups, ..self.clone() });
        }
        let known = services(world);
        let service = |text: &String| match before.is_some_and(|before| before.services.contains(text)) {
            true => Ok(text.clone()),
            false => service(&known, text.trim()),
        };
        let services = self.services.iter().map(service).collect::<Result<_, _>>()?;
        Ok(Self { groups, services, ..self.clone() })
    }

    /// Whether it asks for other groups than that of an incident.
    pub(super) fn lacks_group(&self, world: &World, subject: &Subject<'_>) -> bool {
        let is_own = |group: &str| self.groups.iter().any(|word| world.contacts.is_same(word, group));
        !self.groups.is_empty() && !subject.group.as_deref().is_some_and(is_own)
    }

    /// Whether it asks for other services than the one that the item serves, and the one that suffers.
    pub(super) fn lacks_service(&self, subject: &Subject<'_>) -> bool {
        let own = [subject.fact("service"), subject.service];
        let is_own = |word: &String| own.iter().flatten().any(|service| folded(service) == folded(word));
        !self.services.is_empty() && !self.services.iter().any(is_own)
    }

    /// What people should know about conditions that are right as far as they go.
    #[must_use]
    pub fn warnings(&self, world: &World) -> Vec<String> {
        let is_machine = |category: &str| category == DUPLICATE_IDENTITY || world.rules.rules.keys().any(|rule| rule.as_str() == category);
        let mut unheard: BTreeSet<&str> = self.categories.iter().map(String::as_str).filter(|category| !is_machine(category)).collect();
        if unheard.is_empty() {
            return Vec::new();
        }
        for incident in world.incidents.incidents.values() {
            incident.category.as_deref().map(|category| unheard.remove(category));
        }
        let hint = |category: &str| {
            let rules = world.rules.rules.keys().map(crate::id::RuleId::as_str);
            nearest(category, rules).map(|near| format!("; did you mean {near}?")).unwrap_or_default()
        };
        unheard.into_iter().map(|category| format!("no rule and no incident has the category {category}{}", hint(category))).collect()
    }
}

/// What items serve, and business services.
fn services(world: &World) -> Vec<String> {
    let index = &world.cmdb.index;
    let mut names = index.field("service").map(|values| values.texts.beginning_with("", None, SERVICES)).unwrap_or_default();
    let of_class = index.with_class(Class::BusinessService).into_iter().flatten();
    let business = of_class.filter_map(|number| world.cmdb.cis.get(&index.id(number)?)).map(|ci| (ci.name.clone(), None));
    names.extend(business.take(SERVICES));
    names.into_iter().map(|(name, _)| name).collect()
}

/// The service that is meant. As long as nothing serves any, every name will do.
fn service(known: &[String], text: &str) -> Result<String, Rejection> {
    if known.is_empty() {
        return Ok(text.to_owned());
    }
    if let Some(name) = known.iter().find(|name| folded(name) == folded(text)) {
        return Ok(name.clone());
    }
    let near = nearest(text, known.iter().map(String::as_str));
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    let reason = format!("no item serves {text} and no business service is called so{hint} (give an item the attribute service first)");
    Err(Rejection::invalid("when.services", reason))
}

#[cfg(test)]
mod tests;
