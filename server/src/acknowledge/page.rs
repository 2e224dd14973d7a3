//! How the pages behind links look: readable on a telephone at night, by day and by dark.
//!
//! Invariant: a page loads nothing, runs nothing, is framed nowhere and sends its form to this server alone; its style is the one that its
//! policy names.

use crate::answer;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// Colours are the reader's own: light or dark, as their device is set.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:45rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}\
h1{font-size:1.4rem;line-height:1.25}\
h2{font-size:1.1rem;margin-top:1.5rem}\
li{margin:.5rem 0}\
ul{padding-left:1.25rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}\
dt{opacity:.75}\
dd{margin:0}\
button{font:inherit;font-weight:600;padding:.75rem 1.5rem;margin-top:.5rem;width:100%;max-width:20rem;cursor:pointer}";

/// What every page is answered with, beside its policy.
const HARDENING: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (header::CACHE_CONTROL, "no-store"),
];

/// What a browser may do with a page: nothing but to draw it in this style, which it knows by its hash, and to send its form.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
});

/// A page. Title and content are HTML: what comes from hosts and people is escaped by whoever makes them.
pub(super) fn page(status: StatusCode, title: &str, content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title} – Rollcall</title><style>{STYLE}</style></head>\
         <body><h1>{title}</h1>{content}</body></html>"
    );
    let mut response = answer::body("text/html; charset=utf-8", html);
    *response.status_mut() = status;
    for (name, value) in HARDENING {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_browser_may_draw_a_page_in_its_own_style_and_nothing_else() {
        let response = page(StatusCode::OK, "A title", "<p>Content</p>");
        HARDENING.iter().for_each(|(name, value)| assert_eq!(response.headers()[name], *value));
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
        let html = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        let html = String::from_utf8(html.to_vec()).expect("text");
        let (_, rest) = html.split_once("<style>").expect("a style");
        let (style, rest) = rest.split_once("</style>").expect("its end");
        let hash = BASE64_STANDARD.encode(Sha256::digest(style));
        let expected =
            format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
        assert_eq!(policy, expected);
        assert!(!rest.contains("<style") && !html.contains("style="), "{html}");
    }
}
