//! Templates of titles and texts: text with placeholders, and nothing that could loop, call or read anything else.
//!
//! `{name}` is replaced, `{name|otherwise}` says what stands there when there is nothing; `{{` and `}}` are braces. What is put in
//! is text of hosts and people and is never read as a template again.
//!
//! Invariant: a template that was accepted renders for every group; its length has a bound.

use crate::Rejection;
use crate::delivery::Message;
use crate::incident::compose::cut;
use std::fmt::Write as _;

/// Bytes of a template.
pub const TEMPLATE_BYTES: usize = 4 << 10;

/// Incidents in `{incidents}`: what fits on a screen.
const LINES: usize = 20;

/// What may stand in braces, with what it is.
pub const PLACEHOLDERS: [(&str, &str); 23] = [
    ("status", "firing, acknowledged or resolved"),
    ("severity", "the worst: warning or critical"),
    ("tier", "the loudest: page or ticket"),
    ("count", "how many incidents"),
    ("route", "name of the route"),
    ("step", "step of escalation, from 1"),
    ("labels", "what all incidents share: rule=…, class=…"),
    ("incidents", "a line for each of the first 20 incidents"),
    ("incident.id", "the worst incident: id"),
    ("incident.number", "number, such as INC0000017"),
    ("incident.title", "title"),
    ("incident.description", "description"),
    ("incident.priority", "1 to 5"),
    ("incident.severity", "warning or critical"),
    ("incident.ci", "name of its configuration item"),
    ("incident.ci_id", "id of its configuration item"),
    ("incident.class", "class of its configuration item"),
    ("incident.location", "where that is"),
    ("incident.service", "what it serves"),
    ("incident.group", "who works on it"),
    ("incident.opened_at", "when it opened, RFC 3339"),
    ("incident.acknowledged_by", "who acknowledged it"),
    ("incident.runbook", "where its runbook is"),
];

/// A template that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value { name: String, otherwise: String },
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("character {column}: {reason}")]
pub struct TemplateError {
    /// Character, from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_BYTES {
            return Err(TemplateError { column: 1, reason: format!("a template has at most {TEMPLATE_BYTES} bytes") });
        }
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        let mut characters = text.chars().enumerate().peekable();
        while let Some((position, character)) = characters.next() {
            let doubled = characters.peek().is_some_and(|(_, next)| *next == character);
            match character {
                '{' | '}' if doubled => {
                    characters.next();
                    plain.push(character);
                }
                '{' => {
                    let inner: String =
                        characters.by_ref().map(|(_, character)| character).take_while(|character| *character != '}').collect();
                    if text.chars().nth(position + 1 + inner.chars().count()) != Some('}') {
                        return Err(TemplateError {
                            column: position + 1,
                            reason: "this brace is never closed; write {{ for a brace".into(),
                        });
                    }
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(placeholder(&inner, position + 2)?);
                }
                '}' => {
                    return Err(TemplateError { column: position + 1, reason: "this brace closes nothing; write }} for a brace".into() });
                }
                _ => plain.push(character),
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// What it says of a message, at most so many characters.
    #[must_use]
    pub fn render(&self, message: &Message, limit: usize) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Value { name, otherwise } => match value(message, name) {
                    Some(value) if !value.is_empty() => text.push_str(&value),
                    _ => text.push_str(otherwise),
                },
            }
        }
        cut(&text, limit)
    }
}

/// Refuses what is no template, naming its field.
///
/// # Errors
/// The position and what is wrong there.
pub fn check(field: &str, text: Option<&str>) -> Result<(), Rejection> {
    let Some(text) = text else { return Ok(()) };
    if text.trim().is_empty() {
        return Err(Rejection::invalid(field, "must say something, or be left out"));
    }
    Template::parse(text).map(drop).map_err(|error| Rejection::invalid(field, error.to_string()))
}

fn placeholder(inner: &str, column: usize) -> Result<Piece, TemplateError> {
    let (name, otherwise) = inner.split_once('|').unwrap_or((inner, ""));
    let name = name.trim();
    let is_label = name.strip_prefix("label.").is_some_and(|label| !label.is_empty());
    if !is_label && !PLACEHOLDERS.iter().any(|(known, _)| *known == name) {
        let known: Vec<&str> = PLACEHOLDERS.iter().map(|(known, _)| *known).collect();
        let reason = format!("there is no placeholder {}; there are {} and label.NAME", cut(name, 50), known.join(", "));
        return Err(TemplateError { column, reason });
    }
    Ok(Piece::Value { name: name.to_owned(), otherwise: otherwise.to_owned() })
}

fn value(message: &Message, name: &str) -> Option<String> {
    let first = message.incidents.first();
    let label = |name: &str| first.and_then(|incident| incident.labels.get(name).cloned());
    let total = message.incidents.len() + message.omitted as usize;
    Some(match name {
        "status" => message.status.as_str().to_owned(),
        "severity" => super::message::severity(message.severity).to_owned(),
        "tier" => super::message::tier(message.tier).to_owned(),
        "count" => total.to_string(),
        "route" => message.route.clone(),
        "step" => message.step.to_string(),
        "labels" => labels(message),
        "incidents" => lines(message),
        "incident.id" => first?.id.to_string(),
        "incident.number" => first?.number.clone(),
        "incident.title" => first?.title.clone(),
        "incident.description" => first?.description.clone(),
        "incident.priority" => first?.priority.to_string(),
        "incident.severity" => super::message::severity(first?.severity?).to_owned(),
        "incident.ci" => first?.ci_name.clone()?,
        "incident.ci_id" => first?.ci?.to_string(),
        "incident.opened_at" => first?.opened_at.to_string(),
        "incident.acknowledged_by" => first?.acknowledged_by.clone()?,
        "incident.runbook" => first?.runbook.clone()?,
        _ => match name.strip_prefix("label.") {
            Some(name) => message.labels.get(name)?.clone(),
            None => label(name.strip_prefix("incident.")?)?,
        },
    })
}

/// What all incidents of a message share, such as `class=server, rule=filesystem_space`.
pub(super) fn labels(message: &Message) -> String {
    let pairs: Vec<String> = message.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(", ")
}

/// A line for each of the first incidents.
pub(super) fn lines(message: &Message) -> String {
    let mut text = String::new();
    for incident in message.incidents.iter().take(LINES) {
        let state = match incident.looked_after_by() {
            Some(by) => format!(" (acknowledged by {by})"),
            None if incident.open => String::new(),
            None => " (ended)".into(),
        };
        let _ = writeln!(text, "{} P{} {}{state}", incident.number, incident.priority, incident.title);
    }
    let more = message.incidents.len().saturating_sub(LINES) + message.omitted as usize;
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests;
