//! Software products and where they are installed.

use super::Api;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::ci::{Installation, Product};
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::ci::Class;
use rollcall_domain::id::CiId;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which products are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SoftwareQuery {
    /// With exactly this name.
    name: Option<String>,
    /// With this text in their name, whatever the case.
    q: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which installations are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InstallationQuery {
    /// Of exactly this version.
    version: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
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
    let text = query.q.map(|text| text.to_lowercase());
    let page = api.engine.read(|world| {
        let cis = world.cmdb.cis.range(paging.ascending()).map(|(_, ci)| ci).filter(|ci| ci.class == Class::SoftwareProduct);
        let named = cis.filter(|ci| query.name.as_ref().is_none_or(|name| ci.name == *name));
        let found = named.filter(|ci| text.as_ref().is_none_or(|text| ci.name.to_lowercase().contains(text)));
        paging.page(found.map(|ci| (ci.id, Product::new(world, ci))))
    });
    Ok(format.list(&page))
}

/// Lists the hosts that have a product, with the version of each.
#[utoipa::path(get, path = "/api/v1/software/{id}/installations", tag = "software", params(InstallationQuery),
    responses((status = 200, description = "A page.", body = Page<Installation>)))]
pub async fn list_installations(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<InstallationQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("installations", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let product = world.cmdb.cis.get(&id).filter(|ci| ci.class == Class::SoftwareProduct);
        product.ok_or_else(|| ApiError::not_found("software product", &id.to_string()))?;
        let mut installations = world.cmdb.software.installations(id);
        installations.retain(|(_, version)| query.version.as_ref().is_none_or(|wanted| version == wanted));
        // In order of host and version; ids of hosts have one length, so the keys sort alike.
        let keyed = installations.into_iter().map(|(host, version)| (format!("{host} {version}"), (host, version)));
        let later = keyed.filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after));
        let name = |host| world.cmdb.cis.get(&host).map(|ci| ci.name.clone());
        Ok::<_, ApiError>(
            paging.page(later.map(|(key, (host, version))| (key, Installation { ci: host.to_string(), name: name(host), version }))),
        )
    })?;
    Ok(format.list(&page))
}
