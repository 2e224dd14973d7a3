//! How a query is answered from the index: the cheap and selective conditions first, and a look at each record once few are left.

use super::Query;
use super::evaluate::{Scope, Unanswerable, holds_folded, listed, listener, manager, ordered, place, version_fits, word};
use super::field;
use super::index::numbers::Key;
use super::index::texts::Search;
use super::index::{self, Index, NAME, NOBODY, SOURCE, TAG, Values, WORD, bitmap};
use super::pattern::Pattern;
use super::quantity::{Comparison, parse_number};
use super::term::{
    AgentState, AttributeTest, Expression, IncidentTest, MomentField, Network, PackageTest, Relationship, Target, Term, TextField, TextTest,
};
use crate::ci::licence::{INSTALLATIONS, Installations};
use crate::ci::normalise::folded;
use crate::ci::{Class, Lifecycle};
use crate::contact::names::{ATTRIBUTES, Names};
use crate::id::CiId;
use roaring::RoaringBitmap;
use rollcall_shared::Timestamp;
use std::collections::BTreeSet;

/// Candidates up to which each is looked at: a look takes microseconds, a pass over all agents milliseconds.
const FEW: u64 = 256;

/// Targets of a relation up to which the relations of each are looked up.
const FEW_TARGETS: u64 = 1_000;

/// What fulfils a query.
#[derive(Clone, Debug)]
pub struct Matches<'a> {
    index: &'a Index,
    numbers: RoaringBitmap,
}

impl Matches<'_> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.numbers.len()
    }

    /// Whether nothing does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Whether a record does.
    #[must_use]
    pub fn contains(&self, id: CiId) -> bool {
        self.index.number(id).is_some_and(|number| self.numbers.contains(number))
    }

    /// The first `limit` of them in order of their ids, after one.
    #[must_use]
    pub fn page(&self, after: Option<CiId>, limit: usize) -> Vec<CiId> {
        // Where one of eight fits, a page is found by walking along; else all that fit are fewer than what would be walked over.
        if self.numbers.len() * 8 > self.index.len() as u64 {
            let fitting = self.index.after(after).filter(|(_, number)| self.numbers.contains(*number));
            return fitting.map(|(id, _)| id).take(limit).collect();
        }
        let mut found: Vec<CiId> = self.ids().filter(|id| after.is_none_or(|after| *id > after)).collect();
        if found.len() > limit && limit > 0 {
            found.select_nth_unstable(limit - 1);
            found.truncate(limit);
        }
        found.sort_unstable();
        found
    }

    /// All of them, in no meaningful order.
    pub fn ids(&self) -> impl Iterator<Item = CiId> {
        self.numbers.iter().filter_map(|number| self.index.id(number))
    }
}

impl<'a> Scope<'a> {
    /// What fulfils a query.
    ///
    /// # Errors
    /// A group that does not exist or is defined by itself.
    pub fn find(&self, query: &Query) -> Result<Matches<'a>, Unanswerable> {
        self.check(query)?;
        let index = self.index();
        let numbers = query.root().map_or_else(|| index.all(), |root| self.expression(root));
        Ok(Matches { index, numbers })
    }

    fn index(&self) -> &'a Index {
        &self.world.cmdb.index
    }

    fn expression(&self, expression: &Expression) -> RoaringBitmap {
        match expression {
            Expression::Term(term) => self.term(term),
            Expression::Not(inner) => self.index().all() - self.expression(inner),
            Expression::All(parts) => self.all_of(parts),
            Expression::Any(parts) => parts.iter().fold(RoaringBitmap::new(), |found, part| found | self.expression(part)),
        }
    }

    fn all_of(&self, parts: &[Expression]) -> RoaringBitmap {
        let mut parts: Vec<&Expression> = parts.iter().collect();
        parts.sort_by_key(|part| effort(part));
        let cheap = parts.partition_point(|part| effort(part) == 0);
        let mut sets: Vec<RoaringBitmap> = parts[..cheap].iter().map(|part| self.expression(part)).collect();
        sets.sort_by_key(RoaringBitmap::len);
        let mut found = sets.into_iter().reduce(|found, set| found & set);
        for part in &parts[cheap..] {
            found = Some(match found {
                None => self.expression(part),
                Some(found) if found.is_empty() => return found,
                Some(found) if found.len() <= FEW && !needs_packages(part) => self.looked_at(&found, part),
                Some(found) => match part {
                    Expression::Term(term @ Term::Attribute(name, test)) if name == INSTALLATIONS => {
                        let wanted = self.installed(test, Some(&found)) | self.attribute(name, test, term);
                        found & wanted
                    }
                    Expression::Not(inner) => found - self.expression(inner),
                    Expression::Term(Term::Moment(field, comparison, moment)) => {
                        let among = self.between(*field, moment.range(*comparison, self.now), Some(&found));
                        found & among
                    }
                    part => found & self.expression(part),
                },
            });
        }
        found.unwrap_or_default()
    }

    /// The candidates that fulfil an expression.
    fn looked_at(&self, candidates: &RoaringBitmap, expression: &Expression) -> RoaringBitmap {
        let cis = &self.world.cmdb.cis;
        let fits = |number: &u32| self.index().id(*number).and_then(|id| cis.get(&id)).is_some_and(|ci| self.fulfils(expression, ci));
        candidates.iter().filter(fits).collect()
    }

    fn term(&self, term: &Term) -> RoaringBitmap {
        let index = self.index();
        match term {
            Term::Word(pattern) => {
                texts(index.field(WORD), &[pattern.literal()], matches!(pattern, Pattern::Exact(_)).then_some(false), &|text| {
                    word(pattern, text)
                })
            }
            Term::Class(classes) => {
                let wanted = |class: Class| classes.iter().any(|one| class.is_a(*one));
                union(index.classes.iter().filter(|(class, _)| wanted(**class)).map(|(_, set)| set))
            }
            Term::Status(statuses) => union(statuses.iter().filter_map(|status: &Lifecycle| index.statuses.get(status))),
            Term::Id(ids) => ids.iter().filter_map(|id| index.number(*id)).collect(),
            Term::Text(field, test) => {
                let name = match field {
                    TextField::Name => NAME,
                    TextField::Tag => TAG,
                    TextField::Source => SOURCE,
                };
                self.text(index.field(name), test, term)
            }
            Term::Group(names) => names.iter().fold(RoaringBitmap::new(), |found, name| found | self.group(name)),
            Term::Has(names) => {
                let sources = names.iter().flat_map(|name| field::sources(name));
                let counted = index.with_class(Class::SoftwareProduct).filter(|_| names.iter().any(|name| name == INSTALLATIONS));
                union(sources.filter_map(|name| index.field(name)).map(|values| &values.present).chain(counted))
            }
            Term::Attribute(name, test) if name == INSTALLATIONS => self.installed(test, None) | self.attribute(name, test, term),
            Term::Attribute(name, test) => {
                let sources = field::sources(name).into_iter();
                sources.fold(RoaringBitmap::new(), |found, source| found | self.attribute(source, test, term))
            }
            Term::Address(networks) => networks.iter().fold(RoaringBitmap::new(), |found, network| found | in_network(index, network)),
            Term::Package(tests) => tests.iter().fold(RoaringBitmap::new(), |found, test| found | self.package(test)),
            Term::Listener(tests) => index.listings[2].find(|name| tests.iter().any(|test| listener(test, name))),
            Term::Listed(listing, patterns) => {
                index.listings[place(*listing)].find(|name| patterns.iter().any(|pattern| listed(*listing, pattern, name)))
            }
            Term::Agent(states) => self.agents(states),
            Term::Drift(true) => index.drift.clone(),
            Term::Drift(false) => index.all() - &index.drift,
            Term::RetirementCandidate(true) => self.candidates(),
            Term::RetirementCandidate(false) => index.all() - self.candidates(),
            Term::Incident(test) => self.incidents(*test),
            Term::Moment(field, comparison, moment) => self.between(*field, moment.range(*comparison, self.now), None),
            Term::Parent(targets) => self.parts_of(targets),
            Term::Related(relationship, targets) => self.related(*relationship, targets),
        }
    }

    /// Records with a text in a field. What the index has only in lower case is looked at once more for a test to the letter.
    fn text(&self, values: Option<&Values>, test: &TextTest, term: &Term) -> RoaringBitmap {
        let (literals, whole): (Vec<String>, _) = match test {
            TextTest::Is(patterns) if patterns.iter().all(|pattern| matches!(pattern, Pattern::Exact(_))) => {
                (patterns.iter().map(Pattern::literal).collect(), Some(true))
            }
            TextTest::Is(patterns) => (patterns.iter().map(Pattern::literal).collect(), None),
            TextTest::Exactly(texts) => (texts.iter().map(|text| folded(text)).collect(), Some(true)),
            TextTest::Contains(parts) => (parts.iter().map(|part| folded(part)).collect(), Some(false)),
        };
        let found = texts(values, &literals, whole, &|text| holds_folded(test, text));
        match test {
            TextTest::Exactly(_) => self.looked_at(&found, &Expression::Term(term.clone())),
            _ => found,
        }
    }

    fn group(&self, name: &str) -> RoaringBitmap {
        let put: Vec<CiId> = self.groups.members(name).into_iter().flatten().copied().collect();
        let queried = self.groups.query(name).map(|query| query.root().map_or_else(|| self.index().all(), |root| self.expression(root)));
        self.index().numbers_of(&put) | queried.unwrap_or_default()
    }

    /// Records that name a contact by one of its names, where a test holds for another of them.
    fn renamed(&self, values: &Values, test: &TextTest) -> RoaringBitmap {
        let meant = self.world.contacts.renamed().filter(|contact| contact.names().any(|name| test.matches(name))).map(Names::of);
        let meant: BTreeSet<String> = meant.flat_map(|names| names.texts().map(str::to_owned).collect::<Vec<_>>()).collect();
        if meant.is_empty() {
            return RoaringBitmap::new();
        }
        let literals: Vec<String> = meant.iter().cloned().collect();
        texts(Some(values), &literals, Some(true), &|text| meant.contains(text))
    }

    fn attribute(&self, name: &str, test: &AttributeTest, term: &Term) -> RoaringBitmap {
        let Some(values) = self.index().field(name) else { return RoaringBitmap::new() };
        match test {
            AttributeTest::Text(test) if ATTRIBUTES.contains(&name) => self.text(Some(values), test, term) | self.renamed(values, test),
            AttributeTest::Text(test) => self.text(Some(values), test, term),
            AttributeTest::Boolean(value) => texts(Some(values), &[value.to_string()], Some(true), &|text| text == value.to_string()),
            AttributeTest::Number(comparison, number) => numbers(values, *comparison, *number),
            AttributeTest::Moment(comparison, moment) => {
                let (first, last) = moment.range(*comparison, self.now);
                let fits = |at: Timestamp| (first..=last).contains(&at.0);
                if field::kind(name) == field::Kind::Moment {
                    let (first, last) = (Key::new(index::millis(Timestamp(first))), Key::new(index::millis(Timestamp(last))));
                    return values.numbers.find(|key| first <= key && key <= last);
                }
                texts(Some(values), &[], None, &|text| index::moment_of(text).is_some_and(fits))
            }
            AttributeTest::Order(comparison, wanted) => {
                let versions = || texts(Some(values), &[], None, &|text| ordered(*comparison, text, wanted));
                match parse_number(wanted) {
                    None => versions(),
                    Some(number) => numbers(values, *comparison, number) | (versions() - values.numbers.find(|_| true)),
                }
            }
        }
    }

    /// Products that are on a wanted number of hosts; at least those among the candidates, when there are some.
    fn installed(&self, test: &AttributeTest, among: Option<&RoaringBitmap>) -> RoaringBitmap {
        let (index, cmdb) = (self.index(), &self.world.cmdb);
        let Some(products) = index.with_class(Class::SoftwareProduct) else { return RoaringBitmap::new() };
        let products = among.map_or_else(|| products.clone(), |among| products & among);
        let installations = Installations::new(cmdb);
        let product = |number: u32| index.id(number).and_then(|id| cmdb.cis.get(&id));
        products.iter().filter(|number| product(*number).is_some_and(|ci| self.is_installed(&installations, ci, test))).collect()
    }

    /// Hosts with a package: products of that name first, then their versions, then who has those.
    fn package(&self, test: &PackageTest) -> RoaringBitmap {
        let (index, cmdb) = (self.index(), &self.world.cmdb);
        let name = TextTest::Is(vec![test.name.clone()]);
        let named = self.text(index.field(NAME), &name, &Term::Text(TextField::Name, name.clone()));
        let products = index.classes.get(&Class::SoftwareProduct).map(|products| products & named).unwrap_or_default();
        let products = products.iter().filter_map(|number| index.id(number)).filter_map(|id| cmdb.cis.get(&id));
        let wanted = products.map(|product| (product.id, manager(product)));
        let images = cmdb.software.images_with_any(wanted, |manager, version| version_fits(test, manager, version));
        let hosts = (0..).zip(&index.images).filter(|(_, image)| **image != NOBODY && images.contains(**image));
        RoaringBitmap::from_sorted_iter(hosts.map(|(host, _): (u32, _)| host)).expect("in order")
    }

    fn agents(&self, states: &[AgentState]) -> RoaringBitmap {
        let index = self.index();
        let in_state = |state: &AgentState| match state {
            AgentState::Online => &index.heard - &index.silent,
            AgentState::Silent => index.silent.clone(),
            AgentState::None => index.all() - &index.heard,
        };
        states.iter().map(in_state).fold(RoaringBitmap::new(), |found, some| found | some)
    }

    fn candidates(&self) -> RoaringBitmap {
        self.index().numbers_of(&self.world.cmdb.candidates.keys().copied().collect::<Vec<_>>())
    }

    fn incidents(&self, test: IncidentTest) -> RoaringBitmap {
        let incidents = &self.world.incidents;
        let is_open = |id| incidents.incidents.get(id).is_some_and(|incident| incident.state.is_open());
        let with = |open: bool| -> RoaringBitmap {
            let cis = incidents.by_ci.iter().filter(|(_, ids)| if open { ids.iter().any(is_open) } else { !ids.is_empty() });
            let merged_into = |ci: &CiId| self.world.cmdb.survivor(*ci);
            let found = cis.flat_map(|(ci, _)| std::iter::once(*ci).chain(merged_into(ci)));
            // In order, each once: what stays may come before what was merged into it.
            self.index().numbers_of(&found.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>())
        };
        match test {
            IncidentTest::Open => with(true),
            IncidentTest::Any => with(false),
            IncidentTest::None => self.index().all() - with(true),
        }
    }

    /// Records with a moment in between; at least those among the candidates, when there are some.
    fn between(&self, field: MomentField, (first, last): (i64, i64), among: Option<&RoaringBitmap>) -> RoaringBitmap {
        let index = self.index();
        // The least number stands for never.
        let fits = |at: i64| at > i64::MIN && (first..=last).contains(&at);
        match field {
            MomentField::Created => dense(&index.created, fits),
            MomentField::Updated => dense(&index.updated, fits),
            MomentField::LastSeen => {
                let there = [Lifecycle::Operational, Lifecycle::Stale].map(|status| index.statuses.get(&status));
                let seen = |number: u32| {
                    let host = index.parents[number as usize];
                    let is_there = host != NOBODY && there.iter().flatten().any(|there| there.contains(number));
                    index.own_last_seen(if is_there { host } else { number })
                };
                let fitting = |number: &u32| fits(seen(*number));
                match among {
                    Some(among) => among.iter().filter(fitting).collect(),
                    None => RoaringBitmap::from_sorted_iter((0..).take(index.len()).filter(fitting)).expect("in order"),
                }
            }
        }
    }

    fn targets(&self, targets: &[Target]) -> RoaringBitmap {
        let index = self.index();
        let one = |target: &Target| match target {
            Target::Id(id) => index.number(*id).into_iter().collect(),
            Target::Name(pattern) => {
                let test = TextTest::Is(vec![pattern.clone()]);
                self.text(index.field(NAME), &test, &Term::Text(TextField::Name, test.clone()))
            }
        };
        targets.iter().map(one).fold(RoaringBitmap::new(), |all, some| all | some)
    }

    fn parts_of(&self, targets: &[Target]) -> RoaringBitmap {
        let (index, hosts) = (self.index(), self.targets(targets));
        if hosts.len() > FEW_TARGETS {
            // Looking into a list is several times faster than into a bitmap.
            let mut is_wanted = vec![false; index.len()];
            hosts.iter().for_each(|host| is_wanted[host as usize] = true);
            let parts = (0..).zip(&index.parents).filter(|(_, host)| is_wanted.get(**host as usize) == Some(&true));
            return RoaringBitmap::from_sorted_iter(parts.map(|(part, _): (u32, _)| part)).expect("in order");
        }
        let parts = hosts.iter().filter_map(|host| self.world.cmdb.components.get(&index.id(host)?)).flatten();
        bitmap(parts.filter_map(|part| index.number(*part)).collect())
    }

    fn related(&self, relationship: Relationship, targets: &[Target]) -> RoaringBitmap {
        let (index, links, targets) = (self.index(), &self.world.cmdb.links, self.targets(targets));
        let ends = |relation: &crate::ci::Relation| {
            if relationship.reversed { (relation.to, relation.from) } else { (relation.from, relation.to) }
        };
        let mut found = Vec::new();
        if targets.len() > FEW_TARGETS {
            for (this, other) in links.iter().filter(|relation| relation.kind == relationship.kind).map(ends) {
                let fits = index.number(other).is_some_and(|other| targets.contains(other));
                found.extend(index.number(this).filter(|_| fits));
            }
            return bitmap(found);
        }
        for target in targets.iter().filter_map(|number| index.id(number)) {
            let fits = |relation: &&crate::ci::Relation| relation.kind == relationship.kind && ends(relation).1 == target;
            found.extend(links.of(target).filter(fits).filter_map(|relation| index.number(ends(relation).0)));
        }
        bitmap(found)
    }
}

/// How much work an expression is: 0 for a look into bitmaps, more for a pass over texts, moments, agents.
fn effort(expression: &Expression) -> u8 {
    match expression {
        Expression::Term(term) => match term {
            Term::Class(_) | Term::Status(_) | Term::Id(_) | Term::Has(_) | Term::Drift(_) => 0,
            // Each product is counted.
            Term::Attribute(name, _) if name == INSTALLATIONS => 4,
            Term::Text(TextField::Tag | TextField::Source, _)
            | Term::Attribute(..)
            | Term::Address(_)
            | Term::Listener(_)
            | Term::Listed(..) => 1,
            Term::Text(TextField::Name, _) | Term::Word(_) | Term::Parent(_) => 2,
            Term::Package(_) | Term::Related(..) | Term::Group(_) => 3,
            Term::Moment(..) | Term::Agent(_) | Term::Incident(_) | Term::RetirementCandidate(_) => 4,
        },
        Expression::Not(inner) => effort(inner).max(1),
        Expression::All(parts) | Expression::Any(parts) => parts.iter().map(effort).max().unwrap_or_default().max(1),
    }
}

/// Whether a look at a record would go through all of its packages or hosts, or through those of a group's query.
fn needs_packages(expression: &Expression) -> bool {
    let needs = |term: &Term| match term {
        Term::Attribute(name, _) => name == INSTALLATIONS,
        term => matches!(term, Term::Package(_) | Term::Group(_)),
    };
    expression.terms().into_iter().any(needs)
}

fn union<'s>(sets: impl Iterator<Item = &'s RoaringBitmap>) -> RoaringBitmap {
    sets.fold(RoaringBitmap::new(), |all, set| all | set)
}

/// Records with a wanted text. `whole` tells what a literal is: the text as a whole, a part that suffices, or (`None`) a hint.
fn texts(values: Option<&Values>, literals: &[String], whole: Option<bool>, wanted: &dyn Fn(&str) -> bool) -> RoaringBitmap {
    let Some(values) = values else { return RoaringBitmap::new() };
    let search = |literal: &str| values.texts.find(&Search { literal: literal.to_owned(), whole: whole == Some(true), wanted });
    if literals.is_empty() || literals.iter().any(String::is_empty) {
        return values.texts.find(&Search { literal: String::new(), whole: false, wanted });
    }
    literals.iter().fold(RoaringBitmap::new(), |found, literal| found | search(literal))
}

fn numbers(values: &Values, comparison: Comparison, number: f64) -> RoaringBitmap {
    let wanted = Key::new(number);
    values.numbers.find(|key| comparison.allows(key.cmp(&wanted)))
}

fn dense(column: &[i64], fits: impl Fn(i64) -> bool) -> RoaringBitmap {
    let fitting = (0_u32..).zip(column).filter(|(_, at)| fits(**at)).map(|(number, _)| number);
    RoaringBitmap::from_sorted_iter(fitting).expect("in order")
}

fn in_network(index: &Index, network: &Network) -> RoaringBitmap {
    let first = (network.address, 0);
    let inside = index.addresses.range(first..).take_while(|(address, _)| network.contains(*address));
    bitmap(inside.map(|(_, number)| *number).collect())
}

#[cfg(test)]
mod tests;
