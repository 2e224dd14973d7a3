//! What another system says of one of its alerts, checked and bounded.

use crate::Rejection;
use crate::ci::normalise::{self, cut};
use crate::rule::Severity;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Labels, and annotations, of one alert. Alerts of Kubernetes have about 20.
pub const LABELS: usize = 64;

/// Bytes of a label's name.
const LABEL_NAME_BYTES: usize = 200;

/// Bytes of a label's value.
const LABEL_BYTES: usize = 1_024;

/// Bytes of all labels of one alert.
const LABELS_BYTES: usize = 8 << 10;

/// Bytes of a title.
const TITLE_BYTES: usize = 200;

/// Bytes of a description: it is read by people.
const DESCRIPTION_BYTES: usize = 8 << 10;

/// Bytes of an address of the web.
const LINK_BYTES: usize = 2_048;

/// Bytes of a fingerprint. An Alertmanager's has 16.
const FINGERPRINT_BYTES: usize = 64;

/// What a source says of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalState {
    /// It fires.
    Firing,
    /// It is over.
    Resolved,
}

impl ExternalState {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert as a message has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raw {
    /// Such as `firing`.
    pub status: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Begin, RFC 3339; the year 1 for unknown.
    pub starts_at: Option<String>,
    /// End, RFC 3339; the year 1 for unknown.
    pub ends_at: Option<String>,
    /// Where to read on.
    pub generator_url: Option<String>,
    /// What the source tells it apart by.
    pub fingerprint: Option<String>,
}

/// What a source says of an alert, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalReport {
    /// What the source tells it apart by; that of its labels when it says nothing.
    pub fingerprint: String,
    /// Whether it fires.
    pub state: ExternalState,
    /// How bad; `None` for what is but for information.
    pub severity: Option<Severity>,
    /// A line.
    pub title: String,
    /// More.
    pub description: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Where to read on.
    pub link: Option<String>,
    /// What to do about it.
    pub runbook: Option<String>,
    /// Begin.
    pub began_at: Option<Timestamp>,
    /// End.
    pub ended_at: Option<Timestamp>,
}

impl ExternalReport {
    /// Checks what a message says.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] naming the field. Text for people is cut instead.
    pub fn new(raw: Raw) -> Result<Self, Rejection> {
        let state = match raw.status.as_str() {
            "firing" => ExternalState::Firing,
            "resolved" => ExternalState::Resolved,
            _ => return Err(Rejection::invalid("status", "must be firing or resolved")),
        };
        check_labels(&raw.labels)?;
        let note = |name: &str| raw.annotations.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let name = raw.labels.get("alertname").map_or("Alert", String::as_str);
        let said = [note("summary").or_else(|| note("title")), Some(name), Some("Alert")];
        let title = said.into_iter().flatten().find_map(normalise::text).unwrap_or_default();
        let title = cut(&title, TITLE_BYTES).to_owned();
        let description = cut(note("description").or_else(|| note("message")).unwrap_or_default(), DESCRIPTION_BYTES).to_owned();
        Ok(Self {
            fingerprint: fingerprint(raw.fingerprint.as_deref(), &raw.labels)?,
            state,
            severity: severity(raw.labels.get("severity").or_else(|| raw.labels.get("priority")).map(String::as_str)),
            title,
            description,
            link: raw.generator_url.as_deref().and_then(link),
            runbook: note("runbook_url").or_else(|| note("runbook")).and_then(link),
            began_at: moment("startsAt", raw.starts_at.as_deref())?,
            ended_at: moment("endsAt", raw.ends_at.as_deref())?,
            labels: raw.labels,
        })
    }
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), Rejection> {
    if labels.is_empty() || labels.len() > LABELS {
        return Err(Rejection::invalid("labels", format!("must be 1 to {LABELS}, not {}", labels.len())));
    }
    for (name, value) in labels {
        if name.is_empty() || name.len() > LABEL_NAME_BYTES {
            return Err(Rejection::invalid("labels", format!("a name must have 1 to {LABEL_NAME_BYTES} bytes")));
        }
        if value.len() > LABEL_BYTES {
            return Err(Rejection::invalid(format!("labels.{name}"), format!("must have at most {LABEL_BYTES} bytes")));
        }
    }
    if labels.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > LABELS_BYTES {
        return Err(Rejection::invalid("labels", format!("must have at most {LABELS_BYTES} bytes together")));
    }
    Ok(())
}

/// What an alert is told apart by: letters, digits, dashes and underscores.
///
/// # Errors
/// One that is something else.
pub fn fingerprint(given: Option<&str>, labels: &BTreeMap<String, String>) -> Result<String, Rejection> {
    if let Some(given) = given.filter(|given| !given.is_empty()) {
        let is_plain = given.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if given.len() > FINGERPRINT_BYTES || !is_plain {
            let reason = format!("must be 1 to {FINGERPRINT_BYTES} letters, digits, dashes and underscores");
            return Err(Rejection::invalid("fingerprint", reason));
        }
        return Ok(given.to_owned());
    }
    let mut hasher = blake3::Hasher::new();
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    Ok(hasher.finalize().to_hex().chars().take(32).collect())
}

/// How bad a word is. What is not known is a warning: somebody should look.
fn severity(word: Option<&str>) -> Option<Severity> {
    match word.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "critical" | "crit" | "page" | "fatal" | "emergency" | "alert" | "error" | "major" | "high" | "disaster" | "p1" | "p2" => {
            Some(Severity::Critical)
        }
        "info" | "information" | "informational" | "none" | "debug" | "ok" | "notice" => None,
        _ => Some(Severity::Warning),
    }
}

/// Nothing else than an address of the web is shown as one.
fn link(text: &str) -> Option<String> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_plain = text.len() <= LINK_BYTES && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    (is_web && is_plain).then(|| text.to_owned())
}

/// A moment; that of Go's zero time is none.
fn moment(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Rejection> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let at: Timestamp = text.parse().map_err(|error| Rejection::invalid(field, format!("{error}")))?;
    Ok((at.0 > 0).then_some(at))
}
