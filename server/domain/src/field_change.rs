//! What changed of an incident or a problem, field by field.
//!
//! A record of the log says what happened, not what was before: what was there follows from the records before it, folded by the same
//! functions that made the state. Invariant: what is told is what a record did, whatever it says; a field that stays as it is is not told.

use crate::actor::Actor;
use crate::id::{AlertId, CiId, IncidentId, ProblemId};
use crate::incident::Party;
use crate::problem::Verdict;
use rollcall_shared::Timestamp;
use serde::Serialize;

/// What a field holds, in the terms of the record.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Nothing.
    Nothing,
    /// A yes or no.
    Flag(bool),
    /// A grade, or how often.
    Count(u64),
    /// A measurement.
    Number(f64),
    /// A text, or a word of a closed set.
    Text(String),
    /// When something was done, and by whom.
    Stamp(Timestamp, Actor),
    /// Somebody.
    Party(Party),
    /// A configuration item.
    Ci(CiId),
    /// An alert.
    Alert(AlertId),
    /// An incident.
    Incident(IncidentId),
    /// A problem.
    Problem(ProblemId),
    /// What was written down.
    Note {
        /// What.
        text: String,
        /// Whether the caller may read it.
        public: bool,
    },
    /// A suspected cause.
    Hypothesis {
        /// What affected items share.
        factor: String,
        /// How it is judged.
        verdict: Verdict,
    },
    /// Several of one kind.
    Several(Vec<FieldValue>),
}

impl FieldValue {
    /// A text, or nothing.
    pub(crate) fn text(text: Option<&String>) -> Self {
        text.cloned().map_or(Self::Nothing, Self::Text)
    }

    /// A word of a closed set, as JSON has it, or nothing.
    pub(crate) fn word<T: Serialize>(word: Option<T>) -> Self {
        let word = word.and_then(|word| serde_json::to_value(word).ok());
        word.as_ref().and_then(|word| word.as_str()).map_or(Self::Nothing, |word| Self::Text(word.to_owned()))
    }

    /// When something was done and by whom, or nothing.
    pub(crate) fn stamp(stamp: Option<&(Timestamp, Actor)>) -> Self {
        stamp.map_or(Self::Nothing, |(at, by)| Self::Stamp(*at, by.clone()))
    }

    /// Several.
    pub(crate) fn several<T>(values: impl IntoIterator<Item = T>, value: impl Fn(T) -> Self) -> Self {
        Self::Several(values.into_iter().map(value).collect())
    }

    /// Whether a record that begins with it has not been given anything.
    fn is_blank(&self) -> bool {
        match self {
            Self::Nothing | Self::Flag(false) | Self::Count(0) => true,
            Self::Text(text) => text.is_empty(),
            Self::Several(values) => values.is_empty(),
            _ => false,
        }
    }
}

/// A field that a record of the log changed.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Which.
    pub field: &'static str,
    /// What was there; of several what went.
    pub before: FieldValue,
    /// What is there now; of several what came.
    pub after: FieldValue,
}

/// What a record of the log did.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The record.
    pub revision: u64,
    /// Who stands behind it: of what follows from a push or the passing of time the rule that judged.
    pub by: Actor,
    /// Why, as far as the record says.
    pub reason: Option<String>,
    /// Fields in the order of the record's own.
    pub changes: Vec<FieldChange>,
}

/// All that is told of a record, by field, always in one order.
pub(crate) type Fields = Vec<(&'static str, FieldValue)>;

/// What differs; all that is there when there was no record before.
pub(crate) fn differences(before: Option<Fields>, after: &Fields) -> Vec<FieldChange> {
    let Some(before) = before else {
        let given = after.iter().filter(|(_, value)| !value.is_blank());
        return given.map(|(field, value)| begun(field, value.clone())).collect();
    };
    let pairs = before.into_iter().zip(after).filter(|((_, before), (_, after))| before != after);
    pairs.filter_map(|((field, before), (_, after))| changed(field, before, after)).collect()
}

fn begun(field: &'static str, after: FieldValue) -> FieldChange {
    let before = if matches!(after, FieldValue::Several(_)) { FieldValue::Several(Vec::new()) } else { FieldValue::Nothing };
    FieldChange { field, before, after }
}

/// Another order of the same is no change.
fn changed(field: &'static str, before: FieldValue, after: &FieldValue) -> Option<FieldChange> {
    match (before, after) {
        (FieldValue::Several(before), FieldValue::Several(after)) => {
            let (went, came) = moved(&before, after);
            let is_change = !went.is_empty() || !came.is_empty();
            is_change.then_some(FieldChange { field, before: FieldValue::Several(went), after: FieldValue::Several(came) })
        }
        (before, after) => Some(FieldChange { field, before, after: after.clone() }),
    }
}

/// What went and what came, where what stays keeps its order: a storm has thousands of parts, of which one comes.
fn moved(before: &[FieldValue], after: &[FieldValue]) -> (Vec<FieldValue>, Vec<FieldValue>) {
    let mut rest = after.iter().peekable();
    let mut went: Vec<&FieldValue> = before.iter().filter(|value| rest.next_if_eq(value).is_none()).collect();
    let mut came: Vec<&FieldValue> = rest.collect();
    // Where people put them in another order.
    let stays: Vec<&FieldValue> = went.iter().copied().filter(|value| came.contains(value)).collect();
    went.retain(|value| !stays.contains(value));
    came.retain(|value| !stays.contains(value));
    (went.into_iter().cloned().collect(), came.into_iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &[u64], after: &[u64], (went, came): (&[u64], &[u64])) {
        let several = |values: &[u64]| FieldValue::several(values, |value| FieldValue::Count(*value));
        let found = differences(Some(vec![("parts", several(before))]), &vec![("parts", several(after))]);
        let expected = FieldChange { field: "parts", before: several(went), after: several(came) };
        let is_change = !went.is_empty() || !came.is_empty();
        assert_eq!(found, is_change.then_some(expected).into_iter().collect::<Vec<_>>(), "{before:?} {after:?}");
    }

    #[test]
    fn of_several_it_is_told_what_went_and_what_came() {
        check(&[], &[1, 2], (&[], &[1, 2]));
        check(&[1, 2], &[1, 2, 3], (&[], &[3]));
        check(&[1, 2, 3], &[1, 3], (&[2], &[]));
        check(&[1, 2, 3], &[1, 3, 4], (&[2], &[4]));
        check(&[1, 2, 3], &[], (&[1, 2, 3], &[]));
        check(&[1, 2, 3], &[3, 1, 4], (&[2], &[4]));
        check(&[1, 2], &[2, 1], (&[], &[]));
    }

    #[test]
    fn a_field_that_stays_is_not_told_and_a_new_record_tells_what_it_was_given() {
        let fields = |title: &str| vec![("title", FieldValue::Text(title.into())), ("group", FieldValue::Nothing)];
        assert_eq!(differences(Some(fields("one")), &fields("one")), []);
        let change = |before| FieldChange { field: "title", before, after: FieldValue::Text("two".into()) };
        assert_eq!(differences(Some(fields("one")), &fields("two")), [change(FieldValue::Text("one".into()))]);
        assert_eq!(differences(None, &fields("two")), [change(FieldValue::Nothing)]);
    }
}
