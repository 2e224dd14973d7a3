//! The texts of one field of all records.
//!
//! Few distinct texts are kept once each, with the bitmap of records that have them. Many are kept as one long column in which a
//! part of a text is found by a search through memory: a hundred thousand host names are searched in a millisecond, and unlike
//! an index of words or trigrams the column costs little more than its texts. A test sees texts in lower case in either form.

use crate::ci::normalise::folded;
use memchr::memmem;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};

/// Distinct texts up to which each has a bitmap: sites, models and releases of a large fleet, not host names.
const FEW: usize = 512;

/// Entries of a column that may be dead before it is written anew, beyond half of it.
const SPARE_DEAD: usize = 1_024;

/// Stands for no record.
const DEAD: u32 = u32::MAX;

/// Between texts of a column; no query has one in it.
const BETWEEN: u8 = 0;

/// What to look for in texts in lower case.
pub struct Search<'a> {
    /// What stands in every text that is wanted; empty when nothing is known.
    pub literal: String,
    /// Whether the text must be the literal as a whole.
    pub whole: bool,
    /// Whether a text is wanted.
    pub wanted: &'a dyn Fn(&str) -> bool,
}

/// Texts with the records that have them.
#[derive(Clone, Debug)]
pub enum Texts {
    /// By text.
    Few(BTreeMap<Box<str>, RoaringBitmap>),
    /// One after the other.
    Many(Column),
}

impl Default for Texts {
    fn default() -> Self {
        Self::Few(BTreeMap::new())
    }
}

impl Texts {
    /// A record has a text.
    pub fn insert(&mut self, number: u32, text: &str) {
        match self {
            Self::Few(texts) => {
                match texts.get_mut(text) {
                    Some(numbers) => drop(numbers.insert(number)),
                    None => drop(texts.insert(text.into(), RoaringBitmap::from_iter([number]))),
                }
                if texts.len() > FEW {
                    let mut column = Column::default();
                    for (text, numbers) in texts {
                        numbers.iter().for_each(|number| column.insert(number, &folded(text)));
                    }
                    *self = Self::Many(column);
                }
            }
            Self::Many(column) => column.insert(number, &folded(text)),
        }
    }

    /// A record has a text no more.
    pub fn remove(&mut self, number: u32, text: &str) {
        match self {
            Self::Few(texts) => {
                let Some(numbers) = texts.get_mut(text) else { return };
                numbers.remove(number);
                if numbers.is_empty() {
                    texts.remove(text);
                }
            }
            Self::Many(column) => column.remove(number, &folded(text)),
        }
    }

    /// The records with a wanted text.
    #[must_use]
    pub fn find(&self, search: &Search<'_>) -> RoaringBitmap {
        match self {
            Self::Few(texts) => {
                let wanted = texts.iter().filter(|(text, _)| (search.wanted)(&folded(text)));
                wanted.fold(RoaringBitmap::new(), |found, (_, numbers)| found | numbers)
            }
            Self::Many(column) => column.find(search),
        }
    }

    /// Texts that begin so, each with the number of records that have it, as far as they are counted: at most `limit`; those of some
    /// records only, when some are given.
    #[must_use]
    pub fn beginning_with(&self, beginning: &str, of: Option<&RoaringBitmap>, limit: usize) -> Vec<(String, Option<u64>)> {
        let beginning = folded(beginning);
        match self {
            Self::Few(texts) => {
                let of_them = |numbers: &RoaringBitmap| of.is_none_or(|of| !of.is_disjoint(numbers));
                let fitting = texts.iter().filter(|(text, numbers)| folded(text).starts_with(&beginning) && of_them(numbers));
                fitting.take(limit).map(|(text, numbers)| (text.to_string(), Some(numbers.len()))).collect()
            }
            Self::Many(column) => column.beginning_with(&beginning, of, limit).into_iter().map(|text| (text, None)).collect(),
        }
    }

    /// Every text in lower case with every record that has it, for comparing.
    #[must_use]
    pub fn dump(&self) -> BTreeSet<(String, u32)> {
        match self {
            Self::Few(texts) => texts.iter().flat_map(|(text, numbers)| numbers.iter().map(|number| (folded(text), number))).collect(),
            Self::Many(column) => column.live().map(|(row, number)| (column.text(row).to_owned(), number)).collect(),
        }
    }

    /// Bytes of memory, estimated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            // A node of a B-tree is two thirds full on average.
            Self::Few(texts) => texts.iter().map(|(text, numbers)| text.len() + 60 + numbers.serialized_size()).sum(),
            Self::Many(column) => {
                column.text.capacity() + column.starts.capacity() * 8 + column.numbers.capacity() * 4 + column.places.len() * 12
            }
        }
    }
}

/// Texts one after the other, each between two separators.
#[derive(Clone, Debug)]
pub struct Column {
    text: String,
    /// Where each text begins.
    starts: Vec<u64>,
    /// The record of each text.
    numbers: Vec<u32>,
    /// The same by record.
    places: BTreeSet<(u32, u32)>,
    dead: usize,
}

impl Default for Column {
    fn default() -> Self {
        Self { text: char::from(BETWEEN).to_string(), starts: Vec::new(), numbers: Vec::new(), places: BTreeSet::new(), dead: 0 }
    }
}

impl Column {
    fn insert(&mut self, number: u32, text: &str) {
        let row = u32::try_from(self.starts.len()).expect("fewer than 2^32 texts fit into memory");
        self.starts.push(self.text.len() as u64);
        self.numbers.push(number);
        self.places.insert((number, row));
        self.text.extend(text.chars().map(|c| if c == char::from(BETWEEN) { ' ' } else { c }));
        self.text.push(char::from(BETWEEN));
    }

    fn remove(&mut self, number: u32, text: &str) {
        let text = text.replace(char::from(BETWEEN), " ");
        let place = self.places.range((number, 0)..=(number, u32::MAX)).find(|(_, row)| self.text(*row as usize) == text).copied();
        let Some((_, row)) = place else { return };
        self.places.remove(&(number, row));
        self.numbers[row as usize] = DEAD;
        self.dead += 1;
        if self.dead > SPARE_DEAD && self.dead * 2 > self.numbers.len() {
            self.renew();
        }
    }

    fn renew(&mut self) {
        let mut fresh = Self::default();
        self.live().for_each(|(row, number)| fresh.insert(number, self.text(row)));
        *self = fresh;
    }

    fn live(&self) -> impl Iterator<Item = (usize, u32)> {
        self.numbers.iter().copied().enumerate().filter(|(_, number)| *number != DEAD)
    }

    fn text(&self, row: usize) -> &str {
        self.text.get(self.start(row)..self.start(row + 1) - 1).unwrap_or_default()
    }

    /// Where a row begins; behind the last one, where the next would.
    fn start(&self, row: usize) -> usize {
        self.starts.get(row).map_or(self.text.len(), |&start| usize::try_from(start).unwrap_or(usize::MAX))
    }

    fn find(&self, search: &Search<'_>) -> RoaringBitmap {
        let mut found: Vec<u32> = Vec::new();
        if search.literal.is_empty() && !search.whole {
            found.extend(self.live().filter(|(row, _)| (search.wanted)(self.text(*row))).map(|(_, number)| number));
        } else {
            let between = char::from(BETWEEN);
            let needle = if search.whole { format!("{between}{}{between}", search.literal) } else { search.literal.clone() };
            self.hits(&needle, |row, text| {
                if self.numbers[row] != DEAD && (search.whole || (search.wanted)(text)) {
                    found.push(self.numbers[row]);
                }
                true
            });
        }
        found.sort_unstable();
        found.dedup();
        RoaringBitmap::from_sorted_iter(found).expect("in order and each once")
    }

    fn beginning_with(&self, beginning: &str, of: Option<&RoaringBitmap>, limit: usize) -> Vec<String> {
        let mut found = BTreeSet::new();
        self.hits(&format!("{}{beginning}", char::from(BETWEEN)), |row, text| {
            if self.numbers[row] != DEAD && of.is_none_or(|of| of.contains(self.numbers[row])) {
                found.insert(text.to_owned());
            }
            found.len() < limit
        });
        found.into_iter().collect()
    }

    /// Shows every row with the needle in it once, until `seen` has enough.
    fn hits(&self, needle: &str, mut seen: impl FnMut(usize, &str) -> bool) {
        let finder = memmem::Finder::new(needle);
        let bytes = self.text.as_bytes();
        let (mut from, mut row) = (0, 0);
        while let Some(place) = bytes.get(from..).and_then(|rest| finder.find(rest)) {
            // A needle that begins with the separator begins just before its row.
            let at = (from + place + usize::from(needle.as_bytes()[0] == BETWEEN)) as u64;
            row = if self.starts.get(row + 1).is_none_or(|&next| at < next) {
                row
            } else {
                self.starts.partition_point(|&start| start <= at) - 1
            };
            if row >= self.starts.len() || !seen(row, self.text(row)) {
                return;
            }
            from = self.start(row + 1) - 1;
            row += 1;
        }
    }
}
