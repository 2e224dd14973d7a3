//! Media types: what a caller accepts, and lists as JSON, CSV or NDJSON.
//!
//! Text from hosts reaches a CSV as text: a cell that a spreadsheet would take for a formula gets a leading apostrophe.

use super::Api;
use super::page::Page;
use super::routes::Shape;
use crate::answer::{self, ApiError, Code};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// Where the next page begins, for the media types that have no room for it.
pub const NEXT_CURSOR: &str = "x-next-cursor";

/// A media type served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `application/json`.
    Json,
    /// `text/csv`.
    Csv,
    /// `application/x-ndjson`.
    Ndjson,
    /// `text/event-stream`.
    EventStream,
    /// `text/plain`.
    Text,
}

impl Format {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
            Self::EventStream => "text/event-stream",
            Self::Text => "text/plain",
        }
    }

    /// The media type as an answer has it: in which encoding, where it does not say so itself.
    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            other => other.media_type(),
        }
    }

    /// The types that a shape serves, the preferred first.
    pub fn served(shape: Shape) -> &'static [Self] {
        match shape {
            Shape::List => &[Self::Json, Self::Csv, Self::Ndjson],
            Shape::Stream => &[Self::EventStream, Self::Json, Self::Csv, Self::Ndjson],
            Shape::Text | Shape::File => &[Self::Text],
            Shape::One | Shape::Ask | Shape::Create | Shape::Act | Shape::Update | Shape::Delete | Shape::Withdraw => &[Self::Json],
        }
    }

    /// What the caller likes best among what is served.
    pub fn negotiate(shape: Shape, headers: &HeaderMap) -> Result<Self, ApiError> {
        let served = Self::served(shape);
        let wishes: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        // Prometheus asks for its own types first and takes plain text after all.
        if wishes.is_empty() || matches!(shape, Shape::Text | Shape::File) {
            return Ok(served[0]);
        }
        let best = wishes
            .iter()
            .flat_map(|line| line.split(','))
            .filter_map(|wish| satisfy(served, wish))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, format)| format).ok_or_else(|| {
            let known: Vec<&str> = served.iter().map(|format| format.media_type()).collect();
            ApiError::new(Code::NotAcceptable, format!("this is served as {}", known.join(", ")))
        })
    }

    /// A page in this format.
    pub fn list<T: Serialize + ToSchema>(self, page: &Page<T>) -> Response {
        self.rows(page, || columns_of::<T>())
    }

    /// A page of rows whose columns are known only from themselves.
    pub fn untyped_list(self, page: &Page<Value>) -> Response {
        self.rows(page, || columns_in(&page.items))
    }

    /// A page of rows with these columns.
    pub fn table<T: Serialize>(self, page: &Page<T>, columns: Vec<String>) -> Response {
        self.rows(page, || columns)
    }

    fn rows<T: Serialize>(self, page: &Page<T>, columns: impl FnOnce() -> Vec<String>) -> Response {
        let text = match self {
            Self::Csv => to_csv(&page.items, &columns()),
            Self::Ndjson => to_ndjson(&page.items),
            Self::Json | Self::EventStream | Self::Text => return answer::json(page),
        };
        match text {
            Ok(text) => with_cursor(answer::body(self.content_type(), text), page.next_cursor.as_deref()),
            Err(cause) => ApiError::internal(cause).into_response(),
        }
    }
}

fn with_cursor(mut response: Response, cursor: Option<&str>) -> Response {
    if let Some(cursor) = cursor.and_then(|cursor| HeaderValue::from_str(cursor).ok()) {
        response.headers_mut().insert(HeaderName::from_static(NEXT_CURSOR), cursor);
    }
    response
}

/// How much one wish of an `Accept` header is worth, in thousandths, and what it gets.
fn satisfy(served: &[Format], wish: &str) -> Option<(u16, Format)> {
    let mut parts = wish.split(';').map(str::trim);
    let range = parts.next()?.to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |weight| weight.parse::<f32>().ok())?;
    if !(weight > 0.0 && weight <= 1.0) {
        return None;
    }
    let format = served.iter().copied().find(|format| {
        let (kind, _) = format.media_type().split_once('/').unwrap_or_default();
        range == "*/*" || range == format.media_type() || range.strip_suffix("/*") == Some(kind)
    })?;
    // Between 1 and 1000 by the check above.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    Some(((weight * 1000.0) as u16, format))
}

fn to_ndjson<T: Serialize>(items: &[T]) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    for item in items {
        serde_json::to_writer(&mut text, item).map_err(|error| error.to_string())?;
        text.push(b'\n');
    }
    Ok(text)
}

fn to_csv<T: Serialize>(items: &[T], columns: &[String]) -> Result<Vec<u8>, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    writer.write_record(columns).map_err(|error| error.to_string())?;
    for item in items {
        let row = serde_json::to_value(item).map_err(|error| error.to_string())?;
        writer.write_record(columns.iter().map(|column| cell(&row[column]))).map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

/// Nothing for unknown, text as it is, everything nested as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The fields of `T` as its schema declares them: also an empty list has a header.
fn columns_of<T: ToSchema>() -> Vec<String> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

fn columns_in(rows: &[Value]) -> Vec<String> {
    let names: BTreeSet<&String> = rows.iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys).collect();
    names.into_iter().cloned().collect()
}

impl FromRequestParts<Api> for Format {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| ApiError::internal("a list without a gate"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(accept: &str, expected: Option<Format>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        assert_eq!(Format::negotiate(Shape::List, &headers).ok(), expected, "{accept}");
    }

    #[test]
    fn the_caller_gets_what_it_likes_best() {
        check("application/json", Some(Format::Json));
        check("text/csv", Some(Format::Csv));
        check("application/json;q=0.5, application/x-ndjson", Some(Format::Ndjson));
        check("text/html, */*;q=0.1", Some(Format::Json));
        check("text/*", Some(Format::Csv));
        check("Text/CSV; charset=utf-8", Some(Format::Csv));
        for other in ["text/html", "application/json;q=0", "application/json;q=x", "*", "", "image/*"] {
            check(other, None);
        }
    }

    #[test]
    fn cells_that_look_like_formulas_become_text() {
        for start in ['=', '+', '-', '@', '\t', '\r'] {
            assert_eq!(cell(&json!(format!("{start}1"))), format!("'{start}1"));
        }
        assert_eq!(cell(&json!(-5)), "-5");
        assert_eq!(cell(&json!({"a": [1, null]})), "{\"a\":[1,null]}");
        assert_eq!(cell(&Value::Null), "");
    }

    #[test]
    fn line_breaks_and_quotes_stay_inside_their_cell() {
        let rows = [json!({"a": "x\r\n\"y\",z"})];
        let text = String::from_utf8(to_csv(&rows, &columns_in(&rows)).unwrap()).unwrap();
        assert_eq!(text, "a\n\"x\r\n\"\"y\"\",z\"\n");
    }
}
