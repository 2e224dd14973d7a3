//! From the bytes of a request to a message, and an answer in the form in which the request came.
//!
//! Agents name the form of their bodies in many ways and mean what the first bytes say, so those decide. What a body expands
//! to is bounded while it expands.

use crate::answer::{self, ApiError, Code};
use crate::inventory_format::{FormatError, Message, device_named};
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rollcall_shared::limits;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Bytes of a body as sent. The largest real inventory, of 3,000 packages in plain JSON, is a sixth of it.
const BODY_BYTES: usize = limits::BODY_BYTES;

/// Bytes that a body may expand to.
const EXPANDED_BYTES: usize = limits::FRAME_BYTES;

/// Bytes that a message that is no inventory may expand to. In maps of short texts they take ten times as much memory.
const MESSAGE_BYTES: usize = 8 << 20;

/// Bodies on their way at once; with those that are being decoded this bounds the memory at about 200 MiB.
const BODIES: usize = 16;

/// Bodies decoded at once: each may expand to [`EXPANDED_BYTES`] and as much again in values.
const DECODERS: usize = 2;

/// A whole body takes at most this long.
const BODY_TIME: Duration = Duration::from_secs(60);

/// When too many bodies are on their way.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What these agents call their bodies.
const MEDIA_TYPES: [&str; 8] = [
    "application/json",
    "application/xml",
    "text/xml",
    "application/x-compress",
    "application/x-compress-zlib",
    "application/x-compress-gzip",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
];

/// The form of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// GLPI's.
    Json,
    /// OCS Inventory's and FusionInventory's.
    Xml,
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// RFC 1950.
    Zlib,
    /// RFC 1952.
    Gzip,
}

impl Packing {
    /// As the first bytes say.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // Deflate with any window, and a check over both bytes.
            [method, flags, ..] if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)).is_multiple_of(31) => Self::Zlib,
            _ => Self::Plain,
        }
    }

    /// What they expand to, of so many bytes at most.
    ///
    /// # Errors
    /// More than that, or damaged.
    pub fn unpack(self, bytes: &[u8], most: usize) -> Result<Vec<u8>, ApiError> {
        let limit = u64::try_from(most).unwrap_or(u64::MAX) + 1;
        let mut expanded = Vec::new();
        let read = match self {
            Self::Plain => return Ok(bytes.to_vec()),
            Self::Zlib => ZlibDecoder::new(bytes).take(limit).read_to_end(&mut expanded),
            Self::Gzip => GzDecoder::new(bytes).take(limit).read_to_end(&mut expanded),
        };
        if expanded.len() > most {
            return Err(ApiError::new(Code::PayloadTooLarge, format!("the body expands to more than {most} bytes")));
        }
        read.map_err(|_| ApiError::new(Code::MalformedInventory, "the body cannot be decompressed"))?;
        Ok(expanded)
    }

    /// An answer in XML, packed as the request was.
    ///
    /// # Errors
    /// When it cannot be packed.
    pub fn answer(self, xml: &str) -> Result<Response, ApiError> {
        let broken = |error: std::io::Error| ApiError::internal(format!("packing an answer: {error}"));
        let packed = match self {
            Self::Plain => return Ok(answer::body("application/xml", xml.to_owned())),
            Self::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(xml.as_bytes()).and_then(|()| encoder.finish()).map_err(broken)?
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(xml.as_bytes()).and_then(|()| encoder.finish()).map_err(broken)?
            }
        };
        let media_type = if self == Self::Zlib { "application/x-compress-zlib" } else { "application/x-compress-gzip" };
        Ok(answer::body(media_type, packed))
    }
}

impl Form {
    fn of(bytes: &[u8]) -> Result<Self, ApiError> {
        let first = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).iter().find(|byte| !byte.is_ascii_whitespace());
        match first {
            Some(b'{' | b'[') => Ok(Self::Json),
            Some(b'<') => Ok(Self::Xml),
            _ => Err(ApiError::new(Code::MalformedInventory, "the body is neither JSON nor XML")),
        }
    }
}

impl From<FormatError> for ApiError {
    fn from(error: FormatError) -> Self {
        let code = match error {
            FormatError::TooManyValues => Code::PayloadTooLarge,
            _ => Code::MalformedInventory,
        };
        Self::new(code, error.to_string())
    }
}

/// Reads and decodes bodies, so many at a time. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    bodies: Arc<Semaphore>,
    decoders: Arc<Semaphore>,
}

impl Default for Intake {
    fn default() -> Self {
        Self { bodies: Arc::new(Semaphore::new(BODIES)), decoders: Arc::new(Semaphore::new(DECODERS)) }
    }
}

/// Why there is no message, and which machine it seems to be of.
pub struct Undecoded {
    pub error: Box<ApiError>,
    pub device: Option<String>,
}

impl From<ApiError> for Undecoded {
    fn from(error: ApiError) -> Self {
        Self { error: Box::new(error), device: None }
    }
}

type Decoded = Result<(Message, Form, Packing), Undecoded>;

impl Intake {
    /// The message in a request.
    ///
    /// # Errors
    /// Too large, too slow, too much at once, of an unknown type, or malformed.
    pub async fn read(&self, request: Request, decode: fn(&[u8], Form) -> Result<Message, FormatError>) -> Decoded {
        check_type(request.headers())?;
        check_length(request.headers())?;
        let busy = |_| ApiError::too_many("too many inventories are on their way to this server; try again later", RETRY_AFTER);
        let _held = self.bodies.clone().try_acquire_owned().map_err(busy)?;
        let bytes = collect(request).await?;
        let _turn = self.decoders.acquire().await.map_err(|_| ApiError::internal("the decoders' semaphore is closed"))?;
        let decoded = tokio::task::spawn_blocking(move || {
            let packing = Packing::of(&bytes);
            let expanded = packing.unpack(&bytes, EXPANDED_BYTES)?;
            let form = Form::of(&expanded)?;
            let message =
                decode(&expanded, form).map_err(|error| Undecoded { error: Box::new(error.into()), device: device_named(&expanded) })?;
            Ok((message, form, packing))
        });
        decoded.await.unwrap_or_else(|error| Err(ApiError::internal(format!("decoding: {error}")).into()))
    }

    /// What `decode` makes of a body, which may be packed with gzip or zlib and expands to [`MESSAGE_BYTES`] at most.
    ///
    /// # Errors
    /// Too large, too slow, too much at once, or what `decode` refuses.
    pub async fn read_plain<T: Send + 'static>(
        &self,
        request: Request,
        decode: impl FnOnce(&[u8]) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.read_bytes(request, |bytes| decode(&Packing::of(bytes).unpack(bytes, MESSAGE_BYTES)?)).await
    }

    /// What `decode` makes of a body as it came.
    ///
    /// # Errors
    /// Too large, too slow, too much at once, or what `decode` refuses.
    pub async fn read_bytes<T: Send + 'static>(
        &self,
        request: Request,
        decode: impl FnOnce(&[u8]) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        check_length(request.headers())?;
        let busy = |_| ApiError::too_many("too many messages are on their way to this server; try again later", RETRY_AFTER);
        let _held = self.bodies.clone().try_acquire_owned().map_err(busy)?;
        let bytes = collect(request).await?;
        let _turn = self.decoders.acquire().await.map_err(|_| ApiError::internal("the decoders' semaphore is closed"))?;
        let decoded = tokio::task::spawn_blocking(move || decode(&bytes));
        decoded.await.unwrap_or_else(|error| Err(ApiError::internal(format!("decoding: {error}"))))
    }

    /// Lets a body that nobody will look at come in, unless it is too large or there are too many.
    pub async fn discard(&self, request: Request) {
        let Ok(_held) = self.bodies.clone().try_acquire_owned() else { return };
        if check_length(request.headers()).is_err() {
            return;
        }
        let mut body = Limited::new(request.into_body(), BODY_BYTES);
        let drain = async { while let Some(Ok(_)) = body.frame().await {} };
        let _ = tokio::time::timeout(BODY_TIME, drain).await;
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.is_empty() || MEDIA_TYPES.contains(&essence.as_str()) {
        return Ok(());
    }
    Err(ApiError::new(Code::UnsupportedMediaType, format!("content-type must be one of {}", MEDIA_TYPES.join(", "))))
}

fn check_length(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(()) };
    // HTTP/1.1 lengths are checked by the library before; on HTTP/2 the header is the client's claim.
    let length = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    let length = length.ok_or_else(|| ApiError::new(Code::IncompleteBody, "content-length is not a number"))?;
    if usize::try_from(length).is_ok_and(|length| length <= BODY_BYTES) { Ok(()) } else { Err(too_large()) }
}

async fn collect(request: Request) -> Result<Bytes, ApiError> {
    let collect = Limited::new(request.into_body(), BODY_BYTES).collect();
    match tokio::time::timeout(BODY_TIME, collect).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(ApiError::new(Code::IncompleteBody, "the body broke off before it was complete")),
        Err(_) => Err(ApiError::new(Code::IncompleteBody, format!("the body was not complete after {} s", BODY_TIME.as_secs()))),
    }
}

fn too_large() -> ApiError {
    ApiError::new(Code::PayloadTooLarge, format!("the body is larger than {BODY_BYTES} bytes"))
}
