//! What is no mistake in a query and yet suspicious: mostly a slip of the pen, which selects nothing and is noticed by nobody.

use super::Query;
use super::field::{self, nearest};
use super::term::{Target, Term};
use crate::World;

impl Query {
    /// What it asks for and nothing has: attributes that neither inventories fill, nor anybody defined, nor any record has, with the name
    /// that was probably meant, and items that are not there.
    #[must_use]
    pub fn doubts(&self, world: &World) -> Vec<String> {
        let mut doubts = Vec::new();
        for term in self.terms() {
            match term {
                Term::Attribute(name, _) => doubts.extend(unknown_attribute(world, name)),
                Term::Has(names) => doubts.extend(names.iter().filter_map(|name| unknown_attribute(world, name))),
                Term::Id(ids) => doubts.extend(ids.iter().filter_map(|id| unknown_item(world, *id))),
                Term::Parent(targets) | Term::Related(_, targets) => {
                    let ids = targets.iter().filter_map(|target| if let Target::Id(id) = target { Some(*id) } else { None });
                    doubts.extend(ids.filter_map(|id| unknown_item(world, id)));
                }
                _ => {}
            }
        }
        doubts
    }
}

/// What is said of an item that is not there.
#[must_use]
pub fn unknown_item(world: &World, id: crate::id::CiId) -> Option<String> {
    (!world.cmdb.cis.contains_key(&id)).then(|| format!("there is no configuration item {id}"))
}

fn unknown_attribute(world: &World, name: &str) -> Option<String> {
    let defined = &world.attributes.definitions;
    let is_known = |name: &&str| {
        field::ATTRIBUTES.iter().any(|(known, _)| known == name) || defined.contains_key(*name) || world.cmdb.index.field(name).is_some()
    };
    if field::sources(name).iter().any(is_known) {
        return None;
    }
    let near = field::similar(name).or_else(|| nearest(name, defined.keys().map(String::as_str)));
    let hint = near.map(|near| format!("; did you mean {near}?"));
    Some(format!("no configuration item has an attribute {name}{}", hint.unwrap_or_default()))
}
