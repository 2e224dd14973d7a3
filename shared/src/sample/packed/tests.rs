use super::*;
use proptest::prelude::*;

fn sets(columns: &[&[Option<f64>]]) -> Vec<SampleSet> {
    let count = columns.first().map_or(0, |column| column.len());
    let moment = |number: usize| Timestamp(1_795_000_000_000 + i64::try_from(number).unwrap_or(0) * 10_000);
    (0..count)
        .map(|number| SampleSet {
            table: ContentHash([7; 32]),
            at: moment(number),
            values: columns.iter().map(|column| column[number]).collect(),
        })
        .collect()
}

fn bits(sets: &[SampleSet]) -> Vec<(Timestamp, Vec<Option<u64>>)> {
    sets.iter().map(|set| (set.at, set.values.iter().map(|value| value.map(f64::to_bits)).collect())).collect()
}

/// Counts, table, moments.
const HEAD_BYTES: usize = 2 + 32 + 13;

/// Six values of one series come back as they were, and take so many bytes.
#[track_caller]
fn check(values: &[f64; 6], bytes: usize) {
    let column: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
    let sets = sets(&[&column]);
    let packed = pack(&sets);
    assert_eq!(unpack(&packed).as_deref().map(bits), Some(bits(&sets)), "{values:?}");
    assert_eq!(packed.len() - HEAD_BYTES, bytes, "{values:?}");
}

#[test]
fn numbers_take_the_room_that_their_digits_need() {
    check(&[0.0; 6], 1);
    check(&[1.0; 6], 2);
    check(&[270_553_174_016.0; 6], 6);
    check(&[12_063.0, 12_073.0, 12_083.0, 12_093.0, 12_103.0, 12_113.0], 9);
    check(&[0.512, 0.5243, 0.3532, 0.0065, 0.005, 0.0666], 14);
    check(&[15_400_000.0, 323_000.0, 46_700.0, 0.0, 410.0, 22_100.0], 13);
    check(&[2.75, 2.48, 2.26, 1.91, 1.61, 1.44], 10);
}

#[test]
fn what_is_no_short_number_comes_back_too() {
    check(&[1.0 / 3.0; 6], 9);
    check(&[0.1, 0.2, 0.1 + 0.2, -0.0, f64::MIN_POSITIVE, f64::MAX], 49);
    check(&[f64::NAN, f64::INFINITY, 1.0, 2.0, 3.0, 4.0], 49);
    check(&[9_007_199_254_740_993.0, -9_007_199_254_740_992.0, 0.0, 1e22, 1e-22, 5.0], 49);
}

#[test]
fn what_is_not_there_is_not_there() {
    let sparse = sets(&[&[None, Some(1.0), None], &[None, None, None], &[Some(0.0), None, Some(0.0)]]);
    assert_eq!(unpack(&pack(&sparse)), Some(sparse));
    assert_eq!(unpack(&pack(&[])), Some(Vec::new()));
    let bare = sets(&[&[Some(1.0)]]).into_iter().map(|set| SampleSet { values: Vec::new(), ..set }).collect::<Vec<_>>();
    assert_eq!(unpack(&pack(&bare)), Some(bare));
}

#[test]
fn another_table_or_width_begins_another_run() {
    let mut mixed = sets(&[&[Some(1.0), Some(2.0), Some(3.0), Some(4.0)]]);
    mixed[1].table = ContentHash([8; 32]);
    mixed[3].values.push(None);
    mixed[2].at = Timestamp(i64::MIN);
    mixed[3].at = Timestamp(i64::MAX);
    assert_eq!(unpack(&pack(&mixed)), Some(mixed));
}

#[test]
fn nothing_goes_beyond_the_limits_of_a_message() {
    let one = sets(&[&[Some(1.0)]]);
    let most: Vec<SampleSet> = one.iter().cycle().take(MESSAGE_SAMPLE_SETS).cloned().collect();
    assert_eq!(unpack(&pack(&most)).map(|sets| sets.len()), Some(MESSAGE_SAMPLE_SETS));
    let twice = [pack(&most), pack(&one)].concat();
    assert_eq!(unpack(&twice), None);
    let mut wide = one.clone();
    wide[0].values = vec![Some(0.0); SERIES + 1];
    assert_eq!(unpack(&pack(&wide)), None);
    assert_eq!(unpack(&[0]), None, "a run of no sets");
}

#[test]
fn bits_that_mean_nothing_are_refused() {
    let packed = pack(&sets(&[&[Some(0.0)]]));
    let with_last = |byte: u8| {
        let mut changed = packed.clone();
        *changed.last_mut().expect("there are bytes") = byte;
        unpack(&changed)
    };
    assert!(with_last(0).is_some());
    assert_eq!(with_last(1), None, "what is left of the last byte is zeros");
    assert_eq!(with_last(0b0110_1110), None, "eight significant digits are none of the forms");
    assert_eq!(unpack(&packed[..packed.len() - 1]), None);
    assert_eq!(unpack(&[&packed[..], &[1]].concat()), None);
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        3 => Just(Some(0.0)),
        1 => Just(None),
        3 => (0_u32..1000, -9_i32..9).prop_map(|(number, exponent)| Some(f64::from(number) * 10_f64.powi(exponent))),
        3 => (-100_000_i64..100_000_000_000).prop_map(|number| Some(number as f64)),
        1 => any::<u64>().prop_map(|bits| Some(f64::from_bits(bits))),
    ]
}

proptest! {
    #[test]
    fn a_round_trip_is_the_identity(columns in proptest::collection::vec(proptest::collection::vec(value(), 7), 0..20)) {
        let columns: Vec<&[Option<f64>]> = columns.iter().map(Vec::as_slice).collect();
        let sets = sets(&columns);
        prop_assert_eq!(unpack(&pack(&sets)).as_deref().map(bits), Some(bits(&sets)));
    }

    #[test]
    fn no_bytes_panic_and_what_is_read_can_be_written(bytes in proptest::collection::vec(any::<u8>(), 0..300), width in 0_u8..60) {
        let head = [&[3, width][..], &[7; 32], &[1, 2, 3]].concat();
        for bytes in [bytes.clone(), [head, bytes].concat()] {
            if let Some(sets) = unpack(&bytes) {
                prop_assert_eq!(unpack(&pack(&sets)).as_deref().map(bits), Some(bits(&sets)));
            }
        }
    }
}
