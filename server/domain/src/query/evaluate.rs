//! Whether one record fulfils a query: the meaning of every term. The indexes answer the same, faster.

use super::Query;
use super::field;
use super::index::{self, LISTED, texts_of};
use super::quantity::{Comparison, parse_number};
use super::term::{
    AgentState, AttributeTest, Expression, IncidentTest, ListenerTest, Listing, MomentField, Network, PackageTest, Relationship, Target,
    Term, TextField, TextTest,
};
use crate::World;
use crate::ci::licence::{INSTALLATIONS, Installations};
use crate::ci::normalise::folded;
use crate::ci::software;
use crate::ci::{AttributeValue, Ci, Class, Lifecycle};
use crate::contact::names::ATTRIBUTES;
use crate::id::CiId;
use rollcall_shared::Timestamp;
use std::collections::BTreeSet;

/// Groups of configuration items by their names.
pub trait Groups {
    /// The query of a group that has one.
    fn query(&self, name: &str) -> Option<&Query>;
    /// The records that people put into a group; `None` when there is no group of this name.
    fn members(&self, name: &str) -> Option<&BTreeSet<CiId>>;
    /// Names that begin so, in order.
    fn names(&self, beginning: &str) -> Vec<String>;
}

/// No groups.
pub struct NoGroups;

impl Groups for NoGroups {
    fn query(&self, _name: &str) -> Option<&Query> {
        None
    }

    fn members(&self, _name: &str) -> Option<&BTreeSet<CiId>> {
        None
    }

    fn names(&self, _beginning: &str) -> Vec<String> {
        Vec::new()
    }
}

/// What a query is asked of.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The state.
    pub world: &'a World,
    /// The groups.
    pub groups: &'a dyn Groups,
    /// What ages are measured from.
    pub now: Timestamp,
}

/// Why a query that was understood cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// It names a group that does not exist.
    #[error("there is no group {0:?}")]
    UnknownGroup(String),
    /// A group's query leads back to the group.
    #[error("group {0:?} is defined by itself")]
    CircularGroup(String),
}

impl Unanswerable {
    /// The group that it is about.
    #[must_use]
    pub fn group(&self) -> &str {
        match self {
            Self::UnknownGroup(name) | Self::CircularGroup(name) => name,
        }
    }
}

impl Scope<'_> {
    /// Checks the groups of a query, and those in the queries of its groups.
    ///
    /// # Errors
    /// A group that does not exist or is defined by itself.
    pub fn check(&self, query: &Query) -> Result<(), Unanswerable> {
        self.check_groups(query, &mut Vec::new(), &mut BTreeSet::new())
    }

    fn check_groups(&self, query: &Query, path: &mut Vec<String>, done: &mut BTreeSet<String>) -> Result<(), Unanswerable> {
        for name in query.groups() {
            if path.contains(name) {
                return Err(Unanswerable::CircularGroup(name.clone()));
            }
            let query = self.groups.query(name);
            if query.is_none() && self.groups.members(name).is_none() {
                return Err(Unanswerable::UnknownGroup(name.clone()));
            }
            if let Some(query) = query
                && !done.contains(name)
            {
                path.push(name.clone());
                self.check_groups(query, path, done)?;
                path.pop();
            }
            done.insert(name.clone());
        }
        Ok(())
    }

    /// Whether a record fulfils a query. Groups that [`Self::check`] refuses have no members.
    #[must_use]
    pub fn matches(&self, query: &Query, ci: &Ci) -> bool {
        self.check(query).is_ok() && query.root().is_none_or(|root| self.fulfils(root, ci))
    }

    pub(super) fn fulfils(&self, expression: &Expression, ci: &Ci) -> bool {
        match expression {
            Expression::Term(term) => self.holds(term, ci),
            Expression::Not(inner) => !self.fulfils(inner, ci),
            Expression::All(parts) => parts.iter().all(|part| self.fulfils(part, ci)),
            Expression::Any(parts) => parts.iter().any(|part| self.fulfils(part, ci)),
        }
    }

    fn holds(&self, term: &Term, ci: &Ci) -> bool {
        match term {
            Term::Word(pattern) => index::words_of(ci).iter().any(|text| word(pattern, text)),
            Term::Class(classes) => classes.iter().any(|class| ci.class.is_a(*class)),
            Term::Status(statuses) => statuses.contains(&ci.status),
            Term::Id(ids) => ids.contains(&ci.id),
            Term::Text(TextField::Name, test) => test.matches(&ci.name),
            Term::Text(TextField::Tag, test) => ci.tags.iter().any(|tag| test.matches(tag)),
            Term::Text(TextField::Source, test) => index::sources_of(ci).iter().any(|source| test.matches(source)),
            Term::Group(names) => names.iter().any(|name| self.is_member(name, ci)),
            Term::Has(names) => {
                let counted = ci.class == Class::SoftwareProduct && names.iter().any(|name| name == INSTALLATIONS);
                counted || names.iter().any(|name| field::sources(name).iter().any(|name| ci.attributes.contains_key(name)))
            }
            Term::Attribute(name, test) => {
                let values = field::sources(name).into_iter().filter_map(|name| Some((name, ci.attributes.get(name)?.value())));
                values.into_iter().any(|(name, value)| self.has_value(name, value, test))
                    || (name == INSTALLATIONS && self.is_installed(&Installations::new(&self.world.cmdb), ci, test))
            }
            Term::Address(networks) => has_address(ci, networks),
            Term::Package(tests) => tests.iter().any(|test| self.has_package(ci.id, test)),
            Term::Listener(tests) => self.lists(ci, 2, |name| tests.iter().any(|test| listener(test, name))),
            Term::Listed(listing, patterns) => {
                self.lists(ci, place(*listing), |name| patterns.iter().any(|pattern| listed(*listing, pattern, name)))
            }
            Term::Agent(states) => states.contains(&self.agent_state(ci.id)),
            Term::Drift(drift) => ci.attributes.values().any(crate::ci::Attribute::drifts) == *drift,
            Term::RetirementCandidate(candidate) => self.world.cmdb.candidates.contains_key(&ci.id) == *candidate,
            Term::Incident(test) => self.has_incidents(ci.id, *test),
            Term::Moment(field, comparison, moment) => {
                let (first, last) = moment.range(*comparison, self.now);
                self.moment(ci, *field).is_some_and(|at| (first..=last).contains(&at.0))
            }
            Term::Parent(targets) => ci.parent.is_some_and(|parent| targets.iter().any(|target| self.is_target(parent, target))),
            Term::Related(relationship, targets) => self.is_related(ci.id, *relationship, targets),
        }
    }

    /// Whether the number of hosts that have a product is wanted.
    pub(super) fn is_installed(&self, installations: &Installations<'_>, ci: &Ci, test: &AttributeTest) -> bool {
        installations.value(ci).is_some_and(|count| self.has_value(INSTALLATIONS, &count, test))
    }

    fn is_member(&self, name: &str, ci: &Ci) -> bool {
        let put = self.groups.members(name).is_some_and(|members| members.contains(&ci.id));
        put || self.groups.query(name).and_then(Query::root).is_some_and(|root| self.fulfils(root, ci))
            || self.groups.query(name).is_some_and(|query| query.root().is_none())
    }

    fn has_value(&self, name: &str, value: &AttributeValue, test: &AttributeTest) -> bool {
        match test {
            AttributeTest::Text(test) => texts_of(value).iter().any(|text| test.matches(text) || self.means(name, text, test)),
            AttributeTest::Boolean(wanted) => texts_of(value).iter().any(|text| folded(text) == wanted.to_string()),
            AttributeTest::Number(comparison, wanted) => {
                index::number_of(value).is_some_and(|number| comparison.allows(number.total_cmp(wanted)))
            }
            AttributeTest::Moment(comparison, moment) => {
                let (first, last) = moment.range(*comparison, self.now);
                let fits = |text: &str| index::moment_of(&folded(text)).is_some_and(|at| (first..=last).contains(&at.0));
                match (field::kind(name), value) {
                    (_, AttributeValue::Integer(_) | AttributeValue::Number(_) | AttributeValue::Boolean(_)) => false,
                    (field::Kind::Moment, AttributeValue::List(_)) => false,
                    _ => texts_of(value).iter().any(|text| fits(text)),
                }
            }
            AttributeTest::Order(comparison, wanted) => match (index::number_of(value), parse_number(wanted)) {
                (Some(number), Some(wanted)) => comparison.allows(number.total_cmp(&wanted)),
                _ => texts_of(value).iter().any(|text| ordered(*comparison, &folded(text), wanted)),
            },
        }
    }

    /// Whether a text names a contact that another of its names would be found by.
    fn means(&self, attribute: &str, text: &str, test: &TextTest) -> bool {
        let contact = || Some(&self.world.contacts.find(text)?.contact).filter(|contact| !contact.former_names.is_empty());
        ATTRIBUTES.contains(&attribute) && contact().is_some_and(|contact| contact.names().any(|name| test.matches(name)))
    }

    /// Looks at every package of the host.
    fn has_package(&self, host: CiId, test: &PackageTest) -> bool {
        let cmdb = &self.world.cmdb;
        cmdb.software.versions_of(host).any(|(product, version)| {
            cmdb.cis.get(&product).is_some_and(|product| test.name.matches(&product.name) && version_fits(test, manager(product), version))
        })
    }

    fn lists(&self, ci: &Ci, listing: usize, wanted: impl Fn(&str) -> bool) -> bool {
        debug_assert!(listing < LISTED.len());
        let index = &self.world.cmdb.index;
        index.number(ci.id).is_some_and(|number| index.listings[listing].names_of(number).any(wanted))
    }

    fn agent_state(&self, ci: CiId) -> AgentState {
        let heard = |agent| self.world.telemetry.last_seen(agent).is_some();
        match self.world.cmdb.reporters.get(&ci) {
            Some(&agent) if heard(agent) && self.world.telemetry.is_silent(agent) => AgentState::Silent,
            Some(&agent) if heard(agent) => AgentState::Online,
            _ => AgentState::None,
        }
    }

    fn has_incidents(&self, ci: CiId, test: IncidentTest) -> bool {
        let incidents = &self.world.incidents;
        let mut of_ci = self.world.cmdb.records_of(ci).filter_map(|record| incidents.by_ci.get(&record)).flatten();
        let is_open = |id| incidents.incidents.get(id).is_some_and(|incident| incident.state.is_open());
        match test {
            IncidentTest::Open => of_ci.any(is_open),
            IncidentTest::Any => of_ci.next().is_some(),
            IncidentTest::None => !of_ci.any(is_open),
        }
    }

    fn moment(&self, ci: &Ci, field: MomentField) -> Option<Timestamp> {
        match field {
            MomentField::Created => Some(ci.created_at),
            MomentField::Updated => Some(ci.updated_at),
            MomentField::LastSeen => self.last_seen(ci),
        }
    }

    /// When a record was last heard of. A host: when its agent last spoke, else when another system last told something new of it. A
    /// part that is there: as its host, for whoever sees the host sees its parts. Anything else: when something of it was last measured.
    #[must_use]
    pub fn last_seen(&self, ci: &Ci) -> Option<Timestamp> {
        let own = |ci: &Ci| {
            let agent = self.world.cmdb.reporters.get(&ci.id);
            let spoke = agent.and_then(|&agent| self.world.telemetry.last_seen(agent));
            spoke.or_else(|| Some(Timestamp(index::observed_of(ci))).filter(|at| at.0 > i64::MIN))
        };
        let host = ci
            .parent
            .filter(|_| matches!(ci.status, Lifecycle::Operational | Lifecycle::Stale))
            .and_then(|host| self.world.cmdb.cis.get(&host));
        host.map_or_else(|| own(ci), own)
    }

    fn is_target(&self, id: CiId, target: &Target) -> bool {
        match target {
            Target::Id(wanted) => *wanted == id,
            Target::Name(pattern) => self.world.cmdb.cis.get(&id).is_some_and(|ci| pattern.matches(&ci.name)),
        }
    }

    fn is_related(&self, ci: CiId, relationship: Relationship, targets: &[Target]) -> bool {
        let links = &self.world.cmdb.links;
        let fits = |id: CiId| targets.iter().any(|target| self.is_target(id, target));
        if relationship.reversed {
            links.to(ci).any(|relation| relation.kind == relationship.kind && fits(relation.from))
        } else {
            links.from(ci).any(|relation| relation.kind == relationship.kind && fits(relation.to))
        }
    }
}

/// A word stands somewhere in a text, a word with wildcards is a text. The text is in lower case.
pub(super) fn word(pattern: &super::pattern::Pattern, text: &str) -> bool {
    match pattern {
        super::pattern::Pattern::Exact(word) => text.contains(&folded(word)),
        super::pattern::Pattern::Glob(_) => pattern.matches_folded(text),
    }
}

/// Whether a text test holds for a text in lower case, as far as that tells.
pub(super) fn holds_folded(test: &TextTest, text: &str) -> bool {
    match test {
        TextTest::Is(patterns) => patterns.iter().any(|pattern| pattern.matches_folded(text)),
        TextTest::Exactly(texts) => texts.iter().any(|wanted| folded(wanted) == text),
        TextTest::Contains(parts) => parts.iter().any(|part| text.contains(&folded(part))),
    }
}

/// Whether a text in lower case, read as a version, stands so to another.
pub(super) fn ordered(comparison: Comparison, text: &str, wanted: &str) -> bool {
    comparison.allows(software::compare("", text, &folded(wanted)))
}

/// Whether a version is one that is asked for.
pub(super) fn version_fits(test: &PackageTest, manager: &str, version: &str) -> bool {
    test.version.as_ref().is_none_or(|(comparison, wanted)| comparison.allows(software::compare(manager, version, wanted)))
}

/// The software that installs a product.
pub(super) fn manager(product: &Ci) -> &str {
    match product.attributes.get("manager").map(crate::ci::Attribute::value) {
        Some(AttributeValue::Text(manager)) => manager,
        _ => "",
    }
}

fn has_address(ci: &Ci, networks: &[Network]) -> bool {
    let texts = ci.attributes.get("ip_addresses").map(|attribute| texts_of(attribute.value())).unwrap_or_default();
    texts.iter().filter_map(|text| text.parse().ok()).any(|address| networks.iter().any(|network| network.contains(address)))
}

/// Where a listing is in the index.
pub(super) fn place(listing: Listing) -> usize {
    match listing {
        Listing::Service => 0,
        Listing::User => 1,
    }
}

/// Whether a name in a section, in lower case, is asked for. A unit's type may be left out when it is a service.
pub(super) fn listed(listing: Listing, pattern: &super::pattern::Pattern, name: &str) -> bool {
    let short = name.strip_suffix(".service").filter(|_| listing == Listing::Service);
    pattern.matches_folded(name) || short.is_some_and(|short| pattern.matches_folded(short))
}

/// Whether `443/tcp` is a port that is asked for.
pub(super) fn listener(test: &ListenerTest, name: &str) -> bool {
    let Some((port, protocol)) = name.split_once('/') else { return false };
    port.parse() == Ok(test.port) && test.protocol.as_ref().is_none_or(|wanted| folded(wanted) == protocol)
}
