//! Short names under which plans remember.

use crate::World;
use crate::ci::Ci;
use crate::id::RuleId;
use crate::rule::Rules;
use crate::rule::expression::{Function, Read};
use crate::rule::select::{self, Variant};
use rollcall_shared::sample::Series;

/// A short name for (rule, attributes).
pub fn tag<'a>(rule: &RuleId, attributes: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    feed(&mut hasher, rule.as_str());
    for (name, value) in attributes {
        feed(&mut hasher, name);
        feed(&mut hasher, value);
    }
    short(&hasher)
}

/// A short name for what applies to a host beyond its class.
#[must_use]
pub fn scope(rules: &Rules, world: &World, ci: Option<&Ci>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    let mut particular = false;
    for (position, known) in rules.rules.values().enumerate() {
        let variant = if select::is_particular(&known.rule) { select::variant(&known.rule, world, ci) } else { continue };
        particular = true;
        let number = match variant {
            None => 0,
            Some(Variant::Plain) => 1,
            Some(Variant::Overridden(one)) => 2 + one as u64,
        };
        hasher.update(&(position as u64).to_be_bytes()).update(&number.to_be_bytes());
    }
    if particular { short(&hasher) } else { 0 }
}

/// A short name for what one rule remembers of one series.
pub(super) fn memory_tag(rule: &RuleId, series: &Series, read: &Read) -> u64 {
    let mut hasher = blake3::Hasher::new();
    feed(&mut hasher, rule.as_str());
    feed(&mut hasher, &series.metric);
    let (kind, target): (u8, f64) = match read.function {
        Function::Reduce(reduce) => (reduce as u8, 0.0),
        Function::Forecast { target, .. } => (100, target),
        Function::Baseline => (101, 0.0),
    };
    hasher.update(&[kind]).update(&target.to_bits().to_be_bytes()).update(&read.window_ms.to_be_bytes());
    for (name, value) in &series.attributes {
        feed(&mut hasher, name);
        feed(&mut hasher, value);
    }
    short(&hasher)
}

fn feed(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
}

fn short(hasher: &blake3::Hasher) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_be_bytes(bytes)
}
