//! Rules on the inventory: judged by walking over the configuration items.
//!
//! A round begins every ten seconds and takes a portion of the items a tick, so that a fleet of 100,000 is seen through in less than two
//! minutes and a small one within ten seconds, whatever changed: values, rules, or the day.
//!
//! Invariant: what is not known judges nothing; it makes a live alert unknown, never resolved.

use super::dropped;
use super::machine::{self, Timing};
use super::observe::{moved, transitioned};
use super::{Alert, AlertKey, AlertState, wording};
use crate::ci::licence::Installations;
use crate::ci::software::version::Scheme;
use crate::ci::{AttributeValue, Ci, Class, Lifecycle};
use crate::contact::Contacts;
use crate::id::{AlertId, CiId, RuleId};
use crate::rule::plan::judge_number;
use crate::rule::select::effective;
use crate::rule::{Comparison, Condition, NoData, Predicate, Rule};
use crate::{Context, Event, World};
use removed::Removed;
use rollcall_shared::{SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Items looked at in one tick.
const PORTION: usize = 1_000;

/// Time from the begin of one round to the next, when the fleet is small enough for that.
const ROUND_MS: u128 = 10_000;

const DAY_MS: f64 = 86_400_000.0;

/// Where the walk is. Memory of the process alone: after a restart it begins anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    next: Option<CiId>,
    begun: Option<Timestamp>,
    /// Software that a rule minds.
    packages: BTreeMap<RuleId, Minded>,
    removed: Removed,
}

/// Software that a rule minds, looked up once a round.
#[derive(Clone, Debug)]
struct Minded {
    /// Who has it.
    hosts: BTreeSet<CiId>,
    /// What it is, where the rule does not say.
    products: BTreeSet<CiId>,
}

/// What a predicate comes to.
enum Answer {
    /// This number.
    Number(f64),
    /// The inventory does not say.
    Unsaid,
    /// It could not be looked up in this round.
    Later,
}

// A cache: two worlds that know the same are equal wherever their walks are.
impl PartialEq for Walk {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The next portion.
pub(super) fn tick(world: &mut World, context: &mut Context<'_>) -> Vec<Event> {
    let rules: Vec<Rule> = world.rules.rules.values().map(|known| &known.rule).filter(|rule| is_judged(rule)).cloned().collect();
    let mut walk = std::mem::take(&mut world.telemetry.walk);
    let rested = walk.begun.is_none_or(|begun| context.now.since(begun).as_millis() >= ROUND_MS || context.now < begun);
    let events = if rules.is_empty() || (walk.next.is_none() && !rested) { Vec::new() } else { walk.step(world, &rules, context) };
    world.telemetry.walk = walk;
    events
}

fn is_judged(rule: &Rule) -> bool {
    rule.enabled && matches!(rule.condition, Condition::Inventory { .. })
}

impl Walk {
    fn step(&mut self, world: &World, rules: &[Rule], context: &mut Context<'_>) -> Vec<Event> {
        if self.next.is_none() {
            self.begun = Some(context.now);
            self.removed.begin();
            self.packages = rules.iter().filter_map(|rule| Some((rule.id.clone(), affected(world, rule)?))).collect();
        }
        self.removed.refill();
        let installations = Installations::new(&world.cmdb);
        let from = self.next.map_or(Bound::Unbounded, Bound::Excluded);
        let mut events = Vec::new();
        let mut portion = world.cmdb.cis.range((from, Bound::Unbounded)).take(PORTION);
        let mut seen = 0;
        for (id, ci) in portion.by_ref() {
            (self.next, seen) = (Some(*id), seen + 1);
            for rule in rules {
                events.extend(self.judge((world, &installations), rule, ci, context));
            }
        }
        if seen < PORTION {
            self.next = None;
        }
        events
    }

    fn judge(
        &mut self,
        (world, installations): (&World, &Installations<'_>),
        rule: &Rule,
        ci: &Ci,
        context: &mut Context<'_>,
    ) -> Option<Event> {
        let key = AlertKey { rule: rule.id.clone(), ci: ci.id, attributes: BTreeMap::new() };
        let known = world.alerts.keys.get(&key).and_then(|id| world.alerts.alerts.get(id));
        let now = context.now;
        let meant = !is_gone(ci) && is_meant(rule, ci);
        let Some(rule) = effective(rule, world, Some(ci)).filter(|_| meant && licences::is_asked(rule, ci)) else {
            let alert = known?;
            return moved(alert, machine::drop_it(alert.position(), now), now, None, dropped::not_for_it(world, rule, alert));
        };
        let before = known.map_or(machine::Position::INACTIVE, Alert::position);
        let beyond = licences::beyond(&rule, installations, ci);
        let number = match beyond.map_or_else(|| self.answer((&world.contacts, &rule), ci, context), Answer::Number) {
            Answer::Number(number) => number,
            Answer::Later => return None,
            Answer::Unsaid => {
                let alert = known.filter(|alert| alert.state != AlertState::Resolved && rule.no_data == NoData::Unknown)?;
                return moved(alert, machine::lose(before, now), now, None, "the inventory no longer says this".into());
            }
        };
        let after = machine::step(before, judge_number(&rule, number, before.severity), now, Timing::of(&rule));
        if !after.differs(before) {
            return None;
        }
        let id = known.map_or_else(|| AlertId(context.ids.next_bits()), |alert| alert.id);
        let reason = wording::measured(&rule, (world, Some(ci)), after, number);
        let minded = self.packages.get(&rule.id).filter(|_| number > 0.0);
        let reason = match minded.and_then(|minded| named(world, minded, ci)) {
            Some(named) => format!("{reason}: {named}"),
            None => reason,
        };
        let reason = licences::told(&rule, installations, ci).unwrap_or(reason);
        Some(transitioned(id, key, (before, after), (Some(number), now), reason))
    }

    fn answer(&mut self, (contacts, rule): (&Contacts, &Rule), ci: &Ci, context: &Context<'_>) -> Answer {
        let Condition::Inventory { predicate } = &rule.condition else { return Answer::Unsaid };
        if let Predicate::Removed { names, within_ms } = predicate {
            return self.removed.count(ci, (names, *within_ms), (context.now, context.content));
        }
        self.number(contacts, (&rule.id, predicate), ci, context.now).map_or(Answer::Unsaid, Answer::Number)
    }

    /// What a predicate on the state alone comes to; `None` when the inventory does not say.
    fn number(&self, contacts: &Contacts, (rule, predicate): (&RuleId, &Predicate), ci: &Ci, now: Timestamp) -> Option<f64> {
        match predicate {
            Predicate::PackageBelow { .. } | Predicate::Software { .. } => {
                ci.section(SectionName::Packages)?;
                Some(yes(self.packages.get(rule).is_some_and(|minded| minded.hosts.contains(&ci.id))))
            }
            predicate => said_of(contacts, predicate, ci, now),
        }
    }
}

/// What an item itself says to a predicate; `None` when it does not.
fn said_of(contacts: &Contacts, predicate: &Predicate, ci: &Ci, now: Timestamp) -> Option<f64> {
    match predicate {
        Predicate::Attribute { name, operator, value } => {
            let known = ci.attributes.get(name).map(|known| contacts.shown(name, known.value()));
            let wanted = value.as_ref().map(|wanted| contacts.shown(name, wanted));
            compared(known.as_deref(), *operator, wanted.as_deref()).map(yes)
        }
        Predicate::DaysLeft { attribute } => Some(days_between(now, moment(ci, attribute)?)),
        Predicate::DaysSince { attribute } => Some(days_between(moment(ci, attribute)?, now)),
        Predicate::Drift { names, within_ms } => Some(drift(ci, names, *within_ms, now)),
        Predicate::PackageBelow { .. } | Predicate::Software { .. } | Predicate::Removed { .. } | Predicate::Licences {} => None,
    }
}

fn yes(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// Whether rules on the inventory are not asked of an item any more.
fn is_gone(ci: &Ci) -> bool {
    ci.duplicate_of.is_some() || matches!(ci.status, Lifecycle::Retired | Lifecycle::Disposed)
}

/// Whether a rule on the inventory is meant for items of the kind: one that names no class is for hosts.
#[must_use]
pub fn is_meant(rule: &Rule, ci: &Ci) -> bool {
    !rule.classes.is_empty() || ci.class.is_a(Class::Host)
}

/// Hosts that have the package in too old a version, or software of the category.
fn affected(world: &World, rule: &Rule) -> Option<Minded> {
    let Condition::Inventory { predicate } = &rule.condition else { return None };
    let software = &world.cmdb.software;
    match predicate {
        Predicate::PackageBelow { package, version } => {
            let products = software.products().filter_map(|id| world.cmdb.cis.get(&id)).filter(|product| product.name == *package);
            let hosts = products.flat_map(|product| {
                let scheme = Scheme::of(product.key.as_deref().unwrap_or_default());
                software.hosts_where(product.id, |installed| scheme.compare(installed, version).is_lt()).ids()
            });
            Some(Minded { hosts: hosts.collect(), products: BTreeSet::new() })
        }
        Predicate::Software { category } => {
            let products: BTreeSet<CiId> =
                world.catalogue.products_of(&world.cmdb, *category).into_iter().map(|product| product.id).collect();
            let hosts = products.iter().flat_map(|&product| software.hosts_where(product, |_| true).ids()).collect();
            Some(Minded { hosts, products })
        }
        _ => None,
    }
}

/// Software of a category that is told by name; a host may have all of its packages in it.
const NAMED: usize = 5;

/// Which of some software is on an item, for people.
fn named(world: &World, minded: &Minded, ci: &Ci) -> Option<String> {
    if minded.products.is_empty() {
        return None;
    }
    let installed = world.cmdb.software.packages_of(ci.id);
    let installed = installed.iter().filter(|(product, _)| minded.products.contains(product));
    let names: BTreeSet<&str> = installed.filter_map(|(product, _)| world.cmdb.cis.get(product)).map(|one| one.name.as_str()).collect();
    let more = names.len().saturating_sub(NAMED);
    let told = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    (!told.is_empty()).then(|| if more > 0 { format!("{told} and {more} more") } else { told })
}

/// Values of different types say nothing about each other.
fn compared(known: Option<&AttributeValue>, operator: Comparison, wanted: Option<&AttributeValue>) -> Option<bool> {
    use Comparison as C;
    match (operator, known) {
        (C::Present, known) => return Some(known.is_some()),
        (C::Absent, known) => return Some(known.is_none()),
        _ => {}
    }
    let (known, wanted) = (known?, wanted?);
    if operator == C::Contains {
        return match (known, wanted) {
            (AttributeValue::Text(known), AttributeValue::Text(wanted)) => Some(known.contains(wanted.as_str())),
            (AttributeValue::List(known), AttributeValue::Text(wanted)) => Some(known.contains(wanted)),
            _ => None,
        };
    }
    let order = match (number(known), number(wanted)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ if std::mem::discriminant(known) == std::mem::discriminant(wanted) => known.cmp(wanted),
        _ => return None,
    };
    Some(match operator {
        C::Equal => order.is_eq(),
        C::NotEqual => order.is_ne(),
        C::Less => order.is_lt(),
        C::LessOrEqual => order.is_le(),
        C::Greater => order.is_gt(),
        C::GreaterOrEqual => order.is_ge(),
        C::Contains | C::Present | C::Absent => return None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "sizes beyond 2^53 bytes are compared closely enough")]
fn number(value: &AttributeValue) -> Option<f64> {
    match value {
        AttributeValue::Integer(number) => Some(*number as f64),
        AttributeValue::Number(number) => Some(*number),
        AttributeValue::Boolean(_) | AttributeValue::Text(_) | AttributeValue::List(_) => None,
    }
}

/// A day (its begin, UTC) or a moment.
fn moment(ci: &Ci, attribute: &str) -> Option<Timestamp> {
    let AttributeValue::Text(text) = ci.attributes.get(attribute)?.value() else { return None };
    if text.len() == 10 { format!("{text}T00:00:00Z").parse().ok() } else { text.parse().ok() }
}

#[expect(clippy::cast_precision_loss, reason = "days need no more")]
fn days_between(from: Timestamp, to: Timestamp) -> f64 {
    to.0.saturating_sub(from.0) as f64 / DAY_MS
}

/// How often these sections changed within the span; their first content is no change.
fn drift(ci: &Ci, names: &[String], within_ms: u64, now: Timestamp) -> f64 {
    let since = now.minus(std::time::Duration::from_millis(within_ms));
    let sections = names.iter().filter_map(|name| name.parse().ok()).filter_map(|name| ci.section(name));
    let changes = sections.map(|state| state.history.iter().skip(1).filter(|(at, _)| *at > since && *at <= now).count()).sum::<usize>();
    f64::from(u32::try_from(changes).unwrap_or(u32::MAX))
}

mod licences;
pub(super) mod past;
mod removed;
#[cfg(test)]
mod tests;
