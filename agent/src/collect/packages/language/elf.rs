//! Sections of ELF programs, by position: of a program of 100 MB the few pages that matter.

use super::super::super::positioned::{Order, Positioned, word16, word32, word64};

/// Read at once: headers and name tables are small.
const READ_AHEAD: usize = 4096;

/// Bytes of a program.
const PROGRAM_BYTES: u64 = 4 << 30;

/// Sections and segments that are looked at; programs built with a section a function are not linked programs.
const ENTRIES: usize = 4096;

/// Bytes of one entry of either table: the format has 32 to 64, and a file may claim 65,535.
const ENTRY_BYTES: usize = 256;

/// Bytes of a section's name that are looked at; those that tools of languages give are shorter.
const NAME_BYTES: usize = 32;

/// Bytes of the table of section names.
const NAMES_BYTES: usize = 1 << 20;

/// An open program.
pub(super) struct Program<'s> {
    file: Positioned<'s>,
    order: Order,
    wide: bool,
    sections: Vec<Section>,
    segments: Vec<Segment>,
}

/// Where something lies in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Section {
    name: String,
    offset: u64,
    size: u64,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    offset: u64,
    address: u64,
    size: u64,
}

impl<'s> Program<'s> {
    /// Opens a program; none when it is not one, is not built for ELF, or its headers make no sense.
    pub(super) fn open(scope: &'s super::super::super::Scope<'_>, path: &str) -> Result<Option<Self>, super::super::super::Failure> {
        let Some(file) = Positioned::open(scope, path, PROGRAM_BYTES, READ_AHEAD)? else { return Ok(None) };
        let mut program = Self { file, order: Order::Little, wide: true, sections: Vec::new(), segments: Vec::new() };
        Ok(program.read_headers().map(|()| program))
    }

    /// Byte order and whether addresses have eight bytes.
    pub(super) fn form(&self) -> (Order, bool) {
        (self.order, self.wide)
    }

    /// The beginning of a section, `limit` bytes at most, and how large it is.
    pub(super) fn section(&mut self, name: &str, limit: usize) -> Option<(&[u8], u64)> {
        let section = self.sections.iter().find(|section| section.name == name)?;
        let (offset, size) = (section.offset, section.size);
        let length = usize::try_from(size.min(self.file.length().checked_sub(offset)?)).unwrap_or(limit).min(limit);
        Some((self.file.at(offset, length).ok()?, size))
    }

    /// What would be at an address of the running program.
    pub(super) fn at_address(&mut self, address: u64, length: usize) -> Option<&[u8]> {
        let inside = |segment: &&Segment| address.checked_sub(segment.address).is_some_and(|at| at < segment.size);
        let segment = *self.segments.iter().find(inside)?;
        self.file.at(segment.offset.checked_add(address - segment.address)?, length).ok()
    }

    fn read_headers(&mut self) -> Option<()> {
        const HEADER: usize = 64;
        let head = self.file.at(0, HEADER).ok()?.to_vec();
        self.wide = match head.get(..6)? {
            [0x7f, b'E', b'L', b'F', 1, _] => false,
            [0x7f, b'E', b'L', b'F', 2, _] => true,
            _ => return None,
        };
        self.order = if head[5] == 2 { Order::Big } else { Order::Little };
        let order = self.order;
        let short = |at| word16(&head, at, order).map(usize::from);
        let (segments, sections, counts) = if self.wide {
            (word64(&head, 32, order)?, word64(&head, 40, order)?, 54)
        } else {
            (u64::from(word32(&head, 28, order)?), u64::from(word32(&head, 32, order)?), 42)
        };
        self.read_segments(segments, short(counts)?, short(counts + 2)?);
        self.read_sections(sections, (short(counts + 4)?, short(counts + 6)?), short(counts + 8)?)
    }

    fn read_segments(&mut self, table: u64, size: usize, count: usize) {
        let (order, wide) = (self.order, self.wide);
        let Ok(table) = self.file.at(table, size.min(ENTRY_BYTES) * count.min(ENTRIES)) else { return };
        const LOADED: u32 = 1;
        let entries = table.chunks_exact(size.max(1)).filter(|entry| word32(entry, 0, order) == Some(LOADED));
        let segments = entries.filter_map(|entry| {
            let word = |narrow, at| if wide { word64(entry, at, order) } else { word32(entry, narrow, order).map(u64::from) };
            Some(Segment { offset: word(4, 8)?, address: word(8, 16)?, size: word(16, 32)? })
        });
        self.segments = segments.collect();
    }

    fn read_sections(&mut self, table: u64, (size, count): (usize, usize), names: usize) -> Option<()> {
        let (order, wide) = (self.order, self.wide);
        let table = self.file.at(table, size.min(ENTRY_BYTES) * count.min(ENTRIES)).ok()?;
        let entries = table.chunks_exact(size.max(1)).map(|entry| {
            let word = |narrow, at| if wide { word64(entry, at, order) } else { word32(entry, narrow, order).map(u64::from) };
            Some((word32(entry, 0, order)?, word(16, 24)?, word(20, 32)?))
        });
        let entries: Vec<(u32, u64, u64)> = entries.collect::<Option<_>>()?;
        let &(_, offset, size) = entries.get(names)?;
        let names = self.file.at(offset, usize::try_from(size).ok().filter(|&size| size <= NAMES_BYTES)?).ok()?;
        let named = entries.iter().filter_map(|&(name, offset, size)| {
            let name = names.get(usize::try_from(name).ok()?..)?;
            let name = name.get(..NAME_BYTES).unwrap_or(name).split(|&byte| byte == 0).next()?;
            (name.starts_with(b".") && name.len() < NAME_BYTES).then(|| Section { name: String::from_utf8_lossy(name).into_owned(), offset, size })
        });
        self.sections = named.collect();
        Some(())
    }
}
