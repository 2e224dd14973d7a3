//! Software products: what they are, who may use them, in which versions they are installed where.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::software::{CategoryChoice, Installation, Product, Version};
use super::view::word::Category;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::catalogue::{CatalogueCommand, Day, Rule, standing};
use rollcall_domain::ci::software::Scheme;
use rollcall_domain::ci::{Ci, Class};
use rollcall_domain::id::{CiId, Family};
use rollcall_domain::{Command, World};
use serde::Deserialize;
use std::ops::Bound;
use utoipa::{IntoParams, ToSchema};

/// Which products are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SoftwareQuery {
    /// With exactly this package name.
    name: Option<String>,
    /// With this text in their package name, whatever the case.
    q: Option<String>,
    /// Called so in the catalogue, whatever the case.
    product: Option<String>,
    /// In this category.
    category: Option<Category>,
    /// With this text in the name of their vendor, whatever the case.
    vendor: Option<String>,
    /// Installed by this package manager, such as `dpkg` or `deb`.
    manager: Option<String>,
    /// Whether some host has it now.
    installed: Option<bool>,
    /// With an installed version whose end of life is before this day (YYYY-MM-DD).
    eol_before: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which installations are wanted. Versions are compared as the package manager compares them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InstallationQuery {
    /// Of exactly this version.
    version: Option<String>,
    /// Of an older version than this one.
    below: Option<String>,
    /// Of this version or a newer one.
    at_least: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A decision about a product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"category": "denied", "reason": "not maintained any more"}))]
pub struct ProductPatch {
    /// Whether it may be used; by_rules leaves that to the rules again.
    category: CategoryChoice,
    /// Why.
    reason: String,
}

/// Lists software products, by id.
#[utoipa::path(get, path = "/api/v1/software", tag = "software", params(SoftwareQuery),
    responses((status = 200, description = "A page.", body = Page<Product>)))]
pub async fn list_software(
    State(api): State<Api>,
    Parameters(query): Parameters<SoftwareQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<CiId>::new("software", query.limit, query.cursor.as_deref())?;
    let filter = Filter::new(query)?;
    let page = api.engine.read(|world| {
        let rules = world.catalogue.ordered_rules();
        let first = paging.after.map_or(Bound::Included(CiId { family: Family::Software, bits: 0 }), Bound::Excluded);
        let last = Bound::Included(CiId { family: Family::Software, bits: u128::MAX });
        // A cursor beyond the products has nothing after it.
        let cis = paging.after.is_none_or(|after| after.family == Family::Software).then(|| world.cmdb.cis.range((first, last)));
        let found = cis.into_iter().flatten().map(|(_, ci)| ci).filter(|ci| filter.keeps(world, &rules, ci));
        paging.page(found.map(|ci| (ci.id, Product::new(world, &rules, ci))))
    });
    Ok(format.list(&page))
}

/// Shows a software product: its name, vendor, licences and category, each with the reason.
#[utoipa::path(get, path = "/api/v1/software/{id}", tag = "software", responses((status = 200, description = "The product.", body = Product)))]
pub async fn get_software(State(api): State<Api>, Named(id): Named<CiId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Decides whether a product may be used.
#[utoipa::path(patch, path = "/api/v1/software/{id}", tag = "software", request_body = ProductPatch,
    responses((status = 200, description = "The product as it is now.", body = Product)))]
pub async fn patch_software(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    caller: Caller,
    Body(patch): Body<ProductPatch>,
) -> Result<Response, ApiError> {
    let (category, reason) = (patch.category.into_domain(), patch.reason);
    let command = CatalogueCommand::RuleOnProduct { product: id, category, reason, expected: caller.expected };
    caller.execute(&api.engine, Command::Catalogue(command)).await?;
    show(&api, id)
}

/// Lists the installed versions of a product, oldest first as its package manager orders them.
#[utoipa::path(get, path = "/api/v1/software/{id}/versions", tag = "software", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Version>)))]
pub async fn list_versions(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("versions", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let ci = find(world, id)?;
        let scheme = scheme_of(ci);
        let mut versions: Vec<(&str, u64)> = world.cmdb.software.product_versions(id).collect();
        versions.retain(|(version, _)| paging.after.as_ref().is_none_or(|after| scheme.compare_strictly(version, after).is_gt()));
        versions.sort_by(|(a, _), (b, _)| scheme.compare_strictly(a, b));
        let names = Names::of(world, ci);
        Ok::<_, ApiError>(paging.page(versions.into_iter().map(|(version, hosts)| {
            let cycle = names.cycle_of(world, version);
            let end_of_life = cycle.and_then(|cycle| cycle.end_of_life).map(|day| day.to_string());
            (version.to_owned(), Version { version: version.to_owned(), hosts, cycle: cycle.map(|cycle| cycle.cycle.clone()), end_of_life })
        })))
    })?;
    Ok(format.list(&page))
}

/// Lists the hosts that have a product, with the version of each: `below` and `at_least` compare as its package manager does.
#[utoipa::path(get, path = "/api/v1/software/{id}/installations", tag = "software", params(InstallationQuery),
    responses((status = 200, description = "A page.", body = Page<Installation>)))]
pub async fn list_installations(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<InstallationQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("installations", query.limit, query.cursor.as_deref())?;
    // In order of host and version; ids of hosts have one length, so the keys sort alike.
    let after = paging.after.as_deref().map(|key| key.split_once(' ').unwrap_or((key, "")));
    let from = after.map(|(host, _)| host.parse().map_err(|_| ApiError::invalid("cursor", "is none of this list"))).transpose()?;
    let page = api.engine.read(|world| {
        let ci = find(world, id)?;
        let scheme = scheme_of(ci);
        let fits = |version: &str| {
            query.version.as_deref().is_none_or(|wanted| version == wanted)
                && query.below.as_deref().is_none_or(|limit| scheme.compare(version, limit).is_lt())
                && query.at_least.as_deref().is_none_or(|limit| scheme.compare(version, limit).is_ge())
        };
        let found = world.cmdb.software.installations_where(id, fits, from.map_or(Bound::Unbounded, Bound::Included));
        let later = found.filter(|(host, version)| after.is_none_or(|(_, last)| Some(*host) != from || *version > last));
        let names = Names::of(world, ci);
        Ok::<_, ApiError>(paging.page(later.map(|(host, version)| {
            let end_of_life = names.cycle_of(world, version).and_then(|cycle| cycle.end_of_life).map(|day| day.to_string());
            let name = world.cmdb.cis.get(&host).map(|ci| ci.name.clone());
            (format!("{host} {version}"), Installation { ci: host.to_string(), name, version: version.to_owned(), end_of_life })
        })))
    })?;
    Ok(format.list(&page))
}

/// The product, or that there is none.
fn find(world: &World, id: CiId) -> Result<&Ci, ApiError> {
    let product = world.cmdb.cis.get(&id).filter(|ci| ci.class == Class::SoftwareProduct);
    product.ok_or_else(|| ApiError::not_found("software product", &id.to_string()))
}

fn show(api: &Api, id: CiId) -> Result<Response, ApiError> {
    api.engine.read(|world| {
        let product = Product::new(world, &world.catalogue.ordered_rules(), find(world, id)?);
        Ok(answer::resource(&product, product.revision))
    })
}

fn scheme_of(product: &Ci) -> Scheme {
    Scheme::of(standing::manager_of(product))
}

/// Names under which a product may have an end of life.
struct Names<'a> {
    product: &'a str,
    package: &'a str,
}

impl<'a> Names<'a> {
    fn of(world: &'a World, ci: &'a Ci) -> Self {
        let standing = world.catalogue.standing(&world.cmdb, &world.catalogue.ordered_rules(), ci);
        Self { product: standing.product, package: &ci.name }
    }

    fn cycle_of(&self, world: &'a World, version: &str) -> Option<&'a rollcall_domain::catalogue::Cycle> {
        world.catalogue.cycle_of(&[self.product, self.package], version)
    }
}

struct Filter {
    query: SoftwareQuery,
    text: Option<String>,
    vendor: Option<String>,
    eol_before: Option<Day>,
}

impl Filter {
    fn new(query: SoftwareQuery) -> Result<Self, ApiError> {
        let day = query.eol_before.as_deref().map(str::parse).transpose();
        let eol_before =
            day.map_err(|error: rollcall_domain::catalogue::day::NotADay| ApiError::invalid("eol_before", error.to_string()))?;
        let folded = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
        Ok(Self { text: folded(&query.q), vendor: folded(&query.vendor), eol_before, query })
    }

    /// What costs least is asked first: most filters never need the rules.
    fn keeps(&self, world: &World, rules: &[&Rule], ci: &Ci) -> bool {
        let query = &self.query;
        let cheap = ci.class == Class::SoftwareProduct
            && query.name.as_ref().is_none_or(|name| ci.name == *name)
            && self.text.as_ref().is_none_or(|text| ci.name.to_lowercase().contains(text))
            && query.manager.as_ref().is_none_or(|manager| standing::same_manager(manager, standing::manager_of(ci)));
        let cheap = cheap && query.installed.is_none_or(|wanted| world.cmdb.software.product_versions(ci.id).next().is_some() == wanted);
        let needs_rules = query.product.is_some() || query.category.is_some() || self.vendor.is_some() || self.eol_before.is_some();
        if !cheap || !needs_rules {
            return cheap;
        }
        let standing = world.catalogue.standing(&world.cmdb, rules, ci);
        let ends = |version: &str| world.catalogue.cycle_of(&[standing.product, &ci.name], version).and_then(|cycle| cycle.end_of_life);
        query.product.as_ref().is_none_or(|product| standing.product.to_lowercase() == product.to_lowercase())
            && query.category.is_none_or(|category| standing.category == category.0)
            && self.vendor.as_ref().is_none_or(|wanted| standing.vendor.is_some_and(|vendor| vendor.to_lowercase().contains(wanted)))
            && self.eol_before.is_none_or(|day| {
                world.cmdb.software.product_versions(ci.id).any(|(version, _)| ends(version).is_some_and(|end| end < day))
            })
    }
}
