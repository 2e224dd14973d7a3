//! Which of the records that were merged a feed speaks of.
//!
//! An agent is a source of its own, and what it says goes with it. A feed is one source for all its machines: when two of them are
//! taken for one, what it says under the key of one takes the place of what it says under the key of the other. So that taking a
//! merge back is possible at any time, it is remembered for each section under whose key it was delivered last, and what was
//! delivered last under the others. Of records that nothing was merged into, nothing is remembered here.

use super::{Cmdb, Proposal, Reporter, SectionState};
use crate::id::CiId;
use rollcall_shared::SectionName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a feed says of a record that others were merged into.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Voice {
    /// The record of whose key what counts now was delivered under; the staying record itself unless listed.
    pub now: BTreeMap<SectionName, CiId>,
    /// What was delivered last under the keys of the others.
    pub kept: BTreeMap<CiId, BTreeMap<SectionName, Said>>,
}

/// What a feed said of one machine in one section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// The section; `None` when it was never delivered.
    pub state: Option<SectionState>,
    /// Its word on attributes.
    pub words: Vec<Word>,
}

/// A feed's word on an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// Name of the attribute.
    pub name: String,
    /// What it says.
    pub word: Proposal,
    /// The record that brought it when it was merged, and that takes it along.
    pub of: Option<CiId>,
}

/// What counts as a feed's word on a section of an item from the moment on when a merge was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Respoken {
    /// Of which item.
    pub ci: CiId,
    /// Which feed's.
    pub feed: String,
    /// Which section.
    pub section: SectionName,
    /// What it says; `None` for nothing.
    pub state: Option<SectionState>,
}

/// A feed that speaks of a record that others were merged into.
pub struct Speaking<'a> {
    /// The record that stays.
    pub into: CiId,
    /// The record that it means by its key: the one that stays, or one that was merged into it.
    pub of: CiId,
    voice: Option<&'a Voice>,
}

impl<'a> Speaking<'a> {
    /// Whom a reporter speaks of when it speaks of `into`; `None` for an agent, and when nothing was merged into it.
    #[must_use]
    pub fn of(cmdb: &'a Cmdb, into: CiId, reporter: &Reporter) -> Option<Self> {
        let Reporter::Feed { name, key } = reporter else { return None };
        let mut merged = cmdb.merges.iter().filter(|(_, merge)| merge.into == into).peekable();
        merged.peek()?;
        let is_named = |natives: &[(String, String)]| natives.iter().any(|native| native.0 == *name && native.1 == *key);
        let of = merged.find(|(_, merge)| is_named(&merge.natives)).map_or(into, |(lost, _)| *lost);
        Some(Self { into, of, voice: cmdb.voices.get(&into).and_then(|voices| voices.get(name)) })
    }

    /// Whether what counts in a section now is what was said of the same record.
    #[must_use]
    pub fn goes_on(&self, section: SectionName) -> bool {
        self.voice.and_then(|voice| voice.now.get(&section)).copied().unwrap_or(self.into) == self.of
    }
}
