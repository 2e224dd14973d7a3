//! Lists of incidents: filters and orders.

use super::{IncidentName, named};
use crate::answer::ApiError;
use crate::api::caller::Caller;
use crate::api::extract::Parameters;
use crate::api::format::Format;
use crate::api::page::{Page, Paging};
use crate::api::view::Time;
use crate::api::view::incident::Incident;
use crate::api::view::word::{IncidentChannel, IncidentState};
use crate::api::{Api, problems};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::contact::names::Names;
use rollcall_domain::id::{CiId, ContactId, IncidentId, ProblemId, RuleId};
use rollcall_domain::incident::{self, Incidents, Party};
use rollcall_domain::{Actor, World};
use rollcall_shared::Timestamp;
use serde::Deserialize;
use std::cmp::Reverse;
use std::ops::Bound;
use utoipa::IntoParams;

/// Which incidents are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncidentQuery {
    /// In this state.
    state: Option<IncidentState>,
    /// Whether work remains.
    open: Option<bool>,
    /// Of this priority, 1 (highest) to 5.
    priority: Option<u8>,
    /// Of this configuration item, or affecting it.
    ci: Option<String>,
    /// That this group has: the name or id of a team.
    group: Option<String>,
    /// That this person has: the name or id of a contact.
    assignee: Option<String>,
    /// Of this category; for monitoring the rule's id.
    category: Option<String>,
    /// Opened by this rule, or a storm of it.
    rule: Option<String>,
    /// Of this business service.
    service: Option<String>,
    /// That came in this way.
    channel: Option<IncidentChannel>,
    /// Reported by this contact, by id or name, or by somebody of this name; `me` for whoever asks.
    caller: Option<String>,
    /// Part of this incident, by id or number; `none` for those that are part of nothing.
    parent: Option<String>,
    /// Watched by this contact, by id or name; `me` for whoever asks.
    watcher: Option<String>,
    /// Of this problem.
    problem: Option<String>,
    /// Opened at this moment (RFC 3339) or later.
    #[param(value_type = Option<Time>)]
    opened_from: Option<Timestamp>,
    /// Opened before this moment.
    #[param(value_type = Option<Time>)]
    opened_to: Option<Timestamp>,
    /// With this text in their title, description or number, whatever the case.
    q: Option<String>,
    /// Order: `number`, `priority` or `updated`, with `-` before it for descending; `-number` unless given. Equal ones newest first.
    #[param(example = "priority")]
    sort: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists incidents, newest first unless another order is asked for.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", params(IncidentQuery),
    responses((status = 200, description = "A page.", body = Page<Incident>)))]
pub async fn list_incidents(
    State(api): State<Api>,
    Parameters(query): Parameters<IncidentQuery>,
    caller: Caller,
    format: Format,
) -> Result<Response, ApiError> {
    let order = query.sort.as_deref().map_or(Ok(Order::default()), Order::parse)?;
    let paging = Paging::<u128>::new(order.list(), query.limit, query.cursor.as_deref())?;
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let filter = Filter::new(world, &query, &caller.principal.actor)?;
        if order.key == Key::Number && filter.parent.flatten().is_none() {
            let incidents = order.numbered(world, paging.after).filter(|incident| filter.keeps(incident));
            return Ok(paging.page(incidents.map(|incident| (order.place(incident), Incident::new(world, incident, now)))));
        }
        let incidents = filter.candidates(world).filter(|incident| filter.keeps(incident));
        let mut rows: Vec<(u128, &incident::Incident)> = incidents.map(|incident| (order.place(incident), incident)).collect();
        rows.retain(|(place, _)| paging.after.is_none_or(|after| *place < after));
        rows.sort_unstable_by_key(|(place, _)| Reverse(*place));
        Ok::<_, ApiError>(paging.page(rows.into_iter().map(|(place, incident)| (place, Incident::new(world, incident, now)))))
    })?;
    Ok(format.list(&page))
}

/// What a list is ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Number,
    Priority,
    Updated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    key: Key,
    descending: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { key: Key::Number, descending: true }
    }
}

impl Order {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let key = match name {
            "number" => Key::Number,
            "priority" => Key::Priority,
            "updated" => Key::Updated,
            _ => return Err(ApiError::invalid("sort", "must be number, priority or updated, with - before it for descending")),
        };
        Ok(Self { key, descending })
    }

    /// The name under which cursors of this order count.
    fn list(self) -> &'static str {
        match (self.key, self.descending) {
            (Key::Number, true) => "incidents",
            (Key::Number, false) => "incidents-by-number",
            (Key::Priority, false) => "incidents-by-priority",
            (Key::Priority, true) => "incidents-by-priority-down",
            (Key::Updated, false) => "incidents-by-updated",
            (Key::Updated, true) => "incidents-by-updated-down",
        }
    }

    /// Where an incident stands: the greatest comes first, and the number makes each place one incident's.
    fn place(self, incident: &incident::Incident) -> u128 {
        let key = match self.key {
            Key::Number => incident.number,
            Key::Priority => u64::from(incident.priority),
            Key::Updated => u64::try_from(incident.updated_at.0).unwrap_or(0),
        };
        let key = if self.descending { key } else { u64::MAX - key };
        (u128::from(key) << 64) | u128::from(incident.number)
    }

    /// Incidents in the order of their numbers, behind a place: those before it are not looked at.
    fn numbered(self, world: &World, after: Option<u128>) -> Box<dyn Iterator<Item = &incident::Incident> + '_> {
        let Incidents { numbers, incidents, .. } = &world.incidents;
        let number = |place: u128| u64::try_from(place & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        let begin = after.map_or(Bound::Unbounded, |after| Bound::Excluded(number(after)));
        if self.descending {
            Box::new(numbers.range((Bound::Unbounded, begin)).rev().filter_map(|(_, id)| incidents.get(id)))
        } else {
            Box::new(numbers.range((begin, Bound::Unbounded)).filter_map(|(_, id)| incidents.get(id)))
        }
    }
}

struct Filter<'a> {
    query: &'a IncidentQuery,
    /// The item, and what was merged into it.
    cis: Option<Vec<CiId>>,
    service: Option<CiId>,
    problem: Option<ProblemId>,
    parent: Option<Option<IncidentId>>,
    watcher: Option<Party>,
    caller: Option<Reporter>,
    /// As it is recorded, when it was given by its id.
    group: Option<Names>,
    assignee: Option<Names>,
    text: Option<String>,
}

impl<'a> Filter<'a> {
    fn new(world: &World, query: &'a IncidentQuery, actor: &Actor) -> Result<Self, ApiError> {
        let item = |field: &str, text: Option<&String>| {
            let id = text.map(|text| text.parse::<CiId>()).transpose();
            id.map_err(|_| ApiError::invalid(field, "must be the id of a configuration item"))
        };
        let problem = query.problem.as_deref().map(|text| problems::named(world, "problem", text));
        let parent = query.parent.as_deref().map(|text| match text {
            "none" => Ok(None),
            text => named(world, "parent", text).map(Some),
        });
        Ok(Self {
            query,
            cis: item("ci", query.ci.as_ref())?.map(|ci| world.cmdb.records_of(ci).collect()),
            service: item("service", query.service.as_ref())?,
            problem: problem.transpose()?,
            parent: parent.transpose()?,
            watcher: query.watcher.as_deref().map(|text| watcher(world, text, actor)).transpose()?,
            caller: query.caller.as_deref().map(|text| Reporter::new(world, text, actor)),
            group: query.group.as_ref().map(|text| world.contacts.meant(text)),
            assignee: query.assignee.as_ref().map(|text| world.contacts.meant(text)),
            text: query.q.as_ref().map(|text| text.to_lowercase()),
        })
    }

    /// Those that can be meant: found without looking at all where there is a list of them.
    fn candidates<'w>(&self, world: &'w World) -> Box<dyn Iterator<Item = &'w incident::Incident> + 'w> {
        let incidents = &world.incidents.incidents;
        match self.parent.flatten().and_then(|parent| incidents.get(&parent)) {
            Some(parent) => Box::new(parent.children.iter().filter_map(|id| incidents.get(id))),
            None => Box::new(incidents.values()),
        }
    }

    fn keeps(&self, incident: &incident::Incident) -> bool {
        let query = self.query;
        query.state.is_none_or(|state| incident.state == state.0)
            && query.open.is_none_or(|open| incident.state.is_open() == open)
            && query.priority.is_none_or(|priority| incident.priority == priority)
            && query.channel.is_none_or(|channel| incident.channel == channel.0)
            && query.opened_from.is_none_or(|from| incident.opened_at >= from)
            && query.opened_to.is_none_or(|to| incident.opened_at < to)
            && self.cis.as_ref().is_none_or(|cis| concerns(incident, cis))
            && self.service.is_none_or(|service| incident.service == Some(service))
            && self.group.as_ref().is_none_or(|group| means(incident.group.as_ref(), group))
            && self.assignee.as_ref().is_none_or(|assignee| means(incident.assignee.as_ref(), assignee))
            && query.category.as_ref().is_none_or(|category| incident.category.as_ref() == Some(category))
            && query.rule.as_ref().is_none_or(|rule| rule_of(incident) == Some(rule.as_str()))
            && self.parent.is_none_or(|parent| incident.parent == parent)
            && self.problem.is_none_or(|problem| incident.problem == Some(problem))
            && self.watcher.as_ref().is_none_or(|watcher| incident.watchers.iter().any(|other| other.is_same(watcher)))
            && self.caller.as_ref().is_none_or(|caller| caller.is(&incident.caller))
            && self.text.as_ref().is_none_or(|text| says(incident, text))
    }
}

/// Who reported what is wanted.
enum Reporter {
    /// Whoever asks.
    Me(Actor),
    /// A contact, or somebody who was but a name.
    Called(Option<ContactId>, Names),
}

impl Reporter {
    fn new(world: &World, text: &str, actor: &Actor) -> Self {
        match text {
            "me" => Self::Me(actor.clone()),
            text => Self::Called(world.contacts.find(text).map(|known| known.contact.id), world.contacts.meant(text)),
        }
    }

    fn is(&self, caller: &Party) -> bool {
        match (self, caller) {
            (Self::Me(own), Party::Actor { actor }) => own == actor,
            (Self::Called(Some(wanted), _), Party::Contact { contact, .. }) => wanted == contact,
            (Self::Called(_, wanted), Party::Named { name } | Party::Actor { actor: Actor::Token { name, .. } }) => wanted.has(name),
            _ => false,
        }
    }
}

/// Whether it is this one, also where the name was written before it was recorded, or before it was another.
pub(in crate::api) fn means(own: Option<&String>, names: &Names) -> bool {
    own.is_some_and(|own| names.has(own))
}

fn concerns(incident: &incident::Incident, cis: &[CiId]) -> bool {
    incident.primary_ci.iter().chain(&incident.affected_cis).any(|ci| cis.contains(ci))
}

fn rule_of(incident: &incident::Incident) -> Option<&str> {
    incident.rule().map(RuleId::as_str)
}

fn says(incident: &incident::Incident, text: &str) -> bool {
    let number = text.parse::<IncidentName>().is_ok_and(|name| name == IncidentName::Number(incident.number));
    number || incident.title.to_lowercase().contains(text) || incident.description.to_lowercase().contains(text)
}

fn watcher(world: &World, text: &str, actor: &Actor) -> Result<Party, ApiError> {
    if text == "me" {
        return Ok(Party::Actor { actor: actor.clone() });
    }
    let known = world.contacts.find(text).ok_or_else(|| ApiError::invalid("watcher", "must be me, or the id or name of a contact"))?;
    Ok(Party::Contact { contact: known.contact.id, name: known.contact.name.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(Key, bool)>) {
        assert_eq!(Order::parse(text).ok().map(|order| (order.key, order.descending)), expected, "{text}");
    }

    #[test]
    fn an_order_is_a_word_with_a_sign() {
        check("number", Some((Key::Number, false)));
        check("-updated", Some((Key::Updated, true)));
        for other in ["", "-", "title", "--number", "Number"] {
            check(other, None);
        }
    }
}
