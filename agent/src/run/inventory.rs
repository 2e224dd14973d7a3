//! Inventories: collectors' results become durable sections and a report that names them.

use crate::collect::{COLLECTED, Collected, Runner};
use crate::sections::SectionCache;
use crate::state::StateError;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::{ContentHash, Outcome, Section, SectionName, Timestamp, limits};
use std::collections::BTreeMap;

/// Collects `names` and makes their content durable.
///
/// # Errors
/// When the content cannot be written: then nothing may be reported.
pub fn take_inventory(runner: &mut Runner, names: &[SectionName], cache: &SectionCache) -> Result<Vec<SectionEntry>, StateError> {
    let (mut entries, mut contents) = (Vec::with_capacity(names.len()), Vec::new());
    for collected in runner.run(names) {
        let (entry, content) = entry_of(collected);
        entries.push(entry);
        contents.extend(content);
    }
    cache.put(&contents)?;
    Ok(entries)
}

/// The entry of a section that comes from no collector, its content made durable.
///
/// # Errors
/// When the content cannot be written.
pub fn entry_of_section(section: Section, cache: &SectionCache) -> Result<SectionEntry, StateError> {
    let name = section.name();
    let collected = Collected { name, section: Some(section), outcome: Outcome::Complete, reason: None, duration_us: 0, bytes_read: 0 };
    let (entry, content) = entry_of(collected);
    cache.put(content.as_slice())?;
    Ok(entry)
}

/// The latest entry of each section. A report is always about all of them, whatever was looked at last.
#[derive(Debug)]
pub struct Inventory {
    entries: BTreeMap<SectionName, (SectionEntry, Timestamp)>,
}

impl Inventory {
    /// Nothing looked at yet, but for what is switched off.
    pub fn new(excluded: &[SectionName]) -> Self {
        let switched_off = COLLECTED.iter().filter(|name| excluded.contains(name)).map(|&name| (name, (switched_off(name), Timestamp(0))));
        Self { entries: switched_off.collect() }
    }

    /// Takes what was looked at.
    pub fn take(&mut self, entries: Vec<SectionEntry>, at: Timestamp) {
        self.entries.extend(entries.into_iter().map(|entry| (entry.name, (entry, at))));
    }

    /// The report; none before every section was looked at once.
    pub fn report(&self, collected_at: Timestamp) -> Option<Report> {
        if !COLLECTED.iter().all(|name| self.entries.contains_key(name)) {
            return None;
        }
        let sections: Vec<SectionEntry> = self.entries.values().map(|(entry, _)| entry.clone()).collect();
        Some(Report { collected_at, root: root_hash(&sections), sections })
    }

    /// Names of all content.
    pub fn contents(&self) -> impl Iterator<Item = ContentHash> {
        self.entries.values().filter_map(|(entry, _)| entry.hash)
    }

    /// Every entry and when it was looked at, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&SectionEntry, Timestamp)> {
        self.entries.values().map(|(entry, at)| (entry, *at))
    }
}

fn entry_of(collected: Collected) -> (SectionEntry, Option<(ContentHash, Vec<u8>)>) {
    let Collected { name, section, mut outcome, mut reason, duration_us, bytes_read } = collected;
    let content = section.and_then(|section| match section.canonical() {
        Ok(content) => Some(content),
        Err(error) => {
            outcome = Outcome::Failed;
            reason = Some(error.to_string());
            None
        }
    });
    if content.is_none() && matches!(outcome, Outcome::Complete | Outcome::Partial) {
        outcome = Outcome::Failed;
        reason = reason.or_else(|| Some("the collector brought nothing".to_owned()));
    }
    let reason = reason.map(cut);
    let hash = content.as_ref().map(|(hash, _)| *hash);
    (SectionEntry { name, outcome, hash, reason, duration_us, bytes_read }, content)
}

fn switched_off(name: SectionName) -> SectionEntry {
    let reason = Some("switched off in the agent's configuration".to_owned());
    SectionEntry { name, outcome: Outcome::Skipped, hash: None, reason, duration_us: 0, bytes_read: 0 }
}

/// A reason within the contract's bound.
fn cut(mut text: String) -> String {
    if text.len() > limits::TEXT_BYTES {
        let end = (0..=limits::TEXT_BYTES - '…'.len_utf8()).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_shared::Section;
    use rollcall_shared::section::Os;

    fn collected(section: Option<Section>, outcome: Outcome) -> Collected {
        Collected { name: SectionName::Os, section, outcome, reason: None, duration_us: 1, bytes_read: 2 }
    }

    #[test]
    fn a_complete_section_is_named_by_its_content() {
        let (entry, content) = entry_of(collected(Some(Section::Os(vec![Os::default()])), Outcome::Complete));
        let (hash, bytes) = content.unwrap();
        assert_eq!((entry.hash, hash), (Some(hash), ContentHash::of(&bytes)));
        assert_eq!(entry.outcome, Outcome::Complete);
    }

    #[test]
    fn a_section_without_usable_content_is_failed_and_says_why() {
        let (entry, content) = entry_of(collected(Some(Section::Os(Vec::new())), Outcome::Complete));
        assert_eq!((entry.outcome, entry.hash, content), (Outcome::Failed, None, None));
        assert!(entry.reason.unwrap().contains("exactly one row"));
        let (entry, _) = entry_of(collected(None, Outcome::Complete));
        assert_eq!(entry.outcome, Outcome::Failed);
    }

    #[test]
    fn a_long_reason_is_cut_and_marked() {
        let cut = cut("é".repeat(5000));
        assert!(cut.len() <= limits::TEXT_BYTES && cut.ends_with('…'));
    }
}
