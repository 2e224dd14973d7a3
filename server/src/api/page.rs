//! Pages of lists: keyset cursors, bounded, in a stable order.
//!
//! A cursor is the sort key of the last item shown, in URL-safe base64 with the list's name before it. It holds no position:
//! items that come and go between two pages neither repeat nor hide others.

use crate::answer::ApiError;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use std::cmp::Reverse;
use std::fmt::Display;
use std::ops::Bound;
use std::str::FromStr;
use utoipa::ToSchema;

/// Items of one page at most.
pub const LIMIT_MAX: u32 = 1000;

/// Items of one page unless the caller says otherwise.
const LIMIT_DEFAULT: u32 = 100;

/// The longest key is that of a source: the name of a token, 100 characters of at most four bytes, in base64.
const CURSOR_BYTES: usize = 640;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Give this as `cursor` to get the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// What part of a list is wanted.
#[derive(Debug)]
pub struct Paging<K> {
    list: &'static str,
    /// Items wanted.
    pub limit: usize,
    /// Key of the last item that the caller has.
    pub after: Option<K>,
}

impl<K: FromStr + Clone + Display> Paging<K> {
    /// Checks what the caller asked for.
    pub fn new(list: &'static str, limit: Option<u32>, cursor: Option<&str>) -> Result<Self, ApiError> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(ApiError::invalid("limit", format!("must be 1 to {LIMIT_MAX}, not {limit}")));
        }
        let after = cursor.map(|cursor| decode(list, cursor)).transpose()?;
        Ok(Self { list, limit: limit as usize, after })
    }

    /// Where an ascending list goes on.
    pub fn ascending(&self) -> (Bound<K>, Bound<K>) {
        (self.after.clone().map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
    }

    /// Where a descending list goes on.
    pub fn descending(&self) -> (Bound<K>, Bound<K>) {
        (Bound::Unbounded, self.after.clone().map_or(Bound::Unbounded, Bound::Excluded))
    }

    /// A page of rows that already begin after the cursor.
    pub fn page<T>(&self, rows: impl Iterator<Item = (K, T)>) -> Page<T> {
        let mut rows: Vec<(K, T)> = rows.take(self.limit + 1).collect();
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next_cursor = rows.last().filter(|_| more).map(|(key, _)| self.cursor(key));
        Page { items: rows.into_iter().map(|(_, item)| item).collect(), next_cursor }
    }

    /// The cursor after `key`.
    pub fn cursor(&self, key: &K) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{key}", self.list))
    }
}

impl Paging<u64> {
    /// A page of numbered items, the highest number first. The items may come in any order.
    pub fn newest_first<I, T>(&self, items: impl Iterator<Item = I>, number: impl Fn(&I) -> u64, view: impl Fn(I) -> T) -> Page<T> {
        let mut rows: Vec<(u64, I)> = items.map(|item| (number(&item), item)).collect();
        rows.retain(|(number, _)| self.after.is_none_or(|after| *number < after));
        rows.sort_unstable_by_key(|(number, _)| Reverse(*number));
        self.page(rows.into_iter().map(|(number, item)| (number, view(item))))
    }
}

fn decode<K: FromStr>(list: &str, cursor: &str) -> Result<K, ApiError> {
    let bytes = if cursor.len() <= CURSOR_BYTES { BASE64_URL_SAFE_NO_PAD.decode(cursor).ok() } else { None };
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let key = text.as_deref().and_then(|text| text.strip_prefix(list)?.strip_prefix(':')?.parse().ok());
    key.ok_or_else(|| ApiError::invalid("cursor", "is none of this list; begin again without one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_on_after_its_key_and_in_its_list_only() {
        let paging = Paging::<u64>::new("numbers", Some(2), None).unwrap();
        let page = paging.page((1..).map(|n| (n, n)).take(3));
        let cursor = page.next_cursor.unwrap();
        assert_eq!(page.items, [1, 2]);
        assert_eq!(Paging::<u64>::new("numbers", None, Some(&cursor)).unwrap().after, Some(2));
        assert!(Paging::<u64>::new("others", None, Some(&cursor)).is_err());
    }

    #[test]
    fn a_last_page_has_no_cursor() {
        let page = Paging::<u64>::new("numbers", Some(2), None).unwrap().page([(1, 1), (2, 2)].into_iter());
        assert_eq!(page.next_cursor, None);
    }

    #[test]
    fn limits_and_foreign_cursors_are_refused() {
        for limit in [0, 1001, u32::MAX] {
            assert!(Paging::<u64>::new("numbers", Some(limit), None).is_err());
        }
        for cursor in ["", "!", "bnVtYmVyczp4", &"A".repeat(10_000)] {
            assert!(Paging::<u64>::new("numbers", None, Some(cursor)).is_err(), "{cursor}");
        }
    }
}
