//! The software catalogue: what products are called, whether they may be used, and until when their makers care for them.
//!
//! Packages come and go by themselves; this holds what people decide about them. Nothing that follows from a decision is stored: the
//! name, the category and the end of life of a product are computed from the rules when somebody asks, each with its reason, so a
//! new rule holds for everything at once and a withdrawn one leaves nothing behind.

pub mod day;
pub mod decide;
pub mod end_of_life;
pub mod fold;
pub mod glob;
pub mod standing;
pub mod stock;
#[cfg(test)]
mod tests;

pub use day::Day;
pub use end_of_life::Cycle;
pub use standing::{Because, Standing};

use crate::actor::Actor;
use crate::id::{CiId, SoftwareRuleId};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether a product may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// It may.
    Approved,
    /// It may not.
    Denied,
    /// Nobody has said.
    Unclassified,
}

/// Which packages a rule is about; what is absent fits everything, but something must be said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// Package manager (`dpkg`) or type of package URL (`deb`).
    #[serde(default)]
    pub manager: Option<String>,
    /// Package name; `*` stands for any text, `?` for one character, case does not count.
    #[serde(default)]
    pub name: Option<String>,
    /// Vendor or maintainer, in the same way.
    #[serde(default)]
    pub vendor: Option<String>,
}

/// What people say of all packages that fit a pattern. Of each field the first rule that says something counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: SoftwareRuleId,
    /// Lower positions come first; the rules that Rollcall brings come after all of them.
    pub position: u32,
    /// About which packages.
    pub pattern: Pattern,
    /// What the product is called.
    #[serde(default)]
    pub product: Option<String>,
    /// Who makes it.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Which edition it is.
    #[serde(default)]
    pub edition: Option<String>,
    /// Whether it may be used.
    #[serde(default)]
    pub category: Option<Category>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A rule of people with its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRule {
    /// The rule.
    pub rule: Rule,
    /// Who set it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// What somebody decided about one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Whether it may be used; `None` leaves that to the rules again.
    pub category: Option<Category>,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Log revision of the decision.
    pub revision: u64,
}

/// What happened to the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CatalogueEvent {
    /// A rule is new, or as it is now.
    SoftwareRuleSet {
        /// The whole of it.
        rule: Box<Rule>,
    },
    /// A rule was withdrawn.
    SoftwareRuleRemoved {
        /// Which.
        rule: SoftwareRuleId,
    },
    /// Somebody decided about a product.
    ProductRuled {
        /// Which.
        product: CiId,
        /// Whether it may be used; `None` leaves that to the rules again.
        category: Option<Category>,
        /// Why.
        reason: String,
    },
    /// Dates came in; only those that are new.
    EndOfLifeImported {
        /// Each replaces what was known of its cycle; one without a date forgets it.
        cycles: Vec<Cycle>,
    },
}

/// What people ask of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogueCommand {
    /// Make a rule; its id is given by the domain.
    CreateRule {
        /// What it says; its id does not count.
        rule: Box<Rule>,
    },
    /// Replace a rule.
    UpdateRule {
        /// The whole of it, under its id.
        rule: Box<Rule>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Withdraw a rule.
    RemoveRule {
        /// Which.
        rule: SoftwareRuleId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Decide about a product.
    RuleOnProduct {
        /// Which.
        product: CiId,
        /// Whether it may be used; `None` leaves that to the rules again.
        category: Option<Category>,
        /// Why.
        reason: String,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Take in dates.
    ImportEndOfLife {
        /// At most [`end_of_life::CYCLES_PER_IMPORT`].
        cycles: Vec<Cycle>,
    },
}

/// What people decided about software.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Rules of people.
    #[serde(default)]
    pub rules: BTreeMap<SoftwareRuleId, KnownRule>,
    /// Decisions about each product, the latest last. At most [`fold::RULINGS`]; the log has them all.
    #[serde(default)]
    pub rulings: BTreeMap<CiId, Vec<Ruling>>,
    /// When makers stop to care for a product: by its name in lower case and its cycle.
    #[serde(default)]
    pub end_of_life: BTreeMap<String, BTreeMap<String, Cycle>>,
}

impl Catalogue {
    /// Rules of people, then those that Rollcall brings, in the order in which they count.
    #[must_use]
    pub fn ordered_rules(&self) -> Vec<&Rule> {
        let mut rules: Vec<&Rule> = self.rules.values().map(|known| &known.rule).collect();
        rules.sort_by_key(|rule| (rule.position, rule.id));
        rules.extend(stock::rules());
        rules
    }

    /// Log revision of what is known of a product; its ETag.
    #[must_use]
    pub fn revision_of(&self, product: &crate::ci::Ci) -> u64 {
        let ruled = self.rulings.get(&product.id).and_then(|rulings| rulings.last()).map_or(0, |ruling| ruling.revision);
        ruled.max(product.revision)
    }
}
