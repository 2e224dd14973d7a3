//! Rules on licences: hosts that have a software product, held against those that are licensed.
//!
//! They judge products of which somebody recorded how many are licensed, and nothing else, so that a walk over a fleet counts the hosts of
//! those alone.

use crate::ci::Ci;
use crate::ci::licence::{Installations, licensed};
use crate::rule::{Condition, Predicate, Rule};

/// Whether a rule can be asked of an item at all; one on licences only where they are recorded.
pub(super) fn is_asked(rule: &Rule, ci: &Ci) -> bool {
    !is_of_licences(rule) || licensed(ci).is_some()
}

/// Hosts beyond those that are licensed, below zero when there are licences left; `None` for other rules.
pub(super) fn beyond(rule: &Rule, installations: &Installations<'_>, ci: &Ci) -> Option<f64> {
    let licensed = licensed(ci).filter(|_| is_of_licences(rule))?;
    Some(difference(installations.of(ci.id), licensed))
}

/// Hosts beyond those that are licensed.
#[expect(clippy::cast_precision_loss, reason = "hosts are far fewer than 2^53")]
pub(super) fn difference(installed: u64, licensed: i64) -> f64 {
    installed as f64 - licensed as f64
}

/// Both numbers, for people; `None` for other rules.
pub(super) fn told(rule: &Rule, installations: &Installations<'_>, ci: &Ci) -> Option<String> {
    let licensed = licensed(ci).filter(|_| is_of_licences(rule))?;
    let installed = installations.of(ci.id);
    let noun = if installed == 1 { "installation" } else { "installations" };
    Some(format!("{installed} {noun}, {licensed} licensed"))
}

fn is_of_licences(rule: &Rule) -> bool {
    matches!(rule.condition, Condition::Inventory { predicate: Predicate::Licences {} })
}
