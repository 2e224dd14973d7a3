//! Hostile frames, and the golden bytes of schema 1.

use super::*;
use crate::message::{Message, Payload, Push, SCHEMA};
use crate::sample::SampleSet;
use crate::{ContentHash, Timestamp};
use proptest::prelude::*;

fn push() -> Push {
    let set = SampleSet { table: ContentHash([7; 32]), at: Timestamp(1_000), values: vec![Some(0.5), None] };
    Push {
        epoch: 3,
        sent_at: Timestamp(2_000),
        settings_version: 1,
        messages: vec![Message { sequence: 9, payload: Payload::Samples(vec![set]) }],
    }
}

#[track_caller]
fn check_refused(frame: &[u8], expected: WireError) {
    assert_eq!(decode::<Push>(SCHEMA, frame), Err(expected));
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut frame = b"RC\x00\x01\x01".to_vec();
    frame.extend(zstd::bulk::compress(plain, 3).expect("zstd compresses"));
    frame
}

#[test]
fn the_bytes_of_schema_1_are_frozen() {
    let mut golden = b"RC\x00\x01\x00\x03".to_vec(); // header, epoch 3
    golden.extend([0xfb, 0xa0, 0x0f]); // 2,000 as zig-zag
    golden.extend([1, 1, 9, 0, 39]); // settings 1, one message, sequence 9, samples in 39 bytes
    golden.extend([1, 2]); // one set of two values
    golden.extend([7; 32]); // table
    golden.extend([0xd0, 0x0f]); // 1,000 as zig-zag
    // The same number (01), fixed point (01) with exponent -1 (01111), of four bits (000100), 10 without its first (010), which is 5;
    // not all are there (11), none is (0); filled up with zeros.
    golden.extend([0b0101_0111, 0b1000_1000, 0b1011_0000]);
    assert_eq!(encode(SCHEMA, &push()), Ok(golden.clone()));
    assert_eq!(decode(SCHEMA, &golden), Ok(push()));
}

#[test]
fn a_large_frame_is_compressed_and_round_trips() {
    let mut large = push();
    large.messages = (1..=100).map(|sequence| Message { sequence, payload: push().messages[0].payload.clone() }).collect();
    let frame = encode(SCHEMA, &large).expect("encodes");
    assert_eq!(frame[4], FLAG_ZSTD);
    assert!(frame.len() < 1_000, "{}", frame.len());
    assert_eq!(decode(SCHEMA, &frame), Ok(large));
}

#[test]
fn foreign_and_future_frames_are_named() {
    check_refused(b"", WireError::NotAFrame);
    check_refused(b"RC\x00", WireError::Truncated("no complete header"));
    check_refused(b"GET / HTTP/1.1", WireError::NotAFrame);
    check_refused(b"RC\x00\x02\x00", WireError::UnsupportedSchema { found: 2, supported: 1 });
    check_refused(b"RC\x00\x01\x80", WireError::UnknownFlags(0x80));
}

#[test]
fn a_bomb_is_refused_at_the_limit() {
    check_refused(&compressed(&vec![0; limits::FRAME_BYTES + 1]), WireError::TooLarge { limit: limits::FRAME_BYTES });
}

#[test]
fn a_smaller_limit_holds_with_and_without_compression() {
    let frame = encode(SCHEMA, &push()).expect("encodes");
    let refused = Err(WireError::TooLarge { limit: 10 });
    assert_eq!(decode_within::<Push>(SCHEMA, &frame, 10), refused);
    assert_eq!(decode_within::<Push>(SCHEMA, &compressed(&frame[HEADER_BYTES..]), 10), refused);
}

#[test]
fn a_length_that_promises_terabytes_allocates_nothing() {
    let mut frame = b"RC\x00\x01\x00\x01\x00\x00".to_vec(); // epoch, sent_at, settings
    frame.push(0xfd);
    frame.extend((1_u64 << 40).to_le_bytes());
    assert!(matches!(decode::<Push>(SCHEMA, &frame), Err(WireError::TooLarge { .. } | WireError::Truncated(_))));
}

#[test]
fn trailing_bytes_are_refused_inside_and_outside_the_compression() {
    let mut plain = encode(SCHEMA, &push()).expect("encodes");
    let payload = [&plain[HEADER_BYTES..], b"x"].concat();
    plain.push(b'x');
    check_refused(&plain, WireError::Trailing(1));
    check_refused(&compressed(&payload), WireError::Trailing(1));
    let mut twice = compressed(&payload[..payload.len() - 1]);
    twice.extend(b"more");
    check_refused(&twice, WireError::Trailing(4));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode::<Push>(SCHEMA, &bytes);
        let _ = decode::<Push>(SCHEMA, &[b"RC\x00\x01\x00", &bytes[..]].concat());
        let _ = decode::<Push>(SCHEMA, &compressed(&bytes));
    }

    #[test]
    fn every_truncation_is_an_error(cut in 0_usize..64) {
        let frame = encode(SCHEMA, &push()).expect("encodes");
        prop_assume!(cut < frame.len());
        prop_assert!(decode::<Push>(SCHEMA, &frame[..cut]).is_err());
    }
}
