//! What a feed said of two records that were one for a time: whose it is.

use super::reconcile::Weighing;
use crate::ci::merge::Merge;
use crate::ci::policy::Reconciliation;
use crate::ci::voice::{Respoken, Said, Speaking, Voice};
use crate::ci::{AttributeChange, Ci, CiEvent, Cmdb, Method, Proposal, Reporter, SectionState, Source};
use crate::id::CiId;
use rollcall_shared::SectionName;
use std::collections::{BTreeMap, BTreeSet};

/// The change of whom a feed speaks of that comes with the sections that it delivers now; none when it goes on.
pub fn change(cmdb: &Cmdb, into: CiId, reporter: &Reporter, sections: impl Iterator<Item = SectionName>) -> Option<CiEvent> {
    let speaking = Speaking::of(cmdb, into, reporter)?;
    let sections: Vec<SectionName> = sections.filter(|section| !speaking.goes_on(*section)).collect();
    let feed = reporter.feed()?.to_owned();
    (!sections.is_empty()).then_some(CiEvent::VoiceChanged { ci: into, feed, of: speaking.of, sections })
}

/// Two records that part.
pub struct Parting<'a> {
    kept: &'a Ci,
    lost: &'a Ci,
    merge: &'a Merge,
    voices: Option<&'a BTreeMap<String, Voice>>,
}

impl<'a> Parting<'a> {
    /// As they are now.
    pub fn new(cmdb: &'a Cmdb, kept: &'a Ci, lost: &'a Ci, merge: &'a Merge) -> Self {
        Self { kept, lost, merge, voices: cmdb.voices.get(&kept.id) }
    }

    /// Whether the staying record's word of a feed came from the other one; `merged_again` when later merges brought words, too.
    pub fn came_with(&self, name: &str, word: &Proposal, merged_again: bool) -> bool {
        if let Some(of) = self.speaker(word) {
            return of == self.lost.id;
        }
        let gained = self.merge.gained.get(name).is_some_and(|sources| sources.contains(word.source()));
        let said = self.lost.attributes.get(name).and_then(|attribute| attribute.proposal_of(word.source()));
        // What the staying record's own key delivered since took its place.
        let is_theirs = said.is_some_and(|said| said.value() == word.value() && said.observed_at() == word.observed_at());
        gained && is_theirs || (!merged_again && self.merge.new_sources.contains(word.source()))
    }

    /// The record under whose key a word was delivered, when it is known.
    fn speaker(&self, word: &Proposal) -> Option<CiId> {
        let (Source::Feed { name }, Method::Section(section)) = (word.source(), word.method()) else { return None };
        self.voices?.get(name)?.now.get(&section).copied()
    }

    /// Sections in which what counts now was said of the other record.
    fn theirs(&self) -> impl Iterator<Item = (&'a String, &'a Voice, SectionName)> {
        let lost = self.lost.id;
        let all = self.voices.into_iter().flatten();
        all.flat_map(move |(feed, voice)| {
            voice.now.iter().filter(move |(_, of)| **of == lost).map(move |(section, _)| (feed, voice, *section))
        })
    }

    /// What was said of the staying record itself before the other one was spoken of.
    pub fn own_words(&self) -> BTreeMap<&'a str, Vec<Proposal>> {
        let mut own: BTreeMap<&str, Vec<Proposal>> = BTreeMap::new();
        for (_, voice, section) in self.theirs() {
            let words = voice.said(self.kept.id, section).into_iter().flat_map(|said| &said.words);
            for word in words.filter(|word| word.of != Some(self.lost.id)) {
                own.entry(&word.name).or_default().push(word.word.clone());
            }
        }
        own
    }

    /// The attributes of the other record, with what was said of it while it was part of the staying one.
    pub fn lost_changes(&self, policy: &Reconciliation) -> Vec<AttributeChange> {
        let mut said: BTreeMap<String, Vec<Proposal>> = BTreeMap::new();
        let mut spoken: BTreeSet<(&str, SectionName)> = BTreeSet::new();
        for (feed, voice) in self.voices.into_iter().flatten() {
            for (section, words) in voice.kept.get(&self.lost.id).into_iter().flatten() {
                spoken.insert((feed, *section));
                let own = words.words.iter().filter(|word| word.of.is_none_or(|of| of == self.lost.id));
                own.for_each(|word| said.entry(word.name.clone()).or_default().push(word.word.clone()));
            }
        }
        spoken.extend(self.theirs().map(|(feed, _, section)| (feed.as_str(), section)));
        for (name, attribute) in &self.kept.attributes {
            let theirs = attribute.proposals().iter().filter(|word| self.speaker(word) == Some(self.lost.id));
            theirs.for_each(|word| said.entry(name.to_owned()).or_default().push(word.clone()));
        }
        let is_replaced = |word: &&Proposal| match (word.source(), word.method()) {
            (Source::Feed { name }, Method::Section(section)) => spoken.contains(&(name.as_str(), section)),
            _ => false,
        };
        let names: BTreeSet<String> = said.keys().cloned().chain(self.lost.attributes.keys().map(|name| name.to_string())).collect();
        let mut changes = Vec::new();
        for name in names {
            let known = self.lost.attributes.get(&name);
            let left = known.map(|known| known.proposals()).unwrap_or_default().iter().filter(|word| !is_replaced(word)).cloned().collect();
            let words = joined(left, said.remove(&name).unwrap_or_default());
            let lock = known.and_then(|known| known.lock().cloned());
            let after = Weighing::new(policy, self.lost.class, &name).resolve(words, lock);
            if after.as_ref() != known {
                changes.push(AttributeChange { name, before: known.map(|known| known.value().clone()), after });
            }
        }
        changes
    }

    /// What each record has of the feeds from now on. It counts as not read yet, so that what followed from it follows again.
    pub fn respoken(&self) -> Vec<Respoken> {
        let unread = |state: SectionState| SectionState { reverted: true, ..state };
        let of = |ci: CiId, feed: &str, section: SectionName, state: Option<SectionState>| {
            let (feed, state) = (feed.to_owned(), state.map(unread));
            Respoken { ci, feed, section, state }
        };
        let mut spoken = Vec::new();
        for (feed, voice, section) in self.theirs() {
            let theirs = self.kept.feeds.get(feed).and_then(|sections| sections.get(&section)).cloned();
            spoken.push(of(self.lost.id, feed, section, theirs));
            let own = voice.said(self.kept.id, section).and_then(|said| said.state.clone());
            spoken.push(of(self.kept.id, feed, section, own));
        }
        for (feed, voice) in self.voices.into_iter().flatten() {
            let earlier = voice.kept.get(&self.lost.id).into_iter().flatten();
            spoken.extend(earlier.map(|(section, said)| of(self.lost.id, feed, *section, said.state.clone())));
        }
        spoken
    }
}

impl Voice {
    fn said(&self, of: CiId, section: SectionName) -> Option<&Said> {
        self.kept.get(&of)?.get(&section)
    }
}

/// Words with others after them; a source has one.
pub fn joined(mut words: Vec<Proposal>, more: Vec<Proposal>) -> Vec<Proposal> {
    for word in more {
        if !words.iter().any(|known| known.source() == word.source()) {
            words.push(word);
        }
    }
    words
}
