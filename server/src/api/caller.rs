//! Who asks for a change, on which precondition, and under which key for "do this once".

use super::Api;
use super::gate::Principal;
use crate::answer::{ApiError, REQUEST_ID};
use crate::engine::{Engine, Executed, Request};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, Method, header};
use rollcall_domain::world::BODY_MARK;
use rollcall_domain::{Actor, Command, Rejection};
use rollcall_shared::ContentHash;
use std::sync::{Arc, OnceLock};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Long enough for two UUIDs with words between them.
const IDEMPOTENCY_KEY_CHARS: usize = 128;

/// Digits of the hash that a key is kept with: whoever asks for something else under the same key by mistake is found out by fewer.
const HASH_DIGITS: usize = 16;

/// Request ids of other people's proxies may be long; what enters the log has a bound.
const REQUEST_ID_CHARS: usize = 128;

/// The circumstances of a change.
pub struct Caller {
    /// Who asks.
    pub principal: Principal,
    /// Revision that the caller saw (`If-Match`).
    pub expected: Option<u64>,
    request_id: Option<String>,
    idempotency_key: Option<String>,
    query: String,
    body: BodyHash,
}

/// What the body of a request hashes to, as soon as it has been read: the caller is known before.
#[derive(Clone, Debug, Default)]
pub struct BodyHash(Arc<OnceLock<ContentHash>>);

impl BodyHash {
    /// Takes note of the body, when somebody wants to know.
    pub fn note(extensions: &Extensions, body: &[u8]) {
        if let Some(Self(hash)) = extensions.get() {
            let _ = hash.set(ContentHash::of(body));
        }
    }
}

impl Caller {
    /// Asks the engine.
    pub async fn execute(&self, engine: &Engine, command: Command) -> Result<Executed, ApiError> {
        let request =
            Request { actor: self.principal.actor.clone(), request_id: self.request_id.clone(), idempotency_key: self.key(None), command };
        Ok(engine.execute(request).await?)
    }

    /// Asks the engine to attach a file.
    pub async fn attach(&self, engine: &Engine, command: Command, file: (ContentHash, Vec<u8>)) -> Result<Executed, ApiError> {
        let request =
            Request { actor: self.principal.actor.clone(), request_id: self.request_id.clone(), idempotency_key: self.key(None), command };
        Ok(engine.attach(request, file).await?)
    }

    /// Id of the request, when it has one.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Asks the engine for one part of what the caller asked for, under a key of its own: a repeated request repeats no part.
    pub async fn execute_part(&self, engine: &Engine, part: usize, command: Command) -> Result<Executed, ApiError> {
        let request = Request {
            actor: self.principal.actor.clone(),
            request_id: self.request_id.clone(),
            idempotency_key: self.key(Some(part)),
            command,
        };
        Ok(engine.execute(request).await?)
    }

    /// The caller's key, for a part of the request where it has several, with what its query and body hash to.
    fn key(&self, part: Option<usize>) -> Option<String> {
        let key = self.idempotency_key.as_ref()?;
        let key = part.map_or_else(|| key.clone(), |part| format!("{key} #{part}"));
        let body = self.body.0.get().copied().unwrap_or_else(|| ContentHash::of(&[]));
        // Without a query as releases before it counted kept their keys.
        let asked = if self.query.is_empty() { body } else { ContentHash::of(format!("{body}?{}", self.query).as_bytes()) };
        Some(format!("{key}{BODY_MARK}{}", &asked.to_string()[..HASH_DIGITS]))
    }

    /// Holds the precondition against a subject whose commands carry none.
    pub fn check_precondition(&self, subject: &str, current: u64) -> Result<(), ApiError> {
        match self.expected {
            Some(expected) if expected != current => Err(Rejection::Stale { subject: subject.to_owned(), current, expected }.into()),
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, ApiError> {
        let principal = parts.extensions.get::<Principal>().cloned();
        let principal = principal.ok_or_else(|| ApiError::internal("a changing route without a gate"))?;
        let expected = header_text(parts, header::IF_MATCH.as_str())?.map(parse_tag).transpose()?.flatten();
        let request_id = header_text(parts, REQUEST_ID)?.filter(|id| id.len() <= REQUEST_ID_CHARS).map(str::to_owned);
        let idempotency_key = idempotency_key(parts, &principal.actor)?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body = BodyHash::default();
        if idempotency_key.is_some() {
            parts.extensions.insert(body.clone());
        }
        Ok(Self { principal, expected, request_id, idempotency_key, query, body })
    }
}

/// The caller's key within the caller's token, method and path: nobody can meet another's.
fn idempotency_key(parts: &Parts, actor: &Actor) -> Result<Option<String>, ApiError> {
    let Some(key) = header_text(parts, IDEMPOTENCY_KEY)?.filter(|_| parts.method == Method::POST) else { return Ok(None) };
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_CHARS || !key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Err(ApiError::invalid(IDEMPOTENCY_KEY, format!("must be 1 to {IDEMPOTENCY_KEY_CHARS} printable ASCII characters")));
    }
    let owner = match actor {
        Actor::Token { id, .. } => id.to_string(),
        _ => "local".to_owned(),
    };
    Ok(Some(format!("{owner} {} {} {key}", parts.method, parts.uri.path())))
}

fn header_text<'a>(parts: &'a Parts, name: &str) -> Result<Option<&'a str>, ApiError> {
    let value = parts.headers.get(name);
    value.map(|value| value.to_str().map_err(|_| ApiError::invalid(name, "must be printable ASCII"))).transpose()
}

/// `"17"`, or `*` for any revision.
fn parse_tag(text: &str) -> Result<Option<u64>, ApiError> {
    if text.trim() == "*" {
        return Ok(None);
    }
    let digits = text.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let revision = digits.and_then(|digits| digits.parse().ok());
    revision.map(Some).ok_or_else(|| ApiError::invalid("if-match", "must be one entity tag of this API, such as \"17\", or *"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Option<u64>>) {
        assert_eq!(parse_tag(text).ok(), expected, "{text}");
    }

    #[test]
    fn a_precondition_is_one_strong_tag_or_any() {
        check("\"17\"", Some(Some(17)));
        check("*", Some(None));
        for other in ["17", "W/\"17\"", "\"17\", \"18\"", "\"-1\"", "\"\"", "\"x\"", ""] {
            check(other, None);
        }
    }
}
