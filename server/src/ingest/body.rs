//! From the bytes of a request to a message, under limits.
//!
//! Order of the walls: the declared length, the memory budget, the bytes that really come, the frame's own limits. Nothing is
//! read of a body that is refused by an earlier wall. Errors name what is wrong and never repeat the bytes.

use super::with_type;
use crate::answer::{ApiError, Code};
use crate::observability::Unnamed;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rollcall_shared::message::SCHEMA;
use rollcall_shared::wire::{self, WireError};
use rollcall_shared::{endpoint, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Above this, decoding takes milliseconds and moves off the threads that answer everybody else.
const DECODE_ASIDE_BYTES: usize = 256 << 10;

/// Large bodies decoded at once: each may expand to [`limits::FRAME_BYTES`].
const DECODERS: usize = 2;

/// A whole body takes at most this long: 8 MiB at 64 kbit/s do not fit, but agents upload in pieces.
const BODY_TIME: Duration = Duration::from_secs(60);

/// When the budget is used up: one push interval would be too long, one second too short for 10,000 agents.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Accounting unit of the memory budget.
const UNIT: usize = 4 << 10;

/// The form in which a request comes and its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// A binary frame whose type nobody names: it begins with its own magic. What Rollcall's agents do.
    BareFrame,
    /// A binary frame.
    Frame,
    /// The same message as JSON.
    Json,
}

impl MediaType {
    /// The declared form; a frame when none is declared.
    ///
    /// # Errors
    /// Neither of the two.
    pub fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let declared = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
        if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(ApiError::new(Code::UnsupportedMediaType, "content-encoding is not taken here: frames compress themselves"));
        }
        let Some(declared) = declared else { return Ok(Self::BareFrame) };
        let essence = declared.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(endpoint::FRAME_TYPE) {
            Ok(Self::Frame)
        } else if essence.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else {
            let detail = format!("content-type must be {} or application/json", endpoint::FRAME_TYPE);
            Err(ApiError::new(Code::UnsupportedMediaType, detail))
        }
    }

    /// Decodes a message that expands to `limit` bytes at most.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8], limit: usize) -> Result<T, ApiError> {
        match self {
            Self::BareFrame | Self::Frame => wire::decode_within(SCHEMA, bytes, limit).map_err(|error| refuse_frame(&error)),
            Self::Json => serde_json::from_slice(bytes).map_err(|error| refuse_json(&error)),
        }
    }

    /// Answers in the same form.
    ///
    /// # Errors
    /// When the reply cannot be encoded, which is a bug in its type.
    pub fn answer<T: Serialize>(self, reply: &T) -> Result<Response, ApiError> {
        match self {
            Self::BareFrame | Self::Frame => {
                let frame = wire::encode(SCHEMA, reply).map_err(|error| ApiError::internal(format!("a reply as frame: {error}")))?;
                Ok(if self == Self::Frame { with_type(endpoint::FRAME_TYPE, frame) } else { bare(frame) })
            }
            Self::Json => {
                let json = serde_json::to_vec(reply).map_err(|error| ApiError::internal(format!("a reply as JSON: {error}")))?;
                Ok(with_type("application/json", json))
            }
        }
    }
}

/// An answer with nothing beside the frame.
fn bare(frame: Vec<u8>) -> Response {
    let mut response = Response::new(frame.into());
    response.extensions_mut().insert(Unnamed);
    response
}

/// Reads and decodes bodies within one memory budget. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    budget: Arc<Semaphore>,
    decoders: Arc<Semaphore>,
}

impl Intake {
    /// With a budget of so many MiB for all bodies together.
    #[must_use]
    pub fn new(memory_mib: u32) -> Self {
        let units = (memory_mib as usize) * ((1 << 20) / UNIT);
        Self { budget: Arc::new(Semaphore::new(units)), decoders: Arc::new(Semaphore::new(DECODERS)) }
    }

    /// The message in a request, expanding to `limit` bytes at most.
    ///
    /// # Errors
    /// Too large, too slow, too much at once, or malformed.
    pub async fn read<T>(&self, media: MediaType, request: Request, limit: usize) -> Result<T, ApiError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let claim = declared_length(request.headers(), limits::BODY_BYTES)?;
        let _held = self.reserve(claim)?;
        let bytes = read(request, limits::BODY_BYTES).await?;
        if bytes.len() <= DECODE_ASIDE_BYTES {
            return media.decode(&bytes, limit);
        }
        let _turn = self.decoders.acquire().await.map_err(|_| ApiError::internal("the decoders' semaphore is closed"))?;
        let decoded = tokio::task::spawn_blocking(move || media.decode(&bytes, limit)).await;
        decoded.unwrap_or_else(|error| Err(ApiError::internal(format!("decoding: {error}"))))
    }

    fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let units = u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
        let busy = |_| ApiError::too_many("too many bodies are on their way to this server; try again later", RETRY_AFTER);
        self.budget.clone().try_acquire_many_owned(units).map_err(busy)
    }
}

/// The declared length of a body, or the limit when none is declared.
///
/// # Errors
/// A declared length beyond the limit.
pub fn declared_length(headers: &HeaderMap, limit: usize) -> Result<usize, ApiError> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(limit) };
    // HTTP/1.1 lengths are checked by the library before; on HTTP/2 the header is the client's claim.
    let length = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    let length = length.ok_or_else(|| ApiError::new(Code::IncompleteBody, "content-length is not a number"))?;
    usize::try_from(length).ok().filter(|&length| length <= limit).ok_or_else(|| too_large(limit))
}

/// The bytes of a body.
///
/// # Errors
/// More than `limit`, or the body broke off or took too long.
pub async fn read(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let collect = Limited::new(request.into_body(), limit).collect();
    match tokio::time::timeout(BODY_TIME, collect).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(ApiError::new(Code::IncompleteBody, "the body broke off before it was complete")),
        Err(_) => Err(ApiError::new(Code::IncompleteBody, format!("the body was not complete after {} s", BODY_TIME.as_secs()))),
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(Code::PayloadTooLarge, format!("the body is larger than {limit} bytes"))
}

/// What is wrong with JSON, and where.
#[must_use]
pub fn refuse_json(error: &serde_json::Error) -> ApiError {
    // The library quotes parts of the input in some messages: bounded, and escaped by whoever shows it.
    let text: String = error.to_string().chars().take(200).collect();
    ApiError::new(Code::MalformedJson, format!("the body is not the expected JSON: {text}"))
}

fn refuse_frame(error: &WireError) -> ApiError {
    let code = match error {
        WireError::Truncated(_) => Code::FrameTruncated,
        WireError::UnsupportedSchema { .. } => Code::FrameUnsupportedSchema,
        WireError::TooLarge { .. } => Code::FrameTooLarge,
        WireError::NotAFrame | WireError::UnknownFlags(_) | WireError::Compression | WireError::Malformed(_) | WireError::Trailing(_) => {
            Code::MalformedFrame
        }
    };
    ApiError::new(code, error.to_string())
}
