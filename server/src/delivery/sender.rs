//! One request: what leaves, how long it may take, and what its answer means.
//!
//! Of an answer the status and `Retry-After` count. Its body is not read: a receiver that never ends costs nothing, and nothing
//! that it says gets into the log.

use super::guard::Guard;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, redirect};
use rollcall_domain::delivery::Outcome;
use rollcall_shared::Timestamp;
use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a request may take until the head of its answer is there: Standard Webhooks asks for 15 to 30 seconds.
const WHOLE: Duration = Duration::from_secs(15);

/// How long a connection is kept for the next batch.
const IDLE: Duration = Duration::from_secs(30);

/// A request that is ready to go.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Where it goes.
    pub url: String,
    /// The same for every attempt at the same message.
    pub id: String,
    /// When it is sent.
    pub at: Timestamp,
    /// Of id, time and body, for receivers that check them.
    pub signatures: Option<String>,
    /// JSON.
    pub body: Vec<u8>,
}

/// Sends requests through the guard.
#[derive(Clone)]
pub struct Sender {
    guard: Guard,
    /// Why nothing can be sent at all, such as a machine without any certificate authorities: a matter of each channel's health,
    /// not of the server's start.
    client: Result<Client, String>,
}

impl Sender {
    /// A sender that trusts the machine's certificate authorities.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self::with_limit(guard, WHOLE)
    }

    /// A sender that waits no longer than this for an answer.
    #[must_use]
    pub fn with_limit(guard: Guard, whole: Duration) -> Self {
        Self { client: client(&guard, whole), guard }
    }

    /// Sends; `now` is for a `Retry-After` that names a date.
    pub async fn send(&self, outgoing: Outgoing, now: Timestamp) -> Outcome {
        let failed = |reason: String| Outcome::Failed { reason, retry_after: None };
        let (url, client) = match (self.guard.check(&outgoing.url), &self.client) {
            (Ok(url), Ok(client)) => (url, client),
            (Err(refusal), _) => return failed(refusal.to_string()),
            (_, Err(reason)) => return failed(reason.clone()),
        };
        let mut request = client.post(url).header(CONTENT_TYPE, "application/json").body(outgoing.body);
        if let Some(signatures) = outgoing.signatures {
            let timestamp = seconds(outgoing.at).to_string();
            request = request.header("webhook-id", outgoing.id).header("webhook-timestamp", timestamp);
            request = request.header("webhook-signature", signatures);
        }
        match request.send().await {
            Ok(answer) => Outcome::of_status(answer.status().as_u16(), retry_after(answer.headers(), now)),
            Err(error) if error.is_timeout() => failed("the receiver did not answer in time".into()),
            Err(error) => failed(cause(&error)),
        }
    }
}

/// A client that calls nothing but what the guard lets through, and waits no longer than this for an answer.
///
/// # Errors
/// Why this machine cannot send at all.
pub fn client(guard: &Guard, whole: Duration) -> Result<Client, String> {
    let builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .dns_resolver(guard.clone())
        .connect_timeout(CONNECT.min(whole))
        .timeout(whole)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1)
        .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")));
    builder.build().map_err(|error| format!("this server cannot send: {}", cause(&error)))
}

/// Whole seconds since 1970, as the signature has them.
pub fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000)
}

/// Seconds, or a date (RFC 9110, 10.2.3). What is neither is nothing.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let date = Timestamp(i64::try_from(date.as_millis()).ok()?);
    Some(date.since(now))
}

/// What lies at the root of an error; the layers above it say only that something failed. Addresses may hold secrets of the
/// receiver, and none of these errors names them.
pub fn cause(error: &reqwest::Error) -> String {
    let mut root: &dyn Error = error;
    while let Some(deeper) = root.source() {
        root = deeper;
    }
    root.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        assert_eq!(retry_after(&headers, Timestamp(1_795_235_460_000)).map(|wait| wait.as_secs()), expected, "{text}");
    }

    #[test]
    fn a_receiver_says_how_long_to_wait_in_seconds_or_by_a_date() {
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("Sat, 21 Nov 2026 04:32:00 GMT", Some(60));
        check("Wed, 21 Oct 2015 07:28:00 GMT", Some(0));
        for other in ["", "-5", "soon", "1.5", "99999999999999999999999"] {
            check(other, None);
        }
    }
}
