use super::*;
use proptest::prelude::*;

fn any_tracks() -> impl Strategy<Value = Tracks> {
    let number =
        || prop_oneof![any::<i32>().prop_map(f64::from), any::<f64>().prop_map(|number| if number.is_finite() { number } else { 0.0 })];
    let row = (any::<i64>(), 1..u32::MAX, number(), number(), number(), number());
    let row = row.prop_map(|(at, count, min, max, sum, last)| Row { at: Timestamp(at), count, min, max, sum, last });
    let attributes = proptest::collection::vec(("[a-z]{0,3}", "\\PC{0,3}"), 0..3);
    proptest::collection::btree_map(attributes, proptest::collection::vec(row, 0..6), 0..4)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(tracks in any_tracks()) {
        prop_assert_eq!(decode(&encode(&tracks)), Some(tracks));
    }

    #[test]
    fn damaged_bytes_neither_panic_nor_exhaust_memory(tracks in any_tracks(), place in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = encode(&tracks);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if cut {
            bytes.truncate(place);
        }
        let _ = decode(&bytes);
    }
}

#[test]
fn a_usual_day_of_one_series_takes_less_than_twelve_bytes_a_row() {
    let rows: Vec<Row> = (0..288)
        .map(|place| {
            let middle = 0.3 + f64::from(place % 17) / 100.0;
            Row {
                at: Timestamp(i64::from(place) * 300_000),
                count: 30,
                min: middle - 0.02,
                max: middle + 0.03,
                sum: middle * 30.0,
                last: middle,
            }
        })
        .collect();
    let stored = zstd::bulk::compress(&encode(&[(Vec::new(), rows)].into()), ROWS_LEVEL).unwrap();
    assert!(stored.len() < 12 * 288, "{} bytes", stored.len());
}
