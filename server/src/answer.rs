//! Where HTTP status codes are chosen, and nowhere else.
//!
//! Every refusal has a stable [`Code`]; [`Code::status`] is the one table from codes to statuses. Errors travel as
//! `application/problem+json` (RFC 9457). A failure's cause goes to the log, never to the caller: the body carries the
//! request id by which an operator finds it there.

mod file;

pub use file::{OfPeople, file};

use crate::engine::EngineError;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rollcall_domain::Rejection;
use serde::Serialize;
use std::time::Duration;

/// Media type of errors.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// Header that carries the id of a request; the edge sets it.
pub const REQUEST_ID: &str = "x-request-id";

/// Why a request was not answered as asked. Stable: programs depend on the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// A parameter or field that does not exist.
    UnknownParameter,
    /// A parameter or field with a value that does not fit.
    InvalidParameter,
    /// The body is not JSON.
    MalformedJson,
    /// The body is not a frame.
    MalformedFrame,
    /// No credential, or one that does not count.
    Unauthenticated,
    /// The principal may not do this.
    Forbidden,
    /// The agent waits for approval.
    AgentPending,
    /// The agent is revoked.
    AgentRevoked,
    /// The agent is suspended until a person approves it again.
    AgentSuspended,
    /// The subject does not exist, or the asker may not know that it does.
    NotFound,
    /// The subject exists, the method does not.
    MethodNotAllowed,
    /// None of the wanted media types is served here.
    NotAcceptable,
    /// It exists already and is something else.
    Conflict,
    /// The subject's state does not allow it.
    WrongState,
    /// An old copy of an agent's state is running.
    StaleEpoch,
    /// Another machine speaks with this agent's identity: this one must be enrolled anew.
    DuplicateIdentity,
    /// Somebody else changed the subject since it was read.
    Stale,
    /// The body is larger than allowed.
    PayloadTooLarge,
    /// The body's media type is not taken here.
    UnsupportedMediaType,
    /// Too much at once.
    TooManyRequests,
    /// A bug.
    Internal,
    /// The server cannot do it now.
    Unavailable,
    /// The frame ends early.
    FrameTruncated,
    /// The frame's schema is one that this release does not speak.
    FrameUnsupportedSchema,
    /// The frame expands to more than is allowed.
    FrameTooLarge,
    /// The body ended before it was complete, or took too long.
    IncompleteBody,
    /// The certificate signing request is not one, or its key is of the wrong kind.
    InvalidCsr,
    /// The request claims another identity than its certificate proves.
    IdentityMismatch,
    /// The body is no inventory of a known format.
    MalformedInventory,
    /// Something that the protocol knows and this server does not do.
    UnsupportedAction,
}

impl Code {
    /// All of them, in order.
    pub const ALL: [Self; 30] = [
        Self::UnknownParameter,
        Self::InvalidParameter,
        Self::MalformedJson,
        Self::MalformedFrame,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::AgentPending,
        Self::AgentRevoked,
        Self::AgentSuspended,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::Conflict,
        Self::WrongState,
        Self::StaleEpoch,
        Self::DuplicateIdentity,
        Self::Stale,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
        Self::FrameTruncated,
        Self::FrameUnsupportedSchema,
        Self::FrameTooLarge,
        Self::IncompleteBody,
        Self::InvalidCsr,
        Self::IdentityMismatch,
        Self::MalformedInventory,
        Self::UnsupportedAction,
    ];

    /// The status of each code.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::UnknownParameter | Self::InvalidParameter | Self::MalformedJson | Self::MalformedFrame => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::AgentPending | Self::AgentRevoked | Self::AgentSuspended => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Conflict | Self::WrongState | Self::StaleEpoch | Self::DuplicateIdentity => StatusCode::CONFLICT,
            Self::Stale => StatusCode::PRECONDITION_FAILED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::FrameTruncated | Self::IncompleteBody | Self::InvalidCsr | Self::MalformedInventory => StatusCode::BAD_REQUEST,
            Self::FrameUnsupportedSchema => StatusCode::UPGRADE_REQUIRED,
            Self::FrameTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::IdentityMismatch => StatusCode::FORBIDDEN,
            Self::UnsupportedAction => StatusCode::NOT_IMPLEMENTED,
        }
    }

    /// The name in JSON and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownParameter => "unknown_parameter",
            Self::InvalidParameter => "invalid_parameter",
            Self::MalformedJson => "malformed_json",
            Self::MalformedFrame => "malformed_frame",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::AgentPending => "agent_pending",
            Self::AgentRevoked => "agent_revoked",
            Self::AgentSuspended => "agent_suspended",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotAcceptable => "not_acceptable",
            Self::Conflict => "conflict",
            Self::WrongState => "wrong_state",
            Self::StaleEpoch => "stale_epoch",
            Self::DuplicateIdentity => "duplicate_identity",
            Self::Stale => "stale",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::TooManyRequests => "too_many_requests",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::FrameTruncated => "frame_truncated",
            Self::FrameUnsupportedSchema => "frame_unsupported_schema",
            Self::FrameTooLarge => "frame_too_large",
            Self::IncompleteBody => "incomplete_body",
            Self::InvalidCsr => "invalid_csr",
            Self::IdentityMismatch => "identity_mismatch",
            Self::MalformedInventory => "malformed_inventory",
            Self::UnsupportedAction => "unsupported_action",
        }
    }

    /// What a status that somebody else chose stands for.
    pub fn of(status: StatusCode) -> Self {
        let known = Self::ALL.into_iter().find(|code| code.status() == status);
        known.unwrap_or(if status.is_client_error() { Self::InvalidParameter } else { Self::Internal })
    }
}

/// A refusal or failure on its way to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    code: Code,
    detail: String,
    field: Option<String>,
    /// Place and length of what is wrong within the field's text, in characters from 0.
    place: Option<(u32, u32)>,
    retry_after: Option<Duration>,
    cause: Option<String>,
    /// How the caller may prove who it is, when it is not by an API token.
    challenge: Option<&'static str>,
}

impl ApiError {
    /// An error; `detail` names the subject and is shown to the caller.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), field: None, place: None, retry_after: None, cause: None, challenge: None }
    }

    /// A wrong parameter or field.
    #[must_use]
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        let (field, reason) = (field.into(), reason.into());
        Self { field: Some(field.clone()), ..Self::new(Code::InvalidParameter, format!("{field}: {reason}")) }
    }

    /// The same, with the place of what is wrong within the field's text, in characters from 0.
    #[must_use]
    pub fn at(self, position: usize, length: usize) -> Self {
        let bounded = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self { place: Some((bounded(position), bounded(length))), ..self }
    }

    /// A parameter that does not exist.
    #[must_use]
    pub fn unknown(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(Code::UnknownParameter, detail) }
    }

    /// An absent subject.
    #[must_use]
    pub fn not_found(kind: &str, id: &str) -> Self {
        // Ids come from callers: what is echoed has a bound.
        let id: String = id.chars().take(64).collect();
        Self::new(Code::NotFound, format!("{kind} {id} does not exist"))
    }

    /// A bug or a broken world. The cause is for the log alone.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "the server failed; its log tells why, under this request id";
        Self { cause: Some(cause.into()), ..Self::new(Code::Internal, detail) }
    }

    /// Too much at once.
    #[must_use]
    pub fn too_many(detail: impl Into<String>, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Code::TooManyRequests, detail) }
    }

    /// Asks for a name and a secret instead of an API token (RFC 7617). Other people's agents read this header to the letter.
    #[must_use]
    pub fn asking_for_basic(self) -> Self {
        Self { challenge: Some("Basic realm=\"rollcall\""), ..self }
    }

    /// The same under another code, for callers who would take this one for something else.
    #[must_use]
    pub fn recoded(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// What is wrong, as the caller is told.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The wrong field.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    fn render(&self, request_id: Option<&str>) -> Response {
        let status = self.code.status();
        let problem = Problem {
            r#type: format!("urn:rollcall:problem:{}", self.code.as_str()),
            title: status.canonical_reason().unwrap_or("error"),
            status: status.as_u16(),
            code: self.code.as_str(),
            detail: &self.detail,
            field: self.field.as_deref(),
            position: self.place.map(|(position, _)| position as usize),
            length: self.place.map(|(_, length)| length as usize),
            request_id,
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_TYPE)], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = self.challenge.unwrap_or("Bearer realm=\"rollcall\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(wait) = self.retry_after {
            // Whole seconds, rounded up: never earlier than meant.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        response
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.render(None);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        let code = match rejection {
            Rejection::Invalid { field, reason } => return Self::invalid(field, reason),
            Rejection::NotFound { .. } => Code::NotFound,
            Rejection::WrongState { .. } => Code::WrongState,
            Rejection::Stale { .. } => Code::Stale,
            Rejection::Conflict(_) => Code::Conflict,
            Rejection::Forbidden(_) => Code::Forbidden,
            Rejection::BadCredential => Code::Unauthenticated,
            Rejection::AgentPending(_) => Code::AgentPending,
            Rejection::AgentRevoked(_) => Code::AgentRevoked,
            Rejection::AgentSuspended(_) => Code::AgentSuspended,
            Rejection::DuplicateIdentity { .. } => Code::DuplicateIdentity,
            Rejection::StaleEpoch { .. } => Code::StaleEpoch,
        };
        Self::new(code, detail)
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(rejection) => rejection.into(),
            EngineError::Malformed(detail) => Self::new(Code::MalformedFrame, detail),
            EngineError::TooLarge(detail) => Self::new(Code::PayloadTooLarge, detail),
            EngineError::Overloaded { retry_after } => {
                Self::too_many("the server has more work than it can take; try again later", retry_after)
            }
            EngineError::Unavailable(cause) => {
                let retry_after = Some(Duration::from_secs(5));
                Self { cause: Some(cause), retry_after, ..Self::new(Code::Unavailable, "the server cannot do this now; try again later") }
            }
        }
    }
}

/// 200 with JSON.
pub fn json<T: Serialize>(view: &T) -> Response {
    match serde_json::to_vec(view) {
        Ok(body) => (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => ApiError::internal(format!("{} as JSON: {error}", std::any::type_name::<T>())).into_response(),
    }
}

/// 200 with a body of another media type.
pub fn body(media_type: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// 200 with one resource and its revision as entity tag.
pub fn resource<T: Serialize>(view: &T, revision: u64) -> Response {
    tagged(json(view), revision)
}

/// An answer with a revision as its entity tag.
pub fn tagged(mut response: Response, revision: u64) -> Response {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// 201 with what was made, where it is and its revision, when it has one.
pub fn created<T: Serialize>(location: &str, view: &T, revision: Option<u64>) -> Response {
    let mut response = revision.map_or_else(|| json(view), |revision| resource(view, revision));
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::CREATED;
    }
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// 204: done, nothing to say.
pub fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// 307 to another place of this server.
pub fn see(location: &'static str) -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

/// 200 or 503: whether the server takes work.
pub fn readiness<T: Serialize>(ready: bool, view: &T) -> Response {
    let mut response = json(view);
    if !ready {
        *response.status_mut() = Code::Unavailable.status();
    }
    response
}

/// Marks a refusal that is told in the words of somebody else's protocol, and stays as it is.
#[derive(Clone, Copy, Debug)]
struct InTheirWords;

/// A refusal in the words of another protocol, under the status of its code.
pub fn in_their_words(mut response: Response, code: Code) -> Response {
    *response.status_mut() = code.status();
    response.extensions_mut().insert(InTheirWords);
    response
}

/// Last touch on every answer: errors get the request id and the one media type, known entities become 304, failures are logged.
pub async fn finish(request: Request, next: Next) -> Response {
    let request_id = text_of(request.headers(), REQUEST_ID);
    let known =
        text_of(request.headers(), header::IF_NONE_MATCH.as_str()).filter(|_| matches!(*request.method(), Method::GET | Method::HEAD));
    let response = next.run(request).await;
    if let Some(error) = response.extensions().get::<ApiError>().cloned() {
        return finish_error(&error, request_id.as_deref(), response);
    }
    if response.extensions().get::<InTheirWords>().is_some() {
        return response;
    }
    if response.status().is_client_error() || (response.status().is_server_error() && !is_json(&response)) {
        let error = ApiError::new(Code::of(response.status()), response.status().canonical_reason().unwrap_or("refused"));
        return finish_error(&error, request_id.as_deref(), response);
    }
    match (known, response.headers().get(header::ETAG)) {
        (Some(known), Some(tag)) if matches_tag(&known, tag) => (StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response(),
        _ => response,
    }
}

fn finish_error(error: &ApiError, request_id: Option<&str>, before: Response) -> Response {
    if error.code.status().is_server_error() && error.code != Code::UnsupportedAction {
        tracing::error!(request_id, code = error.code.as_str(), cause = error.cause, "a request failed");
    }
    let mut response = error.render(request_id);
    if let Some(allow) = before.headers().get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    response.extensions_mut().insert(error.code);
    response
}

fn is_json(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Weak comparison (RFC 9110, 13.1.2): a weak tag of the same revision is the same here.
fn matches_tag(known: &str, tag: &HeaderValue) -> bool {
    let known = known.split(',').map(|one| one.trim().trim_start_matches("W/"));
    known.into_iter().any(|one| one == "*" || one.as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests;
