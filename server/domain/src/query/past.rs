//! Whether a record fulfilled a query at a moment: the same terms with the same meaning, asked of records as they were.
//!
//! Everything is read from the record's own history and from the section content that it had then. What no history tells is
//! refused by name before anything is looked at: no term ever answers with the present.

use super::Query;
use super::evaluate::{Groups, NoGroups, Scope, Unanswerable, listed, listener, place, version_fits};
use super::index::{LISTED, contents_of, listings};
use super::term::{Expression, Listing, MomentField, PackageTest, Target, Term};
use crate::ci::licence::INSTALLATIONS;
use crate::ci::{Ci, software};
use crate::{Content, World};
use rollcall_shared::{Section, SectionName, Timestamp};
use std::cell::Cell;
use std::collections::BTreeSet;

/// Why a query cannot be asked of the past.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknowable {
    /// It cannot be answered at all.
    #[error(transparent)]
    Unanswerable(#[from] Unanswerable),
    /// A condition asks what is known of the present alone.
    #[error("{term} cannot be asked of the past: {reason}")]
    Forgotten {
        /// The condition, or the group that has it, as written.
        term: String,
        /// Why not.
        reason: &'static str,
    },
}

/// What a query about the past is asked of.
pub struct Then<'a> {
    /// Records as they were; what stands around the one in question must be known whole, where [`names_others`] says so.
    pub world: &'a World,
    /// Groups as they are defined now.
    pub groups: &'a dyn Groups,
    /// The moment; ages are measured from it.
    pub at: Timestamp,
    /// Section content.
    pub content: &'a dyn Content,
    /// Counts contents that were read.
    pub read: &'a Cell<usize>,
}

/// Checks that a query can be asked of the past, before a record is looked at.
///
/// # Errors
/// The condition that cannot, with the reason.
pub fn check(scope: &Scope<'_>, query: &Query) -> Result<(), Unknowable> {
    scope.check(query)?;
    check_terms(scope.groups, query, &mut BTreeSet::new())
}

fn check_terms(groups: &dyn Groups, query: &Query, seen: &mut BTreeSet<String>) -> Result<(), Unknowable> {
    for term in query.terms() {
        let forgotten = |reason| Unknowable::Forgotten { term: term.to_string(), reason };
        match term {
            Term::Agent(_) => return Err(forgotten("which agents reported at a moment is not kept")),
            Term::Attribute(name, _) if name == INSTALLATIONS => {
                return Err(forgotten("on how many hosts software was is not kept"));
            }
            Term::Has(names) if names.iter().any(|name| name == INSTALLATIONS) => {
                return Err(forgotten("on how many hosts software was is not kept"));
            }
            Term::Incident(_) => return Err(forgotten("ask the incidents for those of that time")),
            Term::Moment(MomentField::LastSeen, ..) => return Err(forgotten("when a record was last heard is kept of the present alone")),
            Term::Group(names) => {
                for name in names {
                    if groups.members(name).is_some_and(|members| !members.is_empty()) {
                        return Err(forgotten(
                            "whom people had put into a group then is not kept; groups that have nothing but a query can be asked",
                        ));
                    }
                    if let Some(query) = groups.query(name).filter(|_| seen.insert(name.clone())) {
                        check_terms(groups, query, seen)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a query asks for the names of other records: of containers, and of the other sides of relations.
#[must_use]
pub fn names_others(query: &Query, groups: &dyn Groups) -> bool {
    any_term(query, groups, &|term| match term {
        Term::Parent(targets) | Term::Related(_, targets) => targets.iter().any(|target| matches!(target, Target::Name(_))),
        _ => false,
    })
}

fn any_term(query: &Query, groups: &dyn Groups, wanted: &dyn Fn(&Term) -> bool) -> bool {
    query.terms().into_iter().any(|term| match term {
        Term::Group(names) => names.iter().filter_map(|name| groups.query(name)).any(|query| any_term(query, groups, wanted)),
        term => wanted(term),
    })
}

fn reads_content(expression: &Expression) -> bool {
    expression.terms().iter().any(|term| matches!(term, Term::Package(_) | Term::Listener(_) | Term::Listed(..) | Term::Group(_)))
}

impl Then<'_> {
    /// Whether a record fulfilled a query. The query must have passed [`check`].
    #[must_use]
    pub fn matches(&self, query: &Query, ci: &Ci) -> bool {
        query.root().is_none_or(|root| self.fulfils(root, ci))
    }

    fn fulfils(&self, expression: &Expression, ci: &Ci) -> bool {
        match expression {
            Expression::Term(term) => self.holds(term, ci),
            Expression::Not(inner) => !self.fulfils(inner, ci),
            // What needs no content comes first.
            Expression::All(parts) => {
                let (dear, cheap): (Vec<_>, Vec<_>) = parts.iter().partition(|part| reads_content(part));
                cheap.into_iter().chain(dear).all(|part| self.fulfils(part, ci))
            }
            Expression::Any(parts) => {
                let (dear, cheap): (Vec<_>, Vec<_>) = parts.iter().partition(|part| reads_content(part));
                cheap.into_iter().chain(dear).any(|part| self.fulfils(part, ci))
            }
        }
    }

    fn holds(&self, term: &Term, ci: &Ci) -> bool {
        match term {
            Term::Package(tests) => self.has_package(ci, tests),
            Term::Listener(tests) => self.lists(ci, LISTED[2], |name| tests.iter().any(|test| listener(test, name))),
            Term::Listed(listing, patterns) => {
                self.lists(ci, section_of(*listing), |name| patterns.iter().any(|pattern| listed(*listing, pattern, name)))
            }
            Term::Group(names) => names.iter().filter_map(|name| self.groups.query(name)).any(|query| self.matches(query, ci)),
            term => Scope { world: self.world, groups: &NoGroups, now: self.at }.fulfils(&Expression::Term(term.clone()), ci),
        }
    }

    fn has_package(&self, ci: &Ci, tests: &[PackageTest]) -> bool {
        let Some((complete, partial)) = ci.section(SectionName::Packages).and_then(contents_of) else { return false };
        [Some(complete), partial].into_iter().flatten().any(|hash| {
            self.read.set(self.read.get() + 1);
            let Some(section) = self.content.section(&hash) else { return false };
            let Section::Packages(rows) = &*section else { return false };
            rows.iter().take(software::PACKAGES_PER_HOST).any(|row| {
                let name = software::product_name(row);
                tests.iter().any(|test| test.name.matches(&name) && version_fits(test, &row.manager, software::version(row)))
            })
        })
    }

    fn lists(&self, ci: &Ci, section: SectionName, wanted: impl Fn(&str) -> bool) -> bool {
        let Some(contents) = ci.section(section).and_then(contents_of) else { return false };
        self.read.set(self.read.get() + 1);
        listings::names_in(&contents, self.content).is_some_and(|names| names.iter().any(|name| wanted(name)))
    }
}

fn section_of(listing: Listing) -> SectionName {
    LISTED[place(listing)]
}

#[cfg(test)]
mod tests;
