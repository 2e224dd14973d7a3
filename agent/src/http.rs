//! Requests to the server: one client, one answer or one named failure. Never follows a redirect, never asks a proxy, reads no
//! more than it was told to, and names neither itself nor what it takes: a push is a few hundred bytes, and its server knows.

use crate::enrol::server_url;
use rollcall_shared::Timestamp;
use rustls::ClientConfig;
use serde::Deserialize;
use std::time::Duration;

/// A connection that is not up by then will not be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A whole exchange: the largest body (about 1 MiB compressed) takes this long on a 64 kbit/s line.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);

/// Longer than the default push interval, so that a quiet agent keeps its one connection.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// Unacknowledged bytes for this long mean that the peer is gone, whatever the network says.
const PEER_GONE: Duration = Duration::from_secs(30);

/// Of an error body, what is read, and of its detail, what is shown.
const PROBLEM_BYTES: usize = 16 << 10;
const DETAIL_CHARS: usize = 300;

/// A server that may be spoken to.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    base: String,
}

/// Why there is no good answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer: name, network, TLS or time.
    #[error("{0}")]
    Unreachable(String),
    /// The server said no, or something in between did.
    #[error("{0}")]
    Refused(Refusal),
    /// An answer that is not what the protocol says.
    #[error("the server's answer is malformed: {0}")]
    Malformed(String),
}

/// A refusal in the server's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Rollcall's code; absent when something else answered.
    pub code: Option<String>,
    /// For people.
    pub detail: String,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The answering side's clock.
    pub date: Option<Timestamp>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.as_deref().unwrap_or("no code: not Rollcall's own answer");
        write!(f, "the server refused with status {} ({code}): {}", self.status, self.detail)
    }
}

impl Http {
    /// A client for `base`, such as `https://rollcall.example:8444`.
    ///
    /// # Errors
    /// When the URL is none that an agent may talk to.
    pub fn new(tls: ClientConfig, base: &str) -> Result<Self, Failure> {
        let base = server_url(base).map_err(|error| Failure::Unreachable(error.to_string()))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(1)
            .tcp_keepalive(PEER_GONE)
            .tcp_user_timeout(PEER_GONE)
            .build();
        let client = client.map_err(|error| Failure::Unreachable(chain(&error)))?;
        Ok(Self { client, base })
    }

    /// Posts `body` and reads an answer of at most `limit` bytes. A body without a media type is a frame.
    ///
    /// # Errors
    /// Every [`Failure`].
    pub async fn post(&self, path: &str, header: Option<(&str, &str)>, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut request = self.client.post(format!("{}{path}", self.base)).body(body);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| Failure::Unreachable(chain(&error)))?;
        if response.status().is_success() {
            return read(response, limit).await;
        }
        Err(Failure::Refused(refusal(response).await))
    }
}

async fn read(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::Unreachable(chain(&error)))? {
        if body.len() + chunk.len() > limit {
            return Err(Failure::Malformed(format!("longer than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The members of a problem document that an agent has use for.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
}

async fn refusal(response: reqwest::Response) -> Refusal {
    let status = response.status();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let retry_after = header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let date = header("date").as_deref().and_then(http_date);
    let is_problem = header("content-type").is_some_and(|media_type| media_type.starts_with("application/problem+json"));
    let body = if is_problem { read(response, PROBLEM_BYTES).await.unwrap_or_default() } else { Vec::new() };
    let problem = serde_json::from_slice(&body).unwrap_or(Problem { title: None, detail: None, code: None });
    let detail = problem.detail.or(problem.title).or_else(|| status.canonical_reason().map(str::to_owned)).unwrap_or_default();
    Refusal { status: status.as_u16(), code: problem.code.map(|code| plain(&code)), detail: plain(&detail), retry_after, date }
}

/// Text of the other side, fit for one line of a log.
fn plain(text: &str) -> String {
    text.chars().take(DETAIL_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `Sat, 21 Nov 2026 05:04:31 GMT`, the one form that servers may send (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    format!("{year}-{month:02}-{day}T{time}Z").parse().ok()
}

/// An error with its causes: the outermost alone says only "error sending request".
fn chain(error: &reqwest::Error) -> String {
    let mut parts = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if parts.last().is_none_or(|last: &String| !last.contains(&text)) {
            parts.push(text);
        }
        cause = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        assert_eq!(http_date("Sat, 21 Nov 2026 04:31:00 GMT"), Some(Timestamp(1_795_235_460_000)));
        for text in ["", "yesterday", "Sat, 21 Foo 2026 04:31:00 GMT", "Sat, 21"] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn text_of_the_other_side_stays_on_one_line() {
        assert_eq!(plain("a\r\nb\u{1b}[31m"), "a\u{fffd}\u{fffd}b\u{fffd}[31m");
        assert_eq!(plain(&"x".repeat(1000)).len(), DETAIL_CHARS);
    }
}
