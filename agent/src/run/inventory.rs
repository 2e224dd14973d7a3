//! One inventory: collectors' results become durable sections and a report that names them. Runs on a thread of its own.

use crate::clock::Clock;
use crate::collect::{COLLECTED, Collected, collect};
use crate::root::Root;
use crate::sections::SectionCache;
use crate::state::StateError;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::{ContentHash, Outcome, SectionName, limits};

/// Collects every section but those that are switched off, and makes their content durable.
///
/// # Errors
/// When the content cannot be written: then nothing may be reported.
pub fn take_inventory(root: &Root, skipped: &[SectionName], clock: &dyn Clock, cache: &SectionCache) -> Result<Report, StateError> {
    let wanted: Vec<SectionName> = COLLECTED.iter().copied().filter(|name| !skipped.contains(name)).collect();
    let (mut sections, mut contents): (Vec<SectionEntry>, Vec<_>) = (Vec::new(), Vec::new());
    for collected in collect(root, &wanted, clock) {
        let (entry, content) = entry_of(collected);
        sections.push(entry);
        contents.extend(content);
    }
    sections.extend(skipped.iter().filter(|name| COLLECTED.contains(name)).map(|name| switched_off(*name)));
    sections.sort_by_key(|entry| entry.name);
    sections.dedup_by_key(|entry| entry.name);
    cache.put(&contents)?;
    Ok(Report { collected_at: clock.now().wall, root: root_hash(&sections), sections })
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
