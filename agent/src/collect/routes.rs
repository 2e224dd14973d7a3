//! Routes of all tables but the kernel's own `local`: rtnetlink on the running machine, `/proc/net/route` (its main table) and
//! `/proc/net/ipv6_route` elsewhere. One row a next hop.
//!
//! Left out: cached routes, what redirects taught, life times, and routes to interfaces that are noise (a container each).

use super::network_interfaces::{self, is_noise};
use super::trace::Found;
use super::{Failure, Scope};
use rollcall_shared::section::Route;
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(crate) mod kernel;
mod tables;

/// Rows kept. A host has dozens, a router of a site thousands; the whole internet's table is no inventory.
const ROUTES: usize = 20_000;

/// `RT_TABLE_MAIN`.
const MAIN: u32 = 254;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Route>, Failure> {
    let mut routes = match asked(scope) {
        Some(routes) => routes,
        None => tables::read(scope)?,
    };
    if routes.len() >= ROUTES {
        scope.problem(format_args!("routes beyond the limit of {ROUTES} are left out"));
    }
    routes.retain(|route| !route.interface.as_deref().is_some_and(is_noise));
    Ok(routes)
}

/// The next hops that routes lead over, by interface.
pub(crate) fn gateways(scope: &Scope<'_>) -> BTreeSet<(String, IpAddr)> {
    let routes = asked(scope).or_else(|| tables::read(scope).ok()).unwrap_or_default();
    routes.into_iter().filter_map(|route| Some((route.interface?, route.gateway?.parse().ok()?))).collect()
}

/// None where the kernel cannot be asked.
fn asked(scope: &Scope<'_>) -> Option<Vec<Route>> {
    if !scope.root().is_live() {
        return None;
    }
    let routes = network_interfaces::names().and_then(|names| kernel::read(&names));
    scope.asked("rtnetlink", routes.as_ref().map_or_else(|error| Found::Failed(error.to_string()), |routes| Found::Read(routes.len())));
    routes.ok()
}

/// `default`, or the network with its prefix length.
fn destination(address: IpAddr, prefix: u8) -> String {
    if prefix == 0 { "default".to_owned() } else { format!("{address}/{prefix}") }
}

#[cfg(test)]
mod tests;
