//! An rpm header: a counted index of tags into a data area. Hostile input: every offset is checked.

use super::super::super::text::tidy;

pub(super) const NAME: u32 = 1000;
pub(super) const VERSION: u32 = 1001;
pub(super) const RELEASE: u32 = 1002;
pub(super) const EPOCH: u32 = 1003;
pub(super) const INSTALLTIME: u32 = 1008;
pub(super) const SIZE: u32 = 1009;
pub(super) const VENDOR: u32 = 1011;
pub(super) const LICENSE: u32 = 1014;
pub(super) const PACKAGER: u32 = 1015;
pub(super) const ARCH: u32 = 1022;
pub(super) const SOURCERPM: u32 = 1044;
pub(super) const DIRINDEXES: u32 = 1116;
pub(super) const BASENAMES: u32 = 1117;
pub(super) const DIRNAMES: u32 = 1118;
pub(super) const LONGSIZE: u32 = 5009;

const TYPE_INT32: u32 = 4;
const TYPE_INT64: u32 = 5;
const TYPE_STRING: u32 = 6;
const TYPE_STRING_ARRAY: u32 = 8;
const TYPE_I18N: u32 = 9;

/// Bytes of an index entry: tag, type, offset and count, each a big-endian u32.
const ENTRY: usize = 16;

/// A header whose lengths fit.
#[derive(Debug)]
pub(super) struct Header<'a> {
    index: &'a [u8],
    store: &'a [u8],
}

impl<'a> Header<'a> {
    /// As the database keeps it: entry count, data length, index, data; without the magic of package files.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, String> {
        let word = |at: usize| blob.get(at..at + 4).and_then(big_endian);
        let (entries, length) = word(0).zip(word(4)).ok_or("the header is truncated")?;
        let rest = &blob[8..];
        let index = usize::try_from(entries).ok().and_then(|entries| entries.checked_mul(ENTRY));
        let (index, store) = index.and_then(|index| rest.split_at_checked(index)).ok_or("the index is larger than the header")?;
        let store = usize::try_from(length).ok().and_then(|length| store.get(..length)).ok_or("the data is larger than the header")?;
        Ok(Self { index, store })
    }

    /// A text, the first one of a list; none when absent or of another type.
    pub(super) fn text(&self, tag: u32) -> Option<String> {
        let (kind, data) = self.find(tag)?;
        if !matches!(kind, TYPE_STRING | TYPE_STRING_ARRAY | TYPE_I18N) {
            return None;
        }
        let end = data.iter().position(|&byte| byte == 0)?;
        tidy(&String::from_utf8_lossy(&data[..end])).filter(|text| text != "(none)")
    }

    /// A number, the first one of a list.
    pub(super) fn number(&self, tag: u32) -> Option<u64> {
        let (kind, data) = self.find(tag)?;
        match kind {
            TYPE_INT32 => data.get(..4).and_then(big_endian).map(u64::from),
            TYPE_INT64 => data.get(..8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes),
            _ => None,
        }
    }

    /// The texts of a list.
    pub(super) fn texts(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> {
        let (count, data) = self.list(tag, TYPE_STRING_ARRAY).unwrap_or_default();
        data.split(|&byte| byte == 0).take(count)
    }

    /// The numbers of a list.
    pub(super) fn words(&self, tag: u32) -> impl Iterator<Item = u32> {
        let (count, data) = self.list(tag, TYPE_INT32).unwrap_or_default();
        data.chunks_exact(4).take(count).filter_map(big_endian)
    }

    fn list(&self, tag: u32, wanted: u32) -> Option<(usize, &'a [u8])> {
        let entry = self.index.chunks_exact(ENTRY).find(|entry| big_endian(&entry[..4]) == Some(tag))?;
        let (kind, data) = self.find(tag)?;
        (kind == wanted).then_some((usize::try_from(big_endian(&entry[12..16])?).ok()?, data))
    }

    fn find(&self, tag: u32) -> Option<(u32, &'a [u8])> {
        let entry = self.index.chunks_exact(ENTRY).find(|entry| big_endian(&entry[..4]) == Some(tag))?;
        let offset = usize::try_from(big_endian(&entry[8..12])?).ok()?;
        Some((big_endian(&entry[4..8])?, self.store.get(offset..)?))
    }
}

fn big_endian(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
