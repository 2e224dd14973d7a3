//! The write-ahead log beside an SQLite database: pages of transactions that are not in the database yet.
//!
//! A frame counts when its salts are the log's, its running checksum is right, and a frame that ends a transaction follows:
//! what lies behind is left over from an earlier use of the file, or of a transaction that nobody committed.

use super::super::positioned::{Order, Positioned, word32};
use std::collections::BTreeMap;

const HEADER: usize = 32;
const FRAME: usize = 24;

/// The log of one database.
pub(super) struct Log<'s> {
    file: Positioned<'s>,
    page: usize,
    /// Pages of the database after the last transaction.
    pages: u32,
    /// Offset of the newest content of each page.
    newest: BTreeMap<u32, u64>,
}

impl<'s> Log<'s> {
    /// A log of which nothing is read yet.
    pub(super) fn new(file: Positioned<'s>) -> Self {
        Self { file, page: 0, pages: 0, newest: BTreeMap::new() }
    }

    /// Whether nobody wrote to it since it was opened.
    pub(super) fn is_steady(&self) -> bool {
        self.file.is_steady()
    }

    /// Page size and page count of the database after the last transaction; none when there is no transaction.
    pub(super) fn committed(&self) -> Option<(usize, u32)> {
        (self.pages > 0).then_some((self.page, self.pages))
    }

    /// How many pages it has.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.newest.len()).unwrap_or(u32::MAX)
    }

    /// Whether it has a page.
    pub(super) fn has(&self, number: u32) -> bool {
        self.newest.contains_key(&number)
    }

    /// The newest content of a page.
    pub(super) fn page(&mut self, number: u32) -> Result<Option<&[u8]>, String> {
        let Some(&at) = self.newest.get(&number) else { return Ok(None) };
        self.file.at(at, self.page).map(Some)
    }

    /// Finds the committed pages. A log without a valid header is an empty one, as it is to SQLite.
    pub(super) fn read(&mut self) -> Result<(), String> {
        (self.pages, self.newest) = (0, BTreeMap::new());
        if self.file.length() < HEADER as u64 {
            return Ok(());
        }
        let Some(mut sum) = self.header()? else { return Ok(()) };
        let salts = sum.salts;
        let mut transaction = Vec::new();
        let mut at = HEADER as u64;
        while at + (FRAME + self.page) as u64 <= self.file.length() {
            let frame = self.file.at(at, FRAME + self.page)?;
            let (head, page) = frame.split_at(FRAME);
            let word = |position: usize| word32(head, position, Order::Big).unwrap_or_default();
            sum.add(&head[..8]);
            sum.add(page);
            let (number, pages) = (word(0), word(4));
            if number == 0 || (word(8), word(12)) != salts || (word(16), word(20)) != sum.value {
                break;
            }
            transaction.push((number, at + FRAME as u64));
            if pages > 0 {
                self.pages = pages;
                self.newest.extend(transaction.drain(..));
            }
            at += (FRAME + self.page) as u64;
        }
        Ok(())
    }

    fn header(&mut self) -> Result<Option<Sum>, String> {
        let head = self.file.at(0, HEADER)?;
        let word = |position: usize| word32(head, position, Order::Big).unwrap_or_default();
        let order = match word(0) {
            0x377f_0682 => Order::Little,
            0x377f_0683 => Order::Big,
            _ => return Ok(None),
        };
        let mut sum = Sum { order, value: (0, 0), salts: (word(16), word(20)) };
        sum.add(&head[..24]);
        let page = usize::try_from(word(8)).unwrap_or_default();
        if sum.value != (word(24), word(28)) || word(4) != 3_007_000 || !page.is_power_of_two() || !(512..=1 << 16).contains(&page) {
            return Ok(None);
        }
        self.page = page;
        Ok(Some(sum))
    }
}

/// The running checksum, and the salts that tell one use of the file from another.
struct Sum {
    order: Order,
    value: (u32, u32),
    salts: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (mut first, mut second) = self.value;
        for pair in bytes.chunks_exact(8) {
            let word = |at| word32(pair, at, self.order).unwrap_or_default();
            first = first.wrapping_add(word(0)).wrapping_add(second);
            second = second.wrapping_add(word(4)).wrapping_add(first);
        }
        self.value = (first, second);
    }
}
