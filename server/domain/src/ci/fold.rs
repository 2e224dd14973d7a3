//! What configuration items remember.
//!
//! Total: an event about something unknown changes nothing, and an event that is applied again changes nothing more than its
//! revision. No judgement is made here; indexes follow from what they index.

mod history;
mod indexes;
mod provenance;
pub(super) mod voices;

pub use history::{concerns, creates, is_volatile};

use super::attribute::{Attribute, Method, Proposal};
use super::decide::components::dependent_of;
use super::identify::{Fingerprint, Identified, is_unreported};
use super::ledger::Ledger;
use super::lifecycle::Candidate;
use super::{AttributeChange, AttributeValue, Ci, CiEvent, Class, Cmdb, Lifecycle, Reporter, SectionState, Source};
use super::{changes, merge, review};
use crate::id::{CiId, Family};
use crate::query::index::{Changes, Records};
use crate::{Content, Record};
use rollcall_shared::{ContentHash, Outcome, SectionName};
use std::collections::BTreeMap;

/// Revisions that a CI remembers: more than a host changes in years; the log has all of them.
pub const CI_HISTORY: usize = 4096;
/// Earlier contents that a section remembers, for the same reason.
pub const SECTION_HISTORY: usize = 256;
/// Losses remembered for an agent.
const LOSSES: usize = 100;
/// Earlier contents that a volatile section remembers: some hours; they change with every report.
pub const VOLATILE_HISTORY: usize = 32;

/// Remembers an event. Total.
pub fn apply(cmdb: &mut Cmdb, record: &Record, event: &CiEvent, content: &dyn Content) {
    let sections_only = matches!(event, CiEvent::SectionChanged { .. } | CiEvent::SoftwareChanged { .. } | CiEvent::HostIdentified { .. });
    cmdb.index.expect(if sections_only { Changes::Sections } else { Changes::Anything });
    changes::note(cmdb, record, event);
    remember(cmdb, record, event, content);
    settle_index(cmdb, content);
}

fn settle_index(cmdb: &mut Cmdb, content: &dyn Content) {
    let records = Records { cis: &cmdb.cis, reporters: &cmdb.reporters, software: &cmdb.software, content };
    cmdb.index.settle(&records);
}

#[expect(clippy::too_many_lines, reason = "one visible table of what each event leaves behind")]
fn remember(cmdb: &mut Cmdb, record: &Record, event: &CiEvent, content: &dyn Content) {
    match event {
        CiEvent::CiCreated { ci, class, name, key, parent, source } => {
            if source.is_of_people() {
                cmdb.origins.entry(*ci).or_insert_with(|| source.clone());
            }
            create(cmdb, record, Ci { key: key.clone(), parent: *parent, ..Ci::new(*ci, *class, name, record.at, record.revision) });
        }
        CiEvent::HostIdentified { .. } | CiEvent::ForeignHostIdentified { .. } | CiEvent::FeedIdentified { .. } => {
            identify(cmdb, record, event);
        }
        CiEvent::IdentityExplained { ci, .. } => drop(touch(cmdb, record, *ci).map(|_| ())),
        CiEvent::DuplicateFound { ci, duplicate_of } => mark_duplicate(cmdb, record, *ci, *duplicate_of),
        CiEvent::DeadLettered { letter } => cmdb.set_aside(letter),
        CiEvent::FeedDelivered { feed, key, ci, collected_at } => {
            provenance::delivered(cmdb, record, *ci, feed);
            let newest = cmdb.deliveries.entry((feed.clone(), key.clone())).or_insert(*collected_at);
            *newest = (*newest).max(*collected_at);
            cmdb.answer_letters(&Reporter::Feed { name: feed.clone(), key: key.clone() });
        }
        CiEvent::CiReclassified { ci: id, after, .. } => {
            if let Some(ci) = touch(cmdb, record, *id) {
                ci.class = *after;
                provenance::unsettle(cmdb, *id);
            }
        }
        CiEvent::CiStatusChanged { ci, after, .. } => {
            if let Some(ci) = touch(cmdb, record, *ci) {
                ci.status = *after;
            }
            if !matches!(after, Lifecycle::Stale | Lifecycle::Missing) {
                cmdb.candidates.remove(ci);
            }
        }
        CiEvent::RetirementSuggested { ci, .. } | CiEvent::RetirementWithdrawn { ci } => suggest(cmdb, record, *ci, event),
        CiEvent::CiMoved { ci, after, .. } => relocate(cmdb, record, *ci, *after),
        CiEvent::CiRenamed { .. } | CiEvent::CiRekeyed { .. } | CiEvent::TagsChanged { .. } => look_after(cmdb, record, event),
        CiEvent::AttributesChanged { ci, changes } => change_attributes(cmdb, record, *ci, changes),
        CiEvent::SectionChanged { .. } => change_section(cmdb, record, event, content),
        CiEvent::SoftwareChanged { ci, .. } => drop(touch(cmdb, record, *ci).map(|_| ())),
        CiEvent::ProductsDiscovered { products } => {
            for (id, name, key) in products {
                create(cmdb, record, product(*id, name, key, record));
            }
        }
        CiEvent::RelationsChanged { changes } => {
            for change in changes {
                cmdb.links.apply(change);
                for id in change.ends() {
                    touch(cmdb, record, id);
                }
            }
        }
        CiEvent::PolicySet { policy } => {
            cmdb.policy.clone_from(policy);
            cmdb.policy_revision = record.revision;
            provenance::weigh_anew(cmdb, record);
        }
        CiEvent::AttributeLocked { .. }
        | CiEvent::AttributeUnlocked { .. }
        | CiEvent::SourceConfirmed { .. }
        | CiEvent::CisWeighed { .. }
        | CiEvent::RevertStarted { .. }
        | CiEvent::ReportParked { .. }
        | CiEvent::ParkedExamined { .. }
        | CiEvent::ParkedEnded { .. }
        | CiEvent::RelationsReverted { .. }
        | CiEvent::SourceReverted { .. } => provenance::apply(cmdb, record, event, content),
        CiEvent::ReviewOpened { task } => drop(cmdb.reviews.insert(task.id, task.clone())),
        CiEvent::ReviewSettled { task, settled } => {
            if let Some(task) = cmdb.reviews.get_mut(task) {
                task.settled = Some(settled.clone());
            }
            review::trim(&mut cmdb.reviews);
        }
        // Nothing is left to remember: the state is that of a log that never spoke of it.
        CiEvent::CiErased { .. } | CiEvent::RecordErased { .. } => {}
        CiEvent::HealthExamined { .. } | CiEvent::HealthMeasured { .. } => cmdb.health.apply(event),
        CiEvent::CiMerged { ci, merge } => merge::merged(cmdb, record, *ci, merge, content),
        CiEvent::CiUnmerged { ci, feeds, .. } => merge::unmerged(cmdb, record, *ci, feeds, content),
        CiEvent::VoiceChanged { ci, feed, of, sections } => voices::change(cmdb, *ci, feed, *of, sections),
        CiEvent::DataLost { agent, loss } => {
            let losses = cmdb.losses.entry(*agent).or_default();
            losses.push((record.at, loss.clone()));
            trim(losses, LOSSES);
        }
    }
}

/// Whether an item may be retired for its silence.
fn suggest(cmdb: &mut Cmdb, record: &Record, id: CiId, event: &CiEvent) {
    if touch(cmdb, record, id).is_none() {
        return;
    }
    match event {
        CiEvent::RetirementSuggested { source, last_seen, .. } => {
            let candidate = Candidate { since: record.at, source: source.clone(), last_seen: *last_seen };
            cmdb.candidates.insert(id, candidate);
        }
        _ => drop(cmdb.candidates.remove(&id)),
    }
}

fn change_section(cmdb: &mut Cmdb, record: &Record, event: &CiEvent, content: &dyn Content) {
    let CiEvent::SectionChanged { ci, section, feed, after, outcome, reason, .. } = event else { return };
    let was_unreported = cmdb.cis.get(ci).is_some_and(is_unreported);
    let before = if was_unreported { facts_of(cmdb, *ci) } else { Vec::new() };
    let host = if is_volatile(*section) { touch_quietly(cmdb, record, *ci) } else { touch(cmdb, record, *ci) };
    if let Some(host) = host {
        let is_first = feed.as_ref().is_some_and(|feed| !host.feeds.contains_key(feed));
        let sections = match feed {
            None => &mut host.sections,
            Some(feed) => host.feeds.entry(feed.clone()).or_default(),
        };
        let state = sections.remove(section);
        sections.insert(*section, section_state(*section, state, record, *after, *outcome, reason.clone()));
        if let Some(source) = feed.clone().map(|name| Source::Feed { name }) {
            if is_first {
                cmdb.ledger.deliver(*ci, &source);
            }
            provenance::hear(cmdb, record, &source);
        }
    }
    // What people asserted of a record that nobody reported identified it until now.
    if was_unreported {
        index_facts(cmdb, *ci, &before);
    }
    if *outcome == Outcome::Complete {
        confirm_components(cmdb, record, *ci, *section);
    }
    match section {
        SectionName::Packages => cmdb.index_software(*ci, content),
        SectionName::Connections => cmdb.index_calls(*ci, content),
        _ => {}
    }
}

/// Remembers who a reporter was identified as, and how.
fn identify(cmdb: &mut Cmdb, record: &Record, event: &CiEvent) {
    let Some((ci, operation, attempts)) = event.identification() else { return };
    if let CiEvent::ForeignHostIdentified { home, .. } = event {
        touch(cmdb, record, *home);
    }
    if touch(cmdb, record, ci).is_none() {
        return;
    }
    cmdb.identifications.insert(ci, Identified::new(ci, record.revision, operation, attempts));
    match event {
        CiEvent::HostIdentified { agent, .. } => {
            cmdb.reporters.insert(ci, *agent);
            cmdb.answer_letters(&Reporter::Agent(*agent));
        }
        CiEvent::ForeignHostIdentified { agent, .. } => drop(cmdb.reporters.insert(ci, *agent)),
        CiEvent::FeedIdentified { feed, key, .. } => {
            cmdb.natives.insert((feed.clone(), key.clone()), ci);
            cmdb.answer_letters(&Reporter::Feed { name: feed.clone(), key: key.clone() });
        }
        _ => {}
    }
}

fn product(id: CiId, name: &str, key: &str, record: &Record) -> Ci {
    let is_purl = key.starts_with("pkg:");
    let manager = if is_purl { key.strip_prefix("pkg:").and_then(|rest| rest.split('/').next()) } else { key.split('/').next() };
    let mut ci = Ci { key: Some(key.to_owned()), ..Ci::new(id, Class::SoftwareProduct, name, record.at, record.revision) };
    let mut set = |attribute: &str, value: &str| {
        let (value, method) = (AttributeValue::Text(value.to_owned()), Method::Section(SectionName::Packages));
        ci.attributes.insert(attribute.into(), Attribute::sole(Proposal::new(value, Source::of(&record.actor), record.at, method)));
    };
    set("name", name);
    if let Some(manager) = manager {
        set("manager", manager);
    }
    if is_purl {
        set("purl", key);
    }
    ci
}

fn create(cmdb: &mut Cmdb, record: &Record, mut ci: Ci) {
    if cmdb.cis.contains_key(&ci.id) {
        return;
    }
    cmdb.ledger.adopt(&mut ci);
    if let Some(key) = &ci.key {
        cmdb.keys.insert((ci.class, key.clone()), ci.id);
    }
    if let Some(parent) = ci.parent {
        touch(cmdb, record, parent);
        cmdb.components.entry(parent).or_default().insert(ci.id);
        cmdb.contained.insert(ci.id, (record.at, record.at));
    }
    let id = ci.id;
    cmdb.index.touch(id, None);
    cmdb.cis.insert(id, ci);
    index_facts(cmdb, id, &[]);
}

/// There are no chains: what was a duplicate of the younger record is one of the older.
fn mark_duplicate(cmdb: &mut Cmdb, record: &Record, id: CiId, of: CiId) {
    let main = cmdb.cis.get(&of).map(|main| main.duplicate_of.unwrap_or(of));
    let Some(main) = main.filter(|&main| main != id) else { return };
    if touch(cmdb, record, id).is_none() {
        return;
    }
    touch(cmdb, record, main);
    cmdb.candidates.remove(&id);
    for ci in cmdb.cis.values_mut().filter(|ci| ci.id == id || ci.duplicate_of == Some(id)) {
        ci.duplicate_of = Some(main);
    }
    cmdb.software.remove(id);
}

/// The CI, with a change noted that is not part of its history.
fn touch_quietly<'a>(cmdb: &'a mut Cmdb, record: &Record, id: CiId) -> Option<&'a mut Ci> {
    let ci = cmdb.cis.get_mut(&id)?;
    cmdb.index.touch(id, Some((ci, cmdb.reporters.get(&id).copied())));
    ci.updated_at = record.at;
    ci.revision = record.revision;
    Some(ci)
}

/// The CI, with its change noted.
pub(super) fn touch<'a>(cmdb: &'a mut Cmdb, record: &Record, id: CiId) -> Option<&'a mut Ci> {
    let ci = touch_quietly(cmdb, record, id)?;
    if ci.history.last() != Some(&record.revision) {
        ci.history.push(record.revision);
        trim(&mut ci.history, CI_HISTORY);
    }
    Some(ci)
}

/// Drops the oldest entries beyond a bound.
fn trim<T>(entries: &mut Vec<T>, bound: usize) {
    if entries.len() > bound {
        entries.drain(..entries.len() - bound);
    }
}

fn relocate(cmdb: &mut Cmdb, record: &Record, id: CiId, after: Option<CiId>) {
    let Some(ci) = touch(cmdb, record, id) else { return };
    let before = std::mem::replace(&mut ci.parent, after);
    for host in [before, after].into_iter().flatten() {
        touch(cmdb, record, host);
    }
    if let Some(parts) = before.and_then(|before| cmdb.components.get_mut(&before)) {
        parts.remove(&id);
    }
    match after {
        Some(host) => {
            cmdb.components.entry(host).or_default().insert(id);
            cmdb.contained.insert(id, (record.at, record.at));
        }
        None => drop(cmdb.contained.remove(&id)),
    }
}

/// What people change of records that they look after.
fn look_after(cmdb: &mut Cmdb, record: &Record, event: &CiEvent) {
    match event {
        CiEvent::CiRenamed { ci, after, .. } => {
            if let Some(ci) = touch(cmdb, record, *ci) {
                ci.name.clone_from(after);
            }
        }
        CiEvent::CiRekeyed { ci, after, .. } => rekey(cmdb, record, *ci, after.as_ref()),
        CiEvent::TagsChanged { ci, added, removed } => change_tags(cmdb, record, *ci, added, removed),
        _ => {}
    }
}

fn change_tags(cmdb: &mut Cmdb, record: &Record, id: CiId, added: &[String], removed: &[String]) {
    let Some(ci) = touch(cmdb, record, id) else { return };
    let gone: Vec<&String> = removed.iter().filter(|tag| ci.tags.remove(*tag)).collect();
    let fresh: Vec<&String> = added.iter().filter(|tag| ci.tags.insert((*tag).clone())).collect();
    for tag in fresh {
        *cmdb.tags.entry(tag.clone()).or_default() += 1;
    }
    for tag in gone {
        if let Some(count) = cmdb.tags.get_mut(tag) {
            *count -= 1;
            if *count == 0 {
                cmdb.tags.remove(tag);
            }
        }
    }
}

/// The key leads to the CI that has it now; the one before leads nowhere.
fn rekey(cmdb: &mut Cmdb, record: &Record, id: CiId, after: Option<&String>) {
    let Some(ci) = touch(cmdb, record, id) else { return };
    let (class, before) = (ci.class, std::mem::replace(&mut ci.key, after.cloned()));
    if let Some(before) = before.map(|key| (class, key))
        && cmdb.keys.get(&before) == Some(&id)
    {
        cmdb.keys.remove(&before);
    }
    if let Some(after) = after {
        cmdb.keys.insert((class, after.clone()), id);
    }
}

fn change_attributes(cmdb: &mut Cmdb, record: &Record, id: CiId, changes: &[AttributeChange]) {
    provenance::hear_changes(cmdb, record, id, changes);
    alter(cmdb, record, id, |ci, ledger| {
        for change in changes {
            provenance::set(ci, ledger, &change.name, change.after.clone());
        }
    });
}

/// Changes attributes, and whatever follows from them: what a host is called, what identifies it, what is due.
pub(super) fn alter(cmdb: &mut Cmdb, record: &Record, id: CiId, change: impl FnOnce(&mut Ci, &mut Ledger)) {
    let is_host = id.family == Family::Host;
    if touch(cmdb, record, id).is_none() {
        return;
    }
    let Cmdb { cis, ledger, .. } = cmdb;
    let Some(ci) = cis.get_mut(&id) else { return };
    let before = if is_host { Fingerprint::of_host(ci).facts() } else { Vec::new() };
    change(ci, ledger);
    ci.attributes.shrink();
    // A host is called by its host name, whoever's word for it counts.
    // A container that its host reports is called as its runtime calls it: its host name is its id, as a rule.
    let is_named = is_host && !(ci.class == Class::Container && ci.parent.is_some());
    let name = ci.attributes.get("hostname").filter(|_| is_named).and_then(Attribute::text).map(str::to_owned);
    if let Some(name) = name {
        ci.name = name;
    }
    if is_host {
        cmdb.index_identity(id);
        cmdb.index_release(id);
    }
    index_facts(cmdb, id, &before);
}

fn facts_of(cmdb: &Cmdb, id: CiId) -> Vec<String> {
    let host = cmdb.cis.get(&id).filter(|_| id.family == Family::Host);
    host.map(|host| Fingerprint::of_host(host).facts()).unwrap_or_default()
}

/// Brings the index in line with what is known of a host now; `before` is what was known.
fn index_facts(cmdb: &mut Cmdb, id: CiId, before: &[String]) {
    let after = facts_of(cmdb, id);
    for fact in before {
        if !after.contains(fact) {
            forget_fact(&mut cmdb.facts, fact, id);
        }
    }
    for fact in after {
        if !before.contains(&fact) {
            cmdb.parking.wake(&fact);
        }
        let hosts = cmdb.facts.entry(fact).or_default();
        if let Err(place) = hosts.binary_search(&id) {
            hosts.insert(place, id);
        }
    }
    provenance::settle(cmdb, id);
}

fn forget_fact(facts: &mut BTreeMap<String, Vec<CiId>>, fact: &str, id: CiId) {
    let Some(hosts) = facts.get_mut(fact) else { return };
    hosts.retain(|&host| host != id);
    if hosts.is_empty() {
        facts.remove(fact);
    }
}

/// The state of a section after a collection. A partial content never replaces a complete one: what is not in it is unknown, not gone.
fn section_state(
    section: SectionName,
    known: Option<SectionState>,
    record: &Record,
    after: Option<ContentHash>,
    outcome: Outcome,
    reason: Option<String>,
) -> SectionState {
    let mut state = known.unwrap_or(SectionState {
        hash: None,
        partial: None,
        outcome,
        reason: None,
        since: record.at,
        history: Vec::new(),
        reverted: false,
    });
    state.reverted = false;
    let before = state.hash;
    match (outcome, after) {
        (Outcome::Complete, Some(content)) => (state.hash, state.partial) = (Some(content), None),
        (Outcome::Partial, Some(content)) if state.hash.is_none() || state.hash == state.partial => {
            (state.hash, state.partial) = (Some(content), Some(content));
        }
        (Outcome::Partial, Some(content)) => state.partial = Some(content).filter(|_| state.hash != Some(content)),
        _ => {}
    }
    (state.outcome, state.reason) = (outcome, reason);
    if state.hash != before
        && let Some(content) = state.hash
    {
        state.since = record.at;
        // Most contents never change again, and a fleet has millions of sections: no room for more.
        state.history.reserve_exact(1);
        state.history.push((record.at, content));
        trim(&mut state.history, if is_volatile(section) { VOLATILE_HISTORY } else { SECTION_HISTORY });
    }
    state
}

/// Parts that a complete section still has were seen again. Those that it has not are missing by now: their events came first.
fn confirm_components(cmdb: &mut Cmdb, record: &Record, host: CiId, section: SectionName) {
    let Some(class) = dependent_of(section) else { return };
    let Some(parts) = cmdb.components.get(&host) else { return };
    for part in parts.iter().filter_map(|id| cmdb.cis.get(id)) {
        if part.class == class
            && matches!(part.status, Lifecycle::Operational | Lifecycle::Stale)
            && let Some((_, last_seen)) = cmdb.contained.get_mut(&part.id)
        {
            *last_seen = record.at;
        }
    }
}

#[cfg(test)]
mod tests;
