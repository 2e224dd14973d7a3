//! What an administrator adds to the knowledge of what identifies a machine.
//!
//! The lists extend those of [`crate::ci::normalise::junk`] and never shorten them: a value that is a placeholder everywhere is one here. They are
//! kept in the form in which values are compared, so that a look-up is a look-up.

use crate::Rejection;
use crate::ci::Class;
use crate::ci::normalise::{self, Mac, Uuid, folded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Entries of one list: what a fleet's vendors invent, not a data base.
pub const JUNK_ENTRIES: usize = 1_000;

/// Characters of one entry: SMBIOS texts are shorter.
pub const JUNK_CHARACTERS: usize = 255;

/// Which machine is this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identification {
    /// Serial numbers (of machines, boards, chassis, disks and memory modules) that many things share here.
    pub junk_serials: BTreeSet<String>,
    /// UUIDs that many machines share here, in either byte order.
    pub junk_uuids: BTreeSet<String>,
    /// Hardware addresses that many machines share here.
    pub junk_macs: BTreeSet<String>,
    /// Texts that stand for no manufacturer, model, serial number or cloud instance.
    pub junk_texts: BTreeSet<String>,
    /// Classes (with those that inherit from them) in which a report that matches several records is refused, instead of being given to the oldest.
    pub reject_ambiguous: BTreeSet<Class>,
}

impl Identification {
    /// The policy as it is kept.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] names list and entry.
    pub fn checked(&self) -> Result<Self, Rejection> {
        let words = |raw: &str| normalise::text(raw).map(|text| folded(&text));
        if let Some(class) = self.reject_ambiguous.iter().find(|class| !class.is_a(Class::Host)) {
            let reason = format!("{} is no class of hosts: components are known by their keys", class.as_str());
            return Err(Rejection::invalid("identification.reject_ambiguous", reason));
        }
        Ok(Self {
            junk_serials: checked("junk_serials", &self.junk_serials, "a text", words)?,
            junk_uuids: checked("junk_uuids", &self.junk_uuids, "a UUID such as 4c4c4544-0042-3510-8056-b2c04f4d3133", |raw| {
                Uuid::parse(raw).map(Uuid::key)
            })?,
            junk_macs: checked("junk_macs", &self.junk_macs, "a hardware address such as 3c:ec:ef:01:02:03", Mac::canonical)?,
            junk_texts: checked("junk_texts", &self.junk_texts, "a text", words)?,
            reject_ambiguous: self.reject_ambiguous.clone(),
        })
    }

    /// Whether a folded text stands for no value here.
    #[must_use]
    pub fn lists_text(&self, folded: &str) -> bool {
        self.junk_texts.contains(folded)
    }

    /// Whether a folded serial number identifies nothing here.
    #[must_use]
    pub fn lists_serial(&self, folded: &str) -> bool {
        self.junk_serials.contains(folded) || self.junk_texts.contains(folded)
    }

    /// Whether a UUID identifies nothing here.
    #[must_use]
    pub fn lists_uuid(&self, uuid: Uuid) -> bool {
        !self.junk_uuids.is_empty() && self.junk_uuids.contains(&uuid.key())
    }

    /// Whether a hardware address in text form identifies nothing here.
    #[must_use]
    pub fn lists_mac(&self, mac: &str) -> bool {
        self.junk_macs.contains(mac)
    }

    /// Whether an attribute of a host has a value that stands for none here.
    #[must_use]
    pub fn lists_attribute(&self, name: &str, value: &str) -> bool {
        match name {
            "uuid" => Uuid::parse(value).is_some_and(|uuid| self.lists_uuid(uuid)),
            "serial" | "board_serial" | "chassis_serial" => self.lists_serial(&folded(value)),
            "asset_tag" | "board_model" | "cloud_instance_id" | "manufacturer" | "model" => self.lists_text(&folded(value)),
            _ => false,
        }
    }

    /// Whether several matches for a thing of this class are refused.
    #[must_use]
    pub fn rejects(&self, class: Class) -> bool {
        self.reject_ambiguous.iter().any(|&rejecting| class.is_a(rejecting))
    }
}

fn checked(
    list: &str,
    entries: &BTreeSet<String>,
    wanted: &str,
    form: impl Fn(&str) -> Option<String>,
) -> Result<BTreeSet<String>, Rejection> {
    let field = format!("identification.{list}");
    if entries.len() > JUNK_ENTRIES {
        return Err(Rejection::invalid(field, format!("has at most {JUNK_ENTRIES} entries, not {}", entries.len())));
    }
    let one = |entry: &String| {
        let shown: String = entry.chars().take(40).collect();
        if entry.chars().count() > JUNK_CHARACTERS {
            return Err(Rejection::invalid(&field, format!("{shown:?}… has more than {JUNK_CHARACTERS} characters")));
        }
        form(entry).ok_or_else(|| Rejection::invalid(&field, format!("{shown:?} is not {wanted} that would otherwise identify something")))
    };
    entries.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
