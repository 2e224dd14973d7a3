//! Decisions on the catalogue.

use super::end_of_life::{CYCLES, CYCLES_PER_EVENT, CYCLES_PER_IMPORT, Cycle};
use super::{Catalogue, CatalogueCommand, CatalogueEvent, Category, KnownRule, Rule, stock};
use crate::ci::{Class, normalise};
use crate::id::{CiId, SoftwareRuleId};
use crate::{Context, Event, Rejection, World};

/// Rules of people at most: every product that is shown is held against all of them.
pub const RULES: usize = 500;

/// Bytes of a pattern or a name.
const TEXT_BYTES: usize = 200;

/// Bytes of a reason.
const REASON_BYTES: usize = 2_000;

/// Decides a command.
///
/// # Errors
/// [`Rejection::Invalid`] with the field, [`Rejection::NotFound`], [`Rejection::Stale`], [`Rejection::Conflict`] at a limit.
pub fn command(world: &World, command: &CatalogueCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let catalogue = &world.catalogue;
    let events = match command {
        CatalogueCommand::CreateRule { rule } => {
            let rule = checked(rule)?;
            if catalogue.rules.len() >= RULES {
                return Err(Rejection::Conflict(format!("there are {RULES} software rules already, which is the limit")));
            }
            vec![CatalogueEvent::SoftwareRuleSet { rule: Box::new(Rule { id: SoftwareRuleId(context.ids.next_bits()), ..rule }) }]
        }
        CatalogueCommand::UpdateRule { rule, expected } => {
            let known = find(catalogue, rule.id, *expected)?;
            let rule = checked(rule)?;
            if known.rule == rule { Vec::new() } else { vec![CatalogueEvent::SoftwareRuleSet { rule: Box::new(rule) }] }
        }
        CatalogueCommand::RemoveRule { rule, expected } => {
            find(catalogue, *rule, *expected)?;
            vec![CatalogueEvent::SoftwareRuleRemoved { rule: *rule }]
        }
        CatalogueCommand::RuleOnProduct { product, category, reason, expected } => rule_on(world, *product, *category, reason, *expected)?,
        CatalogueCommand::ImportEndOfLife { cycles } => import(catalogue, cycles)?,
    };
    Ok(events.into_iter().map(Event::Catalogue).collect())
}

fn find(catalogue: &Catalogue, id: SoftwareRuleId, expected: Option<u64>) -> Result<&KnownRule, Rejection> {
    if stock::rules().iter().any(|rule| rule.id == id) {
        return Err(Rejection::Conflict(format!(
            "software rule {id} comes with Rollcall: a rule of your own for the same packages counts before it"
        )));
    }
    let known = catalogue.rules.get(&id).ok_or_else(|| Rejection::not_found("software rule", id))?;
    match expected {
        Some(expected) if expected != known.revision => {
            Err(Rejection::Stale { subject: format!("software rule {id}"), current: known.revision, expected })
        }
        _ => Ok(known),
    }
}

/// A rule with its texts made regular.
fn checked(rule: &Rule) -> Result<Rule, Rejection> {
    let short = |field: &str, raw: &Option<String>| said(field, raw.as_deref(), TEXT_BYTES);
    let mut checked = Rule {
        product: short("product", &rule.product)?,
        vendor: short("vendor", &rule.vendor)?,
        edition: short("edition", &rule.edition)?,
        reason: said("reason", rule.reason.as_deref(), REASON_BYTES)?,
        ..rule.clone()
    };
    checked.pattern.manager = short("pattern.manager", &rule.pattern.manager)?;
    checked.pattern.name = short("pattern.name", &rule.pattern.name)?;
    checked.pattern.vendor = short("pattern.vendor", &rule.pattern.vendor)?;
    if checked.pattern.manager.is_none() && checked.pattern.name.is_none() && checked.pattern.vendor.is_none() {
        return Err(Rejection::invalid("pattern", "must say something of manager, name or vendor"));
    }
    if checked.product.is_none() && checked.vendor.is_none() && checked.edition.is_none() && checked.category.is_none() {
        return Err(Rejection::invalid("product", "give at least one of product, vendor, edition and category"));
    }
    if checked.position >= stock::POSITION {
        return Err(Rejection::invalid("position", format!("must be below {}", stock::POSITION)));
    }
    if checked.category.is_some() && checked.reason.is_none() {
        return Err(Rejection::invalid("reason", "is needed with category: people will ask why"));
    }
    Ok(checked)
}

fn said(field: &str, raw: Option<&str>, bytes: usize) -> Result<Option<String>, Rejection> {
    let Some(raw) = raw else { return Ok(None) };
    let text = normalise::text(raw).ok_or_else(|| Rejection::invalid(field, "is empty; leave it out to say nothing"))?;
    if text.len() > bytes {
        return Err(Rejection::invalid(field, format!("is longer than {bytes} bytes")));
    }
    Ok(Some(text))
}

fn rule_on(
    world: &World,
    product: CiId,
    category: Option<Category>,
    reason: &str,
    expected: Option<u64>,
) -> Result<Vec<CatalogueEvent>, Rejection> {
    let ci = world.cmdb.cis.get(&product).filter(|ci| ci.class == Class::SoftwareProduct);
    let ci = ci.ok_or_else(|| Rejection::not_found("software product", product))?;
    let current = world.catalogue.revision_of(ci);
    if let Some(expected) = expected.filter(|&expected| expected != current) {
        return Err(Rejection::Stale { subject: product.to_string(), current, expected });
    }
    let reason = said("reason", Some(reason), REASON_BYTES)?.ok_or_else(|| Rejection::invalid("reason", "is empty"))?;
    let last = world.catalogue.rulings.get(&product).and_then(|rulings| rulings.last());
    let news = last.map_or(category.is_some(), |last| last.category != category || last.reason != reason);
    Ok(news.then_some(CatalogueEvent::ProductRuled { product, category, reason }).into_iter().collect())
}

fn import(catalogue: &Catalogue, cycles: &[Cycle]) -> Result<Vec<CatalogueEvent>, Rejection> {
    if cycles.len() > CYCLES_PER_IMPORT {
        return Err(Rejection::invalid("rows", format!("are more than {CYCLES_PER_IMPORT}; send them in several imports")));
    }
    let known = |cycle: &Cycle| {
        let (product, name) = cycle.key();
        catalogue.end_of_life.get(&product).and_then(|cycles| cycles.get(&name))
    };
    let fresh: Vec<Cycle> = cycles
        .iter()
        .filter(|cycle| match known(cycle) {
            Some(known) => known.end_of_life != cycle.end_of_life || known.product != cycle.product,
            None => cycle.end_of_life.is_some(),
        })
        .cloned()
        .collect();
    let count: usize = catalogue.end_of_life.values().map(std::collections::BTreeMap::len).sum();
    if count + fresh.iter().filter(|cycle| known(cycle).is_none()).count() > CYCLES {
        return Err(Rejection::Conflict(format!("with these there would be more than {CYCLES} cycles, which is the limit")));
    }
    Ok(fresh.chunks(CYCLES_PER_EVENT).map(|chunk| CatalogueEvent::EndOfLifeImported { cycles: chunk.to_vec() }).collect())
}
