//! What a mute says, held against what is known: one that is misspelt holds nothing back, and nobody notices before the night of the work.
//!
//! Nothing of this is refused: an item, an attribute or a feed may come later.

use super::Mute;
use crate::World;
use crate::query::term::{TextField, TextTest};
use crate::query::{Query, Scope, Term};
use crate::rule::Selector;
use crate::rule::known::{unknown_feed, unknown_in};
use rollcall_shared::Timestamp;

/// What people should know about a mute, each with the field that it is about.
#[must_use]
pub fn warnings(world: &World, mute: &Mute) -> Vec<String> {
    let mut warnings = unknown(world, mute);
    warnings.extend(reach(world, &mute.selector).map(|said| format!("selector: {said}")));
    warnings
}

/// What it names and nothing has: what can be told without a look at the items, for lists.
#[must_use]
pub fn unknown(world: &World, mute: &Mute) -> Vec<String> {
    let mut warnings = unknown_in(world, &mute.selector, "selector");
    for (position, rule) in mute.rules.iter().enumerate().filter(|(_, rule)| !world.rules.rules.contains_key(*rule)) {
        warnings.push(format!("rules[{position}]: there is no rule {rule} any more"));
    }
    let sources = mute.external.iter().flat_map(|external| &external.sources);
    warnings.extend(sources.filter_map(|source| unknown_feed(world, source)).map(|said| format!("external.sources: {said}")));
    warnings
}

/// What is said of a selector that means no item, or each; one that asks nothing was not meant to say which.
fn reach(world: &World, selector: &Selector) -> Option<String> {
    if selector.is_empty() {
        return None;
    }
    // Nothing that a selector may ask depends on the moment.
    let scope = Scope { world, groups: &world.groups, now: Timestamp(0) };
    let candidates = scope.find(&candidates(selector)).ok()?;
    let means = |id| world.cmdb.cis.get(&id).is_some_and(|ci| selector.means(world, Some(ci)));
    if !candidates.ids().any(means) {
        return Some("means no configuration item now".into());
    }
    let may_be_all = candidates.len() == world.cmdb.cis.len() as u64;
    (may_be_all && candidates.ids().all(means)).then(|| "means every configuration item there is".into())
}

/// What the indexes can say of a selector: each item that it means, and at most some that lack a value.
fn candidates(selector: &Selector) -> Query {
    let Selector { classes, tags, attributes, cis, query } = selector;
    let mut terms = Vec::new();
    if !classes.is_empty() {
        terms.push(Term::Class(classes.clone()));
    }
    if !cis.is_empty() {
        terms.push(Term::Id(cis.iter().copied().collect()));
    }
    terms.extend(tags.iter().map(|tag| Term::Text(TextField::Tag, TextTest::Exactly(vec![tag.clone()]))));
    terms.extend(attributes.keys().map(|name| Term::Has(vec![name.clone()])));
    let asked = query.as_ref().and_then(|written| written.query()).cloned().unwrap_or_default();
    terms.into_iter().fold(asked, |all, term| all.and(Query::from(term)))
}

#[cfg(test)]
mod tests;
