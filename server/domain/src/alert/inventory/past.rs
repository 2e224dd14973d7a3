//! A rule on the inventory over the history of an item: for back-tests.
//!
//! The item is folded anew from its own records, and looked at whenever one of them may change the answer and whenever time alone does:
//! days run out, changes grow old. What answers is what answers live. Which software is of a category is asked of the catalogue as it is,
//! not as it was: a back-test tells what the rule would do by today's rulings.
//!
//! Invariant: a record that [`Inquiry::matters`] does not name changes no answer, so that whoever has none of those in a span was the same
//! throughout, and little else needs to be folded.
//!
//! Rules on licences ask all hosts about each product and are in [`licences`].

use super::removed::Removed;
use super::{Answer, DAY_MS, is_gone, moment, said_of, yes};
use crate::alert::replay::Episode;
use crate::alert::replay::episodes::Track;
use crate::catalogue::Category;
use crate::ci::software::{self, Scheme};
use crate::ci::{Ci, CiEvent, Cmdb, fold, past};
use crate::contact::Contacts;
use crate::contact::names::ATTRIBUTES;
use crate::id::CiId;
use crate::rule::plan::judge_number;
use crate::rule::{Condition, Predicate, Rule};
use crate::{Content, Event, Record, World};
use rollcall_shared::section::Package;
use rollcall_shared::{ContentHash, Section, SectionName, Timestamp};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A rule's question to the inventory, with all that it asks of more than one item; for many items and threads.
#[derive(Debug)]
pub struct Inquiry {
    predicate: Predicate,
    /// Who the people and teams are that the attribute names, when it is one that does.
    contacts: Contacts,
    /// Keys of the products that are of the category.
    products: BTreeSet<String>,
    /// Whether package lists have what is asked for. The answer for a content never changes.
    lists: Mutex<BTreeMap<ContentHash, Option<bool>>>,
    removed: Mutex<Removed>,
}

/// An item and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Life<'a> {
    /// As it is now.
    pub now: &'a Ci,
    /// All records of its history, oldest first; none when none that matters is of the span or later: it was as it is throughout.
    pub records: &'a [Record],
}

/// What came of an item.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Incidents, oldest first.
    pub episodes: Vec<Episode>,
    /// Moments looked at.
    pub moments: u64,
    /// Whether the inventory ever said what is asked.
    pub judged: bool,
}

impl Inquiry {
    /// Of a rule; `None` when it is on something else, or on what an item and its records do not say by themselves.
    #[must_use]
    pub fn of(world: &World, rule: &Rule) -> Option<Self> {
        let Condition::Inventory { predicate } = &rule.condition else { return None };
        let products = match predicate {
            Predicate::Licences {} => return None,
            Predicate::Software { category } => keys_of(world, *category),
            _ => BTreeSet::new(),
        };
        let names_contacts = matches!(predicate, Predicate::Attribute { name, .. } if ATTRIBUTES.contains(&name.as_str()));
        let contacts = if names_contacts { world.contacts.clone() } else { Contacts::default() };
        let (lists, removed) = (Mutex::default(), Mutex::new(Removed::unhurried()));
        Some(Self { predicate: predicate.clone(), contacts, products, lists, removed })
    }

    /// Whether a record of an item's history may change the answer.
    #[must_use]
    pub fn matters(&self, record: &Record) -> bool {
        may_change(record, &self.sections(), self.attribute())
    }

    /// Judges an item from one moment to another. `rule` is the question's own, as it counts for the item.
    #[must_use]
    pub fn judge(&self, rule: &Rule, life: Life<'_>, (from, to): (Timestamp, Timestamp), content: &dyn Content) -> Verdict {
        let mut look =
            Look { inquiry: self, rule, content, track: Track::new(rule, Some(life.now.id), BTreeMap::new()), moments: 0, judged: false };
        let matters = |record: &Record| self.matters(record);
        along(life, (from, to), &matters, &mut |ci, stretch| look.over(&self.with_volatile(ci, life.now), stretch));
        look.verdict()
    }

    /// The item with the sections that are in no history.
    fn with_volatile<'c>(&self, then: &'c Ci, now: &Ci) -> Cow<'c, Ci> {
        let mut then = Cow::Borrowed(then);
        for name in self.sections().into_iter().filter(|name| fold::is_volatile(*name)) {
            if let Some(state) = now.section(name) {
                then.to_mut().sections.insert(name, state.clone());
            }
        }
        then
    }

    fn attribute(&self) -> Option<&str> {
        match &self.predicate {
            Predicate::Attribute { name, .. } => Some(name),
            Predicate::DaysLeft { attribute } | Predicate::DaysSince { attribute } => Some(attribute),
            _ => None,
        }
    }

    fn sections(&self) -> Vec<SectionName> {
        match &self.predicate {
            Predicate::Drift { names, .. } | Predicate::Removed { names, .. } => {
                names.iter().filter_map(|name| name.parse().ok()).collect()
            }
            Predicate::PackageBelow { .. } | Predicate::Software { .. } => vec![SectionName::Packages],
            _ => Vec::new(),
        }
    }

    fn answer(&self, ci: &Ci, at: Timestamp, content: &dyn Content) -> Answer {
        let number = match &self.predicate {
            Predicate::Removed { names, within_ms } => {
                let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
                return removed.count(ci, (names, *within_ms), (at, content));
            }
            Predicate::PackageBelow { .. } | Predicate::Software { .. } => self.has_software(ci, content).map(yes),
            predicate => said_of(&self.contacts, predicate, ci, at),
        };
        number.map_or(Answer::Unsaid, Answer::Number)
    }

    fn has_software(&self, ci: &Ci, content: &dyn Content) -> Option<bool> {
        let state = ci.section(SectionName::Packages)?;
        let mut has = false;
        for hash in state.hash.into_iter().chain(state.partial) {
            let lists = || self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            let known = lists().get(&hash).copied();
            let found = match known {
                Some(known) => known,
                None => {
                    let found = content.section(&hash).and_then(|section| match &*section {
                        Section::Packages(rows) => Some(rows.iter().take(software::PACKAGES_PER_HOST).any(|row| self.is_asked_for(row))),
                        _ => None,
                    });
                    lists().insert(hash, found);
                    found
                }
            };
            has |= found?;
        }
        Some(has)
    }

    fn is_asked_for(&self, row: &Package) -> bool {
        match &self.predicate {
            Predicate::PackageBelow { package, version } => {
                row.name.len() >= package.len()
                    && software::product_name(row) == *package
                    && Scheme::of(&software::product_key(row)).compare(software::version(row), version).is_lt()
            }
            Predicate::Software { .. } => self.products.contains(software::product_key(row).as_ref()),
            _ => false,
        }
    }

    /// Moments between two others at which time alone may change the answer of an item that stays as it is.
    fn moments(&self, rule: &Rule, ci: &Ci, (from, to): (Timestamp, Timestamp)) -> BTreeSet<Timestamp> {
        let found: Vec<Timestamp> = match &self.predicate {
            Predicate::DaysLeft { attribute } => crossings(rule, ci, attribute, -1.0),
            Predicate::DaysSince { attribute } => crossings(rule, ci, attribute, 1.0),
            Predicate::Drift { within_ms, .. } | Predicate::Removed { within_ms, .. } => {
                let states = self.sections().into_iter().filter_map(|name| ci.section(name));
                let changes = states.flat_map(|state| state.history.iter().map(|(at, _)| *at));
                changes.flat_map(|at| [at, at.plus(Duration::from_millis(*within_ms))]).collect()
            }
            _ => Vec::new(),
        };
        found.into_iter().filter(|at| from < *at && *at < to).collect()
    }
}

/// Whether a record of an item's history may change what these sections and this attribute say of it, or whether rules are asked of it.
fn may_change(record: &Record, sections: &[SectionName], attribute: Option<&str>) -> bool {
    let Event::Ci(event) = &record.event else { return false };
    match event {
        CiEvent::SectionChanged { section, .. } => sections.contains(section),
        CiEvent::AttributesChanged { changes, .. } => changes.iter().any(|change| attribute == Some(&change.name)),
        CiEvent::AttributeLocked { .. } | CiEvent::AttributeUnlocked { .. } => attribute.is_some(),
        CiEvent::SoftwareChanged { .. }
        | CiEvent::HostIdentified { .. }
        | CiEvent::IdentityExplained { .. }
        | CiEvent::CiMoved { .. }
        | CiEvent::CiRenamed { .. }
        | CiEvent::CiRekeyed { .. }
        | CiEvent::TagsChanged { .. }
        | CiEvent::RelationsChanged { .. }
        | CiEvent::RetirementSuggested { .. }
        | CiEvent::RetirementWithdrawn { .. } => false,
        _ => true,
    }
}

/// Looks at an item from one moment to another: as it was, from when, and until when something of it changed that matters.
fn along(
    life: Life<'_>,
    (from, to): (Timestamp, Timestamp),
    matters: &dyn Fn(&Record) -> bool,
    look: &mut dyn FnMut(&Ci, (Timestamp, Timestamp)),
) {
    if life.records.is_empty() {
        return look(life.now, (from, to));
    }
    let (mut cmdb, mut since) = (Cmdb::default(), from);
    let mut over = |cmdb: &Cmdb, stretch| {
        if let Some(ci) = cmdb.cis.get(&life.now.id) {
            look(ci, stretch);
        }
    };
    for record in life.records {
        let Event::Ci(event) = &record.event else { continue };
        if record.at >= to {
            break;
        }
        // What is said at once is looked at once.
        if record.at > since && matters(record) {
            over(&cmdb, (since, record.at));
            since = record.at;
        }
        // Nothing else is folded: a host tells of hundreds of other changes a month. What its agent is decides whose word is withdrawn.
        if matters(record) || matches!(event, CiEvent::HostIdentified { .. }) {
            past::remember(&mut cmdb, record, event);
        }
    }
    over(&cmdb, (since, to));
}

/// Around the moments at which the days to or from a day come to a line: a line itself is not beyond it.
fn crossings(rule: &Rule, ci: &Ci, attribute: &str, sign: f64) -> Vec<Timestamp> {
    let Some(day) = moment(ci, attribute) else { return Vec::new() };
    let levels = [&rule.levels.warning, &rule.levels.critical].into_iter().flatten();
    let lines = levels.flat_map(|level| [level.raise, level.clear]);
    #[expect(clippy::cast_possible_truncation, reason = "saturates; what is out of the span is left out")]
    let crossing = |line: f64| day.0.saturating_add((sign * line * DAY_MS).round() as i64);
    lines.map(crossing).flat_map(|at| [at, at.saturating_add(1)]).map(Timestamp).collect()
}

/// Keys of the products of a category; also of those that are installed nowhere any more, as far as somebody decided about them.
fn keys_of(world: &World, category: Category) -> BTreeSet<String> {
    let rulings = world.catalogue.rulings.iter();
    let ruled = rulings.filter(|(_, rulings)| rulings.last().is_some_and(|ruling| ruling.category == Some(category)));
    let ruled = ruled.filter_map(|(id, _): (&CiId, _)| world.cmdb.cis.get(id));
    let products = world.catalogue.products_of(&world.cmdb, category);
    products.into_iter().chain(ruled).filter_map(|product| product.key.clone()).collect()
}

/// An item that is being looked at.
struct Look<'a> {
    inquiry: &'a Inquiry,
    rule: &'a Rule,
    content: &'a dyn Content,
    track: Track<'a>,
    moments: u64,
    judged: bool,
}

impl Look<'_> {
    /// It stays as it is from one moment to another.
    fn over(&mut self, ci: &Ci, (from, to): (Timestamp, Timestamp)) {
        let mut due = self.inquiry.moments(self.rule, ci, (from, to));
        due.insert(from);
        while let Some(at) = due.pop_first() {
            self.at(ci, at);
            due.extend(self.track.due(at).filter(|next| *next < to));
        }
    }

    fn at(&mut self, ci: &Ci, at: Timestamp) {
        self.moments += 1;
        if is_gone(ci) {
            return self.track.drop_it(at);
        }
        match self.inquiry.answer(ci, at, self.content) {
            Answer::Number(number) => {
                self.judged = true;
                self.track.judge(judge_number(self.rule, number, self.track.severity()), number, at);
                self.track.reached(number);
            }
            Answer::Unsaid | Answer::Later => self.track.lose(at),
        }
    }

    fn verdict(self) -> Verdict {
        Verdict { episodes: self.track.episodes(), moments: self.moments, judged: self.judged }
    }
}

pub mod licences;
#[cfg(test)]
mod tests;
