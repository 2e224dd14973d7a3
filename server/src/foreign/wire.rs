//! How many messages a protobuf message has within it, counted before any of them takes memory.
//!
//! An empty message takes two bytes on the wire and up to a hundred in memory, so a body within its bounds could take gigabytes.

use crate::answer::{ApiError, Code};
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Messages within one: 100,000 values with five attributes each.
pub const MESSAGES: usize = 1_200_000;

/// Which fields of a message are messages, and of what shape.
pub struct Shape(pub &'static [(u32, &'static Self)]);

/// A message within which nothing is counted.
pub const LEAF: Shape = Shape(&[]);

/// Counts.
///
/// # Errors
/// It is no message of this shape, or there are more than [`MESSAGES`].
pub fn check(bytes: &[u8], shape: &Shape) -> Result<(), ApiError> {
    let mut left = MESSAGES;
    walk(bytes, shape, &mut left).map_err(|wrong| match wrong {
        Wrong::Malformed => malformed("the body is no message of this protocol"),
        Wrong::TooMany => too_many(),
    })
}

/// A body that cannot be read.
pub fn malformed(detail: impl Into<String>) -> ApiError {
    ApiError::new(Code::MalformedFrame, detail)
}

/// A body with too much in it.
pub fn too_many() -> ApiError {
    ApiError::new(Code::PayloadTooLarge, format!("the body has more than {MESSAGES} values and attributes: send fewer at once"))
}

enum Wrong {
    Malformed,
    TooMany,
}

fn walk(mut bytes: &[u8], shape: &Shape, left: &mut usize) -> Result<(), Wrong> {
    while bytes.has_remaining() {
        let (field, wire_type) = decode_key(&mut bytes).map_err(|_| Wrong::Malformed)?;
        let inner = shape.0.iter().find(|(known, _)| *known == field).map(|(_, inner)| *inner);
        let (Some(inner), WireType::LengthDelimited) = (inner, wire_type) else {
            skip_field(wire_type, field, &mut bytes, DecodeContext::default()).map_err(|_| Wrong::Malformed)?;
            continue;
        };
        let length = decode_varint(&mut bytes).ok().and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length <= bytes.len()).ok_or(Wrong::Malformed)?;
        *left = left.checked_sub(1).ok_or(Wrong::TooMany)?;
        let (within, rest) = bytes.split_at(length);
        walk(within, inner, left)?;
        bytes = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    static INNER: Shape = Shape(&[(1, &LEAF)]);
    static OUTER: Shape = Shape(&[(1, &INNER), (2, &LEAF)]);

    #[track_caller]
    fn check_bytes(bytes: &[u8], expected: Option<Code>) {
        assert_eq!(check(bytes, &OUTER).err().map(|error| error.code()), expected);
    }

    #[test]
    fn messages_are_counted_at_every_depth_and_broken_ones_refused() {
        check_bytes(&[], None);
        check_bytes(&[0x0a, 2, 0x0a, 0, 0x12, 0], None);
        check_bytes(&[0x0a, 3, 0x0a, 0], Some(Code::MalformedFrame));
        check_bytes(&[0x0a], Some(Code::MalformedFrame));
        check_bytes(&[0x1b], Some(Code::MalformedFrame));
        check_bytes(&[0x12, 0].repeat(MESSAGES), None);
        check_bytes(&[0x12, 0].repeat(MESSAGES + 1), Some(Code::PayloadTooLarge));
        let within = [0x0a, 0].repeat(MESSAGES);
        let mut length = Vec::new();
        prost::encoding::encode_varint(within.len() as u64, &mut length);
        check_bytes(&[&[0x0a][..], &length, &within].concat(), Some(Code::PayloadTooLarge));
    }
}
