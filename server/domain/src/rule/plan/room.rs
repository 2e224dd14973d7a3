//! How much one host may have judged, and what is beyond it.
//!
//! The limits protect the server from a table made to match a thousand rules; no real host comes near them with the rules of the release.
//! What is beyond one, in order of the rules' ids, is not judged, and every plan says what that is.

use super::tag::memory_tag;
use super::{Input, Judge, Memory};
use crate::id::RuleId;
use crate::rule::Reduce;
use crate::rule::baseline;
use crate::rule::expression::{Function, Read};
use rollcall_shared::limits;
use rollcall_shared::sample::Series;
use std::collections::BTreeMap;
use std::fmt;

/// Judgements of one plan: every series of the largest table under four rules each.
pub const ENTRIES: usize = 4 * limits::SERIES;

/// Windows of one plan, 0.5 KB of each host's memory each: as many as an agent may have series. The rules of the release need ten for an
/// interface and two for a file system, so a host with all of the 256 interfaces that an agent measures needs 2,600.
pub const WINDOWS: usize = limits::SERIES;

/// What there is only so much of for one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Series under rules.
    Judgements,
    /// Spans of time that are remembered.
    Windows,
    /// What is usual for a series.
    Baselines,
}

impl Limit {
    /// How many there are.
    #[must_use]
    pub fn most(self) -> usize {
        match self {
            Self::Judgements => ENTRIES,
            Self::Windows => WINDOWS,
            Self::Baselines => baseline::SERIES,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self {
            Self::Judgements => "judgements",
            Self::Windows => "windows",
            Self::Baselines => "baselines",
        };
        write!(formatter, "limit of {} {of} for one host", self.most())
    }
}

/// Series that a rule is not judged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The rule.
    pub rule: RuleId,
    /// How many.
    pub series: usize,
    /// For lack of what.
    pub limit: Limit,
}

/// Takes note of one more series that is not judged.
pub(super) fn leave_out(known: &mut Vec<LeftOut>, rule: &RuleId, limit: Limit) {
    match known.iter_mut().rev().take_while(|one| one.rule == *rule).find(|one| one.limit == limit) {
        Some(one) => one.series += 1,
        None => known.push(LeftOut { rule: rule.clone(), series: 1, limit }),
    }
}

/// What the entries of a plan remember, while it is made. What one rule reads twice of a series is remembered once.
#[derive(Default)]
pub(super) struct Room {
    pub(super) windows: Tags,
    pub(super) baselines: Tags,
}

/// Tags in the order in which they came.
#[derive(Default)]
pub(super) struct Tags {
    pub(super) ordered: Vec<u64>,
    places: BTreeMap<u64, usize>,
}

impl Tags {
    /// Position of a tag; `None` when it is a new one and there are `most` already.
    fn place(&mut self, tag: u64, most: usize) -> Option<usize> {
        if let Some(&known) = self.places.get(&tag) {
            return Some(known);
        }
        let place = Some(self.ordered.len()).filter(|place| *place < most)?;
        self.ordered.push(tag);
        self.places.insert(tag, place);
        Some(place)
    }

    fn cut(&mut self, length: usize) {
        self.ordered.drain(length..).for_each(|tag| {
            self.places.remove(&tag);
        });
    }
}

impl Room {
    /// Where the reads of a judge find their values, each in the series at its position of the table.
    ///
    /// # Errors
    /// There is no room for all that they must remember; nothing is taken then.
    pub(super) fn inputs(&mut self, judge: &Judge, reads: &[Read], (table, sources): (&[Series], &[usize])) -> Result<Box<[Input]>, Limit> {
        let before = (self.windows.ordered.len(), self.baselines.ordered.len());
        let inputs = reads.iter().zip(sources).map(|(read, &series)| {
            let memory = self.memory(memory_tag(&judge.rule, &table[series], read), read.function)?;
            Ok(Input { series, memory })
        });
        let inputs: Result<_, Limit> = inputs.collect();
        inputs.inspect_err(|_| {
            self.windows.cut(before.0);
            self.baselines.cut(before.1);
        })
    }

    fn memory(&mut self, tag: u64, function: Function) -> Result<Memory, Limit> {
        match function {
            Function::Reduce(Reduce::Last) => Ok(Memory::Nothing),
            Function::Baseline => self.baselines.place(tag, baseline::SERIES).map(Memory::Baseline).ok_or(Limit::Baselines),
            Function::Reduce(_) | Function::Forecast { .. } => self.windows.place(tag, WINDOWS).map(Memory::Window).ok_or(Limit::Windows),
        }
    }
}

#[cfg(test)]
mod tests;
