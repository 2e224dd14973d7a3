//! Forms: what a notification looks like to each kind of receiver.
//!
//! A form is a pure function of the frozen message, its channel and the links, so each attempt at one delivery sends the same
//! bytes. Texts come from hosts and people: here they are cut to what receivers take, and escaped in each form. Nothing that a
//! text holds may end a line, leave its field or mention somebody.

pub mod alertmanager;
pub mod mail;
pub mod pagerduty;
pub mod slack;

use super::link::{GOOD_FOR, Invitation, Links};
use rollcall_domain::delivery::{Channel, Message, MessageIncident, MessageStatus};
use rollcall_domain::id::{DeliveryId, IncidentId};
use rollcall_domain::rule::{Severity, Tier};
use rollcall_shared::Timestamp;

/// Marks where something was cut.
const CUT: &str = "…";

/// Characters of who acknowledged something.
const BY: usize = 100;

/// A notification with what surrounds it.
#[derive(Clone, Copy)]
pub struct Telling<'a> {
    /// Through which channel.
    pub channel: &'a Channel,
    /// As which delivery.
    pub delivery: DeliveryId,
    /// When it was made.
    pub at: Timestamp,
    /// What is told.
    pub message: &'a Message,
    /// Makes links.
    pub links: &'a Links,
}

impl Telling<'_> {
    /// Where people take notice of what nobody has taken notice of yet.
    pub fn acknowledge(&self) -> Option<String> {
        let incidents: Vec<IncidentId> = self.message.incidents.iter().filter(|one| one.open).map(|one| one.id).collect();
        if self.message.status != MessageStatus::Firing || incidents.is_empty() {
            return None;
        }
        let (channel, sent_to) = (self.channel.id, self.message.recipients.join(", "));
        let group = self.message.group.parse().ok();
        self.links.acknowledge(&Invitation { channel, expires_at: self.at.plus(GOOD_FOR), group, incidents, sent_to })
    }

    /// Where people read of an incident.
    pub fn look(&self, incident: IncidentId) -> Option<String> {
        let (channel, expires_at) = (self.channel.id, self.at.plus(GOOD_FOR));
        self.links.look(&Invitation { channel, expires_at, group: None, incidents: vec![incident], sent_to: String::new() })
    }

    /// Where to look when there are no links.
    pub fn where_to_look(&self) -> Option<String> {
        let first = self.message.incidents.first().filter(|_| self.links.base().is_none())?;
        Some(format!("Look for {} in Rollcall.", line(&first.number, 40)))
    }

    /// Status and title in a line of at most so many characters.
    pub fn headline(&self, characters: usize) -> String {
        line(&format!("{}: {}", self.status_word(), self.message.title), characters)
    }

    /// How the group stands, for people.
    pub fn status_word(&self) -> &'static str {
        match self.message.status {
            MessageStatus::Firing if self.message.severity == Severity::Critical => "Critical",
            MessageStatus::Firing => "Warning",
            MessageStatus::Acknowledged => "Acknowledged",
            MessageStatus::Resolved => "Resolved",
        }
    }
}

/// The word for how bad something is.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
    }
}

/// Who looks after an incident, in words; nothing where nobody does.
pub fn looked_after(incident: &MessageIncident) -> String {
    incident.looked_after_by().map(|by| format!(", acknowledged by {}", line(by, BY))).unwrap_or_default()
}

/// A text in one line of at most so many characters, without anything that is not seen.
pub fn line(text: &str, characters: usize) -> String {
    let visible: String = text.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect();
    cut(&visible.split_whitespace().collect::<Vec<&str>>().join(" "), characters)
}

/// A text of at most so many characters, with its lines.
pub fn paragraph(text: &str, characters: usize) -> String {
    let lines = text.lines().map(|line| line.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect::<String>());
    cut(lines.collect::<Vec<String>>().join("\n").trim(), characters)
}

/// At most so many characters, the last of which says if there were more.
pub fn cut(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain(CUT.chars()).collect()
}

/// Controls, line ends of every kind, and marks that change in which direction a text is read.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What a test tells: as real as it can be without anything having happened.
pub fn sample(channel: &Channel, delivery: DeliveryId, at: Timestamp) -> Message {
    let labels = [("rule", "test"), ("test", "true")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let incident = MessageIncident {
        id: IncidentId(delivery.0),
        number: "INC0000000".into(),
        title: "A test: nothing happened".into(),
        description: "Somebody pressed the test button of this channel.".into(),
        open: true,
        priority: 5,
        severity: Some(Severity::Warning),
        ci: None,
        ci_name: Some("rollcall".into()),
        labels: labels.clone().into(),
        opened_at: at,
        acknowledged_by: None,
        resolved_at: None,
        runbook: None,
    };
    Message {
        group: format!("test:{delivery}"),
        labels: labels.into(),
        status: MessageStatus::Firing,
        severity: Severity::Warning,
        tier: Tier::Page,
        title: format!("This is a test of the channel {}. Nothing happened.", channel.name),
        text: "If you can read this, the channel works.".into(),
        route: "test".into(),
        step: 1,
        recipients: Vec::new(),
        incidents: vec![incident],
        omitted: 0,
    }
}

#[cfg(test)]
mod tests;
