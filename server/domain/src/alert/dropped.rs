//! Why an alert is dropped: people said that it is no matter any more, or it is told about elsewhere. Nothing has recovered.
//!
//! Invariant: the reason of the transition in the log begins with the words of exactly one of these, or it is none of them.

use super::Alert;
use crate::World;
use crate::rule::Rule;
use crate::rule::select::selects;

/// Why an alert is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Its rule was switched off, or removed.
    SwitchedOff,
    /// Its rule is not for its item any more, or not for what it is about.
    NotForIt,
    /// Its item is out of use.
    OutOfUse,
    /// What was told of the host that looks is told of the target itself.
    TargetKnown,
    /// The feed that fell silent was withdrawn.
    FeedWithdrawn,
    /// The agent that fell silent is not to report any more.
    NotExpected,
}

impl Dropped {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::SwitchedOff, Self::NotForIt, Self::OutOfUse, Self::TargetKnown, Self::FeedWithdrawn, Self::NotExpected];

    /// The reason of the transition, for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SwitchedOff => "the rule was switched off",
            Self::NotForIt => "the rule no longer applies",
            Self::OutOfUse => "its item is out of use",
            Self::TargetKnown => "its target is known by now, and told about itself",
            Self::FeedWithdrawn => "the feed was withdrawn",
            Self::NotExpected => "the agent is no longer expected to report",
        }
    }

    /// How an incident is closed whose alert was dropped so.
    #[must_use]
    pub fn close_code(self) -> &'static str {
        match self {
            Self::SwitchedOff => "rule_disabled",
            Self::NotForIt => "rule_not_applied",
            Self::OutOfUse => "item_retired",
            Self::TargetKnown => "told_elsewhere",
            Self::FeedWithdrawn => "feed_withdrawn",
            Self::NotExpected => "agent_not_expected",
        }
    }

    /// Which of them a transition's reason says.
    #[must_use]
    pub fn said(reason: &str) -> Option<Self> {
        let says = |dropped: &Self| reason.strip_prefix(dropped.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(": "));
        Self::ALL.into_iter().find(says)
    }
}

/// The reason why a rule no longer applies to what an alert is about, with the override that says so when it is one.
#[must_use]
pub(super) fn not_for_it(world: &World, rule: &Rule, alert: &Alert) -> String {
    let ci = world.cmdb.cis.get(&alert.key.ci);
    let fits = |place: &usize| rule.overrides[*place].selector.means(world, ci);
    let first = (0..rule.overrides.len()).find(|place| ci.is_some() && fits(place));
    let excepted = first.filter(|place| rule.enabled && selects(rule, world, ci) && rule.overrides[*place].disabled);
    let Some(place) = excepted else { return Dropped::NotForIt.as_str().to_owned() };
    let one = &rule.overrides[place];
    let by = one.set_by.as_deref().map(|name| format!(" by {name}")).unwrap_or_default();
    format!("{}: override {}{by}: {}", Dropped::NotForIt.as_str(), place + 1, one.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_transition_says_is_one_of_them_or_none() {
        for dropped in Dropped::ALL {
            assert_eq!(Dropped::said(dropped.as_str()), Some(dropped));
        }
        assert_eq!(Dropped::said("the rule no longer applies: override 1 by ada: A test host."), Some(Dropped::NotForIt));
        assert_eq!(Dropped::said("the rule no longer applies everywhere"), None);
        assert_eq!(Dropped::said("m is 10, not above 80"), None);
    }
}
