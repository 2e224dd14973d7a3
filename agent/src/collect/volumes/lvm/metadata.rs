//! LVM's metadata text, as `/etc/lvm/backup` and the metadata areas of physical volumes hold it: `name = value`, lists in brackets,
//! sections in braces, comments after `#`.
//!
//! A pure function of a text. Bounded in length by the caller, in depth and entries here; an unknown name is skipped, a missing
//! one that matters makes the text malformed.

use std::collections::BTreeSet;
use std::str::CharIndices;

/// One volume group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) id: String,
    /// Grows with every change.
    pub(super) sequence: u64,
    pub(super) exported: bool,
    pub(super) physical: Vec<Physical>,
    pub(super) logical: Vec<Logical>,
}

/// One physical volume of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Physical {
    /// Name within this text, such as `pv0`.
    pub(super) name: String,
    pub(super) id: String,
    /// Where it was when the text was written.
    pub(super) device: Option<String>,
    pub(super) missing: bool,
    /// What the group may use of it.
    pub(super) size_bytes: Option<u64>,
}

/// One logical volume of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Logical {
    pub(super) name: String,
    pub(super) id: String,
    /// Not a part of another one.
    pub(super) visible: bool,
    pub(super) size_bytes: Option<u64>,
    /// Types of its segments in LVM's words, without repetition.
    pub(super) segment_type: Option<String>,
    /// Names of the physical volumes under its segments.
    pub(super) on: Vec<String>,
}

/// Entries of one text; a logical volume has some 20.
const ENTRIES: usize = 200_000;

/// Sections within sections; LVM has four.
const DEPTH: usize = 8;

/// Where a text is not what it should be: line from 1, and why.
pub(super) type Malformed = (usize, &'static str);

#[derive(Debug)]
enum Value {
    Number(u64),
    Text(String),
    List(Vec<Value>),
    Section(Section),
}

#[derive(Debug, Default)]
struct Section(Vec<(String, Value)>);

impl Section {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn section(&self, name: &str) -> Option<&Section> {
        match self.get(name)? {
            Value::Section(section) => Some(section),
            _ => None,
        }
    }

    fn sections(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::Section(section) => Some((name.as_str(), section)),
            _ => None,
        })
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let list = match self.get(name) {
            Some(Value::List(list)) => list.as_slice(),
            _ => &[],
        };
        list.iter().filter_map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// LVM writes into `flags` what older releases may ignore.
    fn has_status(&self, wanted: &str) -> bool {
        self.texts("status").chain(self.texts("flags")).any(|status| status == wanted)
    }
}

/// The volume group of a text.
pub(super) fn parse(text: &str) -> Result<Group, Malformed> {
    let mut reader = Reader { text, at: text.char_indices(), entries: 0 };
    let whole = reader.section(0)?;
    // Beside the group there are only values about the text itself.
    let (name, section) = whole.sections().find(|(_, section)| section.get("extent_size").is_some()).ok_or((1, "no volume group in it"))?;
    let id = section.text("id").ok_or((1, "a volume group without id"))?;
    // Sizes are in sectors of 512 bytes.
    let extent_bytes = section.number("extent_size").and_then(|sectors| sectors.checked_mul(512));
    let bytes = |extents: Option<u64>| extents?.checked_mul(extent_bytes?);
    let below = |name: &str| section.section(name).into_iter().flat_map(Section::sections);
    let physical = below("physical_volumes").filter_map(|(name, section)| {
        Some(Physical {
            name: name.to_owned(),
            id: section.text("id")?.to_owned(),
            device: section.text("device").map(str::to_owned),
            missing: section.has_status("MISSING"),
            size_bytes: bytes(section.number("pe_count")),
        })
    });
    let snapshots: BTreeSet<&str> =
        below("logical_volumes").flat_map(|(_, volume)| volume.sections()).filter_map(|(_, segment)| segment.text("cow_store")).collect();
    let logical = below("logical_volumes").filter_map(|(name, section)| {
        let mut extents = section.sections().map(|(_, segment)| segment.number("extent_count"));
        Some(Logical {
            name: name.to_owned(),
            id: section.text("id")?.to_owned(),
            visible: section.has_status("VISIBLE"),
            size_bytes: bytes(extents.try_fold(0_u64, |sum, extents| sum.checked_add(extents?))),
            segment_type: if snapshots.contains(name) { Some("snapshot".to_owned()) } else { segment_type(section) },
            on: section.sections().flat_map(|(_, segment)| segment.texts("stripes")).map(str::to_owned).collect(),
        })
    });
    Ok(Group {
        name: name.to_owned(),
        id: id.to_owned(),
        sequence: section.number("seqno").unwrap_or(0),
        exported: section.has_status("EXPORTED"),
        physical: physical.collect(),
        logical: logical.collect(),
    })
}

fn segment_type(volume: &Section) -> Option<String> {
    let types = volume.sections().filter_map(|(_, segment)| match segment.text("type")? {
        "striped" if segment.number("stripe_count") == Some(1) => Some("linear"),
        other => Some(other),
    });
    let types: BTreeSet<&str> = types.collect();
    (!types.is_empty()).then(|| types.into_iter().collect::<Vec<_>>().join("+"))
}

struct Reader<'a> {
    text: &'a str,
    at: CharIndices<'a>,
    entries: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, what: &'static str) -> Result<T, Malformed> {
        let read = &self.text.as_bytes()[..self.at.offset()];
        Err((read.iter().filter(|&&byte| byte == b'\n').count() + 1, what))
    }

    /// The next character that means something, not taken.
    fn peek(&mut self) -> Option<char> {
        loop {
            let next = self.at.clone().next()?.1;
            if next == '#' {
                self.at.find(|(_, character)| *character == '\n')?;
            } else if next.is_whitespace() || next == '\0' {
                self.at.next();
            } else {
                return Some(next);
            }
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at.next();
        }
        found
    }

    fn count(&mut self) -> Result<(), Malformed> {
        self.entries += 1;
        if self.entries > ENTRIES { self.fail("more entries than a volume group has") } else { Ok(()) }
    }

    /// Entries up to the closing brace, which is taken; at depth 0 up to the end.
    fn section(&mut self, depth: usize) -> Result<Section, Malformed> {
        let mut section = Section::default();
        loop {
            match self.peek() {
                None if depth == 0 => return Ok(section),
                None => return self.fail("a section without end"),
                Some('}') if depth > 0 => {
                    self.at.next();
                    return Ok(section);
                }
                Some(_) => {}
            }
            self.count()?;
            let name = self.word()?;
            let value = if self.take('{') {
                if depth >= DEPTH {
                    return self.fail("sections too deep");
                }
                Value::Section(self.section(depth + 1)?)
            } else if self.take('=') {
                self.value()?
            } else {
                return self.fail("neither a value nor a section");
            };
            section.0.push((name, value));
        }
    }

    fn word(&mut self) -> Result<String, Malformed> {
        self.peek();
        let rest = self.at.as_str();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '{' | '}' | '[' | ']' | ',' | '"' | '#' | '\0')).unwrap_or(rest.len());
        if end == 0 {
            return self.fail("a name is missing");
        }
        let word = rest[..end].to_owned();
        self.at.by_ref().take(word.chars().count()).for_each(drop);
        Ok(word)
    }

    fn value(&mut self) -> Result<Value, Malformed> {
        if !self.take('[') {
            return self.single();
        }
        let mut list = Vec::new();
        while !self.take(']') {
            self.count()?;
            list.push(self.single()?);
            if !self.take(',') && self.peek() != Some(']') {
                return self.fail("a list without end");
            }
        }
        Ok(Value::List(list))
    }

    fn single(&mut self) -> Result<Value, Malformed> {
        if self.take('"') {
            return self.quoted();
        }
        // Words that are no numbers (floats, bare texts) are kept as texts.
        let word = self.word()?;
        Ok(word.parse().map(Value::Number).unwrap_or(Value::Text(word)))
    }

    fn quoted(&mut self) -> Result<Value, Malformed> {
        let mut text = String::new();
        while let Some((_, character)) = self.at.next() {
            match character {
                '"' => return Ok(Value::Text(text)),
                '\\' => text.extend(self.at.next().map(|(_, escaped)| escaped)),
                other => text.push(other),
            }
        }
        self.fail("a text without end")
    }
}

#[cfg(test)]
mod tests;
