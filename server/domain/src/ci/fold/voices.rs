//! What is remembered of the words of feeds on records that were merged.

use super::super::voice::{Respoken, Said, Word};
use super::super::{Cmdb, Method, Proposal, Source};
use super::{facts_of, index_facts, touch};
use crate::Record;
use crate::id::CiId;
use rollcall_shared::SectionName;

/// From now on these sections are what a feed says of the record `of`. What it said of the one before is kept.
pub fn change(cmdb: &mut Cmdb, ci: CiId, feed: &str, of: CiId, sections: &[SectionName]) {
    let Some(host) = cmdb.cis.get(&ci) else { return };
    let merges: Vec<_> = cmdb.merges.iter().filter(|(_, merge)| merge.into == ci).collect();
    let gained_from = |name: &str, word: &Proposal| {
        let gained = merges.iter().filter(|(_, merge)| merge.gained.get(name).is_some_and(|sources| sources.contains(word.source())));
        let theirs = |lost: &CiId| cmdb.cis.get(lost)?.attributes.get(name)?.proposal_of(word.source());
        gained.map(|(lost, _)| **lost).find(|lost| theirs(lost) == Some(word))
    };
    let source = Source::Feed { name: feed.to_owned() };
    let voice = cmdb.voices.entry(ci).or_default().entry(feed.to_owned()).or_default();
    for section in sections {
        let before = voice.now.insert(*section, of).unwrap_or(ci);
        let words = host.attributes.iter().filter_map(|(name, attribute)| {
            let word = attribute.proposal_of(&source).filter(|word| word.method() == Method::Section(*section))?;
            Some(Word { name: name.to_owned(), word: word.clone(), of: gained_from(name, word) })
        });
        let state = host.feeds.get(feed).and_then(|sections| sections.get(section)).cloned();
        let said = Said { state, words: words.collect() };
        voice.kept.entry(before).or_default().insert(*section, said);
        if let Some(known) = voice.kept.get_mut(&of) {
            known.remove(section);
        }
    }
}

/// A merge was taken back: each record has what was said of it, and nothing is remembered of the one that left.
pub fn part(cmdb: &mut Cmdb, record: &Record, lost: CiId, kept: CiId, feeds: &[Respoken]) {
    for spoken in feeds {
        respeak(cmdb, record, spoken, if spoken.ci == lost { kept } else { lost });
    }
    let is_last = !cmdb.merges.values().any(|merge| merge.into == kept);
    let Some(voices) = cmdb.voices.get_mut(&kept) else { return };
    for (feed, voice) in voices.iter_mut() {
        voice.now.retain(|_, of| *of != lost);
        voice.kept.remove(&lost);
        let own = feeds.iter().filter(|spoken| spoken.ci == kept && spoken.feed == *feed).map(|spoken| spoken.section);
        for section in own.collect::<Vec<_>>() {
            voice.kept.entry(kept).or_default().remove(&section);
        }
        for said in voice.kept.values_mut().flat_map(|sections| sections.values_mut()) {
            said.words.retain(|word| word.of != Some(lost));
        }
    }
    if is_last {
        cmdb.voices.remove(&kept);
    }
}

fn respeak(cmdb: &mut Cmdb, record: &Record, spoken: &Respoken, other: CiId) {
    let Respoken { ci: id, feed, section, state } = spoken;
    let before = facts_of(cmdb, *id);
    let Some(ci) = touch(cmdb, record, *id) else { return };
    let had = ci.feeds.contains_key(feed);
    let sections = ci.feeds.entry(feed.clone()).or_default();
    match state {
        Some(state) => drop(sections.insert(*section, state.clone())),
        None => drop(sections.remove(section)),
    }
    let has = !sections.is_empty();
    if !has {
        ci.feeds.remove(feed);
    }
    let source = Source::Feed { name: feed.clone() };
    if has && !had {
        cmdb.ledger.deliver(*id, &source);
        let at = cmdb.delivered.get(&other).and_then(|of_other| of_other.get(feed)).copied();
        if let Some(at) = at {
            cmdb.delivered.entry(*id).or_default().insert(feed.clone(), at);
        }
    }
    if had && !has {
        cmdb.ledger.undeliver(*id, &source);
        if let Some(delivered) = cmdb.delivered.get_mut(id) {
            delivered.remove(feed);
        }
    }
    index_facts(cmdb, *id, &before);
}
