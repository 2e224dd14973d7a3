//! Frames: how a message becomes bytes, and how hostile bytes become an error instead of an allocation.
//!
//! `"RC"`, schema (big-endian u16), flags (u8), payload. Flag bit 0: the payload is zstd-compressed. The payload is bincode 2
//! (standard configuration) of one frozen type per schema. This is the only module that names the codec.
//!
//! Invariants: a decoder never allocates more than its limit, accepts no trailing bytes, and never panics. Types that are
//! framed hold no recursion, no zero-sized elements and no serde attribute that needs a self-describing format.

use crate::limits;
use serde::{Serialize, de::DeserializeOwned};
use std::io::Read;

/// First bytes of every frame.
const MAGIC: [u8; 2] = *b"RC";
const HEADER_BYTES: usize = 5;
const FLAG_ZSTD: u8 = 1;

/// zstd level 3: a full inventory shrinks to an eighth in a tenth of a millisecond.
const ZSTD_LEVEL: i32 = 3;

/// Payloads below this stay uncompressed: zstd's own header would eat the gain.
const COMPRESS_FROM_BYTES: usize = 256;

/// Why bytes are not a frame. The text is safe to send back: it never repeats the bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    /// Shorter than a header, or the payload ends early.
    #[error("the frame is truncated: {0}")]
    Truncated(&'static str),
    /// Does not begin with the magic bytes.
    #[error("not a Rollcall frame")]
    NotAFrame,
    /// A schema that this release does not speak.
    #[error("frame schema {found} is not supported; this release speaks schema {supported}")]
    UnsupportedSchema {
        /// In the frame.
        found: u16,
        /// By this release.
        supported: u16,
    },
    /// Unknown flag bits.
    #[error("unknown frame flags {0:#04x}")]
    UnknownFlags(u8),
    /// Decompressed or decoded size beyond the limit.
    #[error("the frame expands beyond {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// The compression is broken.
    #[error("the frame's compression is malformed")]
    Compression,
    /// The payload is not the expected type.
    #[error("the frame's payload is malformed: {0}")]
    Malformed(String),
    /// Bytes after the payload.
    #[error("{0} bytes follow the frame's payload")]
    Trailing(usize),
}

/// Encodes `value` as a frame of `schema`.
///
/// # Errors
/// [`WireError::Malformed`] when the type cannot be encoded, which is a bug in the type.
pub fn encode<T: Serialize>(schema: u16, value: &T) -> Result<Vec<u8>, WireError> {
    let plain = to_bincode(value)?;
    let compressed = if plain.len() >= COMPRESS_FROM_BYTES {
        Some(zstd::bulk::compress(&plain, ZSTD_LEVEL).map_err(|_| WireError::Compression)?).filter(|smaller| smaller.len() < plain.len())
    } else {
        None
    };
    let (flags, payload) = compressed.as_deref().map_or((0, &plain[..]), |smaller| (FLAG_ZSTD, smaller));
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&schema.to_be_bytes());
    frame.push(flags);
    frame.extend_from_slice(payload);
    Ok(frame)
}

/// Decodes a frame of `schema`, expanding to [`limits::FRAME_BYTES`] at most.
///
/// # Errors
/// Every [`WireError`]; none of them after an allocation beyond the limit.
pub fn decode<T: DeserializeOwned>(schema: u16, frame: &[u8]) -> Result<T, WireError> {
    decode_within(schema, frame, limits::FRAME_BYTES)
}

/// Decodes a frame of `schema`, expanding to `limit` bytes at most.
///
/// # Errors
/// As [`decode`].
pub fn decode_within<T: DeserializeOwned>(schema: u16, frame: &[u8], limit: usize) -> Result<T, WireError> {
    if frame.len() < HEADER_BYTES {
        return Err(if frame.starts_with(&MAGIC) { WireError::Truncated("no complete header") } else { WireError::NotAFrame });
    }
    let (header, payload) = frame.split_at(HEADER_BYTES);
    if header[..2] != MAGIC {
        return Err(WireError::NotAFrame);
    }
    let found = u16::from_be_bytes([header[2], header[3]]);
    if found != schema {
        return Err(WireError::UnsupportedSchema { found, supported: schema });
    }
    match header[4] {
        0 if payload.len() > limit => Err(WireError::TooLarge { limit }),
        0 => from_bincode(payload),
        FLAG_ZSTD => from_bincode(&expand(payload, limit)?),
        other => Err(WireError::UnknownFlags(other)),
    }
}

fn expand(payload: &[u8], limit: usize) -> Result<Vec<u8>, WireError> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(payload).map_err(|_| WireError::Compression)?.single_frame();
    decoder.window_log_max(limits::ZSTD_WINDOW_LOG).map_err(|_| WireError::Compression)?;
    let mut plain = Vec::with_capacity(payload.len().saturating_mul(4).min(limit));
    let read = (&mut decoder).take(limit as u64 + 1).read_to_end(&mut plain);
    read.map_err(|_| WireError::Compression)?;
    if plain.len() > limit {
        return Err(WireError::TooLarge { limit });
    }
    let rest = decoder.finish();
    if rest.is_empty() { Ok(plain) } else { Err(WireError::Trailing(rest.len())) }
}

/// Bincode of `value`, without a header: for content whose header is elsewhere, such as sections and stored journals.
///
/// # Errors
/// [`WireError::Malformed`] when the type cannot be encoded.
pub fn to_bincode<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    bincode::serde::encode_to_vec(value, bincode::config::standard()).map_err(|error| WireError::Malformed(error.to_string()))
}

/// Reads what [`to_bincode`] wrote, claiming [`limits::FRAME_BYTES`] at most.
///
/// # Errors
/// Malformed, truncated, oversized or trailing input.
pub fn from_bincode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    use bincode::error::DecodeError;
    let config = bincode::config::standard().with_limit::<{ limits::FRAME_BYTES }>();
    let (value, consumed) = bincode::serde::decode_from_slice(bytes, config).map_err(|error| match error {
        DecodeError::UnexpectedEnd { .. } => WireError::Truncated("the payload ends early"),
        DecodeError::LimitExceeded => WireError::TooLarge { limit: limits::FRAME_BYTES },
        other => WireError::Malformed(other.to_string().chars().take(200).collect()),
    })?;
    if consumed == bytes.len() { Ok(value) } else { Err(WireError::Trailing(bytes.len() - consumed)) }
}

#[cfg(test)]
mod tests;
