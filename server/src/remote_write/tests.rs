use super::encode::{SERIES, WriteRequest};
use super::*;
use prost::Message as _;
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

#[test]
fn a_failing_remote_is_asked_less_and_less_often_and_as_it_wishes() {
    let seconds = Duration::from_secs;
    for (interval, failing, retry_after, expected) in [
        (30, 0, None, 30),
        (30, 1, None, 60),
        (30, 3, None, 240),
        (30, 4, None, 300),
        (30, u32::MAX, None, 300),
        (600, 5, None, 600),
        (30, 0, Some(90), 90),
        (30, 0, Some(1), 30),
        (30, 0, Some(86_400), 300),
    ] {
        let wait = after_failure(seconds(interval), failing, retry_after.map(seconds));
        assert_eq!(wait, seconds(expected), "{interval} {failing} {retry_after:?}");
    }
}

#[test]
fn series_go_in_requests_of_bounded_size_with_sorted_labels_that_have_values() {
    let mut batch = Batch::default();
    let labels = BTreeMap::from([("Zone".to_owned(), "a"), ("ci".to_owned(), "host_1"), ("none".to_owned(), "")]);
    (0..=SERIES).for_each(|_| batch.add("up", &labels, 1.5, Timestamp(7)));
    let bodies = batch.into_bodies();
    assert_eq!(bodies.iter().map(|(_, samples)| *samples).collect::<Vec<_>>(), [SERIES as u64, 1]);
    let message = snap::raw::Decoder::new().decompress_vec(&bodies[1].0).expect("a block of Snappy");
    // As the specification lays them out: one series of three labels and a sample.
    let expected = b"\x0a\x36\x0a\x09\x0a\x04Zone\x12\x01a\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x0c\x0a\x02ci\x12\x06host_1\x12\x0b\x09\0\0\0\0\0\0\xf8\x3f\x10\x07";
    assert_eq!(message, expected);
    assert_eq!(WriteRequest::decode(message.as_slice()).expect("a request").timeseries[0].samples[0].timestamp, 7);
}
