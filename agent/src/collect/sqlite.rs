//! Tables of an SQLite database, read without SQLite (<https://www.sqlite.org/fileformat2.html>).
//!
//! Only what a table scan needs: the schema, table b-trees, overflow pages, and transactions that still lie in a write-ahead log.
//! It takes no lock, creates no file and never writes: an ordinary reader that runs as root may delete or take over the files that
//! the owner keeps beside the database. Whoever needs one state of it asks [`Database::is_steady`] afterwards and reads again. Hostile
//! input: each page is visited once at most, so a scan costs no more than the file.

use super::{Failure, Scope};
use super::positioned::{Order, Positioned, word16, word32};
use log::Log;
use schema::Table;

mod log;
mod schema;

/// Bytes of a database or its log. Databases of rpm have 300 MiB on the largest hosts.
const FILE_BYTES: u64 = 4 << 30;

/// Bytes of one row; an rpm header of a kernel with all its files has some 2 MiB.
const ROW_BYTES: u64 = 16 << 20;

/// Read at once: overflow pages mostly lie one after the other.
const READ_AHEAD: usize = 64 << 10;

/// Columns of a row; SQLite's own default limit.
const COLUMNS: usize = 2000;

/// The first page begins with the database's header.
const HEADER: usize = 100;

/// A database and its log.
pub(crate) struct Database<'s> {
    file: Positioned<'s>,
    log: Option<Log<'s>>,
    scope: &'s Scope<'s>,
    log_path: String,
}

/// One column of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// No value, or one of a kind that nothing here asks for.
    Null,
    /// A whole number.
    Integer(i64),
    /// Text in UTF-8.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

/// Takes a row: its number and content, or what is wrong with it. False ends the scan.
pub(crate) type Visit<'v> = dyn FnMut(i64, Result<&[u8], String>) -> bool + 'v;

/// Takes the wanted values of a row, or what is wrong with it. False ends the selection.
pub(crate) type Select<'v, const N: usize> = dyn FnMut(Result<[Value<'_>; N], String>) -> bool + 'v;

/// Which end of a table a scan begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// The lowest row number.
    First,
    /// The highest one.
    Last,
}

/// How the database is laid out, from its header.
#[derive(Clone, Copy, Debug)]
struct Layout {
    page: usize,
    /// Bytes of a page that are not reserved for extensions.
    usable: usize,
    pages: u32,
    /// How many pages can exist in the two files: the bound of a scan. The count that the log claims is none.
    visits: u32,
}

impl<'s> Database<'s> {
    /// Opens database and log; none when there is no such database.
    pub(crate) fn open(scope: &'s Scope<'s>, path: &str) -> Result<Option<Self>, Failure> {
        let log_path = format!("{path}-wal");
        let Some(file) = Positioned::open(scope, path, FILE_BYTES, READ_AHEAD)? else { return Ok(None) };
        let log = Positioned::open(scope, &log_path, FILE_BYTES, READ_AHEAD)?.map(Log::new);
        Ok(Some(Self { file, log, scope, log_path }))
    }

    /// Whether nobody wrote since the database was opened.
    pub(crate) fn is_steady(&self) -> bool {
        let log = match &self.log {
            Some(log) => log.is_steady(),
            None => self.scope.root().facts(&self.log_path).is_none_or(|facts| facts.size == 0),
        };
        log && self.file.is_steady()
    }

    /// Hands each row of a table to `visit`, in the order of their numbers.
    pub(crate) fn scan(&mut self, table: &str, visit: &mut Visit<'_>) -> Result<(), String> {
        let (layout, table) = self.table(table)?;
        Scan::new(self, layout, Start::First).run(table.root, visit)
    }

    /// Hands the values of some columns of each row to `visit`, the rows with the highest numbers first, which are the newest in a table
    /// that only grows. A row from before a column was added has no value there; neither has a column that stands for the row's number.
    pub(crate) fn select<const N: usize>(&mut self, table: &str, columns: [&str; N], visit: &mut Select<'_, N>) -> Result<(), String> {
        let (layout, found) = self.table(table)?;
        let mut places = [0; N];
        for (place, column) in places.iter_mut().zip(columns) {
            *place = found.columns.iter().position(|name| name.eq_ignore_ascii_case(column)).ok_or_else(|| format!("table {table} has no column {column}"))?;
        }
        Scan::new(self, layout, Start::Last).run(found.root, &mut |_, row| {
            let values = row.and_then(self::columns);
            visit(values.map(|values| places.map(|place| values.get(place).copied().unwrap_or(Value::Null))))
        })
    }

    /// What the schema says of a table.
    fn table(&mut self, name: &str) -> Result<(Layout, Table), String> {
        if let Some(log) = &mut self.log {
            log.read()?;
        }
        let layout = self.layout()?;
        let mut table = None;
        Scan::new(self, layout, Start::First).run(1, &mut |_, row| {
            table = row.ok().and_then(|row| Table::described(row, name));
            table.is_none()
        })?;
        Ok((layout, table.ok_or_else(|| format!("no table {name}"))?))
    }

    fn layout(&mut self) -> Result<Layout, String> {
        let logged = self.log.as_ref().and_then(Log::committed);
        let logged_pages = self.log.as_ref().map_or(0, Log::count);
        let length = self.file.length();
        let first = match &mut self.log {
            Some(log) if log.has(1) => log.page(1)?.unwrap_or_default(),
            _ => self.file.at(0, HEADER).map_err(|_| "not an SQLite database")?,
        };
        if !first.starts_with(b"SQLite format 3\0") {
            return Err("not an SQLite database".to_owned());
        }
        let page = match word16(first, 16, Order::Big) {
            Some(1) => 1 << 16,
            size => usize::from(size.unwrap_or_default()),
        };
        let usable = page.saturating_sub(first.get(20).copied().map_or(0, usize::from));
        // The format's own bounds.
        if !page.is_power_of_two() || page < 512 || usable < 480 {
            return Err("its pages have no valid size".to_owned());
        }
        if first.get(19).is_none_or(|&version| version > 2) || word32(first, 56, Order::Big).is_none_or(|encoding| encoding > 1) {
            return Err("a format that is not known: later than 2, or not in UTF-8".to_owned());
        }
        if logged.is_some_and(|(logged, _)| logged != page) {
            return Err("its log is of another page size".to_owned());
        }
        let whole = u32::try_from(length / page as u64).unwrap_or(u32::MAX);
        Ok(Layout { page, usable, pages: logged.map_or(whole, |(_, pages)| pages), visits: whole.saturating_add(logged_pages) })
    }

    /// One page, from the log when a transaction that lies there changed it.
    fn page(&mut self, number: u32, layout: Layout) -> Result<&[u8], String> {
        if number == 0 || number > layout.pages {
            return Err(format!("page {number} does not exist"));
        }
        match &mut self.log {
            Some(log) if log.has(number) => log.page(number)?.ok_or_else(|| format!("page {number} is not in the log")),
            _ => self.file.at((u64::from(number) - 1) * layout.page as u64, layout.page),
        }
    }
}

/// One walk over one b-tree.
struct Scan<'d, 's> {
    database: &'d mut Database<'s>,
    layout: Layout,
    start: Start,
    /// Pages that may still be visited: as many as there are.
    left: u32,
    /// The pages that wait, the next one last.
    waiting: Vec<u32>,
    leaf: Vec<u8>,
    row: Vec<u8>,
}

impl<'d, 's> Scan<'d, 's> {
    fn new(database: &'d mut Database<'s>, layout: Layout, start: Start) -> Self {
        Self { database, layout, start, left: layout.visits, waiting: Vec::new(), leaf: Vec::new(), row: Vec::new() }
    }

    fn run(&mut self, root: u32, visit: &mut Visit<'_>) -> Result<(), String> {
        self.waiting.push(root);
        while let Some(number) = self.waiting.pop() {
            self.visit()?;
            self.leaf.clear();
            self.leaf.extend_from_slice(self.database.page(number, self.layout)?);
            let head = if number == 1 { HEADER } else { 0 };
            let on = |what: String| format!("page {number}: {what}");
            match self.leaf.get(head) {
                Some(5) => self.interior(head).map_err(on)?,
                Some(13) => {
                    if !self.rows(head, visit).map_err(on)? {
                        return Ok(());
                    }
                }
                _ => return Err(on("not a page of a table".to_owned())),
            }
        }
        Ok(())
    }

    fn visit(&mut self) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or("its pages refer to each other in a circle")?;
        Ok(())
    }

    /// The children of an interior page, of which the last one is in the page's header.
    fn interior(&mut self, head: usize) -> Result<(), String> {
        let cells = usize::from(word16(&self.leaf, head + 3, Order::Big).ok_or("truncated")?);
        let last = word32(&self.leaf, head + 8, Order::Big).ok_or("truncated")?;
        if self.waiting.len() + cells > self.left as usize {
            return Err("more children than there are pages".to_owned());
        }
        let first = self.waiting.len();
        self.waiting.push(last);
        for cell in (0..cells).rev() {
            let at = word16(&self.leaf, head + 12 + 2 * cell, Order::Big).ok_or("truncated")?;
            self.waiting.push(word32(&self.leaf, usize::from(at), Order::Big).ok_or("a cell outside the page")?);
        }
        if self.start == Start::Last {
            self.waiting[first..].reverse();
        }
        Ok(())
    }

    /// The rows of a leaf; false when the visitor has enough.
    fn rows(&mut self, head: usize, visit: &mut Visit<'_>) -> Result<bool, String> {
        let leaf = std::mem::take(&mut self.leaf);
        let cells = usize::from(word16(&leaf, head + 3, Order::Big).ok_or("truncated")?);
        // Cells that overlap could make a page of hostile input cost as much as the square of its size.
        let mut room = self.layout.usable;
        let mut goes_on = true;
        for step in 0..cells {
            let cell = if self.start == Start::First { step } else { cells - 1 - step };
            let at = word16(&leaf, head + 8 + 2 * cell, Order::Big).ok_or("truncated")?;
            let mut cell = leaf.get(usize::from(at)..self.layout.usable).ok_or("a cell outside the page")?;
            let (size, number) = (varint(&mut cell).ok_or("truncated")?, varint(&mut cell).ok_or("truncated")?);
            let local = local_bytes(size, self.layout.usable);
            let (inside, rest) = cell.split_at_checked(local).ok_or("a row outside the page")?;
            room = room.checked_sub(local).ok_or("its rows overlap")?;
            let row = if inside.len() as u64 == size { Ok(inside) } else { self.overflowing(inside, size, rest) };
            let row = match row {
                Ok(row) => Ok(row),
                Err(Overflow::TooLarge) => Err(format!("larger than {ROW_BYTES} bytes")),
                Err(Overflow::Broken(what)) => return Err(what),
            };
            goes_on = visit(number.cast_signed(), row);
            if !goes_on {
                break;
            }
        }
        self.leaf = leaf;
        Ok(goes_on)
    }

    /// A row of which the rest lies in a chain of pages, each of which names the next one.
    fn overflowing(&mut self, inside: &[u8], size: u64, rest: &[u8]) -> Result<&[u8], Overflow> {
        let size = usize::try_from(size).ok().filter(|&size| size as u64 <= ROW_BYTES).ok_or(Overflow::TooLarge)?;
        let mut next = word32(rest, 0, Order::Big).ok_or_else(|| Overflow::Broken("truncated".to_owned()))?;
        self.row.clear();
        self.row.extend_from_slice(inside);
        while self.row.len() < size {
            self.visit().map_err(Overflow::Broken)?;
            let page = self.database.page(next, self.layout).map_err(Overflow::Broken)?;
            let (link, data) = page.get(..self.layout.usable).and_then(|page| page.split_at_checked(4)).unwrap_or_default();
            next = word32(link, 0, Order::Big).unwrap_or_default();
            self.row.extend_from_slice(&data[..data.len().min(size - self.row.len())]);
        }
        Ok(&self.row)
    }
}

enum Overflow {
    TooLarge,
    Broken(String),
}

/// How much of a row of `size` bytes lies in the leaf itself, as the format computes it.
fn local_bytes(size: u64, usable: usize) -> usize {
    let most = usable - 35;
    let Some(size) = usize::try_from(size).ok().filter(|&size| size > most) else { return usize::try_from(size).unwrap_or(most) };
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (size - least) % (usable - 4);
    if fitting <= most { fitting } else { least }
}

/// Seven bits a byte, most significant first, while the eighth is set; a ninth byte counts whole.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for position in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if position == 8 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The columns of a row: a list of types, then the values.
pub(crate) fn columns(row: &[u8]) -> Result<Vec<Value<'_>>, String> {
    let mut types = row;
    let head = varint(&mut types).and_then(|head| usize::try_from(head).ok()).ok_or("a row is truncated")?;
    let own = row.len() - types.len();
    let mut types = row.get(own..head).ok_or("a row is truncated")?;
    let mut values = row.get(head..).ok_or("a row is truncated")?;
    let mut columns = Vec::new();
    while !types.is_empty() {
        let kind = varint(&mut types).ok_or("a row is truncated")?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return Err("a row of unknown type".to_owned()),
            _ => (kind - 12) / 2,
        };
        let (value, rest) = usize::try_from(length).ok().and_then(|length| values.split_at_checked(length)).ok_or("a row is truncated")?;
        values = rest;
        columns.push(match kind {
            1..=6 => Value::Integer(integer(value)),
            8 | 9 => Value::Integer(kind.cast_signed() - 8),
            0 | 7 => Value::Null,
            _ if kind % 2 == 0 => Value::Blob(value),
            _ => Value::Text(value),
        });
        if columns.len() > COLUMNS {
            return Err("a row of too many columns".to_owned());
        }
    }
    Ok(columns)
}

/// Big-endian two's complement of one to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(sign, |value, &byte| value << 8 | i64::from(byte))
}

#[cfg(test)]
mod tests;
