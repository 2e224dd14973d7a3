//! Business services with what is beneath them, and locations with their paths.

use super::Api;
use super::extract::Parameters;
use super::format::Format;
use super::page::{Page, Paging};
use super::view::people::{BusinessService, Location};
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::{Ci, Class};
use rollcall_domain::contact::names::Names;
use rollcall_domain::id::CiId;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which business services are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ServiceQuery {
    /// Of this criticality.
    #[param(example = "mission_critical")]
    criticality: Option<String>,
    /// With this owner: the id or a name of a contact.
    owner: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which locations are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LocationQuery {
    /// Directly within this location.
    parent: Option<String>,
    /// With this text in their path, whatever the case.
    q: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists business services, by id: how critical each is, whose, and how much is beneath it.
#[utoipa::path(get, path = "/api/v1/services", tag = "cis", params(ServiceQuery),
    responses((status = 200, description = "A page.", body = Page<BusinessService>)))]
pub async fn list_services(
    State(api): State<Api>,
    Parameters(query): Parameters<ServiceQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<CiId>::new("services", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let wanted = of_class(world, Class::BusinessService, paging.after);
        let owner = query.owner.as_ref().map(|owner| world.contacts.meant(owner));
        let services = wanted.into_iter().filter(|ci| {
            let says = |wanted: &String| text(ci, "criticality") == Some(wanted);
            let is_owner = |names: &Names| text(ci, "owner").is_some_and(|owner| names.has(owner));
            query.criticality.as_ref().is_none_or(says) && owner.as_ref().is_none_or(is_owner)
        });
        paging.page(services.map(|ci| (ci.id, BusinessService::new(world, ci))))
    });
    Ok(format.list(&page))
}

/// Lists locations, by id, each with the path that leads to it.
#[utoipa::path(get, path = "/api/v1/locations", tag = "cis", params(LocationQuery),
    responses((status = 200, description = "A page.", body = Page<Location>)))]
pub async fn list_locations(
    State(api): State<Api>,
    Parameters(query): Parameters<LocationQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<CiId>::new("locations", query.limit, query.cursor.as_deref())?;
    let parent = query.parent.as_deref().map(str::parse::<CiId>).transpose();
    let parent = parent.map_err(|_| ApiError::invalid("parent", "must be the id of a configuration item"))?;
    let wanted = query.q.map(|text| text.to_lowercase());
    let page = api.engine.read(|world| {
        let locations = of_class(world, Class::Location, paging.after).into_iter();
        let within = locations.filter(|ci| parent.is_none_or(|parent| ci.parent == Some(parent)));
        let views = within.map(|ci| (ci.id, Location::new(world, ci)));
        paging.page(views.filter(|(_, view)| wanted.as_ref().is_none_or(|text| view.path.to_lowercase().contains(text))))
    });
    Ok(format.list(&page))
}

/// Things of a class whose things all have natural keys, by id: found without looking at every record.
fn of_class(world: &World, class: Class, after: Option<CiId>) -> Vec<&Ci> {
    let keys = world.cmdb.keys.range((class, String::new())..).take_while(|((known, _), _)| *known == class);
    let mut found: Vec<&Ci> =
        keys.filter_map(|(_, id)| world.cmdb.cis.get(id)).filter(|ci| after.is_none_or(|after| ci.id > after)).collect();
    found.sort_unstable_by_key(|ci| ci.id);
    found
}

/// An attribute that is a text.
fn text<'a>(ci: &'a Ci, name: &str) -> Option<&'a String> {
    match ci.attributes.get(name)?.value() {
        rollcall_domain::ci::AttributeValue::Text(text) => Some(text),
        _ => None,
    }
}
