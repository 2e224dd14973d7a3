//! What the catalogue remembers. Total.

use super::{Catalogue, CatalogueEvent, KnownRule, Ruling};
use crate::Record;

/// Decisions about one product that are remembered; the log has them all.
pub const RULINGS: usize = 50;

/// Remembers an event.
pub fn apply(catalogue: &mut Catalogue, record: &Record, event: &CatalogueEvent) {
    match event {
        CatalogueEvent::SoftwareRuleSet { rule } => {
            let known = KnownRule { rule: (**rule).clone(), by: record.actor.clone(), at: record.at, revision: record.revision };
            catalogue.rules.insert(rule.id, known);
        }
        CatalogueEvent::SoftwareRuleRemoved { rule } => drop(catalogue.rules.remove(rule)),
        CatalogueEvent::ProductRuled { product, category, reason } => {
            let rulings = catalogue.rulings.entry(*product).or_default();
            let (by, at, revision) = (record.actor.clone(), record.at, record.revision);
            rulings.push(Ruling { category: *category, reason: reason.clone(), by, at, revision });
            if rulings.len() > RULINGS {
                rulings.remove(0);
            }
        }
        CatalogueEvent::EndOfLifeImported { cycles } => {
            for cycle in cycles {
                let (product, name) = cycle.key();
                let known = catalogue.end_of_life.entry(product.clone()).or_default();
                match cycle.end_of_life {
                    Some(_) => drop(known.insert(name, cycle.clone())),
                    None => drop(known.remove(&name)),
                }
                if known.is_empty() {
                    catalogue.end_of_life.remove(&product);
                }
            }
        }
    }
}
