//! Whom incidents, problems, rules and routes may name: a team as their group, a person as their assignee.
//!
//! A name that is nobody's reaches nobody, and nobody notices; so it is refused when it is written, with the name that was probably
//! meant. As long as nobody recorded a team any name is a group, and as long as nobody recorded a person any name is an
//! assignee: who keeps no contacts works as with free text, and the first contact turns the check on.
//!
//! Only decisions ask here. What is stored is never judged again: logs of before replay as they are, and a name that a subject has
//! already may stay when something else of it changes.
//!
//! Invariant: once there are teams and persons, one of them is kept in one form, its recorded name, however it was written; a subject that
//! names one by a former name keeps that as long as it is to name the same (see [`super::names`]).

use super::{Contact, ContactKind, Contacts};
use crate::id::GroupId;
use crate::query::field::nearest;
use crate::{Rejection, World};

/// Bytes of a name.
pub const NAME_BYTES: usize = 200;

/// A field that names somebody.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// Path of the field, for refusals.
    pub field: &'a str,
    /// What it says already, which may stay.
    pub before: Option<&'a str>,
}

impl<'a> Naming<'a> {
    /// A field that says nothing yet.
    #[must_use]
    pub fn new(field: &'a str) -> Self {
        Self { field, before: None }
    }

    /// The name of the team that is meant: by its name whatever the case, by its id, or by the id of the group of configuration items
    /// that it supports.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the field: no team, and what was probably meant.
    pub fn team(self, world: &World, text: &str) -> Result<String, Rejection> {
        let text = self.name(text)?;
        if let Some(before) = self.kept(world, text) {
            return Ok(before.to_owned());
        }
        if let Ok(id) = text.parse() {
            return self.supporter(world, id);
        }
        match world.contacts.find(text).map(|known| &known.contact) {
            Some(Contact { name, kind: ContactKind::Team, .. }) => Ok(name.clone()),
            _ if !world.contacts.has(ContactKind::Team) => Ok(text.to_owned()),
            Some(Contact { name, .. }) => self.refused(format!("{name} is a person and no team: name a team here, and {name} as assignee")),
            None => self.unknown(world, ContactKind::Team, text),
        }
    }

    /// The name of the person who is meant, by id or by name whatever the case; whoever acts with a token of that name is one as well.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the field: no person, and who was probably meant.
    pub fn person(self, world: &World, text: &str) -> Result<String, Rejection> {
        let text = self.name(text)?;
        if let Some(before) = self.kept(world, text) {
            return Ok(before.to_owned());
        }
        match world.contacts.find(text).map(|known| &known.contact) {
            Some(Contact { name, kind: ContactKind::Person, .. }) => Ok(name.clone()),
            _ if !world.contacts.has(ContactKind::Person) => Ok(text.to_owned()),
            _ if acts(world, text) => Ok(text.to_owned()),
            Some(Contact { name, .. }) => self.refused(format!("{name} is a team and no person: name it as group")),
            None => self.unknown(world, ContactKind::Person, text),
        }
    }

    /// What the field says already, when that is the same: to the letter, or a former name of who is meant.
    fn kept(self, world: &World, text: &str) -> Option<&'a str> {
        let means = |before: &str| world.contacts.find(text).is_some_and(|known| known.contact.was_called(before));
        self.before.filter(|before| *before == text || means(before))
    }

    fn name(self, text: &str) -> Result<&str, Rejection> {
        let trimmed = text.trim();
        if trimmed.is_empty() || text.len() > NAME_BYTES {
            return Err(Rejection::invalid(self.field, format!("must have 1 to {NAME_BYTES} bytes and not only blanks")));
        }
        Ok(trimmed)
    }

    /// The team that supports a group of configuration items.
    fn supporter(self, world: &World, id: GroupId) -> Result<String, Rejection> {
        let Some(known) = world.groups.groups.get(&id) else { return self.refused(format!("there is no group {id}")) };
        let owner = known.group.owner.filter(|_| known.group.support_group).and_then(|owner| world.contacts.contacts.get(&owner));
        match owner.map(|owner| &owner.contact).filter(|owner| owner.kind == ContactKind::Team) {
            Some(team) => Ok(team.name.clone()),
            None => self.refused(format!(
                "{id} is the group of configuration items {}, which no team supports: name a team, or make one its owner with PUT \
                 /api/v1/groups/{id} and support_group",
                known.group.name
            )),
        }
    }

    fn unknown<T>(self, world: &World, kind: ContactKind, text: &str) -> Result<T, Rejection> {
        let word = kind.as_str();
        let names = world.contacts.contacts.values().filter(|known| known.contact.kind == kind).map(|known| known.contact.name.as_str());
        let hint = nearest(text, names).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        self.refused(format!("there is no {word} {text}{hint} (POST /api/v1/contacts with kind {word} makes one)"))
    }

    fn refused<T>(self, reason: String) -> Result<T, Rejection> {
        Err(Rejection::invalid(self.field, reason))
    }
}

/// Whether somebody may act under this name.
fn acts(world: &World, name: &str) -> bool {
    world.trust.api_tokens.values().any(|token| !token.revoked && token.name == name)
}

impl Contacts {
    /// Whether there is one of this kind.
    fn has(&self, kind: ContactKind) -> bool {
        self.contacts.values().any(|known| known.contact.kind == kind)
    }
}

#[cfg(test)]
mod tests;
