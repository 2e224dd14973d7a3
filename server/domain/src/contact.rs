//! People and teams that own and support what is recorded: the words that `owner` and `support_group` may take.
//!
//! Records name a contact by its name, as text, so a contact that is renamed keeps its former names: they mean it as its name does
//! (see [`names`]), and nobody else gets them as long as it is there. One that something names is not deleted.
//!
//! Invariant: no two contacts have the same name, of now or of before, whatever the case, so that a name says who is meant.

mod decide;
pub mod names;
pub mod responsible;
mod uses;

pub use decide::{CONTACTS, FORMER_NAMES, command};

use crate::Record;
use crate::ci::normalise::folded;
use crate::id::ContactId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a contact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactKind {
    /// One.
    Person,
    /// Several.
    Team,
}

impl ContactKind {
    /// The name in JSON and in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Team => "team",
        }
    }
}

/// A person or team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its id for ever.
    pub id: ContactId,
    /// What people call it.
    pub name: String,
    /// What it is, for ever: a team is no person's assignee, and a person no group.
    pub kind: ContactKind,
    /// Where mail reaches it.
    pub mail: Option<String>,
    /// What people called it before, oldest first; whatever was named so still means it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_names: Vec<String>,
}

impl Contact {
    /// Its name and those of before.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.former_names).map(String::as_str)
    }

    /// Whether it was called so, and is no more.
    #[must_use]
    pub fn was_called(&self, text: &str) -> bool {
        let text = folded(text);
        self.former_names.iter().any(|former| folded(former) == text)
    }
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
    /// Its name or address is another; carried whole.
    ContactChanged {
        /// As it is now.
        contact: Contact,
    },
    /// It is no more; its names are anybody's.
    ContactDeleted {
        /// Which.
        contact: ContactId,
        /// What it was called in the end, for whoever reads the log.
        name: String,
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
    /// Change what is given.
    Change {
        /// Which.
        id: ContactId,
        /// What is to be different.
        change: ContactChange,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// End one that nothing names.
    Delete {
        /// Which.
        id: ContactId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
}

/// What is to be different of a contact; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContactChange {
    /// What people call it.
    pub name: Option<String>,
    /// What it is: none but what it is already.
    pub kind: Option<ContactKind>,
    /// Where mail reaches it; none takes the address away.
    pub mail: Option<Option<String>>,
}

/// All contacts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contacts {
    /// By id.
    pub contacts: BTreeMap<ContactId, KnownContact>,
    /// By name, folded; former names too.
    pub names: BTreeMap<String, ContactId>,
}

impl Contacts {
    /// The contact with this id, or that is or was called so.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&KnownContact> {
        let by_id = text.parse().ok().and_then(|id: ContactId| self.contacts.get(&id));
        by_id.or_else(|| self.contacts.get(self.names.get(&folded(text))?))
    }

    /// Remembers an event. Total.
    pub fn apply(&mut self, record: &Record, event: &ContactEvent) {
        match event {
            ContactEvent::ContactAdded { contact } | ContactEvent::ContactChanged { contact } => {
                self.forget(contact.id);
                self.names.extend(contact.names().map(|name| (folded(name), contact.id)));
                self.contacts.insert(contact.id, KnownContact { contact: contact.clone(), revision: record.revision });
            }
            ContactEvent::ContactDeleted { contact, .. } => self.forget(*contact),
        }
    }

    fn forget(&mut self, id: ContactId) {
        let Some(known) = self.contacts.remove(&id) else { return };
        for name in known.contact.names() {
            self.names.remove(&folded(name));
        }
    }
}

#[cfg(test)]
mod tests;
