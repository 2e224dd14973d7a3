//! What went from the sections of an item: its content a span ago held against what it is now.
//!
//! Two contents are read and compared for it, which is dear where thousands of packages are listed. The answer for two contents never
//! changes and is kept while a round asks for it; how many are worked out at a time is bounded, and who is not reached waits.

use super::Answer;
use crate::Content;
use crate::ci::Ci;
use rollcall_shared::{ContentHash, SectionName, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// Pairs of contents that are compared in one tick: 2 ms each at worst.
const COMPARED: usize = 20;

/// Answers by the contents before and after.
#[derive(Clone, Debug, Default)]
pub(super) struct Removed {
    known: BTreeMap<(ContentHash, ContentHash), Known>,
    left: usize,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// `None` when one of the contents cannot be read.
    rows: Option<u32>,
    asked: bool,
}

impl Removed {
    /// A new round: what the last one did not ask for is forgotten.
    pub(super) fn begin(&mut self) {
        self.known.retain(|_, known| std::mem::replace(&mut known.asked, false));
    }

    /// A new tick.
    pub(super) fn refill(&mut self) {
        self.left = COMPARED;
    }

    /// With time for all of them: away from the state nobody waits.
    pub(super) fn unhurried() -> Self {
        Self { known: BTreeMap::new(), left: usize::MAX }
    }

    /// How many rows of these sections were there a span ago and are there no more. What the item says of later moments than now does not count.
    pub(super) fn count(&mut self, ci: &Ci, (names, within_ms): (&[String], u64), (now, content): (Timestamp, &dyn Content)) -> Answer {
        let since = now.minus(Duration::from_millis(within_ms));
        let mut gone = 0_u32;
        for state in names.iter().filter_map(|name| name.parse::<SectionName>().ok()).filter_map(|name| ci.section(name)) {
            let then = state.history.iter().rev().find(|(at, _)| *at <= since).or_else(|| state.history.first());
            let last = state.history.iter().rev().find(|(at, _)| *at <= now);
            let (Some((_, then)), Some((_, now))) = (then, last) else { continue };
            if then == now {
                continue;
            }
            let Some(rows) = self.between(*then, *now, content) else { return Answer::Later };
            let Some(rows) = rows else { return Answer::Unsaid };
            gone = gone.saturating_add(rows);
        }
        Answer::Number(f64::from(gone))
    }

    /// `None` when there is no time for it now.
    fn between(&mut self, then: ContentHash, now: ContentHash, content: &dyn Content) -> Option<Option<u32>> {
        if let Some(known) = self.known.get_mut(&(then, now)) {
            known.asked = true;
            return Some(known.rows);
        }
        self.left = self.left.checked_sub(1)?;
        let rows = content.section(&then).zip(content.section(&now)).map(|(then, now)| {
            let gone = now.diff(&then).removed;
            let is_part = |row: &serde_json::Value| row["removable"] != true && row["interface"] != "usb";
            u32::try_from(gone.iter().filter(|row| is_part(row)).count()).unwrap_or(u32::MAX)
        });
        self.known.insert((then, now), Known { rows, asked: true });
        Some(rows)
    }
}
