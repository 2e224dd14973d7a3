//! The walk over a structure table: where each structure and its texts lie, and where the table stops making sense.
//!
//! It never guesses: behind a length that cannot be, nothing is read any more, since what follows would be read at wrong places.

use super::super::text::tidy;
use std::cell::Cell;

/// Structures looked at: handles are 16-bit.
const STRUCTURES: usize = 1 << 16;

/// A header has a type, a length and a handle.
const HEADER_BYTES: u8 = 4;

const END_OF_TABLE: u8 = 127;

/// What the entry point says of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The standard's version.
    pub(crate) version: (u8, u8),
    /// Structures in the table, where the entry point counts them (before version 3).
    structures: Option<u16>,
}

/// What is wrong with a table, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defect {
    pub(crate) at: usize,
    pub(crate) what: String,
}

/// Reads an entry point of any of its three forms.
pub(crate) fn entry(bytes: &[u8]) -> Option<Entry> {
    let byte = |at: usize| bytes.get(at).copied();
    let word = |at: usize| Some(u16::from_le_bytes([byte(at)?, byte(at + 1)?]));
    if bytes.starts_with(b"_SM3_") {
        Some(Entry { version: (byte(7)?, byte(8)?), structures: None })
    } else if bytes.starts_with(b"_SM_") {
        Some(Entry { version: corrected((byte(6)?, byte(7)?)), structures: Some(word(0x1c)?) })
    } else if bytes.starts_with(b"_DMI_") {
        // Before 2.1: the version is one byte of two digits.
        let digits = byte(0x0e)?;
        Some(Entry { version: (digits >> 4, digits & 0x0f), structures: Some(word(0x0c)?) })
    } else {
        None
    }
}

/// Versions that boards are known to write in decimal, or wrongly; the kernel corrects the same ones.
fn corrected(version: (u8, u8)) -> (u8, u8) {
    match version {
        (2, 0x1f | 0x21) => (2, 3),
        (2, 0x33) => (2, 6),
        version => version,
    }
}

/// One structure.
pub(super) struct Structure<'a> {
    pub(super) kind: u8,
    pub(super) handle: u16,
    /// Where it begins.
    pub(super) at: usize,
    /// From the header on: offsets are the standard's.
    pub(super) formatted: &'a [u8],
    texts: &'a [u8],
    lacks_text: Cell<bool>,
}

impl Structure<'_> {
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.formatted.get(at).copied()
    }

    pub(super) fn word(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte(at)?, self.byte(at + 1)?]))
    }

    pub(super) fn double(&self, at: usize) -> Option<u32> {
        Some(u32::from(self.word(at)?) | u32::from(self.word(at + 2)?) << 16)
    }

    pub(super) fn quad(&self, at: usize) -> Option<u64> {
        Some(u64::from(self.double(at)?) | u64::from(self.double(at + 4)?) << 32)
    }

    /// The text whose number, from 1, is at this offset; 0 is no text.
    pub(super) fn text(&self, at: usize) -> Option<String> {
        let number = usize::from(self.byte(at)?).checked_sub(1)?;
        let Some(raw) = self.texts.split(|&byte| byte == 0).nth(number).filter(|_| !self.texts.is_empty()) else {
            self.lacks_text.set(true);
            return None;
        };
        tidy(&String::from_utf8_lossy(raw))
    }

    /// A text that was asked for and that the structure does not have.
    pub(super) fn defect(&self) -> Option<Defect> {
        let what = || format!("structure {:#06x} of type {} names a text that it does not have", self.handle, self.kind);
        self.lacks_text.get().then(|| Defect { at: self.at, what: what() })
    }
}

/// Where the walk stands.
enum Step<'a> {
    Structure(Structure<'a>),
    End,
    Broken(String),
}

/// All structures up to the end of the table, or up to where it is broken.
pub(super) fn structures(table: &[u8], entry: Option<Entry>) -> (Vec<Structure<'_>>, Option<Defect>) {
    let counted = entry.and_then(|entry| entry.structures).map(usize::from);
    let mut found = Vec::new();
    let mut at = 0;
    while found.len() < STRUCTURES && Some(found.len()) != counted {
        match step(table, at) {
            Step::End => return (found, None),
            Step::Broken(what) => return (found, Some(Defect { at, what })),
            Step::Structure(structure) => {
                // The texts end with an empty one; without texts there are two NULs all the same.
                at += structure.formatted.len() + structure.texts.len() + 2;
                found.push(structure);
            }
        }
    }
    (found, None)
}

fn step(table: &[u8], at: usize) -> Step<'_> {
    let rest = table.get(at..).unwrap_or_default();
    let &[kind, length, low, high, ..] = rest else { return Step::Broken("the table ends before its end marker".to_owned()) };
    let handle = u16::from_le_bytes([low, high]);
    if length < HEADER_BYTES {
        return Step::Broken(format!("structure {handle:#06x} says that it has {length} bytes, less than a header; the rest is left out"));
    }
    if kind == END_OF_TABLE {
        return Step::End;
    }
    let Some((formatted, tail)) = rest.split_at_checked(usize::from(length)) else {
        return Step::Broken(format!("structure {handle:#06x} says that it has {length} bytes, the table has {} more", rest.len()));
    };
    let Some(texts) = tail.windows(2).position(|pair| pair == [0, 0]).and_then(|end| tail.get(..end)) else {
        return Step::Broken(format!("the texts of structure {handle:#06x} do not end"));
    };
    Step::Structure(Structure { kind, handle, at, formatted, texts, lacks_text: Cell::new(false) })
}
