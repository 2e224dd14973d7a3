//! What went from the sections of an item: its content a span ago held against what it is now.
//!
//! Two contents are read and compared for it, which is dear where thousands of packages are listed. The answer for two contents never
//! changes and is kept while a round asks for it; how many are worked out at a time is bounded, and who is not reached waits.

use super::Answer;
use crate::Context;
use crate::ci::Ci;
use rollcall_shared::{ContentHash, SectionName};
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

    /// How many rows of these sections were there a span ago and are there no more.
    pub(super) fn count(&mut self, ci: &Ci, (names, within_ms): (&[String], u64), context: &Context<'_>) -> Answer {
        let since = context.now.minus(Duration::from_millis(within_ms));
        let mut gone = 0_u32;
        for state in names.iter().filter_map(|name| name.parse::<SectionName>().ok()).filter_map(|name| ci.section(name)) {
            let then = state.history.iter().rev().find(|(at, _)| *at <= since).or_else(|| state.history.first());
            let (Some((_, then)), Some((_, now))) = (then, state.history.last()) else { continue };
            if then == now {
                continue;
            }
            let Some(rows) = self.between(*then, *now, context) else { return Answer::Later };
            let Some(rows) = rows else { return Answer::Unsaid };
            gone = gone.saturating_add(rows);
        }
        Answer::Number(f64::from(gone))
    }

    /// `None` when there is no time for it now.
    fn between(&mut self, then: ContentHash, now: ContentHash, context: &Context<'_>) -> Option<Option<u32>> {
        if let Some(known) = self.known.get_mut(&(then, now)) {
            known.asked = true;
            return Some(known.rows);
        }
        self.left = self.left.checked_sub(1)?;
        let rows = context.content.section(&then).zip(context.content.section(&now)).map(|(then, now)| {
            let gone = now.diff(&then).removed;
            let is_part = |row: &serde_json::Value| row["removable"] != true && row["interface"] != "usb";
            u32::try_from(gone.iter().filter(|row| is_part(row)).count()).unwrap_or(u32::MAX)
        });
        self.known.insert((then, now), Known { rows, asked: true });
        Some(rows)
    }
}
