//! Carrying a request to the server and its answer back.

use super::{Answer, Request};
use crate::http::{Failure, Http};
use rollcall_shared::message::{SCHEMA, Settings};
use rollcall_shared::{endpoint, wire};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// An answer holds settings with at most a thousand thresholds and as many hashes.
const REPLY_BYTES: usize = 1 << 20;

/// Sends `request` of an agent that pushes at an interval; whatever goes wrong is an answer too.
pub async fn exchange(http: Http, request: Request, interval: Duration) -> Answer {
    match request {
        Request::Push(push) => {
            let told = told(interval);
            let header = told.as_deref().map(|told| (endpoint::PUSH_INTERVAL, told));
            post(&http, endpoint::PUSH, header, &push).await.map_or_else(Answer::Failed, Answer::Pushed)
        }
        Request::Upload(upload) => post(&http, endpoint::SECTIONS, None, &upload).await.map_or_else(Answer::Failed, Answer::Uploaded),
    }
}

/// What the server hears of the interval: nothing of the default, which it takes without a word.
fn told(interval: Duration) -> Option<String> {
    let ms = interval.as_millis();
    (ms != u128::from(Settings::default().push_interval_ms)).then(|| ms.to_string())
}

async fn post<T: DeserializeOwned>(http: &Http, path: &str, header: Option<(&str, &str)>, body: &impl Serialize) -> Result<T, Failure> {
    let malformed = |error: wire::WireError| Failure::Malformed(error.to_string());
    let frame = wire::encode(SCHEMA, body).map_err(malformed)?;
    let answer = http.post(path, header, frame, REPLY_BYTES).await?;
    wire::decode(SCHEMA, &answer).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_told_unless_it_is_the_default() {
        let check = |interval: Duration, expected: Option<&str>| assert_eq!(told(interval).as_deref(), expected, "{interval:?}");
        check(Duration::from_secs(60), None);
        check(Duration::from_secs(300), Some("300000"));
        check(Duration::from_millis(500), Some("500"));
    }
}
