//! Whose turn it is: each section by its volatility, and at once when something hinted that it changed.
//!
//! Invariants: a hint brings a section forward and never puts it off; however many hints come, a section is looked at no more often
//! than the calm allows.

use crate::collect::Plan;
use rollcall_shared::SectionName;
use std::collections::BTreeMap;
use std::time::Duration;

/// After a hint: package managers write many files for one change.
const SETTLE: Duration = Duration::from_secs(2);

/// Between two looks at one section because of hints: an upgrade writes for minutes.
const CALM: Duration = Duration::from_secs(15);

/// See the module.
#[derive(Debug)]
pub struct Schedule {
    turns: BTreeMap<SectionName, Turn>,
    inventory: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    due: Duration,
    looked_at: Option<Duration>,
}

impl Schedule {
    /// Every section of `names` is due now.
    pub fn new(names: impl IntoIterator<Item = SectionName>, inventory: Duration, now: Duration) -> Self {
        Self { turns: names.into_iter().map(|name| (name, Turn { due: now, looked_at: None })).collect(), inventory }
    }

    /// When the next section is due.
    pub fn deadline(&self) -> Duration {
        self.turns.values().map(|turn| turn.due).min().unwrap_or(Duration::MAX)
    }

    /// The sections that are due; their next turn begins. Missed turns are skipped.
    pub fn take_due(&mut self, now: Duration) -> Vec<SectionName> {
        let inventory = self.inventory;
        let due = self.turns.iter_mut().filter(|(_, turn)| turn.due <= now);
        due.map(|(&name, turn)| {
            *turn = Turn { due: now + Plan::of(name).interval(inventory), looked_at: Some(now) };
            name
        })
        .collect()
    }

    /// Something hints that these changed.
    pub fn hint(&mut self, names: impl IntoIterator<Item = SectionName>, now: Duration) {
        for name in names {
            let Some(turn) = self.turns.get_mut(&name) else { continue };
            let calm = turn.looked_at.map_or(Duration::ZERO, |at| at + CALM);
            turn.due = turn.due.min((now + SETTLE).max(calm));
        }
    }

    /// Everything is due now.
    pub fn all_now(&mut self, now: Duration) {
        self.turns.values_mut().for_each(|turn| turn.due = now);
    }

    /// These could not be written down: once more at `at`, if not earlier.
    pub fn again(&mut self, names: &[SectionName], at: Duration) {
        for name in names {
            if let Some(turn) = self.turns.get_mut(name) {
                turn.due = turn.due.min(at);
            }
        }
    }

    /// Another interval is in force.
    pub fn set_interval(&mut self, inventory: Duration, now: Duration) {
        self.inventory = inventory;
        for (&name, turn) in &mut self.turns {
            turn.due = turn.due.min(now + Plan::of(name).interval(inventory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NAMES: [SectionName; 3] = [SectionName::System, SectionName::Packages, SectionName::Processes];

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_changes_more_is_looked_at_more_often() {
        let mut schedule = Schedule::new(NAMES, HOUR, seconds(5));
        assert_eq!(schedule.take_due(seconds(5)), NAMES);
        assert_eq!(schedule.deadline(), seconds(5) + HOUR / 4);
        assert_eq!(schedule.take_due(seconds(905)), [SectionName::Processes]);
        assert_eq!(schedule.take_due(seconds(905)), []);
        assert_eq!(schedule.take_due(seconds(5) + HOUR * 6), NAMES);
    }

    #[test]
    fn a_hint_brings_a_section_forward_after_it_settled() {
        let mut schedule = Schedule::new(NAMES, HOUR, seconds(0));
        schedule.take_due(seconds(0));
        schedule.hint([SectionName::Packages], seconds(100));
        schedule.hint([SectionName::Packages], seconds(101));
        assert_eq!(schedule.deadline(), seconds(102));
        assert_eq!(schedule.take_due(seconds(102)), [SectionName::Packages]);
        schedule.hint([SectionName::Packages], seconds(103));
        assert_eq!(schedule.deadline(), seconds(102) + CALM, "no more often than the calm allows");
        schedule.hint([SectionName::Os], seconds(103));
        assert_eq!(schedule.take_due(seconds(110)), [], "an excluded section has no turn");
    }

    #[test]
    fn a_shorter_interval_counts_from_now_and_a_longer_one_from_the_next_turn() {
        let mut schedule = Schedule::new([SectionName::Users], HOUR, seconds(0));
        schedule.take_due(seconds(0));
        schedule.set_interval(seconds(60), seconds(10));
        assert_eq!(schedule.deadline(), seconds(70));
        schedule.set_interval(HOUR, seconds(11));
        assert_eq!(schedule.deadline(), seconds(70));
    }

    proptest! {
        #[test]
        fn no_storm_of_hints_makes_a_busy_loop(hints in proptest::collection::vec(0_u64..600_000, 0..300)) {
            let mut hints: Vec<Duration> = hints.into_iter().map(Duration::from_millis).collect();
            hints.sort_unstable();
            let mut schedule = Schedule::new([SectionName::Packages], HOUR, Duration::ZERO);
            let mut looks = schedule.take_due(Duration::ZERO).len();
            for now in hints {
                looks += schedule.take_due(now).len();
                schedule.hint([SectionName::Packages], now);
            }
            prop_assert!(looks <= 2 + 600 / 15);
        }
    }
}
