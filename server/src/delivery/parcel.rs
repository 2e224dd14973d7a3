//! Parcels: a message of a channel's own in the form of its receiver, ready to go.

use super::batch::Batch;
use super::form::{self, Telling};
use super::secret::Message as Signed;
use super::sender::{Outgoing, seconds};
use super::smtp::Mail;
use super::worker::records_body;
use super::{Dispatch, VaultError};
use lettre::Address;
use rollcall_domain::delivery::endpoint::is_mail_address;
use rollcall_domain::delivery::{ChannelKind, Content, Delivery, KnownChannel, Message, MessageStatus, Outcome};
use rollcall_shared::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

/// What goes on its way.
#[derive(Clone, Debug)]
pub enum Parcel {
    /// A request.
    Request(Outgoing),
    /// A mail.
    Mail(Box<Mail>),
}

/// A message that is to be packed.
pub struct Load<'a> {
    /// For which channel.
    pub known: &'a KnownChannel,
    /// Which.
    pub delivery: &'a Delivery,
    /// The records that it tells, if it tells records.
    pub records: Option<Batch>,
    /// When it goes.
    pub now: Timestamp,
}

/// Packs a message.
///
/// # Errors
/// Why it cannot go: as if its receiver had said so.
pub fn pack(dispatch: &Dispatch, load: Load<'_>) -> Result<Parcel, Outcome> {
    let Load { known, delivery, records, now } = load;
    let channel = &known.channel;
    let sample;
    let message = match (&delivery.content, records) {
        (Content::Notification { message }, _) => message.as_ref(),
        (Content::Test, _) => {
            sample = form::sample(channel, delivery.id, delivery.created_at);
            &sample
        }
        (Content::Records { .. }, Some(batch)) if matches!(channel.kind, ChannelKind::Webhook { .. }) => {
            return Ok(request(dispatch, known, delivery, now, records_body(channel.id, &batch).into_bytes()));
        }
        (Content::Records { .. }, _) => {
            return Err(Outcome::Refused { reason: format!("a {} channel tells no records of the log", channel.kind.as_str()) });
        }
    };
    let telling = Telling { channel, delivery: delivery.id, at: delivery.created_at, message, links: &dispatch.links };
    let credential = || dispatch.vault.open(channel.id, channel.kind.credential()).map_err(locked);
    let body = match &channel.kind {
        ChannelKind::Webhook { .. } => webhook_body(&telling, &delivery.content),
        ChannelKind::Alertmanager { .. } => form::alertmanager::body(&telling).to_string().into_bytes(),
        ChannelKind::Slack { .. } => {
            return Ok(unsigned(&credential()?, delivery, now, form::slack::body(&telling).to_string().into_bytes()));
        }
        ChannelKind::PagerDuty { url, .. } => {
            return Ok(unsigned(url, delivery, now, form::pagerduty::body(&telling, &credential()?)));
        }
        ChannelKind::Mail { .. } => return mail(dispatch, &telling).map(|mail| Parcel::Mail(Box::new(mail))),
    };
    Ok(request(dispatch, known, delivery, now, body))
}

/// What ends at its receiver what a test has opened there; `None` where a test opens nothing that stays.
pub fn end_of_test(dispatch: &Dispatch, known: &KnownChannel, delivery: &Delivery, now: Timestamp) -> Option<Result<Parcel, Outcome>> {
    let channel = &known.channel;
    let ChannelKind::PagerDuty { url, credential } = &channel.kind else { return None };
    if delivery.content != Content::Test {
        return None;
    }
    let message = Message { status: MessageStatus::Resolved, ..form::sample(channel, delivery.id, delivery.created_at) };
    let telling = Telling { channel, delivery: delivery.id, at: delivery.created_at, message: &message, links: &dispatch.links };
    let key = dispatch.vault.open(channel.id, credential.as_ref()).map_err(locked);
    Some(key.map(|key| unsigned(url, delivery, now, form::pagerduty::body(&telling, &key))))
}

fn webhook_body(telling: &Telling<'_>, content: &Content) -> Vec<u8> {
    let (message, at) = (telling.message, telling.at);
    let mut data = json!(message);
    data["channel"] = json!(telling.channel.id);
    data["acknowledge_url"] = telling.acknowledge().into();
    for (shown, incident) in data["incidents"].as_array_mut().into_iter().flatten().zip(&message.incidents) {
        shown["url"] = telling.look(incident.id).into();
    }
    // A test looks like what it is a test of, so that a receiver that understands the one understands the other.
    let kind = if *content == Content::Test { "rollcall.test" } else { "rollcall.notification" };
    let body = json!({"type": kind, "timestamp": at, "data": data});
    body.to_string().into_bytes()
}

/// A request as Standard Webhooks says.
fn request(dispatch: &Dispatch, known: &KnownChannel, delivery: &Delivery, now: Timestamp, body: Vec<u8>) -> Parcel {
    let id = delivery.id.to_string();
    let signed = Signed { id: &id, timestamp: seconds(now), body: &body };
    let signatures = dispatch.signer.sign(known.channel.id, known.signing(now), &signed);
    let url = match &known.channel.kind {
        ChannelKind::Webhook { url } | ChannelKind::Alertmanager { url } => url.clone(),
        ChannelKind::Slack { .. } | ChannelKind::PagerDuty { .. } | ChannelKind::Mail { .. } => String::new(),
    };
    Parcel::Request(Outgoing { url, id, at: now, signatures: Some(signatures), body })
}

fn unsigned(url: &str, delivery: &Delivery, now: Timestamp, body: Vec<u8>) -> Parcel {
    Parcel::Request(Outgoing { url: url.to_owned(), id: delivery.id.to_string(), at: now, signatures: None, body })
}

/// What lacks a credential may be put right.
fn locked(error: VaultError) -> Outcome {
    Outcome::Failed { reason: error.to_string(), retry_after: None }
}

fn mail(dispatch: &Dispatch, telling: &Telling<'_>) -> Result<Mail, Outcome> {
    let ChannelKind::Mail { host, port, security, username, sender, recipients, credential } = &telling.channel.kind else {
        return Err(Outcome::Refused { reason: "the channel does not send mail".into() });
    };
    let login = username.as_ref().map(|user| {
        let password = dispatch.vault.open(telling.channel.id, credential.as_ref()).map_err(locked)?;
        Ok((user.clone(), password))
    });
    let refused = |error: &dyn std::fmt::Display| Outcome::Refused { reason: format!("no mail can be made of it: {error}") };
    let sender: Address = sender.parse().map_err(|error| refused(&error))?;
    let (recipients, unreachable) = addresses(telling.message, recipients);
    if recipients.is_empty() {
        return Err(refused(&unreachable.join("; ")));
    }
    let bytes = form::mail::bytes(telling, &sender, &recipients).map_err(|error| refused(&error))?;
    let (host, port, security, login) = (host.clone(), *port, *security, login.transpose()?);
    Ok(Mail { delivery: telling.delivery, host, port, security, login, sender, recipients, unreachable, bytes })
}

/// Those whom the message is for, or else those of the channel; and what of them is no address.
fn addresses(message: &Message, of_channel: &[String]) -> (Vec<Address>, Vec<String>) {
    let chosen: BTreeSet<&String> = if message.recipients.is_empty() { of_channel } else { &message.recipients }.iter().collect();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for text in chosen {
        match text.parse() {
            Ok(address) if is_mail_address(text) => good.push(address),
            _ => bad.push(format!("{:?} is not one mail address", form::line(text, 100))),
        }
    }
    (good, bad)
}
