//! In which order the rows of a file are taken: as they stand, and those that refer to later ones again after them.
//!
//! A pass that settles no row is followed by one in which nothing may wait any more, so that the work has an end whatever refers
//! to whatever.

use super::{Row, Run, Taken, Work};
use std::collections::VecDeque;

/// Rows of one step. A row takes well below a tenth of a millisecond, so a step keeps others waiting for a few milliseconds.
const STEP: usize = 100;

/// The rows that are still to be taken.
#[derive(Debug)]
pub struct Queue {
    waiting: VecDeque<Row>,
    deferred: Vec<Row>,
    /// Rows of this pass.
    pass: usize,
    mirror: bool,
}

impl Queue {
    /// All rows of a file, and whether what is not among them is missing.
    #[must_use]
    pub fn new(rows: Vec<Row>, mirror: bool) -> Self {
        Self { pass: rows.len(), waiting: rows.into(), deferred: Vec::new(), mirror }
    }

    /// The next step; `None` at the end.
    pub fn next(&mut self, run: &mut Run) -> Option<Work> {
        if self.waiting.is_empty() && !self.deferred.is_empty() {
            run.settle = self.deferred.len() == self.pass;
            self.pass = self.deferred.len();
            self.waiting = std::mem::take(&mut self.deferred).into();
        }
        if !self.waiting.is_empty() {
            let step = self.waiting.len().min(STEP);
            return Some(Work::Rows(self.waiting.drain(..step).collect()));
        }
        self.mirror.then_some(Work::Sweep)
    }

    /// Takes note of what came of the step.
    pub fn note(&mut self, taken: &mut Taken) {
        self.deferred.append(&mut taken.deferred);
        if taken.swept {
            self.mirror = false;
        }
    }
}
