//! Maintenance windows and silences: people say beforehand, or afterwards, that alerts are no matter for now.
//!
//! A muted alert lives on as if nothing were: it fires and resolves. It opens no incident until the mute is over, and when it still
//! fires then, it does. When a mute holds is said by its [`Schedule`].
//!
//! Invariants: a silence ends by itself; what is over is kept for a week for people to look at, then dropped.

pub mod known;
mod schedule;

use schedule::Standing;
pub(crate) use schedule::clock;
pub use schedule::{Day, NthDay, Schedule};

use super::external::ExternalAlert;
use super::external::suppress::ExternalSelector;
use super::{Alert, AlertEvent, Suppression};
use crate::id::{MuteId, RuleId};
use crate::incident::react::tier;
use crate::rule::decide::who;
use crate::rule::select::effective;
use crate::rule::{Rule, Selector, Severity, Tier, validate};
use crate::{Context, Event, Rejection, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Mutes at most: each is held against every live alert.
pub const MUTES: usize = 1_000;

const KEPT_MS: u128 = 7 * 86_400_000;

const RULES: usize = 100;

/// Sources, fingerprints or labels of one mute.
const EXTERNAL: usize = 100;

/// The longest of those: as long as a label may be.
const EXTERNAL_BYTES: usize = 1_024;

/// A maintenance window or a silence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mute {
    /// Its id for ever.
    pub id: MuteId,
    /// What it is.
    pub kind: MuteKind,
    /// Why.
    pub reason: String,
    /// Alerts of which configuration items; with nothing else given it must not be empty itself.
    pub selector: Selector,
    /// Of which rules; all when empty. No alert of another system is of one.
    pub rules: Vec<RuleId>,
    /// Which alerts of other systems, and those alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalSelector>,
    /// When.
    pub schedule: Schedule,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// When it was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Log revision of the last change; its `ETag`.
    #[serde(default)]
    pub revision: u64,
}

/// Planned, or said at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MuteKind {
    /// A maintenance window.
    Maintenance,
    /// A silence.
    Silence,
    /// A change freeze, or a site that is closed: what need not be dealt with at once waits for its end.
    Freeze,
}

/// A mute as people write it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMute {
    /// What it is.
    pub kind: MuteKind,
    /// Why.
    pub reason: String,
    /// Alerts of which configuration items.
    pub selector: Selector,
    /// Of which rules.
    pub rules: Vec<RuleId>,
    /// Which alerts of other systems, and those alone.
    pub external: Option<ExternalSelector>,
    /// When.
    pub schedule: Schedule,
}

/// What a mute is to be from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// As people write it; its kind stays.
    pub new: Box<NewMute>,
    /// Revision that the person saw.
    pub expected: Option<u64>,
}

impl Mute {
    /// Whether it is about an alert, at any time. A freeze holds back nothing that pages.
    #[must_use]
    pub fn means(&self, world: &World, alert: &Alert) -> bool {
        (self.kind != MuteKind::Freeze || !pages(world, alert))
            && self.external.is_none()
            && (self.rules.is_empty() || self.rules.contains(&alert.key.rule))
            && self.selector.means(world, world.cmdb.cis.get(&alert.key.ci))
    }

    /// Whether it is about an alert of another system. One that means no item is meant by what those alerts themselves are alone.
    #[must_use]
    pub fn means_external(&self, world: &World, alert: &ExternalAlert) -> bool {
        (self.kind != MuteKind::Freeze || alert.tier() < Tier::Page)
            && self.rules.is_empty()
            && self.external.as_ref().is_none_or(|which| which.means(alert))
            && self.selector.means(world, alert.ci.and_then(|ci| world.cmdb.record(ci)))
    }

    /// The axis that it is on.
    pub(super) fn axis(&self) -> Suppression {
        match self.kind {
            MuteKind::Maintenance => Suppression::Maintenance,
            MuteKind::Silence => Suppression::Silence,
            MuteKind::Freeze => Suppression::Freeze,
        }
    }
}

/// Makes a mute.
///
/// # Errors
/// [`Rejection::Invalid`] with the path of the field; [`Rejection::Conflict`] when there are too many.
pub fn create(world: &World, new: &NewMute, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    check(world, new, &[])?;
    new.schedule.validate(new.kind, Standing::Ahead, context.now)?;
    if world.alerts.mutes.len() >= MUTES {
        return Err(Rejection::Conflict(format!("there are {MUTES} maintenance windows and silences already, which is the limit")));
    }
    let NewMute { kind, reason, selector, rules, external, schedule } = new.clone();
    let (id, created_by, created_at) = (MuteId(context.ids.next_bits()), who(&context.actor), context.now);
    let (changed_by, changed_at, revision) = (None, None, 0);
    let mute = Mute { id, kind, reason, selector, rules, external, schedule, created_by, created_at, changed_by, changed_at, revision };
    Ok(vec![Event::Alert(AlertEvent::MuteSet { mute: Box::new(mute) })])
}

/// Says anew what a mute is. One that has begun may end at once; who made it stays.
///
/// # Errors
/// [`Rejection::NotFound`] also for one of another kind, [`Rejection::Stale`], [`Rejection::WrongState`] for one that is over,
/// [`Rejection::Invalid`] with the path of the field.
pub fn change(world: &World, mute: MuteId, change: &Change, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    let Change { new, expected } = change;
    let known = find(world, mute, *expected)?;
    if known.kind != new.kind {
        return Err(Rejection::not_found("maintenance window, freeze or silence", mute));
    }
    if known.schedule.ends_at().is_some_and(|end| end <= context.now) {
        return Err(Rejection::WrongState { subject: mute.to_string(), state: "over".into(), action: "changed; make a new one" });
    }
    check(world, new, &known.rules)?;
    let has_begun = known.schedule.begins_at().is_none_or(|begin| begin <= context.now);
    new.schedule.validate(new.kind, if has_begun { Standing::Begun } else { Standing::Ahead }, context.now)?;
    let NewMute { kind, reason, selector, rules, external, schedule } = (**new).clone();
    let same = Mute { kind, reason, selector, rules, external, schedule, ..known.clone() };
    if same == *known {
        return Ok(Vec::new());
    }
    let mute = Mute { changed_by: Some(who(&context.actor)), changed_at: Some(context.now), ..same };
    Ok(vec![Event::Alert(AlertEvent::MuteChanged { mute: Box::new(mute) })])
}

/// Ends a mute now.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::Stale`].
pub fn end(world: &World, mute: MuteId, expected: Option<u64>) -> Result<Vec<Event>, Rejection> {
    find(world, mute, expected)?;
    Ok(vec![Event::Alert(AlertEvent::MuteEnded { mute })])
}

fn find(world: &World, mute: MuteId, expected: Option<u64>) -> Result<&Mute, Rejection> {
    let known = world.alerts.mutes.get(&mute);
    let known = known.ok_or_else(|| Rejection::not_found("maintenance window, freeze or silence", mute))?;
    match expected.filter(|expected| *expected != known.revision) {
        Some(expected) => Err(Rejection::Stale { subject: mute.to_string(), current: known.revision, expected }),
        None => Ok(known),
    }
}

/// Judges what a mute is about. Rules that it named before may be gone.
fn check(world: &World, new: &NewMute, before: &[RuleId]) -> Result<(), Rejection> {
    let length = new.reason.trim().chars().count();
    if !(1..=500).contains(&length) {
        return Err(Rejection::invalid("reason", "must have 1 to 500 characters"));
    }
    validate::selector("selector", &new.selector)?;
    new.selector.query.as_ref().map_or(Ok(()), |query| query.check_groups(world, "selector.query"))?;
    if new.selector.is_empty() && new.rules.is_empty() && new.external.is_none() {
        let reason =
            "must say which configuration items, or rules which rules, or external which alerts of other systems: not everything at once";
        return Err(Rejection::invalid("selector", reason));
    }
    new.external.as_ref().map_or(Ok(()), |external| check_external(external, &new.rules))?;
    if new.rules.len() > RULES {
        return Err(Rejection::invalid("rules", format!("must be at most {RULES}")));
    }
    let is_known = |id: &RuleId| world.rules.rules.contains_key(id) || before.contains(id);
    match new.rules.iter().position(|id| !is_known(id)) {
        Some(position) => Err(Rejection::invalid(format!("rules[{position}]"), "is no rule")),
        None => Ok(()),
    }
}

fn check_external(external: &ExternalSelector, rules: &[RuleId]) -> Result<(), Rejection> {
    if external.is_empty() {
        return Err(Rejection::invalid("external", "must give sources, fingerprints or labels"));
    }
    if !external.fingerprints.is_empty() && external.sources.is_empty() {
        return Err(Rejection::invalid("external.sources", "must be given with fingerprints: two sources may have the same"));
    }
    if !rules.is_empty() {
        return Err(Rejection::invalid("rules", "must not be given with external: alerts of other systems are of none"));
    }
    for (field, count) in
        [("sources", external.sources.len()), ("fingerprints", external.fingerprints.len()), ("labels", external.labels.len())]
    {
        if count > EXTERNAL {
            return Err(Rejection::invalid(format!("external.{field}"), format!("must be at most {EXTERNAL}")));
        }
    }
    let labels = external.labels.iter().flat_map(|(name, value)| [name, value]);
    let too_long = external.sources.iter().chain(&external.fingerprints).chain(labels).any(|text| text.len() > EXTERNAL_BYTES);
    if too_long {
        return Err(Rejection::invalid("external", format!("must be texts of at most {EXTERNAL_BYTES} bytes")));
    }
    Ok(())
}

/// Why an alert is muted now, by axis.
#[must_use]
pub fn mutes(world: &World, alert: &Alert, now: Timestamp) -> BTreeMap<Suppression, String> {
    let holding = world.alerts.mutes.values().filter(|mute| mute.schedule.covers(now));
    // Of several on one axis the first is named, as when they are looked at with the passing of time.
    holding.rev().filter(|mute| mute.means(world, alert)).map(|mute| (mute.axis(), said(mute))).collect()
}

/// Mutes that begin and end.
pub(super) fn tick(world: &World, now: Timestamp) -> Vec<Event> {
    let alerts = &world.alerts;
    if alerts.mutes.is_empty() && alerts.suppressed.is_empty() {
        return Vec::new();
    }
    let holding: Vec<&Mute> = alerts.mutes.values().filter(|mute| mute.schedule.covers(now)).collect();
    let mut events = Vec::new();
    for alert in alerts.live.union(&alerts.suppressed).filter_map(|id| alerts.alerts.get(id)) {
        let live = alerts.live.contains(&alert.id);
        let reason = |axis| holding.iter().find(|mute| live && mute.axis() == axis && mute.means(world, alert)).map(|mute| said(mute));
        let axes = [Suppression::Maintenance, Suppression::Silence, Suppression::Freeze].map(|axis| (axis, reason(axis)));
        let changed = axes.into_iter().filter(|(axis, reason)| alert.suppressed.get(axis) != reason.as_ref());
        // What begins comes first: where one ends as another begins, the end must find it written down.
        let (begins, ends): (Vec<_>, Vec<_>) = changed.partition(|(_, reason)| reason.is_some());
        events.extend(
            begins
                .into_iter()
                .chain(ends)
                .map(|(axis, reason)| Event::Alert(AlertEvent::AlertSuppressed { alert: alert.id, axis, reason, incident: None, at: now })),
        );
    }
    let over = |mute: &&Mute| mute.schedule.ends_at().is_some_and(|end| now.since(end).as_millis() >= KEPT_MS);
    events.extend(alerts.mutes.values().filter(over).map(|mute| Event::Alert(AlertEvent::MuteEnded { mute: mute.id })));
    events
}

/// Whether an alert is loud enough to wake somebody.
fn pages(world: &World, alert: &Alert) -> bool {
    let rule = world.rules.rules.get(&alert.key.rule).map(|known| &known.rule);
    let loud = |rule: &Rule| {
        let rule = effective(rule, world, world.cmdb.cis.get(&alert.key.ci)).unwrap_or(std::borrow::Cow::Borrowed(rule));
        tier(&rule, alert.severity.unwrap_or(Severity::Critical)) >= Tier::Page
    };
    rule.is_some_and(loud)
}

/// What people are told of one.
pub(super) fn said(mute: &Mute) -> String {
    format!("{} ({}, {})", mute.reason, mute.id, mute.created_by)
}

#[cfg(test)]
mod tests;
