//! Path, query and body of a request, each with errors that name what is wrong.

use super::Api;
use crate::answer::{ApiError, Code};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::header;
use axum::http::request::Parts;
use rollcall_domain::advisory::AdvisoryId;
use rollcall_domain::ci::{self, Source};
use rollcall_domain::id::{
    AlertId, AssignmentRuleId, AttachmentId, ChannelId, CiId, ContactId, DeliveryId, GroupId, ImportId, IncidentId, MuteId, NotificationGroupId,
    NotificationId, OverrideId, ParkedId, PolicyId, ProblemId, RouteId, RuleId, ScheduleId, SoftwareRuleId, TaskId, TokenId,
};
use rollcall_domain::trust::feed::FeedName;
use rollcall_shared::{AgentId, SectionName};
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// The largest body an operator's request may have. The largest real one, a rule, is below 16 KiB.
const BODY_BYTES: usize = 1 << 20;

/// Deepest nesting of a body; the deepest real one is 4. `serde_json` stops at 128 by itself, this is stricter.
const BODY_DEPTH: usize = 32;

/// A name in a path. What is no name of its kind names nothing: the same 404 as for an absent subject.
pub trait PathName: FromStr {
    /// The parameter in the path template.
    const PARAMETER: &'static str = "id";
    /// What it names, for people.
    const KIND: &'static str;
}

macro_rules! path_names {
    ($($name:ty = $kind:literal;)*) => {
        $(impl PathName for $name { const KIND: &'static str = $kind; })*
    };
}

path_names! {
    CiId = "configuration item";
    AgentId = "agent";
    RuleId = "rule";
    SoftwareRuleId = "software rule";
    AdvisoryId = "advisory";
    AlertId = "alert";
    AssignmentRuleId = "assignment rule";
    ChannelId = "channel";
    ContactId = "contact";
    DeliveryId = "delivery";
    GroupId = "group";
    ImportId = "import";
    IncidentId = "incident";
    MuteId = "maintenance window, freeze or silence";
    NotificationGroupId = "notification group";
    NotificationId = "notification";
    PolicyId = "escalation policy";
    ProblemId = "problem";
    RouteId = "notification route";
    ScheduleId = "on-call schedule";
    TaskId = "review";
    TokenId = "token";
    FeedName = "feed";
    Source = "source";
    ParkedId = "parked report";
}

/// The name of an attribute in a path. Whether it is one, the domain says.
pub struct AttributeName(pub String);

impl FromStr for AttributeName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl PathName for AttributeName {
    const PARAMETER: &'static str = "name";
    const KIND: &'static str = "attribute";
}

impl PathName for ci::health::Metric {
    const PARAMETER: &'static str = "name";
    const KIND: &'static str = "metric";
}

impl PathName for AttachmentId {
    const PARAMETER: &'static str = "name";
    const KIND: &'static str = "attachment";
}

impl PathName for OverrideId {
    const PARAMETER: &'static str = "name";
    const KIND: &'static str = "override";
}

impl PathName for ci::Class {
    const PARAMETER: &'static str = "name";
    const KIND: &'static str = "class";
}

impl PathName for SectionName {
    const PARAMETER: &'static str = "name";
    const KIND: &'static str = "section";
}

/// A name from the path.
pub struct Named<T>(pub T);

impl<T: PathName + Send> FromRequestParts<Api> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Ok(parameters) = RawPathParams::from_request_parts(parts, api).await else {
            return Err(ApiError::not_found(T::KIND, "with this id"));
        };
        let text = parameters.iter().find(|(name, _)| *name == T::PARAMETER).map_or("", |(_, text)| text);
        text.parse().map(Self).map_err(|_| ApiError::not_found(T::KIND, text))
    }
}

/// The query, as `T` reads it. Unknown names were refused at the gate.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, ApiError> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(refuse_query(&rejection)),
        }
    }
}

fn refuse_query(rejection: &QueryRejection) -> ApiError {
    let text = rejection.body_text();
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
    match text.split_once(": ") {
        Some((field, reason)) => ApiError::invalid(cut(field), cut(reason)),
        None => ApiError::new(Code::InvalidParameter, cut(text)),
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _api: &Api) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::new(Code::UnsupportedMediaType, "the body must be JSON (Content-Type: application/json)"));
        }
        let too_large = || ApiError::new(Code::PayloadTooLarge, format!("the body is larger than {BODY_BYTES} bytes"));
        let bytes = axum::body::to_bytes(request.into_body(), BODY_BYTES).await.map_err(|_| too_large())?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if depth(bytes) > BODY_DEPTH {
        return Err(ApiError::new(Code::MalformedJson, format!("the body is nested deeper than {BODY_DEPTH}")));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
        match (unknown, error.classify()) {
            (Some((field, _)), _) => ApiError::unknown(cut(field), cut(&text)),
            (None, serde_json::error::Category::Data) => ApiError::new(Code::InvalidParameter, cut(&text)),
            (None, _) => ApiError::new(Code::MalformedJson, cut(&text)),
        }
    })
}

/// Deepest nesting, counted without building anything.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Parsers echo what they were given: what goes back has a bound.
fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[track_caller]
    fn check(json: &str, expected: Option<Code>) {
        assert_eq!(parse::<Value>(json.as_bytes()).err().map(|error| error.code()), expected);
    }

    #[test]
    fn what_is_not_json_is_named_so() {
        check("{\"a\": [1, \"]]]\\\"[[[[\"]}", None);
        for text in ["", "{", "{]", "nul", "1e999", "\"\\ud800\"", "NaN"] {
            check(text, Some(Code::MalformedJson));
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_it_is_parsed() {
        check(&format!("{}{}", "[".repeat(32), "]".repeat(32)), None);
        check(&"[".repeat(100_000), Some(Code::MalformedJson));
        check(&"{\"a\":".repeat(100_000), Some(Code::MalformedJson));
    }
}
