//! Whose value counts, how long an unconfirmed word counts, and who may bring new items: rules of an administrator.
//!
//! Of several rules that fit, the closest one decides: for the order of sources see [`Reconciliation::orders`], for the rest a
//! rule that names the source before one that does not, then one for the item's own class before its parent's.

use super::selector::Selector;
use crate::Rejection;
use crate::ci::{Class, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// Rules of one kind: what people can still read as a whole.
const RULES: usize = 500;
/// Sources of one rule.
const SOURCES: usize = 50;
/// The shortest refresh duration: below it, sources that report every minute would go stale between two reports.
const REFRESH_SHORTEST: u64 = 300;
/// The longest refresh duration, ten years.
const REFRESH_LONGEST: u64 = 10 * 366 * 86_400;

/// Whose value counts. Sources in order, the one that counts most first; those that are not named come after, see
/// [`crate::ci::decide::reconcile`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reconciliation {
    /// For single attributes; these come before everything else but locks.
    pub attributes: Vec<AttributeRule>,
    /// For all attributes of a class.
    pub classes: Vec<ClassRule>,
    /// For everything. Without it: people, agents, other systems.
    pub sources: Vec<Selector>,
    /// For how long a source's word counts after it was last confirmed. Without a rule it counts for ever.
    pub refresh: Vec<RefreshRule>,
    /// Which sources may bring items that are not known yet. Without a rule every source may.
    pub insert: Vec<InsertRule>,
}

/// The order of sources for one attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeRule {
    /// Name of the attribute.
    pub attribute: String,
    /// Only for items of this class and those that inherit from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// The one that counts most first.
    pub sources: Vec<Selector>,
}

/// The order of sources for a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRule {
    /// The class; those that inherit from it follow it where their own rules leave a tie.
    pub class: Class,
    /// The one that counts most first.
    pub sources: Vec<Selector>,
}

/// For how long an unconfirmed word counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshRule {
    /// Only for these sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Selector>,
    /// Only for items of this class and those that inherit from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// 300 seconds to ten years.
    pub seconds: u64,
}

/// Who may bring new items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsertRule {
    /// Only for these sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Selector>,
    /// Only for items of this class and those that inherit from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// What becomes of an item that is not known yet.
    pub right: InsertRight,
}

/// What becomes of an item that a source brings and nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InsertRight {
    /// It is inserted.
    #[default]
    Allow,
    /// It waits until a source that may insert brings it.
    Park,
    /// It is refused.
    Refuse,
}

impl InsertRight {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Park => "park",
            Self::Refuse => "refuse",
        }
    }
}

/// An order of sources that applies to an attribute of an item, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order<'a> {
    /// A rule for the attribute.
    Attribute(&'a AttributeRule),
    /// A rule for the class or one that it inherits from.
    Class(&'a ClassRule),
    /// The order for everything.
    Sources(&'a [Selector]),
}

impl Order<'_> {
    /// The place of a source, from 0; those that are not named share the last one.
    #[must_use]
    pub fn place(&self, source: &Source) -> usize {
        let sources = match self {
            Self::Attribute(rule) => rule.sources.as_slice(),
            Self::Class(rule) => rule.sources.as_slice(),
            Self::Sources(sources) => sources,
        };
        sources.iter().position(|selector| selector.selects(source)).unwrap_or(sources.len())
    }
}

impl Reconciliation {
    /// The orders that apply to an attribute of a class, the most important first: a later one decides where the earlier
    /// ones leave a tie.
    pub fn orders<'a>(&'a self, attribute: &str, class: Class) -> impl Iterator<Item = Order<'a>> {
        let mut by_attribute: Vec<(usize, &AttributeRule)> = Vec::new();
        for rule in self.attributes.iter().filter(|rule| rule.attribute == attribute) {
            by_attribute.extend(distance(rule.class, class).map(|distance| (distance, rule)));
        }
        by_attribute.sort_by_key(|(distance, _)| *distance);
        let mut by_class: Vec<(usize, &ClassRule)> = Vec::new();
        for rule in &self.classes {
            by_class.extend(distance(Some(rule.class), class).map(|distance| (distance, rule)));
        }
        by_class.sort_by_key(|(distance, _)| *distance);
        let everything = (!self.sources.is_empty()).then_some(Order::Sources(&self.sources));
        let by_attribute = by_attribute.into_iter().map(|(_, rule)| Order::Attribute(rule));
        by_attribute.chain(by_class.into_iter().map(|(_, rule)| Order::Class(rule))).chain(everything)
    }

    /// For how long a source's word on an item counts without being confirmed; `None` for ever.
    #[must_use]
    pub fn refresh(&self, source: &Source, class: Class) -> Option<Duration> {
        let rule = closest(self.refresh.iter(), |rule| (rule.source.as_ref(), rule.class), source, class)?;
        Some(Duration::from_secs(rule.seconds))
    }

    /// What becomes of an unknown item of a class that a source brings.
    #[must_use]
    pub fn may_insert(&self, source: &Source, class: Class) -> InsertRight {
        closest(self.insert.iter(), |rule| (rule.source.as_ref(), rule.class), source, class).map(|rule| rule.right).unwrap_or_default()
    }

    /// Checks the rules.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] names the first field that is wrong.
    pub fn validate(&self) -> Result<(), Rejection> {
        let lengths = [
            ("attributes", self.attributes.len()),
            ("classes", self.classes.len()),
            ("refresh", self.refresh.len()),
            ("insert", self.insert.len()),
        ];
        if let Some((field, _)) = lengths.into_iter().find(|(_, length)| *length > RULES) {
            return Err(invalid(field, format!("must be at most {RULES} rules")));
        }
        let mut seen = BTreeSet::new();
        for (place, rule) in self.attributes.iter().enumerate() {
            let field = format!("attributes[{place}]");
            crate::ci::decide::check_attribute_name(&rule.attribute, &format!("reconciliation.{field}.attribute"))?;
            check_order(&rule.sources, &format!("{field}.sources"), Emptiness::Refused)?;
            once(&mut seen, (&rule.attribute, rule.class), &field, "this attribute and class have a rule already")?;
        }
        let mut seen = BTreeSet::new();
        for (place, rule) in self.classes.iter().enumerate() {
            let field = format!("classes[{place}]");
            check_order(&rule.sources, &format!("{field}.sources"), Emptiness::Refused)?;
            once(&mut seen, rule.class, &field, "this class has a rule already")?;
        }
        check_order(&self.sources, "sources", Emptiness::Allowed)?;
        let mut seen = BTreeSet::new();
        for (place, rule) in self.refresh.iter().enumerate() {
            let field = format!("refresh[{place}]");
            if !(REFRESH_SHORTEST..=REFRESH_LONGEST).contains(&rule.seconds) {
                let reason = format!("must be {REFRESH_SHORTEST} to {REFRESH_LONGEST}: five minutes to ten years");
                return Err(invalid(&format!("{field}.seconds"), reason));
            }
            once(&mut seen, (&rule.source, rule.class), &field, "this source and class have a rule already")?;
        }
        let mut seen = BTreeSet::new();
        for (place, rule) in self.insert.iter().enumerate() {
            once(&mut seen, (&rule.source, rule.class), &format!("insert[{place}]"), "this source and class have a rule already")?;
        }
        Ok(())
    }
}

/// Whether an order may name no source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Allowed,
    Refused,
}

fn check_order(sources: &[Selector], field: &str, emptiness: Emptiness) -> Result<(), Rejection> {
    if sources.is_empty() && emptiness == Emptiness::Refused {
        return Err(invalid(field, "must name a source; leave the rule out to say nothing"));
    }
    if sources.len() > SOURCES {
        return Err(invalid(field, format!("must be at most {SOURCES} sources")));
    }
    let mut seen = BTreeSet::new();
    for (place, source) in sources.iter().enumerate() {
        once(&mut seen, source, &format!("{field}[{place}]"), "is named before; each source has one place")?;
    }
    Ok(())
}

fn once<T: Ord>(seen: &mut BTreeSet<T>, key: T, field: &str, reason: &str) -> Result<(), Rejection> {
    if seen.insert(key) { Ok(()) } else { Err(invalid(field, reason)) }
}

fn invalid(field: &str, reason: impl Into<String>) -> Rejection {
    Rejection::invalid(format!("reconciliation.{field}"), reason)
}

/// Steps of inheritance from a class up to the one of a rule; a rule for no class is farther than every other. `None` when the
/// rule is not for this class.
fn distance(of_rule: Option<Class>, class: Class) -> Option<usize> {
    let Some(wanted) = of_rule else { return Some(usize::MAX) };
    std::iter::successors(Some(class), |class| class.parent()).position(|ancestor| ancestor == wanted)
}

/// The rule that fits closest; of equals the first.
pub(super) fn closest<'a, R: 'a>(
    rules: impl Iterator<Item = &'a R>,
    scope: impl Fn(&'a R) -> (Option<&'a Selector>, Option<Class>),
    source: &Source,
    class: Class,
) -> Option<&'a R> {
    let fitting = rules.filter_map(|rule| {
        let (of_source, of_class) = scope(rule);
        let closeness = match of_source {
            Some(selector) if !selector.selects(source) => return None,
            Some(selector) => selector.closeness(),
            None => 0,
        };
        Some((usize::MAX - closeness, distance(of_class, class)?, rule))
    });
    fitting.min_by_key(|(farness, distance, _)| (*farness, *distance)).map(|(_, _, rule)| rule)
}

#[cfg(test)]
mod tests;
