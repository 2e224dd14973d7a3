//! Canonical order: the one place that sorts rows.
//!
//! The standard library's sort is compiled anew for every type, and there are as many types as sections: a third of a megabyte in a
//! program that is to be small. Here the positions are sorted, by one sort for all.

use std::cmp::Ordering;
use std::mem;

/// Brings rows into canonical order: ascending, each once.
pub fn sort_rows<R: Ord>(rows: &mut Vec<R>) {
    if rows.is_sorted_by(|a, b| a < b) {
        return;
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    sort_positions(&mut order, &|a, b| rows[a].cmp(&rows[b]));
    let mut slots: Vec<Option<R>> = mem::take(rows).into_iter().map(Some).collect();
    rows.reserve_exact(slots.len());
    for row in order.into_iter().filter_map(|position| slots[position].take()) {
        if rows.last() != Some(&row) {
            rows.push(row);
        }
    }
}

#[inline(never)]
fn sort_positions(order: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    order.sort_unstable_by(|&a, &b| compare(a, b));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_standard_library(mut rows in proptest::collection::vec("[a-c]{0,3}", 0..60)) {
            let mut expected = rows.clone();
            expected.sort_unstable();
            expected.dedup();
            sort_rows(&mut rows);
            prop_assert_eq!(rows, expected);
        }
    }
}
