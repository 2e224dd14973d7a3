//! Decisions on contacts.

use super::{Contact, ContactChange, ContactCommand, ContactEvent, ContactKind, KnownContact, uses};
use crate::ci::normalise::{self, folded};
use crate::id::ContactId;
use crate::notification::escalation;
use crate::{Context, Event, Rejection, World};

/// Contacts at most: a large company's staff is kept elsewhere, its teams are not more.
pub const CONTACTS: usize = 100_000;

/// Names that one contact had before, at most: teams are renamed once in a few years, and each name is taken for ever.
pub const FORMER_NAMES: usize = 50;

/// Characters of a name.
const NAME_CHARACTERS: usize = 100;

/// Characters of an address (RFC 5321: 254).
const MAIL_CHARACTERS: usize = 254;

/// Decides a command.
///
/// # Errors
/// A name that is taken, a field that does not fit, a contact that is not there, has changed since it was read, or is still named.
pub fn command(world: &World, command: &ContactCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let event = match command {
        ContactCommand::Add { name, kind, mail } => Some(add(world, (name, *kind, mail.as_deref()), context)?),
        ContactCommand::Change { id, change, expected } => changed(world, find(world, *id, *expected)?, change)?,
        ContactCommand::Delete { id, expected } => {
            let contact = find(world, *id, *expected)?;
            uses::refuse(world, context.now, contact)?;
            Some(ContactEvent::ContactDeleted { contact: *id, name: contact.name.clone() })
        }
    };
    Ok(event.map(Event::Contact).into_iter().collect())
}

fn find(world: &World, id: ContactId, expected: Option<u64>) -> Result<&Contact, Rejection> {
    let KnownContact { contact, revision } = world.contacts.contacts.get(&id).ok_or_else(|| Rejection::not_found("contact", id))?;
    match expected {
        Some(expected) if expected != *revision => Err(Rejection::Stale { subject: id.to_string(), current: *revision, expected }),
        _ => Ok(contact),
    }
}

fn add(world: &World, (name, kind, mail): (&str, ContactKind, Option<&str>), context: &mut Context<'_>) -> Result<ContactEvent, Rejection> {
    let name = free_name(world, name, None)?;
    if world.contacts.contacts.len() >= CONTACTS {
        return Err(Rejection::invalid("name", format!("there are at most {CONTACTS} contacts")));
    }
    let mail = mail.map(checked_mail).transpose()?;
    let id = ContactId(context.ids.next_bits());
    Ok(ContactEvent::ContactAdded { contact: Contact { id, name, kind, mail, former_names: Vec::new() } })
}

fn changed(world: &World, known: &Contact, change: &ContactChange) -> Result<Option<ContactEvent>, Rejection> {
    if let Some(kind) = change.kind.filter(|kind| *kind != known.kind) {
        let reason = format!("is for ever: {} is a {}; make another contact that is a {}", known.name, known.kind.as_str(), kind.as_str());
        return Err(Rejection::invalid("kind", reason));
    }
    let mut contact = known.clone();
    if let Some(name) = &change.name {
        contact.name = free_name(world, name, Some(known.id))?;
        contact.former_names = former_names(known, &contact.name)?;
    }
    if let Some(mail) = &change.mail {
        contact.mail = mail.as_deref().map(checked_mail).transpose()?;
        if contact.mail.is_none() && escalation::needs_mail(world, known.id) {
            let reason = "is where one of its contact methods reaches it: give that method an address of its own first";
            return Err(Rejection::invalid("mail", reason));
        }
    }
    Ok((contact != *known).then_some(ContactEvent::ContactChanged { contact }))
}

/// What it was called before, once it is called so: not what it is called now, however it is written.
fn former_names(known: &Contact, name: &str) -> Result<Vec<String>, Rejection> {
    let is_another = |other: &&String| folded(other) != folded(name);
    let former: Vec<String> = known.former_names.iter().chain([&known.name]).filter(is_another).cloned().collect();
    if former.len() > FORMER_NAMES {
        return Err(Rejection::Conflict(format!("{} had {FORMER_NAMES} names before, which is the limit", known.id)));
    }
    Ok(former)
}

/// The name as it is kept, when nobody else is or was called so.
fn free_name(world: &World, name: &str, own: Option<ContactId>) -> Result<String, Rejection> {
    let wrong = || Rejection::invalid("name", format!("must have 1 to {NAME_CHARACTERS} characters"));
    let name = normalise::text(name).filter(|name| name.chars().count() <= NAME_CHARACTERS).ok_or_else(wrong)?;
    if name.parse::<ContactId>().is_ok() {
        return Err(Rejection::invalid("name", "must not look like an id"));
    }
    match world.contacts.find(&name).map(|known| &known.contact).filter(|other| Some(other.id) != own) {
        None => Ok(name),
        Some(other) if other.was_called(&name) => {
            let Contact { id, name: now, .. } = other;
            Err(Rejection::Conflict(format!("{id} was called {name} and is called {now} now: what says {name} means it")))
        }
        Some(other) => Err(Rejection::Conflict(format!("{} is called {} already", other.id, other.name))),
    }
}

/// What is no address at all is refused; whether somebody reads there nobody can know.
fn checked_mail(text: &str) -> Result<String, Rejection> {
    let text = text.trim();
    let parts = text.split_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    let fits = text.len() <= MAIL_CHARACTERS && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ','));
    if parts.is_none() || !fits {
        return Err(Rejection::invalid("mail", "must be one address such as web@example.org"));
    }
    Ok(text.to_owned())
}
