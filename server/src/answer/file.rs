//! Files that people gave, on their way back: to be saved, never to be shown.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Marks a file of people: nobody knows what is in it.
#[derive(Clone, Copy, Debug)]
pub struct OfPeople;

/// 200 with a file that people gave: to be saved, never to be shown. `tag` names its content.
pub fn file(name: &str, media_type: &str, tag: &str, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(bytes.into());
    let octets = HeaderValue::from_static("application/octet-stream");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(media_type).unwrap_or(octets));
    if let Ok(disposition) = HeaderValue::try_from(disposition(name)) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    response.extensions_mut().insert(OfPeople);
    response
}

/// What a value of an extended parameter may hold as it is (RFC 8187, 3.2.1: `attr-char`).
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The name for those who know ASCII alone, and the real one (RFC 6266).
fn disposition(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c == '"' || c == '\\' || c == '%' || !(' '..='~').contains(&c) { '_' } else { c }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, EXTENDED))
}
