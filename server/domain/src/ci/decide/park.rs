//! What may not be inserted is parked or refused, and what is parked joins the host that somebody else brings.

use crate::ci::identify::Fingerprint;
use crate::ci::parking::{PARKED, PARKED_FOR, Parked, ParkedEnd};
use crate::ci::policy::{InsertRight, may_insert};
use crate::ci::{CiEvent, Class, Reporter};
use crate::id::{CiId, ParkedId};
use crate::{Context, Event, Rejection, World};
use rollcall_shared::message::Report;
use rollcall_shared::section::System;
use std::collections::BTreeSet;

/// Parked reports that are looked at in one tick.
const PORTION: usize = 100;

/// A report of a machine that nobody knows.
pub struct Newcomer<'a> {
    /// Who reports it.
    pub reporter: &'a Reporter,
    /// What it seems to be.
    pub class: Class,
    /// What it is called.
    pub name: String,
    /// What is known of the machine.
    pub system: Option<&'a System>,
    /// All of it.
    pub report: &'a Report,
}

/// What happens instead of inserting it; `None` when it may be inserted.
///
/// # Errors
/// [`Rejection::Forbidden`] when the policy refuses it, or too many wait already.
pub fn instead_of_inserting(world: &World, newcomer: &Newcomer<'_>, context: &mut Context<'_>) -> Result<Option<Vec<CiEvent>>, Rejection> {
    let source = newcomer.reporter.source();
    let class = newcomer.class.as_str();
    match may_insert(&world.cmdb.policy, &source, newcomer.class) {
        InsertRight::Allow => return Ok(None),
        InsertRight::Park => {}
        InsertRight::Refuse => {
            let reason = format!("{source} may not insert a {class} that no other source brought (policy: reconciliation.insert)");
            return Err(Rejection::Forbidden(reason));
        }
    }
    let known = world.cmdb.parking.of(newcomer.reporter);
    if known.is_some_and(|known| known.report.root == newcomer.report.root) {
        return Ok(Some(Vec::new()));
    }
    if known.is_none() && world.cmdb.parking.len() >= PARKED {
        return Err(Rejection::Forbidden(format!("{PARKED} reports are parked already: let {source} insert, refuse it, or discard some")));
    }
    let parked_at = known.map_or(context.now, |known| known.parked_at);
    let parked = Parked {
        id: known.map_or_else(|| ParkedId(context.ids.next_bits()), |known| known.id),
        reporter: newcomer.reporter.clone(),
        class: newcomer.class,
        name: newcomer.name.clone(),
        reason: format!("{source} may not insert a {class}; it waits for a source that may"),
        parked_at,
        reported_at: context.now,
        expires_at: parked_at.plus(PARKED_FOR),
        facts: newcomer.system.map(|system| Fingerprint::of_system(system).facts()).unwrap_or_default(),
        report: newcomer.report.clone(),
    };
    Ok(Some(vec![CiEvent::ReportParked { parked: Box::new(parked) }]))
}

/// The end of what a reporter had parked, now that its report is taken in.
#[must_use]
pub fn ended(world: &World, reporter: &Reporter, ci: CiId, is_new: bool) -> Option<CiEvent> {
    let parked = world.cmdb.parking.of(reporter)?.id;
    Some(CiEvent::ParkedEnded { parked, end: if is_new { ParkedEnd::Inserted { ci } } else { ParkedEnd::Joined { ci } } })
}

/// Discards a parked report.
///
/// # Errors
/// [`Rejection::NotFound`].
pub fn discard(world: &World, parked: ParkedId) -> Result<Vec<CiEvent>, Rejection> {
    if !world.cmdb.parking.by_id().contains_key(&parked) {
        return Err(Rejection::not_found("parked report", parked));
    }
    Ok(vec![CiEvent::ParkedEnded { parked, end: ParkedEnd::Discarded }])
}

/// Parked reports that join a host or are given up now. Hosts in `touched` have changed in this tick already.
#[must_use]
pub fn tick(world: &World, touched: &mut BTreeSet<CiId>, context: &mut Context<'_>) -> Vec<Event> {
    let parking = &world.cmdb.parking;
    let over = parking.expired(context.now).take(PORTION).map(|parked| CiEvent::ParkedEnded { parked, end: ParkedEnd::Expired });
    let over: Vec<Event> = over.map(Event::Ci).collect();
    if !over.is_empty() {
        return over;
    }
    let (mut events, mut examined) = (Vec::new(), Vec::new());
    for parked in parking.woken().take(PORTION) {
        match super::report::known_host(world, &parked.reporter, &parked.report, context) {
            // Two reports that join one host are decided one after the other.
            Some(host) if !touched.insert(host) => {}
            Some(_) => match super::report(world, &parked.reporter, &parked.report, context) {
                Ok(joined) => events.extend(joined),
                Err(_) => examined.push(parked.id),
            },
            None => examined.push(parked.id),
        }
    }
    if !examined.is_empty() {
        events.push(Event::Ci(CiEvent::ParkedExamined { parked: examined }));
    }
    events
}

#[cfg(test)]
mod tests;
