//! Path, query and body of a request, each with errors that name what is wrong.

mod shape;

use super::Api;
use super::caller::BodyHash;
use crate::answer::{ApiError, Code};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::header;
use axum::http::request::Parts;
use rollcall_domain::advisory::AdvisoryId;
use rollcall_domain::ci::{self, Source};
use rollcall_domain::id::{
    AlertId, AssignmentRuleId, AttachmentId, ChannelId, CiId, ContactId, DeliveryId, GroupId, ImportId, IncidentId, MuteId,
    NotificationGroupId, NotificationId, OverrideId, ParkedId, PolicyId, ProblemId, RouteId, RuleId, ScheduleId, SoftwareRuleId, TaskId,
    TokenId,
};
use rollcall_domain::trust::feed::FeedName;
use rollcall_shared::{AgentId, SectionName};
use serde::de::DeserializeOwned;
use std::str::FromStr;
use utoipa::ToSchema;

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

/// The number of something that people name by a word and digits, such as 17 of `INC0000017`; `word` is in capitals.
#[must_use]
pub fn number(word: &str, text: &str) -> Option<u64> {
    let (before, digits) = text.split_at_checked(word.len())?;
    let is_number = (1..=10).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && (before == word || before == word.to_lowercase()) { digits.parse().ok() } else { None }
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
        Some((field, reason)) => ApiError::invalid(cut(field), cut(in_words(reason))),
        None => match quoted(text, "missing field `") {
            Some(field) => ApiError::invalid(cut(field), "is required"),
            None => ApiError::new(Code::InvalidParameter, cut(text)),
        },
    }
}

/// What the parsers of whole numbers say, for people.
fn in_words(reason: &str) -> &str {
    match reason {
        "invalid digit found in string" | "cannot parse integer from empty string" => "must be a whole number",
        "number too large to fit in target type" => "is too large a number",
        "number too small to fit in target type" => "is too small a number",
        "provided string was not `true` or `false`" => "must be true or false",
        reason => reason,
    }
}

/// The name that an error of a parser quotes after some words.
fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    Some(text.strip_prefix(before)?.split_once('`')?.0)
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + ToSchema> FromRequest<Api> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _api: &Api) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::new(Code::UnsupportedMediaType, "the body must be JSON (Content-Type: application/json)"));
        }
        let too_large = || ApiError::new(Code::PayloadTooLarge, format!("the body is larger than {BODY_BYTES} bytes"));
        let (parts, body) = request.into_parts();
        let bytes = axum::body::to_bytes(body, BODY_BYTES).await.map_err(|_| too_large())?;
        BodyHash::note(&parts.extensions, &bytes);
        let body = parse(&bytes)?;
        match shape::misplaced_list::<T>(&bytes) {
            Some(path) => Err(ApiError::invalid(cut(&path), "must be an object, not a list")),
            None => Ok(Self(body)),
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if depth(bytes) > BODY_DEPTH {
        return Err(ApiError::new(Code::MalformedJson, format!("the body is nested deeper than {BODY_DEPTH}")));
    }
    refuse_list(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| refuse_body(error.path(), error.inner()))?;
    reader.end().map_err(|error| ApiError::new(Code::MalformedJson, cut(&error.to_string())))?;
    Ok(parsed)
}

/// Every body is an object. The parsers of structures would take a list of the values of their fields too.
fn refuse_list(bytes: &[u8]) -> Result<(), ApiError> {
    let is_list = bytes.trim_ascii_start().starts_with(b"[");
    match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
        Ok(_) if is_list => Err(ApiError::new(Code::InvalidParameter, "the body must be a JSON object, not a list")),
        _ => Ok(()),
    }
}

/// Says which field is meant, with what it is in: `levels.warning.raise`.
fn refuse_body(path: &serde_path_to_error::Path, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    if error.classify() != serde_json::error::Category::Data {
        return ApiError::new(Code::MalformedJson, cut(&text));
    }
    let mut path = path.to_string();
    let mut text = text.as_str();
    while let Some((inner, reason)) = text.strip_prefix(rollcall_domain::rule::condition::WITHIN).and_then(|rest| rest.split_once(": ")) {
        path = format!("{path}.{inner}");
        text = reason;
    }
    let within = |field: &str| match path.strip_suffix(field) {
        _ if path == "." => field.to_owned(),
        Some(parent) if parent.is_empty() || parent.ends_with('.') => path.clone(),
        _ => format!("{path}.{field}"),
    };
    match (quoted(text, "unknown field `"), quoted(text, "missing field `")) {
        (Some(field), _) => ApiError::unknown(cut(&within(field)), cut(text)),
        (None, Some(field)) => ApiError::invalid(cut(&within(field)), "is required"),
        (None, None) if path == "." => ApiError::new(Code::InvalidParameter, cut(&expected_in_words(text))),
        (None, None) => ApiError::invalid(cut(&path), cut(&expected_in_words(text))),
    }
}

/// What a parser wanted, in words of JSON instead of those of the program.
fn expected_in_words(text: &str) -> String {
    const BEFORE: &str = ", expected ";
    const WORDS: [(&str, &str); 14] = [
        ("internally tagged enum ", "an object"),
        ("struct ", "an object"),
        ("newtype variant", "an object"),
        ("a map", "an object"),
        ("a sequence", "a list"),
        ("a boolean", "true or false"),
        ("f64", "a number"),
        ("i64", "a whole number"),
        ("i32", "a whole number"),
        ("u8", "a whole number from 0"),
        ("u16", "a whole number from 0"),
        ("u32", "a whole number from 0"),
        ("u64", "a whole number from 0"),
        ("usize", "a whole number from 0"),
    ];
    let Some((found, expected)) = text.split_once(BEFORE) else { return text.to_owned() };
    let (what, place) = expected.split_at(expected.rfind(" at line ").unwrap_or(expected.len()));
    // Names of structures are in camel case, what is written for people is not.
    let is_of_program = |word: &str| if word.ends_with(' ') { what.starts_with(word) } else { what == word };
    let word = WORDS.iter().find(|(word, _)| is_of_program(word)).map_or(what, |(_, word)| word);
    format!("{found}{BEFORE}{word}{place}")
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

/// Characters that go back: a list of all actions with what each takes has six hundred.
const ECHOED: usize = 800;

/// Parsers echo what they were given: what goes back has a bound.
fn cut(text: &str) -> String {
    text.chars().take(ECHOED).collect()
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
    fn numbers_are_read_as_people_write_them() {
        for text in ["INC0000017", "inc17"] {
            assert_eq!(number("INC", text), Some(17), "{text}");
        }
        for text in ["", "17", "Inc17", "INC", "INC-1", "INC12345678901", "PRB17", "ééé17"] {
            assert_eq!(number("INC", text), None, "{text}");
        }
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
        check(&format!("{}0{}", "{\"a\":".repeat(32), "}".repeat(32)), None);
        check(&"[".repeat(100_000), Some(Code::MalformedJson));
        check(&"{\"a\":".repeat(100_000), Some(Code::MalformedJson));
    }

    #[track_caller]
    fn refused<T: DeserializeOwned>(json: &str, field: Option<&str>, detail: &str) {
        let error = parse::<T>(json.as_bytes()).err().expect("refused");
        assert_eq!((error.field(), error.detail()), (field, detail));
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it reads counts")]
    struct Level {
        raise: f64,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it reads counts")]
    struct Rule {
        title: String,
        #[serde(default)]
        levels: Vec<Level>,
    }

    #[test]
    fn an_error_names_the_field_with_what_it_is_in() {
        let refused = |json, field, detail| refused::<Rule>(json, field, detail);
        refused("{}", Some("title"), "title: is required");
        refused(r#"{"title": 5}"#, Some("title"), "title: invalid type: integer `5`, expected a string at line 1 column 11");
        refused(r#"{"title": "t", "levels": [{}]}"#, Some("levels[0].raise"), "levels[0].raise: is required");
        let text = "levels[0].raise: invalid type: string \"x\", expected a number at line 1 column 39";
        refused(r#"{"title": "t", "levels": [{"raise": "x"}]}"#, Some("levels[0].raise"), text);
        let text = "unknown field `rise`, expected `raise` at line 1 column 33";
        refused(r#"{"title": "t", "levels": [{"rise": 1}]}"#, Some("levels[0].rise"), text);
        let text = "levels[0]: invalid type: string \"low\", expected an object at line 1 column 31";
        refused(r#"{"title": "t", "levels": ["low"]}"#, Some("levels[0]"), text);
        for list in ["[1, 2, 3]", " [\"t\", []]", "[]"] {
            refused(list, None, "the body must be a JSON object, not a list");
        }
        refused(r#"{"title": "t"} 5"#, None, "trailing characters at line 1 column 16");
    }

    #[test]
    fn what_parsers_say_of_numbers_is_said_in_words() {
        for (text, expected) in [("", "must be a whole number"), ("abc", "must be a whole number"), ("99999", "is too large a number")] {
            assert_eq!(in_words(&text.parse::<u16>().unwrap_err().to_string()), expected);
        }
        assert_eq!(in_words(&"yes".parse::<bool>().unwrap_err().to_string()), "must be true or false");
        assert_eq!(quoted("missing field `left`", "missing field `"), Some("left"));
    }
}
