//! What the server tells about itself while it runs: log lines with request ids.
//!
//! Never in a line: tokens, keys, bodies, query strings. Text from outside is written escaped by the formatter, so that a line
//! stays a line.

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::listener::ClientAddress;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::any::Any;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// Environment variable with a filter such as `info,rollcall_server::ingest=debug`; wins over the configuration.
pub const FILTER_VARIABLE: &str = "ROLLCALL_LOG";

/// Header that carries the id of a request, both ways.
const REQUEST_ID: &str = "x-request-id";

/// Longest request id taken from outside: a UUID has 36 characters, trace ids 32 and 55.
const REQUEST_ID_CHARS: usize = 64;

/// Shape of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{FILTER_VARIABLE}={filter:?}: {cause}")]
pub struct BadFilter {
    filter: String,
    cause: String,
}

/// Starts logging to standard error; once a process.
///
/// # Errors
/// When the filter in the environment is malformed.
pub fn start(format: LogFormat, level: &str) -> Result<(), BadFilter> {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| level.to_owned());
    let parsed = EnvFilter::try_new(quieten(&filter)).map_err(|error| BadFilter { filter, cause: error.to_string() })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr).with_ansi(false);
    // A second start in one process (tests) keeps the first one's settings.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// A bare level is about this program: the libraries below it tell of every frame from `debug` on.
fn quieten(filter: &str) -> String {
    if filter.contains(['=', ',']) {
        filter.to_owned()
    } else {
        // What a certificate lacks is told with the channel that it kept from sending.
        format!("{filter},h2=warn,hyper=warn,hyper_util=warn,rustls=warn,rustls_platform_verifier=off,sled=warn")
    }
}

/// Whether a text is a filter that [`start`] takes.
#[must_use]
pub fn is_filter(text: &str) -> bool {
    EnvFilter::try_new(text).is_ok()
}

/// What [`accompany`] needs.
#[derive(Clone)]
pub struct Companion {
    /// Measures requests.
    pub clock: Arc<dyn Clock>,
    /// Names requests.
    pub entropy: Arc<dyn Entropy>,
}

/// In the extensions of an answer whose caller has no use for the request's id: an agent's accepted push, every minute of every host.
#[derive(Clone, Copy, Debug)]
pub struct Unnamed;

fn name(response: &mut Response, id: HeaderValue) {
    if response.extensions().get::<Unnamed>().is_none() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}

/// Gives every request an id, in its header for handlers and in the answer for callers, and writes one line about it.
pub async fn accompany(State(companion): State<Companion>, mut request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID).filter(|id| is_request_id(id.as_bytes())).cloned();
    let id = id.unwrap_or_else(|| new_request_id(&companion));
    request.headers_mut().insert(REQUEST_ID, id.clone());
    if !tracing::enabled!(tracing::Level::DEBUG) {
        let mut response = next.run(request).await;
        name(&mut response, id);
        return response;
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let address = request.extensions().get::<ClientAddress>().map(|address| address.0.to_string());
    let began = companion.clock.monotonic();
    let mut response = next.run(request).await;
    let took_us = u64::try_from(companion.clock.monotonic().saturating_sub(began).as_micros()).unwrap_or(u64::MAX);
    let request_id = id.to_str().unwrap_or_default();
    tracing::debug!(request_id, %method, path, status = response.status().as_u16(), took_us, address, "request");
    name(&mut response, id);
    response
}

/// Whether an id from outside may be repeated in logs and answers.
fn is_request_id(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=REQUEST_ID_CHARS).contains(&id.len()) && id.iter().all(plain)
}

fn new_request_id(companion: &Companion) -> HeaderValue {
    let bits = companion.entropy.id_bits(companion.clock.now());
    let text = format!("req_{}", rollcall_shared::id::encode(bits));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("req_unnamed"))
}

/// The answer of a handler that panicked: a bug, logged as such; the other requests go on.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the panic layer calls")]
pub fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    crate::answer::ApiError::internal(format!("a handler panicked: {}", text.unwrap_or("without a message"))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_request_ids_are_taken_from_outside() {
        for good in ["a", "0af7651916cd43dd8448eb211c80319c", "4f1f7a0e-3e5c-4a6e-9a3d-2b1c"] {
            assert!(is_request_id(good.as_bytes()), "{good}");
        }
        for bad in ["", "a b", "a\r\nb", "\u{1b}[31m", &"x".repeat(65), "é"] {
            assert!(!is_request_id(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn filters_are_checked_before_they_are_used() {
        assert!(is_filter("info,rollcall_server=debug"));
        assert!(!is_filter("rollcall_server=loud"));
    }
}
