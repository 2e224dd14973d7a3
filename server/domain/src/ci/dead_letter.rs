//! Inputs that were refused and set aside, for people to look at.
//!
//! Nothing of a refused inventory takes effect, and its sender may be a program that nobody watches: so the refusal itself is kept,
//! one letter a reporter and code, until the reporter is identified after all. Bounded: the oldest letter makes room.

use super::{Cmdb, Reporter};
use crate::id::{CiId, DeadLetterId};
use crate::{Context, Event};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// Letters kept: more is not a list that people read.
pub const DEAD_LETTERS: usize = 10_000;

/// A reporter that is refused for the same reason again is written down again after this time: agents report every hour.
const AGAIN: Duration = Duration::from_secs(3_600);

/// Why an input was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterCode {
    /// So many records have the identifier that it identifies none.
    TooManyCandidates,
    /// Several records match, in a class whose policy refuses that.
    AmbiguousIdentity,
    /// The reporter's identity is that of another machine.
    DuplicateIdentity,
    /// The inventory contradicts itself, its content is missing, or nothing here takes it.
    ReportRefused,
    /// It is no inventory of a known format.
    MalformedInventory,
    /// Its sender may not bring it, as the policy or the kind of the feed has it.
    Forbidden,
}

impl DeadLetterCode {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TooManyCandidates,
        Self::AmbiguousIdentity,
        Self::DuplicateIdentity,
        Self::ReportRefused,
        Self::MalformedInventory,
        Self::Forbidden,
    ];

    /// The name in JSON and queries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooManyCandidates => "too_many_candidates",
            Self::AmbiguousIdentity => "ambiguous_identity",
            Self::DuplicateIdentity => "duplicate_identity",
            Self::ReportRefused => "report_refused",
            Self::MalformedInventory => "malformed_inventory",
            Self::Forbidden => "forbidden",
        }
    }

    /// Whether it was identification that refused: the inventory itself is a sound one.
    #[must_use]
    pub fn is_of_identity(self) -> bool {
        matches!(self, Self::TooManyCandidates | Self::AmbiguousIdentity | Self::DuplicateIdentity)
    }
}

/// A refused input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// Who sent it.
    pub reporter: Reporter,
    /// Why, for programs.
    pub code: DeadLetterCode,
    /// Why, for people.
    pub reason: String,
    /// Records that it is about.
    pub candidates: BTreeSet<CiId>,
    /// When the reporter was first refused with this code.
    pub first_at: Timestamp,
    /// When it was last refused.
    pub at: Timestamp,
    /// How often that was written down; at most once an hour.
    pub count: u64,
}

/// A refusal as it is about to be written down.
pub struct Refused<'a> {
    /// Whose input.
    pub reporter: &'a Reporter,
    /// Why, for programs.
    pub code: DeadLetterCode,
    /// Why, for people.
    pub reason: &'a str,
    /// Records that it is about.
    pub candidates: BTreeSet<CiId>,
}

/// The letter of a refusal; none when the same was written down within the hour.
#[must_use]
pub fn letter(cmdb: &Cmdb, refused: Refused<'_>, context: &mut Context<'_>) -> Option<Event> {
    let Refused { reporter, code, reason, candidates } = refused;
    let known = cmdb.dead_letters.values().rev().find(|letter| letter.code == code && letter.reporter == *reporter);
    // A copy of an agent is told apart by this very letter, so it is written each time; its epoch is refused from then on.
    let is_copy = code == DeadLetterCode::DuplicateIdentity;
    if !is_copy && known.is_some_and(|letter| letter.reason == reason && context.now.since(letter.at) < AGAIN) {
        return None;
    }
    let id = DeadLetterId(context.ids.next_bits());
    let (first_at, at, reason) = (context.now, context.now, reason.to_owned());
    let letter = Box::new(DeadLetter { id, reporter: reporter.clone(), code, reason, candidates, first_at, at, count: 1 });
    Some(Event::Ci(super::CiEvent::DeadLettered { letter }))
}

impl Cmdb {
    /// Remembers a letter in place of the earlier ones of its reporter and code.
    pub(super) fn set_aside(&mut self, letter: &DeadLetter) {
        let mut letter = letter.clone();
        self.dead_letters.retain(|id, known| {
            let same = known.code == letter.code && known.reporter == letter.reporter && *id != letter.id;
            if same {
                letter.first_at = known.first_at;
                letter.count = known.count.saturating_add(1);
            }
            !same
        });
        self.dead_letters.insert(letter.id, letter);
        while self.dead_letters.len() > DEAD_LETTERS {
            self.dead_letters.pop_first();
        }
    }

    /// The latest letter of a reporter that could not be identified: why its last sound inventory was set aside, when it was.
    #[must_use]
    pub fn refusal_of(&self, reporter: &Reporter) -> Option<&DeadLetter> {
        let letters = self.dead_letters.values().filter(|letter| letter.reporter == *reporter && letter.code.is_of_identity());
        letters.max_by_key(|letter| (letter.at, letter.id))
    }

    /// All letters of a reporter.
    pub fn letters_of<'a>(&'a self, reporter: &'a Reporter) -> impl Iterator<Item = &'a DeadLetter> {
        self.dead_letters.values().filter(move |letter| letter.reporter == *reporter)
    }

    /// Forgets the letters of a reporter that was identified after all.
    pub(super) fn answer_letters(&mut self, reporter: &Reporter) {
        self.dead_letters.retain(|_, letter| letter.reporter != *reporter);
    }
}
