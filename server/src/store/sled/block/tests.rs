use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(sets: &[SampleSet]) {
    let decoded = decode(&encode(sets)).unwrap();
    assert_eq!(decoded, sets);
    let bits =
        |sets: &[SampleSet]| -> Vec<Option<u64>> { sets.iter().flat_map(|set| set.values.iter().map(|v| v.map(f64::to_bits))).collect() };
    assert_eq!(bits(&decoded), bits(sets));
}

fn set(table: u8, at: i64, values: Vec<Option<f64>>) -> SampleSet {
    SampleSet { table: ContentHash([table; 32]), at: Timestamp(at), values }
}

#[test]
fn an_empty_block_and_an_empty_set_round_trip() {
    check(&[]);
    check(&[set(1, 5, vec![])]);
    check(&[set(1, i64::MAX, vec![]), set(1, i64::MIN, vec![])]);
}

#[test]
fn a_negative_zero_and_the_largest_numbers_keep_every_bit() {
    let awkward = [0.0, -0.0, 1.0, -1.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 2f64.powi(63), -(2f64.powi(63)), 9_007_199_254_740_993.0];
    check(&awkward.iter().zip(0..).map(|(value, at)| set(1, at, vec![Some(*value)])).collect::<Vec<_>>());
}

#[test]
fn a_steady_hour_takes_less_than_two_bytes_a_value() {
    let sets: Vec<SampleSet> =
        (0..360).map(|n| set(1, n * 10_000, vec![Some(n as f64 * 1500.0), Some(4096.0), Some((n % 3) as f64 / 4.0)])).collect();
    let compressed = zstd::bulk::compress(&encode(&sets), 3).unwrap();
    assert!(compressed.len() < 2 * 3 * 360, "{} bytes", compressed.len());
}

#[test]
fn another_version_is_not_read() {
    assert_eq!(decode(&[VERSION + 1]), None);
    assert_eq!(decode(&[]), None);
}

fn any_sets() -> impl Strategy<Value = Vec<SampleSet>> {
    let value = prop_oneof![
        Just(None),
        (-1000_i32..1000).prop_map(|n| Some(f64::from(n))),
        any::<f64>().prop_map(|v| Some(if v.is_finite() { v } else { 0.0 }))
    ];
    let one = (0_u8..2, any::<i64>(), proptest::collection::vec(value, 0..4));
    proptest::collection::vec(one.prop_map(|(table, at, values)| set(table, at, values)), 0..40)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(sets in any_sets()) {
        prop_assert_eq!(decode(&encode(&sets)), Some(sets));
    }

    #[test]
    fn damaged_bytes_neither_panic_nor_exhaust_memory(sets in any_sets(), place in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = encode(&sets);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if cut {
            bytes.truncate(place);
        }
        let _ = decode(&bytes);
    }

    #[test]
    fn random_bytes_neither_panic_nor_exhaust_memory(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }
}
