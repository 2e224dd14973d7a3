//! Carrying a request to the server and its answer back.

use super::{Answer, Request};
use crate::http::{Failure, Http};
use rollcall_shared::message::SCHEMA;
use rollcall_shared::{endpoint, wire};
use serde::{Serialize, de::DeserializeOwned};

/// An answer holds settings with at most a thousand thresholds and as many hashes.
const REPLY_BYTES: usize = 1 << 20;

/// Sends `request`; whatever goes wrong is an answer too.
pub async fn exchange(http: Http, request: Request) -> Answer {
    match request {
        Request::Push(push) => post(&http, endpoint::PUSH, &push).await.map_or_else(Answer::Failed, Answer::Pushed),
        Request::Upload(upload) => post(&http, endpoint::SECTIONS, &upload).await.map_or_else(Answer::Failed, Answer::Uploaded),
    }
}

async fn post<T: DeserializeOwned>(http: &Http, path: &str, body: &impl Serialize) -> Result<T, Failure> {
    let malformed = |error: wire::WireError| Failure::Malformed(error.to_string());
    let frame = wire::encode(SCHEMA, body).map_err(malformed)?;
    let answer = http.post(path, None, frame, REPLY_BYTES).await?;
    wire::decode(SCHEMA, &answer).map_err(malformed)
}
