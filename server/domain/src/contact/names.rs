//! What a name means, wherever one is kept as text: the one door for whatever compares or shows names of contacts.
//!
//! Records keep the name that a contact had when they were written. Nothing is rewritten when it is renamed: a text that is one of a
//! contact's names, of now or of before, is the contact, and is shown as what it is called now. A text that is nobody's name is but
//! that text.
//!
//! Invariant: two texts mean the same whichever of a contact's names they are.

use super::{Contact, Contacts};
use crate::ci::attribute::Attribute;
use crate::ci::normalise::folded;
use crate::ci::{AttributeValue, Ci};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Attributes of configuration items that name a contact.
pub const ATTRIBUTES: [&str; 2] = ["owner", "support_group"];

/// All texts that mean one contact; or the one text that is nobody's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// All that means a contact.
    #[must_use]
    pub fn of(contact: &Contact) -> Self {
        Self(contact.names().map(folded).chain([folded(&contact.id.to_string())]).collect())
    }

    /// Whether a text means it.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        self.0.contains(&folded(text))
    }

    /// The texts, folded.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl Contacts {
    /// What a contact is called that is named by id or by any of its names; any other text as it is.
    #[must_use]
    pub fn called(&self, text: &str) -> String {
        self.find(text).map_or_else(|| text.to_owned(), |known| known.contact.name.clone())
    }

    /// Whether two texts name the same: a contact, or what was written before it was one.
    #[must_use]
    pub fn is_same(&self, one: &str, other: &str) -> bool {
        one == other || folded(&self.called(one)) == folded(&self.called(other))
    }

    /// Everything that means the same as a text, to be held against many.
    #[must_use]
    pub fn meant(&self, text: &str) -> Names {
        self.find(text).map_or_else(|| Names(BTreeSet::from([folded(text)])), |known| Names::of(&known.contact))
    }

    /// Those that were called something else before.
    pub fn renamed(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values().map(|known| &known.contact).filter(|contact| !contact.former_names.is_empty())
    }

    /// The value of an attribute as it is shown and compared: where it names a contact, what that is called now.
    #[must_use]
    pub fn shown<'a>(&self, attribute: &str, value: &'a AttributeValue) -> Cow<'a, AttributeValue> {
        match value {
            AttributeValue::Text(text) if ATTRIBUTES.contains(&attribute) => match self.find(text) {
                Some(known) if known.contact.name != *text => Cow::Owned(AttributeValue::Text(known.contact.name.clone())),
                _ => Cow::Borrowed(value),
            },
            _ => Cow::Borrowed(value),
        }
    }

    /// The text of an attribute as it is shown; `None` where there is none, or a value that is no text.
    #[must_use]
    pub fn text_of(&self, ci: &Ci, attribute: &str) -> Option<String> {
        match self.shown(attribute, ci.attributes.get(attribute)?.value()).into_owned() {
            AttributeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A new value in the form in which an attribute has it already: that it names a contact by a former name is no difference, neither
    /// from what was there nor between two sources.
    #[must_use]
    pub fn kept(&self, attribute: &str, known: Option<&Attribute>, value: AttributeValue) -> AttributeValue {
        let AttributeValue::Text(text) = &value else { return value };
        let (true, Some(contact)) = (ATTRIBUTES.contains(&attribute), self.find(text).map(|known| &known.contact)) else { return value };
        let said = known.into_iter().flat_map(Attribute::proposals).map(|proposal| proposal.value());
        let mut former = said.filter(|said| matches!(said, AttributeValue::Text(said) if contact.was_called(said)));
        former.next().cloned().unwrap_or(value)
    }
}

#[cfg(test)]
mod tests;
