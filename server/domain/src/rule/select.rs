//! Which configuration items a rule is for, and what is different for some of them.
//!
//! [`selects`] is the one place that answers the first question: whatever language selectors are written in, it is compiled there.

use super::query::Written;
use super::{Condition, Levels, Rule, Tier, expression};
use crate::World;
use crate::ci::{Attribute, AttributeValue, Ci, Class};
use crate::id::CiId;
use crate::query::everything::all_classes;
use crate::trust::collector;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Which configuration items are meant: those that fulfil all that is given; one that asks nothing means all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Of one of these classes, descendants included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// With all of these tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// With these values of attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeValue>,
    /// One of these.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cis: BTreeSet<CiId>,
    /// That fulfil this, in the query language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Written>,
}

/// What is different for some configuration items. The first that fits counts alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// For which.
    pub selector: Selector,
    /// Why.
    pub reason: String,
    /// Other levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Levels>,
    /// Another time that the breach must last, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// Another loudness at both levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Not for these at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Who set it; written by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
    /// When it was set; written by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_at: Option<Timestamp>,
}

impl Selector {
    /// Whether it means all, as nothing is given or what is given asks nothing, such as the query `*`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { classes, tags, attributes, cis, query } = self;
        let asks_nothing = query.as_ref().is_none_or(Written::is_everything) && (classes.is_empty() || all_classes(classes));
        tags.is_empty() && attributes.is_empty() && cis.is_empty() && asks_nothing
    }

    /// Whether it means a configuration item. One that is not yet identified is meant by the empty selector alone.
    #[must_use]
    pub fn means(&self, world: &World, ci: Option<&Ci>) -> bool {
        let Some(ci) = ci else { return self.is_empty() };
        (self.classes.is_empty() || self.classes.iter().any(|&class| ci.class.is_a(class)))
            && self.tags.iter().all(|tag| ci.tags.contains(tag))
            && self.attributes.iter().all(|(name, value)| says(world, ci, name, value))
            && (self.cis.is_empty() || self.cis.contains(&ci.id))
            && self.query.as_ref().is_none_or(|query| query.means(world, ci))
    }
}

/// Whether an item has a value, or names the same contact by another of its names.
fn says(world: &World, ci: &Ci, name: &str, wanted: &AttributeValue) -> bool {
    let Some(known) = ci.attributes.get(name).map(Attribute::value) else { return false };
    known == wanted || world.contacts.shown(name, known) == world.contacts.shown(name, wanted)
}

impl Override {
    /// What it says, without who said it when.
    #[must_use]
    pub fn unsigned(&self) -> Self {
        Self { set_by: None, set_at: None, ..self.clone() }
    }
}

/// Whether a rule is for a configuration item. Only rules for all hosts apply to one that is not yet identified.
#[must_use]
pub fn selects(rule: &Rule, world: &World, ci: Option<&Ci>) -> bool {
    let of_class = rule.classes.is_empty() || ci.is_some_and(|ci| rule.classes.iter().any(|&class| ci.class.is_a(class)));
    of_class && rule.selector.means(world, ci)
}

/// Whether a rule is judged for an item when something of it is measured. One that names no class is for hosts, save where it judges what
/// others check or measure about an item of any class.
#[must_use]
pub fn judges(rule: &Rule, world: &World, ci: &Ci) -> bool {
    let is_of_kind = match &rule.condition {
        Condition::TargetCheck { .. } => true,
        Condition::Inventory { .. } | Condition::AgentSilent { .. } | Condition::HostSilent { .. } => false,
        Condition::CollectorSilent { feed, .. } => {
            let mut heard = world.trust.collectors.of(ci.id).map(|(_, collector)| collector.feed.as_str());
            heard.any(|heard| feed.as_ref().is_none_or(|feed| feed == heard))
        }
        condition => is_collected(condition) && world.trust.collectors.of(ci.id).next().is_some(),
    };
    let is_meant = is_of_kind || !rule.classes.is_empty() || ci.class.is_a(Class::Host);
    rule.enabled && is_meant && selects(rule, world, Some(ci))
}

/// Whether what is judged may come from a collector.
fn is_collected(condition: &Condition) -> bool {
    if let Condition::Absent { metric, attributes, .. } = condition {
        return collector::may_be_judged(metric, attributes);
    }
    let value = expression::of(condition);
    value.is_some_and(|value| value.reads().iter().all(|read| collector::may_be_judged(&read.metric, &read.attributes)))
}

/// Which version of a rule counts for a configuration item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// As it is written.
    Plain,
    /// With the override at this position.
    Overridden(usize),
}

/// Which version of an enabled rule counts; `None` when it is not judged for this one.
#[must_use]
pub fn variant(rule: &Rule, world: &World, ci: Option<&Ci>) -> Option<Variant> {
    if !rule.enabled || !selects(rule, world, ci) {
        return None;
    }
    let fits = |one: &Override| ci.is_some() && one.selector.means(world, ci);
    match rule.overrides.iter().position(fits) {
        Some(position) if rule.overrides[position].disabled => None,
        Some(position) => Some(Variant::Overridden(position)),
        None => Some(Variant::Plain),
    }
}

/// The rule as it counts for a variant.
#[must_use]
pub fn varied(rule: &Rule, variant: Variant) -> Cow<'_, Rule> {
    let Variant::Overridden(position) = variant else { return Cow::Borrowed(rule) };
    let Some(one) = rule.overrides.get(position) else { return Cow::Borrowed(rule) };
    let mut varied = rule.clone();
    if let Some(levels) = &one.levels {
        varied.levels = levels.clone();
    }
    if let Some(for_ms) = one.for_ms {
        varied.for_ms = for_ms;
        // Times that the override itself gives its levels count; the rule's are what it overrides.
        if one.levels.is_none() {
            [&mut varied.levels.warning, &mut varied.levels.critical].into_iter().flatten().for_each(|level| level.for_ms = None);
        }
    }
    if let Some(tier) = one.tier {
        (varied.tier, varied.warning_tier) = (tier, None);
    }
    Cow::Owned(varied)
}

/// The rule as it counts for a configuration item; `None` when it is not judged for this one.
#[must_use]
pub fn effective<'a>(rule: &'a Rule, world: &World, ci: Option<&Ci>) -> Option<Cow<'a, Rule>> {
    Some(varied(rule, variant(rule, world, ci)?))
}

/// The rule as it counts for a variant, for whoever it is then held against: for back-tests, away from the state.
#[must_use]
pub fn settled(rule: &Rule, variant: Variant) -> Rule {
    Rule { classes: Vec::new(), selector: Selector::default(), overrides: Vec::new(), ..varied(rule, variant).into_owned() }
}

/// Whether some of its selectors ask for what is not written on the item itself.
#[must_use]
pub fn asks_around(rule: &Rule) -> bool {
    rule.selector.query.is_some() || rule.overrides.iter().any(|one| one.selector.query.is_some())
}

/// Judges the groups that a rule's selectors name.
///
/// # Errors
/// [`Rejection::Invalid`](crate::Rejection::Invalid) with the path of the selector.
pub fn check_groups(world: &World, rule: &Rule) -> Result<(), crate::Rejection> {
    let own = std::iter::once(("selector.query".to_owned(), &rule.selector));
    let others = rule.overrides.iter().enumerate().map(|(n, one)| (format!("overrides[{n}].selector.query"), &one.selector));
    own.chain(others).try_for_each(|(path, selector)| selector.query.as_ref().map_or(Ok(()), |query| query.check_groups(world, &path)))
}

/// Whether the rule depends on more of a configuration item than its class.
#[must_use]
pub fn is_particular(rule: &Rule) -> bool {
    !rule.selector.is_empty() || !rule.overrides.is_empty()
}
