//! What may happen to a host, its rule and the server, at random: values at and around all lines, late, repeated and missing ones, clocks
//! that jump, people who edit, switch, silence and look after, and a server that starts again.

use super::reference::{Judge, Lines};
use crate::alert::Suppression;
use proptest::prelude::*;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Nothing, for so long, s.
    Wait(i64),
    /// A push of sets, each measured so many seconds ago.
    Push(Vec<(i64, [Reading; 2])>),
    /// The last push comes once more.
    PushAgain,
    /// Time is looked at.
    Tick,
    /// The clock goes back by so many seconds.
    SetBack(i64),
    /// The rule is switched on or off.
    Switch(bool),
    /// The rule says something else.
    Edit(Judge),
    /// A window or silence from so many seconds ahead, for so many.
    Mute(Suppression, i64, i64),
    /// One of them ends early.
    Unmute(prop::sample::Index),
    /// Somebody looks after an alert, perhaps for so many seconds.
    Acknowledge(usize, Option<i64>),
    Unacknowledge(usize),
    /// The state is saved.
    Save,
    /// The server starts again from what was saved and logged.
    Restart,
}

/// What is measured of a series, whatever the rule's lines are at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    Missing,
    NoNumber,
    /// On a line, or one beside it.
    At(Line, i32),
    Lowest,
    Highest,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Line {
    WarningRaise,
    WarningClear,
    CriticalRaise,
    CriticalClear,
}

impl Reading {
    /// The value; `None` for none.
    pub(super) fn value(self, judge: &Judge) -> Option<i32> {
        let of = |level: Option<Lines>, line: fn(Lines) -> i32| level.map_or(50, line);
        match self {
            Self::Missing | Self::NoNumber => None,
            Self::At(Line::WarningRaise, off) => Some(off + of(judge.warning, |lines| lines.raise)),
            Self::At(Line::WarningClear, off) => Some(off + of(judge.warning, |lines| lines.clear)),
            Self::At(Line::CriticalRaise, off) => Some(off + of(judge.critical, |lines| lines.raise)),
            Self::At(Line::CriticalClear, off) => Some(off + of(judge.critical, |lines| lines.clear)),
            Self::Lowest => Some(1),
            Self::Highest => Some(100),
        }
    }
}

fn reading() -> impl Strategy<Value = Reading> {
    let line = prop::sample::select(vec![Line::WarningRaise, Line::WarningClear, Line::CriticalRaise, Line::CriticalClear]);
    prop_oneof![
        3 => Just(Reading::Lowest),
        3 => Just(Reading::Highest),
        6 => (line, -1..=1).prop_map(|(line, off)| Reading::At(line, off)),
        1 => Just(Reading::Missing),
        1 => Just(Reading::NoNumber),
    ]
}

fn lines(clear: &'static [i32], raise: &'static [i32]) -> impl Strategy<Value = Lines> {
    let (clear, raise, for_s) = (prop::sample::select(clear), prop::sample::select(raise), prop::sample::select(vec![0, 10, 25]));
    (clear, raise, for_s).prop_map(|(clear, raise, for_s)| Lines { raise, clear, for_s })
}

/// A rule of either level or of both. Its lines may coincide.
pub(super) fn judge() -> impl Strategy<Value = Judge> {
    let levels = (lines(&[70, 75, 80], &[80, 85]), lines(&[72, 80, 90], &[90, 95]));
    let which = prop_oneof![4 => Just((true, true)), 1 => Just((true, false)), 1 => Just((false, true))];
    (levels, which, prop::sample::select(vec![0, 15]), any::<bool>()).prop_map(|((warning, critical), which, keep_firing_for_s, misses)| {
        let (warning, critical) = (Some(warning).filter(|_| which.0), Some(critical).filter(|_| which.1));
        Judge { warning, critical, keep_firing_for_s, misses }
    })
}

/// As an agent sends what it could not send before.
fn in_order(mut sets: Vec<(i64, [Reading; 2])>) -> Vec<(i64, [Reading; 2])> {
    sets.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
    sets
}

/// Mostly values, as in life.
pub(super) fn step() -> impl Strategy<Value = Step> {
    let age = prop_oneof![6 => Just(0_i64), 1 => 0_i64..30];
    let set = move || (age.clone(), [reading(), reading()]);
    let late = || prop::collection::vec((0_i64..40, [reading(), reading()]), 0..5);
    let axis = prop::sample::select(vec![Suppression::Maintenance, Suppression::Silence]);
    let until = || prop::option::of(1_i64..120);
    prop_oneof![
        16 => set().prop_map(|set| Step::Push(vec![set])),
        3 => late().prop_map(in_order).prop_map(Step::Push),
        1 => late().prop_map(Step::Push),
        1 => Just(Step::PushAgain),
        5 => Just(Step::Tick),
        6 => (1_i64..40).prop_map(Step::Wait),
        1 => (100_i64..400).prop_map(Step::Wait),
        2 => prop_oneof![1_i64..70, 70_i64..5_000].prop_map(Step::SetBack),
        1 => any::<bool>().prop_map(Step::Switch),
        1 => judge().prop_map(Step::Edit),
        3 => (axis, 0_i64..60, 60_i64..150).prop_map(|(axis, ahead, lasts)| Step::Mute(axis, ahead, lasts)),
        1 => any::<prop::sample::Index>().prop_map(Step::Unmute),
        1 => (0..2_usize, until()).prop_map(|(which, until)| Step::Acknowledge(which, until)),
        1 => (0..2_usize).prop_map(Step::Unacknowledge),
        1 => Just(Step::Save),
        1 => Just(Step::Restart),
    ]
}
