//! People and teams that own and support what is recorded: the words that `owner` and `support_group` may take.
//!
//! Invariant: no two contacts have the same name, whatever the case, so that a name says who is meant.

pub mod responsible;

use crate::ci::normalise::{self, folded};
use crate::id::ContactId;
use crate::{Context, Event, Record, Rejection, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Contacts at most: a large company's staff is kept elsewhere, its teams are not more.
pub const CONTACTS: usize = 100_000;

/// Characters of a name.
const NAME_CHARACTERS: usize = 100;

/// Characters of an address (RFC 5321: 254).
const MAIL_CHARACTERS: usize = 254;

/// What a contact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactKind {
    /// One.
    Person,
    /// Several.
    Team,
}

/// A person or team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its id for ever.
    pub id: ContactId,
    /// What people call it; for ever, as records name it.
    pub name: String,
    /// What it is.
    pub kind: ContactKind,
    /// Where mail reaches it.
    pub mail: Option<String>,
}

/// A contact with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownContact {
    /// As it is.
    pub contact: Contact,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// What happened to contacts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContactEvent {
    /// One was made; carried whole.
    ContactAdded {
        /// As it is.
        contact: Contact,
    },
}

/// What people ask of contacts.
#[derive(Clone, Debug, PartialEq)]
pub enum ContactCommand {
    /// Make a contact.
    Add {
        /// What people call it.
        name: String,
        /// What it is.
        kind: ContactKind,
        /// Where mail reaches it.
        mail: Option<String>,
    },
}

/// All contacts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contacts {
    /// By id.
    pub contacts: BTreeMap<ContactId, KnownContact>,
    /// By name, folded.
    pub names: BTreeMap<String, ContactId>,
}

impl Contacts {
    /// The contact with this id or name.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&KnownContact> {
        let by_id = text.parse().ok().and_then(|id: ContactId| self.contacts.get(&id));
        by_id.or_else(|| self.contacts.get(self.names.get(&folded(text))?))
    }

    /// Remembers an event. Total.
    pub fn apply(&mut self, record: &Record, event: &ContactEvent) {
        let ContactEvent::ContactAdded { contact } = event;
        self.names.insert(folded(&contact.name), contact.id);
        self.contacts.insert(contact.id, KnownContact { contact: contact.clone(), revision: record.revision });
    }
}

/// Decides a command.
///
/// # Errors
/// A name that is taken, or a field that does not fit.
pub fn command(world: &World, command: &ContactCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let ContactCommand::Add { name, kind, mail } = command;
    let wrong = || Rejection::invalid("name", format!("must have 1 to {NAME_CHARACTERS} characters"));
    let name = normalise::text(name).filter(|name| name.chars().count() <= NAME_CHARACTERS).ok_or_else(wrong)?;
    if name.parse::<ContactId>().is_ok() {
        return Err(Rejection::invalid("name", "must not look like an id"));
    }
    if let Some(known) = world.contacts.find(&name) {
        return Err(Rejection::Conflict(format!("{} is called {} already", known.contact.id, known.contact.name)));
    }
    if world.contacts.contacts.len() >= CONTACTS {
        return Err(Rejection::invalid("name", format!("there are at most {CONTACTS} contacts")));
    }
    let mail = mail.as_deref().map(checked_mail).transpose()?;
    let contact = Contact { id: ContactId(context.ids.next_bits()), name, kind: *kind, mail };
    Ok(vec![Event::Contact(ContactEvent::ContactAdded { contact })])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{CountingIds, NoContent};
    use crate::{Actor, Command};
    use rollcall_shared::Timestamp;

    fn add(world: &World, name: &str, mail: Option<&str>) -> Result<Vec<Event>, Rejection> {
        let mut ids = CountingIds(world.revision.into());
        let mut context = Context { now: Timestamp(0), actor: Actor::Local, ids: &mut ids, content: &NoContent };
        let command = ContactCommand::Add { name: name.into(), kind: ContactKind::Team, mail: mail.map(str::to_owned) };
        world.decide(&Command::Contact(command), &mut context)
    }

    #[track_caller]
    fn check(name: &str, mail: Option<&str>, expected: Option<&str>) {
        let field = match add(&World::default(), name, mail) {
            Err(Rejection::Invalid { field, .. }) => Some(field),
            other => other.err().map(|other| other.to_string()),
        };
        assert_eq!(field.as_deref(), expected, "{name} {mail:?}");
    }

    #[test]
    fn a_contact_has_a_name_and_perhaps_an_address() {
        check("Web team", Some("web@example.org"), None);
        check("Web team", None, None);
        check(" ", None, Some("name"));
        check(&"x".repeat(101), None, Some("name"));
        check("con_00000000000000000000000001", None, Some("name"));
        for mail in ["", "web", "@example.org", "web@", "a@b@c", "Web <web@example.org>", "a@b,c@d", "a b@c"] {
            check("Web team", Some(mail), Some("mail"));
        }
    }

    #[test]
    fn a_name_says_who_is_meant() {
        let mut world = World::default();
        let event = add(&world, "Web team", None).expect("accepted").remove(0);
        let record = Record { revision: 1, at: Timestamp(0), actor: Actor::Local, request_id: None, idempotency_key: None, event };
        world.apply(&record, &NoContent);
        assert!(matches!(add(&world, "WEB  team", None), Err(Rejection::Conflict(_))));
        let id = world.contacts.find("web team").expect("there").contact.id;
        assert_eq!(world.contacts.find(&id.to_string()).map(|known| known.contact.name.as_str()), Some("Web team"));
    }
}
