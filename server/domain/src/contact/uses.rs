//! Who names a contact: without it they would name nobody, and nobody would notice.
//!
//! What is over keeps the name as a text: closed and cancelled incidents and problems, items that are retired or disposed of, overrides of
//! schedules that have ended, mutes that are over.

use super::Contact;
use super::names::{ATTRIBUTES, Names};
use crate::alert::mute::Mute;
use crate::ci::{AttributeValue, Lifecycle};
use crate::group::Selection;
use crate::id::CiId;
use crate::incident::{self, Incident, IncidentState, Party};
use crate::notification::escalation::{Policy, Target};
use crate::notification::route::Route;
use crate::notification::schedule::Schedule;
use crate::problem::{self, Problem, ProblemState};
use crate::query::pattern::Pattern;
use crate::query::term::{AttributeTest, TextTest};
use crate::query::{Query, Scope, Term};
use crate::rule::{Condition, Predicate, Rule, Selector};
use crate::{Rejection, World};
use rollcall_shared::Timestamp;
use std::collections::BTreeSet;

/// Who names a contact, as many as a refusal names: more is a list that nobody reads.
const NAMED: usize = 100;

/// Refuses to take a contact away from those that name it.
///
/// # Errors
/// [`Rejection::Conflict`], which names them.
pub(super) fn refuse(world: &World, now: Timestamp, contact: &Contact) -> Result<(), Rejection> {
    let users = Uses { world, now, contact, names: Names::of(contact) }.all();
    if users.is_empty() {
        return Ok(());
    }
    let more = users.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let first: Vec<String> = users.into_iter().take(NAMED).collect();
    Err(Rejection::Conflict(format!(
        "{} cannot be deleted: it is named by {}{rest}; take it out of them first",
        contact.name,
        first.join(", ")
    )))
}

/// A contact and where it may be named.
struct Uses<'a> {
    world: &'a World,
    now: Timestamp,
    contact: &'a Contact,
    names: Names,
}

impl Uses<'_> {
    /// Everything that names it, in words; what is one of many (items) comes first, as it is told as one.
    fn all(&self) -> Vec<String> {
        let mut users = Vec::new();
        users.extend(self.items());
        users.extend(self.rules());
        users.extend(self.notification());
        users.extend(self.groups());
        users.extend(self.records());
        users
    }

    /// How many items say it, and how they are found.
    fn items(&self) -> Option<String> {
        let scope = Scope { world: self.world, groups: &self.world.groups, now: self.now };
        let test = || AttributeTest::Text(TextTest::Is(vec![Pattern::Exact(self.contact.name.clone())]));
        let asked = ATTRIBUTES.map(|attribute| Query::from(Term::Attribute(attribute.to_owned(), test())));
        let is_there = |id: &CiId| {
            let status = self.world.cmdb.cis.get(id).map(|ci| ci.status);
            !matches!(status, None | Some(Lifecycle::Retired | Lifecycle::Disposed))
        };
        let found = asked.iter().filter_map(|query| scope.find(query).ok());
        let found: BTreeSet<CiId> = found.flat_map(|matches| matches.ids().filter(is_there).collect::<Vec<_>>()).collect();
        let items = if found.len() == 1 { "configuration item" } else { "configuration items" };
        let [owner, support_group] = asked;
        let query = format!("({owner} or {support_group}) not status:(retired,disposed)");
        (!found.is_empty()).then(|| format!("{} {items} (the query {query})", found.len()))
    }

    fn rules(&self) -> impl Iterator<Item = String> {
        let rules = self.world.rules.rules.values().map(|known| &known.rule).filter(|rule| self.is_in_rule(rule));
        let assignment = self.world.incidents.assignment.in_order().map(|known| &known.rule).filter(|rule| {
            self.is_meant(rule.group.as_ref()) || self.is_meant(rule.assignee.as_ref()) || self.is_selected(&rule.conditions.selector)
        });
        let counts = |mute: &&Mute| mute.schedule.ends_at().is_none_or(|end| end > self.now);
        let mutes = self.world.alerts.mutes.values().filter(counts).filter(|mute| self.is_selected(&mute.selector));
        let rules = rules.map(|rule| format!("rule {}", rule.id));
        let assignment = assignment.map(|rule| format!("assignment rule {}", rule.name));
        rules.chain(assignment).chain(mutes.map(|mute| format!("{} ({})", mute.id, mute.reason)))
    }

    fn is_in_rule(&self, rule: &Rule) -> bool {
        let asks = match &rule.condition {
            Condition::Inventory { predicate: Predicate::Attribute { name, value: Some(AttributeValue::Text(text)), .. } } => {
                ATTRIBUTES.contains(&name.as_str()) && self.names.has(text)
            }
            _ => false,
        };
        let selectors = std::iter::once(&rule.selector).chain(rule.overrides.iter().map(|one| &one.selector));
        asks || self.is_meant(rule.group.as_ref()) || selectors.into_iter().any(|selector| self.is_selected(selector))
    }

    fn notification(&self) -> impl Iterator<Item = String> {
        let notifications = &self.world.notifications;
        let is_told = |route: &&Route| {
            let when = &route.when;
            when.groups.iter().any(|group| self.names.has(group))
                || self.is_selected(&when.selector)
                || when.query.iter().any(|query| self.is_asked(query))
        };
        let target = Target::Contact { contact: self.contact.id };
        let is_reached = move |policy: &&Policy| policy.steps.iter().any(|step| step.targets.contains(&target));
        let is_on_call = |schedule: &&Schedule| {
            let stands_in = schedule.overrides.iter().any(|one| one.contact == self.contact.id && one.to > self.now);
            stands_in || schedule.layers.iter().any(|layer| layer.members.contains(&self.contact.id))
        };
        let routes = notifications.in_order().filter(is_told).map(|route| format!("notification route {}", route.name));
        let policies = notifications.policies.values().map(|known| &known.policy).filter(is_reached);
        let policies = policies.map(|policy| format!("escalation policy {}", policy.name));
        let schedules = notifications.schedules.values().map(|known| &known.schedule).filter(is_on_call);
        let schedules = schedules.map(|schedule| format!("on-call schedule {}", schedule.name));
        let methods = notifications.methods.contains_key(&self.contact.id).then(|| "its own contact methods".to_owned());
        routes.chain(policies).chain(schedules).chain(methods)
    }

    fn groups(&self) -> impl Iterator<Item = String> {
        let groups = self.world.groups.groups.values().map(|known| &known.group).filter(|group| {
            let asks = matches!(&group.selection, Selection::Query { query } if self.is_asked(query));
            asks || group.owner == Some(self.contact.id)
        });
        groups.map(|group| format!("group {}", group.name))
    }

    fn records(&self) -> impl Iterator<Item = String> {
        let incidents = self.world.incidents.incidents.values().filter(|incident| self.is_in_incident(incident));
        let is_in_problem = |problem: &&Problem| {
            let is_over = matches!(problem.state, ProblemState::Closed | ProblemState::Cancelled);
            !is_over && (self.is_meant(problem.group.as_ref()) || self.is_meant(problem.assignee.as_ref()))
        };
        let problems = self.world.problems.problems.values().filter(is_in_problem);
        let incidents = incidents.map(|incident| format!("incident {}", incident::display_number(incident.number)));
        incidents.chain(problems.map(|problem| format!("problem {}", problem::display_number(problem.number))))
    }

    fn is_in_incident(&self, incident: &Incident) -> bool {
        if matches!(incident.state, IncidentState::Closed | IncidentState::Cancelled) {
            return false;
        }
        let is_party = |party: &Party| matches!(party, Party::Contact { contact, .. } if *contact == self.contact.id);
        self.is_meant(incident.group.as_ref())
            || self.is_meant(incident.assignee.as_ref())
            || is_party(&incident.caller)
            || incident.watchers.iter().any(is_party)
    }

    fn is_meant(&self, text: Option<&String>) -> bool {
        text.is_some_and(|text| self.names.has(text))
    }

    fn is_selected(&self, selector: &Selector) -> bool {
        let says = |(name, value): (&String, &AttributeValue)| {
            ATTRIBUTES.contains(&name.as_str()) && matches!(value, AttributeValue::Text(text) if self.names.has(text))
        };
        selector.attributes.iter().any(says) || selector.query.iter().filter_map(|query| query.query()).any(|query| self.is_asked(query))
    }

    /// Whether a query says one of its names; one with wildcards in it asks for whoever there is.
    fn is_asked(&self, query: &Query) -> bool {
        query.terms().into_iter().any(|term| match term {
            Term::Attribute(name, AttributeTest::Text(test)) if ATTRIBUTES.contains(&name.as_str()) => match test {
                TextTest::Is(patterns) => patterns.iter().any(|one| matches!(one, Pattern::Exact(text) if self.names.has(text))),
                TextTest::Exactly(texts) => texts.iter().any(|text| self.names.has(text)),
                TextTest::Contains(_) => false,
            },
            _ => false,
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
