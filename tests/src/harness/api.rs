//! A client of the REST API, as a person's program would be.

use anyhow::{Context, Result, ensure};
use reqwest::{Certificate, Client, Method, StatusCode, header};
use serde_json::Value;
use std::time::Duration;

/// An answer takes milliseconds; this is for a machine that is busy with other tests.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Pages followed at most: a list that never ends is a defect.
const PAGES: usize = 1_000;

/// The client.
#[derive(Clone)]
pub struct Api {
    http: Client,
    base: String,
    token: Option<String>,
}

/// What the server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status of HTTP.
    pub status: StatusCode,
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its media type.
    pub content_type: String,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| format!("{} {:?}", self.status, self.text))
    }

    /// The stable code of a problem document; empty when there is none.
    #[must_use]
    pub fn code(&self) -> String {
        self.json().ok().and_then(|problem| problem["code"].as_str().map(str::to_owned)).unwrap_or_default()
    }

    fn succeeded(self) -> Result<Value> {
        ensure!(self.status.is_success(), "{}: {}", self.status, self.text);
        if self.text.is_empty() { Ok(Value::Null) } else { self.json() }
    }
}

impl Api {
    /// A client that trusts one authority and shows one token.
    ///
    /// # Errors
    /// When the authority is no certificate.
    pub fn new(base: &str, authority: &[u8], token: Option<&str>) -> Result<Self> {
        let http = Client::builder().tls_certs_only([Certificate::from_pem(authority)?]).timeout(TIMEOUT).build()?;
        Ok(Self { http, base: base.to_owned(), token: token.map(str::to_owned) })
    }

    /// Sends a request; every status is an answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let response = request.send().await?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, content_type) = (header(header::ETAG), header(header::CONTENT_TYPE).unwrap_or_default());
        Ok(Answer { status: response.status(), etag, content_type, text: response.text().await? })
    }

    /// Sends bytes as they are, to see what the server makes of them.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send_raw(&self, path: &str, content_type: &str, body: Vec<u8>) -> Result<Answer> {
        let mut request = self.http.post(format!("{}{path}", self.base)).header(header::CONTENT_TYPE, content_type).body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?;
        let content_type =
            response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Answer { status: response.status(), etag: None, content_type, text: response.text().await? })
    }

    /// `GET`, which must succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, &[], None).await?.succeeded().with_context(|| format!("GET {path}"))
    }

    /// Every item of a list, over all its pages.
    ///
    /// # Errors
    /// When a page does not come.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut page = path.to_owned();
        for _ in 0..PAGES {
            let mut answer = self.get(&page).await?;
            let found = answer["items"].as_array_mut().with_context(|| format!("GET {page}: no items"))?;
            items.append(found);
            let Some(cursor) = answer["next_cursor"].as_str() else { return Ok(items) };
            page = format!("{path}{}cursor={cursor}", if path.contains('?') { '&' } else { '?' });
        }
        anyhow::bail!("GET {path} has more than {PAGES} pages")
    }

    /// `POST` of JSON, which must succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.send(Method::POST, path, &[], Some(body)).await?.succeeded().with_context(|| format!("POST {path}"))
    }

    /// Reads a resource, lets `change` edit it and puts it back under the entity tag that was read.
    ///
    /// # Errors
    /// When either step fails.
    pub async fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) -> Result<Value> {
        let read = self.send(Method::GET, path, &[], None).await?;
        ensure!(read.status.is_success(), "GET {path}: {}: {}", read.status, read.text);
        let tag = read.etag.clone().with_context(|| format!("GET {path}: no ETag"))?;
        let mut value = read.succeeded()?;
        change(&mut value);
        let answer = self.send(Method::PUT, path, &[("if-match", &tag)], Some(value)).await?;
        answer.succeeded().with_context(|| format!("PUT {path}"))
    }
}
