//! What helped before: resolved incidents of the same rule and class, or with similar words, and how they were resolved.
//!
//! A resolved incident is kept as the words that it has, each as a number, so that comparing with hundreds takes microseconds. A word
//! that few of the compared have weighs more than one that all have. Bounded: so many of each category, so many in all that people
//! resolved. Those that recovered by themselves make room first: they teach least.

use super::{Incident, IncidentState, Similar, compose, ending};
use crate::World;
use crate::ci::Class;
use crate::id::IncidentId;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// Resolved incidents kept of one category.
const OF_CATEGORY: usize = 100;

/// Categories kept: rules, and the words of people.
const CATEGORIES: usize = 2_000;

/// Resolved incidents kept that people solved, whatever their category: compared with what people open.
const BY_PEOPLE: usize = 500;

/// Similar incidents told.
const TOLD: usize = 5;

/// Percent from which an incident of another category counts as similar: a third of what is said.
const SIMILAR: u8 = 33;

/// Different words kept of one incident: a title, a reason and two sentences.
const WORDS: usize = 48;

/// Bytes of a text that are looked at for words.
const BYTES: usize = 2_000;

/// Characters told of how a similar one was resolved.
const NOTES_CHARS: usize = 500;

/// A resolved incident as it is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    at: Timestamp,
    incident: IncidentId,
    class: Option<Class>,
    by_people: bool,
    /// In order, each once.
    words: Vec<u32>,
}

/// How incidents were resolved lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Solved {
    categories: BTreeMap<String, VecDeque<Row>>,
    by_people: VecDeque<Row>,
}

impl Solved {
    /// Takes in an incident that has just been resolved.
    pub(super) fn add(&mut self, incident: &Incident, class: Option<Class>) {
        let Some((at, _)) = incident.resolved else { return };
        let by_people = incident.close_code.as_deref().is_some_and(|code| !ending::is_of_machine(code));
        let row = Row { at, incident: incident.id, class, by_people, words: words(incident) };
        if by_people {
            keep(&mut self.by_people, row.clone(), BY_PEOPLE);
        }
        let Some(category) = &incident.category else { return };
        if self.categories.contains_key(category) || self.categories.len() < CATEGORIES {
            keep(self.categories.entry(category.clone()).or_default(), row, OF_CATEGORY);
        }
    }

    /// Takes one back that is open again.
    pub(super) fn remove(&mut self, incident: &Incident) {
        let is_other = |row: &Row| row.incident != incident.id;
        self.by_people.retain(is_other);
        if let Some(rows) = incident.category.as_ref().and_then(|category| self.categories.get_mut(category)) {
            rows.retain(is_other);
        }
    }
}

fn keep(rows: &mut VecDeque<Row>, row: Row, bound: usize) {
    rows.push_back(row);
    if rows.len() > bound {
        let teaches_least = rows.iter().position(|row| !row.by_people).unwrap_or(0);
        rows.remove(teaches_least);
    }
}

/// Resolved incidents like one that is about to open: of its rule and class, or, where people opened it, with its words.
#[must_use]
pub(super) fn similar(world: &World, incident: &Incident) -> Vec<Similar> {
    let solved = &world.incidents.solved;
    let class = incident.primary_ci.and_then(|ci| world.cmdb.cis.get(&ci)).map(|ci| ci.class);
    let of_category = incident.category.as_ref().and_then(|category| solved.categories.get(category)).into_iter().flatten();
    let mut rows: Vec<&Row> = of_category.filter(|row| row.class == class).collect();
    let same_kind = rows.len();
    if incident.breach.is_none() {
        let known: Vec<IncidentId> = rows.iter().map(|row| row.incident).collect();
        rows.extend(solved.by_people.iter().filter(|row| !known.contains(&row.incident)));
    }
    let asked = words(incident);
    let percents = percents(&asked, &rows);
    let mut found: Vec<(&Row, u8)> = rows
        .into_iter()
        .zip(percents)
        .enumerate()
        .filter(|(place, (_, percent))| *place < same_kind || *percent >= SIMILAR)
        .map(|(_, one)| one)
        .collect();
    found.sort_by_key(|(row, percent)| (Reverse(row.by_people), Reverse(*percent), Reverse((row.at, row.incident))));
    found.into_iter().take(TOLD).filter_map(|(row, percent)| told(world, row.incident, percent)).collect()
}

fn told(world: &World, id: IncidentId, percent: u8) -> Option<Similar> {
    let incident = world.incidents.incidents.get(&id)?;
    let is_over = matches!(incident.state, IncidentState::Resolved | IncidentState::Closed);
    is_over.then(|| Similar {
        incident: id,
        percent,
        close_code: incident.close_code.clone(),
        close_notes: incident.close_notes.as_deref().map(|notes| compose::cut(notes, NOTES_CHARS)),
        group: incident.group.clone(),
    })
}

/// How much of what is asked each row has, every word weighing the more the fewer rows have it (inverse document frequency).
fn percents(asked: &[u32], rows: &[&Row]) -> Vec<u8> {
    let has = |row: &Row, word: &u32| row.words.binary_search(word).is_ok();
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let weigh = |word: &u32| (1.0 + count(rows.len()) / (1.0 + count(rows.iter().filter(|row| has(row, word)).count()))).ln();
    let weights: Vec<f64> = asked.iter().map(weigh).collect();
    let whole: f64 = weights.iter().sum();
    let share = |row: &&Row| {
        let shared: f64 = asked.iter().zip(&weights).filter(|(word, _)| has(row, word)).map(|(_, weight)| weight).sum();
        if whole > 0.0 { percent(shared / whole) } else { 0 }
    };
    rows.iter().map(share).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 1")]
fn percent(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u8
}

/// The words of an incident, each as a number, in order. A breach speaks by its attributes and reason, what people opened by its
/// description; the notes of those who resolved it are words too.
fn words(incident: &Incident) -> Vec<u32> {
    let mut found = Vec::new();
    let mut add = |text: &str| {
        let text = crate::ci::normalise::cut(text, BYTES).to_lowercase();
        let split = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().nth(1).is_some());
        // Numbers are of the moment: a share of 97.3 is not like another one of 97.3.
        found.extend(split.filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit())).map(hash));
    };
    add(&incident.title);
    match &incident.breach {
        Some(breach) => breach.key.attributes.values().for_each(|value| add(value)),
        None => add(&incident.description),
    }
    add(incident.close_notes.as_deref().unwrap_or_default());
    found.truncate(WORDS);
    found.sort_unstable();
    found.dedup();
    found
}

/// FNV-1a, 32 bits: two words in 4,000,000,000 that meet make two incidents a little more similar.
fn hash(word: &str) -> u32 {
    word.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        let mut words: Vec<u32> = text.split(' ').map(hash).collect();
        words.sort_unstable();
        Row { at: Timestamp(0), incident: IncidentId(1), class: None, by_people: true, words }
    }

    #[track_caller]
    fn check(asked: &str, known: &[&str], expected: &[u8]) {
        let rows: Vec<Row> = known.iter().map(|text| row(text)).collect();
        assert_eq!(percents(&row(asked).words, &rows.iter().collect::<Vec<_>>()), expected);
    }

    #[test]
    fn a_rare_word_weighs_more_than_one_that_all_have() {
        check("printer smokes", &["printer smokes", "printer jams", "printer beeps"], &[100, 38, 38]);
        check("printer", &["scanner"], &[0]);
        check("printer", &[], &[]);
    }

    #[test]
    fn what_recovered_by_itself_makes_room_first() {
        let mut rows = VecDeque::new();
        for (n, by_people) in [(1, true), (2, false), (3, true), (4, true)] {
            keep(&mut rows, Row { incident: IncidentId(n), by_people, ..row("x") }, 2);
        }
        assert_eq!(rows.iter().map(|row| row.incident.0).collect::<Vec<_>>(), [3, 4]);
    }
}
