//! Berkeley DB's hash format, in which rpm kept its packages before 4.16: buckets of pages of key and value pairs, large values in
//! chains of overflow pages. The byte order is that of the machine that wrote the file.

use super::super::super::positioned::{Order, Positioned, word16, word32};
use super::{Blobs, HEADER_BYTES, Visit};

/// At offset 12 of the first page.
const MAGIC: u32 = 0x0006_1561;

/// Bytes of the header of every page.
const PAGE_HEADER: usize = 26;

const PAGE_HASH_UNSORTED: u8 = 2;
const PAGE_OVERFLOW: u8 = 7;
const PAGE_HASH: u8 = 13;

const ITEM_INSIDE: u8 = 1;
const ITEM_OFF_PAGE: u8 = 3;

/// A database in Berkeley DB's hash format.
pub(super) struct BerkeleyDb<'s>(pub(super) Positioned<'s>);

/// What the first page says.
struct Layout {
    order: Order,
    page: usize,
    pages: u32,
    buckets: u32,
    /// What has to be added to a bucket's number to have its page, by the doubling in which the bucket was made.
    spares: Vec<u32>,
}

impl Blobs for BerkeleyDb<'_> {
    fn each(&mut self, visit: &mut Visit<'_>) -> Result<(), String> {
        let layout = self.layout()?;
        let mut walk = Walk { file: &mut self.0, left: layout.pages.saturating_add(1), layout: &layout, page: Vec::new(), value: Vec::new() };
        for bucket in 0..layout.buckets {
            if !walk.bucket(bucket, visit)? {
                break;
            }
        }
        Ok(())
    }

    fn is_steady(&self) -> bool {
        self.0.is_steady()
    }
}

impl BerkeleyDb<'_> {
    fn layout(&mut self) -> Result<Layout, String> {
        const META: usize = 512;
        let length = self.0.length();
        let head = self.0.at(0, META).map_err(|_| "not a Berkeley DB database")?;
        let order = [Order::Little, Order::Big].into_iter().find(|&order| word32(head, 12, order) == Some(MAGIC));
        let order = order.ok_or("not a Berkeley DB hash database")?;
        let word = |at| word32(head, at, order).unwrap_or_default();
        let page = usize::try_from(word(20)).unwrap_or_default();
        if !page.is_power_of_two() || !(512..=1 << 16).contains(&page) {
            return Err("its pages have no valid size".to_owned());
        }
        // An algorithm at 24, a flag for checksums at 26: either makes the header of every page longer. rpm uses neither.
        if head.get(24) != Some(&0) || head.get(26).is_none_or(|flags| flags & 1 != 0) {
            return Err("encrypted or with checksums, which rpm never is".to_owned());
        }
        let pages = u32::try_from(length / page as u64).unwrap_or(u32::MAX);
        let buckets = word(72).saturating_add(1);
        if buckets > pages {
            return Err("it claims more buckets than it has pages".to_owned());
        }
        let spares = (0..32).map(|doubling| word(96 + 4 * doubling)).collect();
        Ok(Layout { order, page, pages, buckets, spares })
    }
}

struct Walk<'w, 's> {
    file: &'w mut Positioned<'s>,
    layout: &'w Layout,
    /// Pages that may still be visited: as many as there are, so that a circle ends.
    left: u32,
    page: Vec<u8>,
    value: Vec<u8>,
}

impl Walk<'_, '_> {
    /// The pages of one bucket; false when the visitor has enough.
    fn bucket(&mut self, bucket: u32, visit: &mut Visit<'_>) -> Result<bool, String> {
        let doubling = (bucket + 1).next_power_of_two().trailing_zeros();
        let spare = self.layout.spares.get(doubling as usize).copied().unwrap_or_default();
        let mut number = bucket.checked_add(spare).ok_or("a bucket outside the file")?;
        loop {
            let kind = self.load(number)?;
            // Pages of a doubling exist before anything is in them.
            if !matches!(kind, PAGE_HASH | PAGE_HASH_UNSORTED) {
                return if kind == 0 { Ok(true) } else { Err(format!("page {number}: not a page of a bucket")) };
            }
            let page = std::mem::take(&mut self.page);
            let goes_on = self.pairs(&page, visit).map_err(|what| format!("page {number}: {what}"))?;
            let next = word32(&page, 16, self.layout.order).unwrap_or_default();
            self.page = page;
            if !goes_on || next == 0 {
                return Ok(goes_on);
            }
            number = next;
        }
    }

    /// Reads a page into `self.page`; its kind.
    fn load(&mut self, number: u32) -> Result<u8, String> {
        self.left = self.left.checked_sub(1).ok_or("its pages refer to each other in a circle")?;
        let bytes = self.file.at(u64::from(number) * self.layout.page as u64, self.layout.page)?;
        self.page.clear();
        self.page.extend_from_slice(bytes);
        Ok(self.page[PAGE_HEADER - 1])
    }

    fn pairs(&mut self, page: &[u8], visit: &mut Visit<'_>) -> Result<bool, String> {
        let order = self.layout.order;
        let entries = usize::from(word16(page, 20, order).unwrap_or_default());
        let offset = |entry: usize| word16(page, PAGE_HEADER + 2 * entry, order).map(usize::from);
        // Items are laid down from the end of the page: each ends where the one before it begins.
        let item = |entry: usize| {
            let end = if entry == 0 { Some(page.len()) } else { offset(entry - 1) };
            page.get(offset(entry)?..end?).filter(|item| !item.is_empty())
        };
        for entry in (0..entries / 2).map(|pair| 2 * pair) {
            let (key, value) = item(entry).zip(item(entry + 1)).ok_or("an item outside the page")?;
            let key = key.get(1..5).filter(|_| key[0] == ITEM_INSIDE).and_then(|key| word32(key, 0, order)).ok_or("a key that is no number")?;
            // Under number zero rpm keeps the number of the next package.
            if key == 0 {
                continue;
            }
            let goes_on = match value[0] {
                ITEM_INSIDE => visit(u64::from(key), Ok(&value[1..])),
                ITEM_OFF_PAGE => {
                    let (first, length) = word32(value, 4, order).zip(word32(value, 8, order)).ok_or("a value is truncated")?;
                    match usize::try_from(length).ok().filter(|&length| length <= HEADER_BYTES) {
                        Some(length) => visit(u64::from(key), self.overflowing(first, length)),
                        None => visit(u64::from(key), Err(format!("larger than {HEADER_BYTES} bytes"))),
                    }
                }
                kind => visit(u64::from(key), Err(format!("a value of kind {kind}"))),
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn overflowing(&mut self, first: u32, length: usize) -> Result<&[u8], String> {
        self.value.clear();
        let mut number = first;
        while self.value.len() < length {
            if number == 0 || self.load(number)? != PAGE_OVERFLOW {
                return Err(format!("page {number}: not a page of its value"));
            }
            let used = usize::from(word16(&self.page, 22, self.layout.order).unwrap_or_default());
            let data = self.page.get(PAGE_HEADER..PAGE_HEADER + used).ok_or_else(|| format!("page {number}: longer than the page"))?;
            self.value.extend_from_slice(&data[..data.len().min(length - self.value.len())]);
            number = word32(&self.page, 16, self.layout.order).unwrap_or_default();
        }
        Ok(&self.value)
    }
}
