//! Whose turn it is: one item after the other, in an endless round over all of them.
//!
//! Silence is measured in days, so that nobody has to be looked at in the very second in which something becomes due: a round
//! over 100,000 hosts with a million parts takes seven minutes. That takes no memory per item, and whatever changed since the
//! last turn (the policy, the clock, a merge) is seen at the next. Only who returns does not wait for its turn.

use crate::ci::Items;
use crate::id::{CiId, Family};
use rollcall_shared::Timestamp;
use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

/// Hosts judged in one tick, some microseconds each.
const JUDGED: usize = 500;

/// Items looked at in one tick, half a microsecond each where they are no hosts.
const PASSED: usize = 5_000;

/// Ticks come every second. When an hour lies between two of them, or time went back as far, then the server was away or its
/// clock was set: the shortest interval of a source is as long, so that no smaller jump makes anybody silent.
const JUMP: Duration = Duration::from_secs(3_600);

/// Where the round has come to, and since when the server listens. A projection: never stored, begun anew with every start.
#[derive(Clone, Debug, Default)]
pub struct Round {
    listening: Option<Timestamp>,
    last_beat: Option<Timestamp>,
    reached: Option<CiId>,
    returned: BTreeSet<CiId>,
}

// Two worlds that know the same are equal wherever their rounds are.
impl PartialEq for Round {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Round {
    /// Time has passed.
    pub(super) fn beat(&mut self, now: Timestamp) {
        let has_jumped = |last: Timestamp| now.since(last) >= JUMP || last.since(now) >= JUMP;
        if self.last_beat.is_none_or(has_jumped) {
            self.listening = Some(now);
        }
        self.last_beat = Some(now);
    }

    /// Since when the server has been there to hear whoever speaks.
    pub(super) fn listening_since(&self, now: Timestamp) -> Timestamp {
        self.listening.unwrap_or(now)
    }

    /// An item that was away has been heard of.
    pub(crate) fn returns(&mut self, id: CiId) {
        self.returned.insert(id);
    }

    /// The item was not looked at after all.
    pub(super) fn put_back(&mut self, id: CiId) {
        self.returned.insert(id);
    }

    /// The items whose turn it is: those that returned first.
    pub(super) fn next(&mut self, cis: &Items) -> Vec<CiId> {
        let mut turn = Vec::new();
        while turn.len() < JUDGED
            && let Some(id) = self.returned.pop_first()
        {
            turn.push(id);
        }
        let from = self.reached.map_or(Unbounded, Excluded);
        let (mut passed, mut judged) = (0, turn.len());
        let mut is_over = true;
        for (id, _) in cis.range((from, Unbounded)) {
            if judged >= JUDGED || passed >= PASSED {
                is_over = false;
                break;
            }
            self.reached = Some(*id);
            passed += 1;
            judged += usize::from(id.family == Family::Host);
            if id.family != Family::Software {
                turn.push(*id);
            }
        }
        if is_over {
            self.reached = None;
        }
        turn
    }
}
