//! After which time without a word something counts as stale, as gone, and as ready to be retired.
//!
//! Agents and other systems are expected to speak about once a day; what only people maintain never goes stale by time unless
//! a rule names their source. Of several rules the closest one decides, as everywhere: one that names the source before one
//! that does not, then one for the item's own class before its parent's.

use super::Selector;
use super::reconciliation::closest;
use crate::Rejection;
use crate::ci::{Class, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// Rules: what people can still read as a whole.
const RULES: usize = 500;
/// The shortest interval. Signs of life are looked at every few minutes, and a clock may jump by an hour.
const SHORTEST: u64 = 3_600;
/// The longest of all times, ten years.
const LONGEST: u64 = 10 * 366 * 86_400;
/// Words that may be missed before something is stale.
const INTERVALS: u64 = 2;
/// A source speaks about once a day: agents of other makers report that often, and a machine that is off overnight is not stale.
const INTERVAL: u64 = 86_400;
/// A day more: with the two intervals a weekend is over.
const GRACE: u64 = 86_400;
/// Nobody's holidays are longer.
const WARNING: u64 = 30 * 86_400;
/// What has been silent for two months does not come back by itself.
const RETIREMENT: u64 = 60 * 86_400;

/// When something counts as gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifecycle {
    /// Where other times are right than these: stale after two intervals of a day and a day of grace, missing after 30 days, a
    /// candidate for retirement after 60.
    pub staleness: Vec<StalenessRule>,
    /// What becomes of candidates for retirement.
    pub candidates: Candidates,
}

/// What becomes of candidates for retirement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidates {
    /// They are listed.
    #[default]
    List,
    /// They are listed, and each opens a review.
    Review,
}

/// After which time without a word a source's items are stale.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StalenessRule {
    /// Only for these sources. People and their imports are meant only by rules that name them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Selector>,
    /// Only for items of this class and those that inherit from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// The items never go stale by time; the times below must be left out then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub never: bool,
    /// How often the source speaks when all is well, 3,600 seconds to ten years; a day unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u64>,
    /// What is waited for beyond two intervals; a day unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_seconds: Option<u64>,
    /// After which silence an item is missing; 30 days unless given, or ten times what makes it stale if that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning_after_seconds: Option<u64>,
    /// After which silence an item is a candidate for retirement; 60 days unless given, or twice the time above if that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retirement_after_seconds: Option<u64>,
}

/// The times that apply to one source of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often the source speaks.
    pub interval: Duration,
    /// After which silence the item is stale.
    pub stale: Duration,
    /// After which it is missing.
    pub warning: Duration,
    /// After which it is a candidate for retirement.
    pub retirement: Duration,
}

impl Lifecycle {
    /// The times that apply to what a source says of items of a class; `None` when they never go stale by time.
    #[must_use]
    pub fn patience(&self, source: &Source, class: Class) -> Option<Patience> {
        let of_people = source.is_of_people();
        let rules = self.staleness.iter().filter(|rule| !of_people || rule.source.as_ref().is_some_and(names_people));
        match closest(rules, |rule| (rule.source.as_ref(), rule.class), source, class) {
            Some(rule) => rule.patience(),
            None if of_people => None,
            None => StalenessRule::default().patience(),
        }
    }

    /// Checks this part.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] names the field.
    pub fn validate(&self) -> Result<(), Rejection> {
        if self.staleness.len() > RULES {
            return Err(Rejection::invalid("lifecycle.staleness", format!("must be at most {RULES} rules")));
        }
        let mut seen = BTreeSet::new();
        for (place, rule) in self.staleness.iter().enumerate() {
            let field = format!("lifecycle.staleness[{place}]");
            if !seen.insert((&rule.source, rule.class)) {
                return Err(Rejection::invalid(field, "this source and class have a rule already"));
            }
            rule.validate(&field)?;
        }
        Ok(())
    }
}

/// Whether a selector says in so many words that people are meant.
fn names_people(selector: &Selector) -> bool {
    match selector {
        Selector::People | Selector::One(_) => true,
        Selector::FeedsNamed(prefix) => prefix.starts_with(Source::IMPORT),
        Selector::Agents | Selector::Feeds => false,
    }
}

impl StalenessRule {
    fn patience(&self) -> Option<Patience> {
        if self.never {
            return None;
        }
        let interval = self.interval_seconds.unwrap_or(INTERVAL);
        let stale = INTERVALS * interval + self.grace_seconds.unwrap_or(GRACE);
        let warning = self.warning_after_seconds.unwrap_or_else(|| WARNING.max(10 * stale));
        let retirement = self.retirement_after_seconds.unwrap_or_else(|| RETIREMENT.max(2 * warning));
        let [interval, stale, warning, retirement] = [interval, stale, warning, retirement].map(Duration::from_secs);
        Some(Patience { interval, stale, warning, retirement })
    }

    fn validate(&self, field: &str) -> Result<(), Rejection> {
        let invalid = |name: &str, reason: String| Err(Rejection::invalid(format!("{field}.{name}"), reason));
        let times = [
            ("interval_seconds", self.interval_seconds, SHORTEST),
            ("grace_seconds", self.grace_seconds, 0),
            ("warning_after_seconds", self.warning_after_seconds, SHORTEST),
            ("retirement_after_seconds", self.retirement_after_seconds, SHORTEST),
        ];
        for (name, seconds, least) in times {
            match seconds {
                Some(_) if self.never => return invalid(name, "must be left out where never is true".into()),
                Some(seconds) if !(least..=LONGEST).contains(&seconds) => {
                    return invalid(name, format!("must be {least} to {LONGEST}, ten years"));
                }
                _ => {}
            }
        }
        let Some(patience) = self.patience() else { return Ok(()) };
        if patience.warning <= patience.stale {
            let stale = patience.stale.as_secs();
            return invalid(
                "warning_after_seconds",
                format!("must be more than {stale}, two intervals and the grace, which make an item stale"),
            );
        }
        if patience.retirement <= patience.warning {
            let warning = patience.warning.as_secs();
            return invalid("retirement_after_seconds", format!("must be more than {warning}, after which an item is missing"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
