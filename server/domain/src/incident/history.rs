//! What changed on each CI lately, for the incidents to come.
//!
//! Bounded: the latest changes of each CI, and of the last days on how many CIs each change was seen.

use super::{Incidents, RecentChange};
use crate::ci::{AttributeChange, AttributeValue, CiEvent, Cmdb, PackageChange, PackageChangeKind};
use crate::id::CiId;
use crate::{Record, World};
use rollcall_shared::{SectionName, Timestamp};
use std::time::Duration;

/// Changes remembered of each CI: what a person reads before looking at the whole history.
pub const CHANGES: usize = 20;

/// How far back changes on the CI are told.
const BACK: Duration = Duration::from_secs(72 * 3600);

/// Days of which the same changes are counted: those that [`BACK`] reaches into.
const DAYS: i64 = 4;

/// Different changes counted of one day. A fleet that upgrades its distribution host by host has a few hundred.
const SAME: usize = 10_000;

const DAY_MS: i64 = 86_400_000;

/// Changes named in one summary.
const NAMED: usize = 3;

/// What changed on a CI in the 72 hours before a moment, oldest first.
#[must_use]
pub fn recent(world: &World, ci: CiId, now: Timestamp) -> Vec<RecentChange> {
    let since = now.minus(BACK);
    let incidents = &world.incidents;
    let changes = incidents.changes.get(&ci).into_iter().flatten().filter(|change| change.at >= since);
    let counted = |change: &RecentChange| {
        let same = incidents.same_changes.get(&change.at.0.div_euclid(DAY_MS)).and_then(|day| day.get(&change.summary));
        RecentChange { also_on: same.map_or(0, |count| count.saturating_sub(1)), ..change.clone() }
    };
    changes.map(counted).collect()
}

/// Remembers what changed on a CI, for the incidents to come. A first inventory is no change; processes and the series table
/// change all the time and explain nothing.
pub fn note_change(incidents: &mut Incidents, cmdb: &Cmdb, record: &Record, event: &CiEvent) {
    let Some((ci, summary)) = summary(event) else { return };
    if cmdb.cis.get(&ci).is_none_or(|ci| ci.created_at == record.at) {
        return;
    }
    count(incidents, (ci, record.at), &summary);
    let changes = incidents.changes.entry(ci).or_default();
    changes.push_back(RecentChange { revision: record.revision, at: record.at, summary, also_on: 0 });
    if changes.len() > CHANGES {
        changes.pop_front();
    }
}

/// Counts a CI once a day for each change.
fn count(incidents: &mut Incidents, (ci, at): (CiId, Timestamp), summary: &str) {
    let today = at.0.div_euclid(DAY_MS);
    let known = incidents.changes.get(&ci).into_iter().flatten();
    if known.rev().any(|change| change.at.0.div_euclid(DAY_MS) == today && change.summary == summary) {
        return;
    }
    let day = incidents.same_changes.entry(today).or_default();
    if let Some(count) = day.get_mut(summary) {
        *count = count.saturating_add(1);
    } else if day.len() < SAME {
        day.insert(summary.to_owned(), 1);
    }
    while incidents.same_changes.first_key_value().is_some_and(|(day, _)| *day <= today - DAYS) {
        incidents.same_changes.pop_first();
    }
}

fn summary(event: &CiEvent) -> Option<(CiId, String)> {
    match event {
        CiEvent::SoftwareChanged { ci, changes } if !changes.is_empty() => Some((*ci, named(changes, package))),
        CiEvent::AttributesChanged { ci, changes } if !changes.is_empty() => Some((*ci, named(changes, attribute))),
        CiEvent::AttributeLocked { ci, attribute, before, lock } => {
            Some((*ci, format!("{attribute} locked: {} → {}", shown(before.as_ref()), shown(Some(&lock.value)))))
        }
        CiEvent::AttributeUnlocked { ci, attribute, before, after, .. } => {
            Some((*ci, format!("{attribute} unlocked: {} → {}", shown(Some(before)), shown(after.as_ref()))))
        }
        CiEvent::SectionChanged { ci, section, before: Some(before), after: Some(after), added, removed, changed, .. }
            if before != after && tells_of_a_change(*section) =>
        {
            Some((*ci, format!("{section}: {added} added, {removed} removed, {changed} changed")))
        }
        CiEvent::CiReclassified { ci, before, after } => Some((*ci, format!("class {} → {}", before.as_str(), after.as_str()))),
        CiEvent::IdentityExplained { ci, reason, .. } => Some((*ci, super::compose::cut(reason, 200))),
        CiEvent::CiMoved { ci, .. } => Some((*ci, "moved to another host".into())),
        _ => None,
    }
}

/// Sections whose changes somebody made. What runs, who talks to whom and who logged in changes by itself; packages are told by name.
fn tells_of_a_change(section: SectionName) -> bool {
    use SectionName as S;
    !matches!(section, S::Processes | S::Connections | S::Logins | S::Series | S::Checks | S::Packages)
}

fn named<T>(changes: &[T], name: impl Fn(&T) -> String) -> String {
    let mut parts: Vec<String> = changes.iter().take(NAMED).map(|change| super::compose::cut(&name(change), 200)).collect();
    if changes.len() > NAMED {
        parts.push(format!("and {} more", changes.len() - NAMED));
    }
    parts.join(", ")
}

fn package(change: &PackageChange) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) if change.kind == PackageChangeKind::Downgraded => {
            format!("{} {before} → {after} (a downgrade)", change.name)
        }
        (Some(before), Some(after)) => format!("{} {before} → {after}", change.name),
        (None, Some(after)) => format!("{} {after} installed", change.name),
        (Some(before), None) => format!("{} {before} removed", change.name),
        (None, None) => change.name.clone(),
    }
}

fn attribute(change: &AttributeChange) -> String {
    let after = change.after.as_ref().map(|attribute| attribute.value());
    format!("{} {} → {}", change.name, shown(change.before.as_ref()), shown(after))
}

fn shown(value: Option<&AttributeValue>) -> String {
    match value {
        None => "nothing".into(),
        Some(AttributeValue::Boolean(value)) => value.to_string(),
        Some(AttributeValue::Integer(value)) => value.to_string(),
        Some(AttributeValue::Number(value)) => value.to_string(),
        Some(AttributeValue::Text(value)) => super::compose::cut(value, 80),
        Some(AttributeValue::List(values)) => super::compose::cut(&values.join(", "), 80),
    }
}
