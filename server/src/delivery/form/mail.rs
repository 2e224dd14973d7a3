//! The form of mails: plain text, and the same as HTML without anything that is loaded or run.
//!
//! A mail's id follows from its delivery, so that a second copy is known as one; what it refers to follows from channel and group,
//! so that clients show all mails of one group together. Nothing from outside gets into a header but through [`line()`], and
//! addresses are checked before.

use super::{Telling, cut, line, looked_after, paragraph, severity_word};
use crate::token::hexadecimal;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message as Mail};
use rollcall_domain::delivery::{MessageIncident, MessageStatus};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

/// Characters of a subject: what clients show.
const SUBJECT: usize = 200;

/// Characters of the text of a group, and of an incident's description.
const TEXT: usize = 5_000;

/// Incidents that are described.
const INCIDENTS: usize = 50;

/// A mail as it goes over the wire; the same bytes each time.
///
/// # Errors
/// What the addresses lack; they are checked before, so nothing.
pub fn bytes(telling: &Telling<'_>, sender: &Address, recipients: &[Address]) -> Result<Vec<u8>, lettre::error::Error> {
    let domain = sender.domain();
    let thread = format!("{}\n{}", telling.channel.id, telling.message.group);
    let thread = format!("<{}@{domain}>", &hexadecimal(&Sha256::digest(thread))[..32]);
    let milliseconds = u64::try_from(telling.at.0).unwrap_or(0);
    let parts = MultiPart::alternative()
        .boundary(format!("rollcall-{}", telling.delivery))
        .singlepart(SinglePart::plain(text(telling)))
        .singlepart(SinglePart::html(html(telling)));
    let builder = Mail::builder()
        .from(Mailbox::new(Some("Rollcall".into()), sender.clone()))
        .date(UNIX_EPOCH + Duration::from_millis(milliseconds))
        .subject(subject(telling))
        .message_id(Some(format!("<{}@{domain}>", telling.delivery)))
        .in_reply_to(thread.clone())
        .references(thread)
        // RFC 3834: nobody's absence notice answers.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()));
    let builder = recipients.iter().fold(builder, |builder, one| builder.to(Mailbox::new(None, one.clone())));
    Ok(builder.multipart(parts)?.formatted())
}

/// While a group fires its subject is its title alone, so that clients that compare subjects keep it together.
fn subject(telling: &Telling<'_>) -> String {
    let title = line(&telling.message.title, SUBJECT);
    match telling.message.status {
        MessageStatus::Firing => cut(&format!("[Rollcall] {title}"), SUBJECT),
        MessageStatus::Acknowledged | MessageStatus::Resolved => cut(&format!("[Rollcall] {}: {title}", telling.status_word()), SUBJECT),
    }
}

fn text(telling: &Telling<'_>) -> String {
    let message = telling.message;
    let mut text = telling.headline(SUBJECT) + "\n\n";
    let more = paragraph(&message.text, TEXT);
    if !more.is_empty() {
        text += &(more + "\n\n");
    }
    if let Some(url) = telling.acknowledge() {
        let _ = write!(text, "Acknowledge: {url}\n\n");
    }
    for incident in message.incidents.iter().take(INCIDENTS) {
        text += &incident_head(incident);
        let rest = [
            Some(paragraph(&incident.description, TEXT)).filter(|description| !description.is_empty()),
            incident.runbook.as_deref().map(|runbook| format!("Runbook: {}", line(runbook, SUBJECT))),
            telling.look(incident.id),
        ];
        rest.into_iter().flatten().for_each(|line| text += &format!("\n{line}"));
        text += "\n\n";
    }
    text += &foot(telling);
    text
}

fn incident_head(incident: &MessageIncident) -> String {
    let severity = incident.severity.map(|severity| format!(", {}", severity_word(severity))).unwrap_or_default();
    let item = incident.ci_name.as_deref().map(|name| format!(" on {}", line(name, SUBJECT))).unwrap_or_default();
    let end = incident.resolved_at.map(|at| format!(", over since {at}")).unwrap_or_default();
    let number = line(&incident.number, 40);
    let title = line(&incident.title, SUBJECT);
    let by = looked_after(incident);
    format!("{number} (P{}{severity}{by}){item}: {title}\nsince {}{end}", incident.priority, incident.opened_at)
}

fn foot(telling: &Telling<'_>) -> String {
    let message = telling.message;
    let more = message.incidents.len().saturating_sub(INCIDENTS) as u64 + u64::from(message.omitted);
    let more = if more > 0 { format!("And {more} more.\n") } else { String::new() };
    let look = telling.where_to_look().map(|look| look + "\n").unwrap_or_default();
    let (channel, route) = (line(&telling.channel.name, SUBJECT), line(&message.route, SUBJECT));
    format!("{more}{look}-- \nSent through the channel {channel} by the route {route}, step {}.\n", message.step)
}

fn html(telling: &Telling<'_>) -> String {
    let message = telling.message;
    let mut html = format!("<!doctype html><html><body><h3>{}</h3>", escape(&telling.headline(SUBJECT)));
    let more = paragraph(&message.text, TEXT);
    if !more.is_empty() {
        let _ = write!(html, "<p style=\"white-space:pre-line\">{}</p>", escape(&more));
    }
    if let Some(url) = telling.acknowledge() {
        let _ = write!(html, "<p><a href=\"{}\">Acknowledge</a></p>", escape(&url));
    }
    for incident in message.incidents.iter().take(INCIDENTS) {
        let head = escape(&incident_head(incident));
        let head = telling.look(incident.id).map_or_else(|| head.clone(), |url| format!("<a href=\"{}\">{head}</a>", escape(&url)));
        let description = escape(&paragraph(&incident.description, TEXT));
        let _ = write!(html, "<p style=\"white-space:pre-line\">{head}\n{description}</p>");
    }
    let _ = write!(html, "<p style=\"white-space:pre-line;color:#666\">{}</p></body></html>", escape(&foot(telling)));
    html
}

/// A text as text of HTML, within quotation marks too.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
        escaped
    })
}
