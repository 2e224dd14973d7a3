//! What is wrong with one item.

use super::expectations::{Expected, expected};
use super::reason::{Reason, ReasonCode as Code};
use super::tally::WHOLE;
use crate::World;
use crate::attribute::{self, Kind};
use crate::ci::class::model::Dependence;
use crate::ci::normalise::{self, Uuid, folded};
use crate::ci::{Attribute, AttributeValue, Ci, Class, Lifecycle, RelationKind, lifecycle};
use crate::id::{CiId, Family, TaskId};
use crate::query::{Query, Scope};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Groups by query that are asked whether an item that nobody looks after is in one of them.
const GROUPS_ASKED: usize = 100;

/// Relations of one item that are looked at; few have more.
const RELATIONS: usize = 1_000;

/// Attributes that identify a machine, or say what it is: machines that contradict each other there tell of different ones.
const IDENTIFYING: [&str; 6] = ["hostname", "machine_id", "manufacturer", "model", "serial", "uuid"];

/// Attributes that come with Rollcall and whose values people choose.
const CHOSEN: [&str; 3] = ["criticality", "owner", "support_group"];

/// What is wrong with an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Examined<'a> {
    /// How much of what is expected is known, of a thousand.
    pub completeness: u64,
    /// Everything that is wrong, in the order of the metrics.
    pub reasons: Vec<Reason<'a>>,
}

/// Judges items, one at a time, of one state.
pub struct Examiner<'a> {
    world: &'a World,
    scope: Scope<'a>,
    /// Open tasks of each item.
    tasks: BTreeMap<CiId, Vec<(Code, TaskId)>>,
    expected: BTreeMap<Class, Expected<'a>>,
    /// Groups that a query fills.
    queries: Vec<&'a Query>,
    /// How much was done: an item is one, a group asked another one.
    pub work: usize,
}

impl<'a> Examiner<'a> {
    /// For one state at one moment.
    #[must_use]
    pub fn new(world: &'a World, now: Timestamp) -> Self {
        let mut tasks: BTreeMap<CiId, Vec<(Code, TaskId)>> = BTreeMap::new();
        for task in world.cmdb.reviews.values().filter(|task| task.settled.is_none()) {
            let code = if task.cis.len() > 1 { Code::MayBeDuplicate } else { Code::OpenReview };
            task.cis.iter().for_each(|ci| tasks.entry(*ci).or_default().push((code, task.id)));
        }
        let queries = world.groups.groups.values().filter_map(|known| match &known.group.selection {
            crate::group::Selection::Query { query } => Some(query),
            crate::group::Selection::Members => None,
        });
        let scope = Scope { world, groups: &world.groups, now };
        let queries = queries.take(GROUPS_ASKED).collect();
        Self { world, scope, tasks, expected: BTreeMap::new(), queries, work: 0 }
    }

    /// Judges an item; `None` for one that does not count.
    pub fn examine(&mut self, ci: &'a Ci) -> Option<Examined<'a>> {
        self.work += 1;
        let is_out_of_use = matches!(ci.status, Lifecycle::Retired | Lifecycle::Disposed);
        if is_out_of_use || self.world.cmdb.merges.contains_key(&ci.id) {
            return None;
        }
        let mut examined = Examined { completeness: WHOLE, reasons: Vec::new() };
        if ci.duplicate_of.is_some() {
            self.duplicates(ci, &mut examined.reasons);
            return Some(examined);
        }
        let is_awaited = matches!(ci.status, Lifecycle::Planned | Lifecycle::InStock);
        if !is_awaited {
            examined.completeness = self.completeness(ci, &mut examined.reasons);
        }
        self.correctness(ci, &mut examined.reasons);
        if !is_awaited {
            self.staleness(ci, &mut examined.reasons);
        }
        self.duplicates(ci, &mut examined.reasons);
        if !is_awaited {
            self.orphans(ci, &mut examined.reasons);
        }
        Some(examined)
    }

    fn completeness(&mut self, ci: &'a Ci, reasons: &mut Vec<Reason<'a>>) -> u64 {
        let world = self.world;
        let expected = self.expected.entry(ci.class).or_insert_with(|| expected(world, ci.class));
        let lacks = |name: &&&str| !ci.attributes.contains_key(name);
        let before = reasons.len();
        reasons.extend(expected.required.iter().filter(lacks).map(|name| Reason::Attribute(Code::LacksRequired, name)));
        let required = (reasons.len() - before) as u64;
        reasons.extend(expected.recommended.iter().filter(lacks).map(|name| Reason::Attribute(Code::LacksRecommended, name)));
        let recommended = (reasons.len() - before) as u64 - required;
        let wanted = 2 * expected.required.len() as u64 + expected.recommended.len() as u64;
        (WHOLE * (wanted - 2 * required - recommended)).checked_div(wanted).unwrap_or(WHOLE)
    }

    fn correctness(&self, ci: &'a Ci, reasons: &mut Vec<Reason<'a>>) {
        for (name, attribute) in ci.attributes.iter() {
            if attribute.drifts() {
                reasons.push(Reason::Attribute(Code::Drifts, name));
            }
            if self.has_wrong_type(ci, name, attribute) {
                reasons.push(Reason::Attribute(Code::WrongType, name));
            }
            if self.is_junk(ci, name, attribute) {
                reasons.push(Reason::Attribute(Code::JunkIdentifier, name));
            }
            if IDENTIFYING.contains(&name) && is_contradicted(attribute) {
                reasons.push(Reason::Attribute(Code::Contradicted, name));
            }
        }
        reasons.extend(self.open_tasks(ci, Code::OpenReview));
    }

    /// Machines' values fit by the way they are read; people's may have been said before the type was.
    fn has_wrong_type(&self, ci: &Ci, name: &str, attribute: &Attribute) -> bool {
        let definitions = &self.world.attributes.definitions;
        if !CHOSEN.contains(&name) && !definitions.contains_key(name) {
            return false;
        }
        let kind: Option<Kind> = attribute::decide::kind_of(self.world, ci.class, name);
        kind.is_some_and(|kind| attribute::fit(self.world, &kind, attribute.value()).is_err())
    }

    fn is_junk(&self, ci: &Ci, name: &str, attribute: &Attribute) -> bool {
        let policy = &self.world.cmdb.policy.identification;
        let AttributeValue::Text(text) = attribute.value() else { return false };
        match name {
            "serial" => {
                // As a serial number whose maker is known: that it is short makes it weak, and no placeholder.
                let maker = ci.attributes.get("manufacturer").and_then(Attribute::text).unwrap_or("");
                normalise::serial(text, Some(maker)).is_none_or(|serial| policy.lists_serial(&folded(&serial)))
            }
            "uuid" => Uuid::parse(text).is_none_or(|uuid| policy.lists_uuid(uuid)),
            "machine_id" => normalise::machine_id(text).is_none(),
            _ => false,
        }
    }

    fn open_tasks(&self, ci: &Ci, wanted: Code) -> impl Iterator<Item = Reason<'a>> {
        let tasks = self.tasks.get(&ci.id).into_iter().flatten().filter(move |(code, _)| *code == wanted);
        tasks.map(|(code, task)| Reason::Task(*code, *task)).collect::<Vec<_>>().into_iter()
    }

    fn staleness(&self, ci: &'a Ci, reasons: &mut Vec<Reason<'a>>) {
        if matches!(ci.status, Lifecycle::Stale | Lifecycle::Missing) {
            reasons.push(Reason::Absent(ci.status));
            return;
        }
        // What hangs on a host is as old as its host: one item that is not seen is one finding.
        if ci.id.family != Family::Host || ci.parent.is_some() || !self.is_reported(ci) {
            return;
        }
        // The round that moves items between the words of their lives may not have come to it yet.
        let silent = lifecycle::silence(self.world, ci, self.scope.now);
        reasons.extend(silent.map(|silent| Reason::NotSeen(Some(silent.last_seen))));
    }

    fn is_reported(&self, ci: &Ci) -> bool {
        !ci.sections.is_empty() || !ci.feeds.is_empty() || self.world.cmdb.reporters.contains_key(&ci.id)
    }

    fn duplicates(&self, ci: &'a Ci, reasons: &mut Vec<Reason<'a>>) {
        reasons.extend(ci.duplicate_of.map(|other| Reason::Item(Code::IsDuplicate, other)));
        reasons.extend(self.open_tasks(ci, Code::MayBeDuplicate));
    }

    fn orphans(&mut self, ci: &'a Ci, reasons: &mut Vec<Reason<'a>>) {
        reasons.extend(self.homeless(ci));
        let is_alone = matches!(
            ci.class,
            Class::Certificate | Class::NetworkDevice | Class::Network | Class::Cluster | Class::Location | Class::BusinessService
        ) && self.is_unrelated(ci);
        if is_alone {
            reasons.push(Reason::Itself(Code::Unrelated));
        }
        reasons.extend(self.of_the_past(ci));
        let wants_somebody = ci.id.family == Family::Host && ci.parent.is_none() || ci.class == Class::BusinessService;
        if wants_somebody && !self.is_looked_after(ci) {
            reasons.push(Reason::Itself(Code::NobodyResponsible));
        }
    }

    /// What should hang on something, and does not.
    fn homeless(&self, ci: &Ci) -> Option<Reason<'a>> {
        let cmdb = &self.world.cmdb;
        if ci.class == Class::SoftwareProduct {
            return cmdb.software.pairs_of_product(ci.id).next().is_none().then_some(Reason::Itself(Code::NotInstalled));
        }
        // A container with an agent of its own may be on a host that has none.
        if ci.class.dependence() == Dependence::Independent || (ci.parent.is_none() && self.is_reported(ci)) {
            return None;
        }
        let Some(host) = ci.parent else { return Some(Reason::Itself(Code::NoHost)) };
        self.is_out_of_use(host).then_some(Reason::Item(Code::HostOutOfUse, host))
    }

    fn is_unrelated(&self, ci: &Ci) -> bool {
        let cmdb = &self.world.cmdb;
        ci.parent.is_none() && cmdb.links.of(ci.id).next().is_none() && cmdb.components.get(&ci.id).is_none_or(BTreeSet::is_empty)
    }

    /// Something out of use that it says to stand on.
    fn of_the_past(&self, ci: &Ci) -> Option<Reason<'a>> {
        use RelationKind as R;
        let stands = self.world.cmdb.links.from(ci.id).take(RELATIONS);
        let mut stands = stands.filter(|one| matches!(one.kind, R::RunsOn | R::HostedOn | R::DependsOn | R::MemberOf));
        stands.find(|one| self.is_out_of_use(one.to)).map(|one| Reason::Item(Code::RelatedToOutOfUse, one.to))
    }

    fn is_out_of_use(&self, id: CiId) -> bool {
        let known = self.world.cmdb.record(id);
        known.is_none_or(|known| matches!(known.status, Lifecycle::Retired | Lifecycle::Disposed))
    }

    fn is_looked_after(&mut self, ci: &Ci) -> bool {
        if ["owner", "support_group"].iter().any(|name| ci.attributes.contains_key(name)) {
            return true;
        }
        if self.world.groups.groups.values().any(|known| known.members.contains(&ci.id)) {
            return true;
        }
        for query in &self.queries {
            self.work += 1;
            if self.scope.matches(query, ci) {
                return true;
            }
        }
        false
    }
}

/// Whether machines say different things, all of which count.
fn is_contradicted(attribute: &Attribute) -> bool {
    let mut measured = attribute.proposals().iter().filter(|word| !word.source().is_person() && !word.is_stale());
    let Some(first) = measured.next() else { return false };
    measured.any(|word| word.value() != first.value())
}
