//! Advisories: what is known to be wrong with software, and on which hosts.

use super::Api;
use super::caller::Caller;
use super::cis::{self, PageQuery};
use super::extract::{Named, Parameters};
use super::format::Format;
use super::import::{ImportReport, Kind, Table};
use super::page::{Page, Paging};
use super::view::advisory::{Advisory, AffectedHost, HostAdvisory};
use super::view::word::Rating;
use crate::answer::{self, ApiError, Code};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::advisory::{self as domain, AdvisoryCommand, AdvisoryEvent, AdvisoryId, KnownAdvisory, osv};
use rollcall_domain::id::CiId;
use rollcall_domain::{Command, Event, World};
use serde::Deserialize;
use std::ops::Bound;
use utoipa::IntoParams;

/// Which advisories are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AdvisoryQuery {
    /// With this text in their id, another name of theirs or their summary, whatever the case.
    q: Option<String>,
    /// At least as bad as this.
    severity: Option<Rating>,
    /// Whether some host is affected.
    affecting: Option<bool>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists advisories, by id.
#[utoipa::path(get, path = "/api/v1/advisories", tag = "advisories", params(AdvisoryQuery),
    responses((status = 200, description = "A page.", body = Page<Advisory>)))]
pub async fn list_advisories(
    State(api): State<Api>,
    Parameters(query): Parameters<AdvisoryQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<AdvisoryId>::new("advisories", query.limit, query.cursor.as_deref())?;
    let text = query.q.as_ref().map(|text| text.to_lowercase());
    let page = api.engine.read(|world| {
        // Those that match nothing affect nobody: they need not be looked at.
        let matching = query.affecting == Some(true);
        let few = matching.then(|| world.advisories.matching().filter_map(|id| world.advisories.advisories.get(id)));
        let few = few.into_iter().flatten().filter(|known| paging.after.as_ref().is_none_or(|after| known.advisory.id > *after));
        let all = (!matching).then(|| world.advisories.advisories.range(paging.ascending()).map(|(_, known)| known));
        let found = few.chain(all.into_iter().flatten()).filter(|known| keeps(world, &query, text.as_deref(), known));
        paging.page(found.map(|known| (known.advisory.id.clone(), Advisory::new(world, known))))
    });
    Ok(format.list(&page))
}

fn keeps(world: &World, query: &AdvisoryQuery, text: Option<&str>, known: &KnownAdvisory) -> bool {
    let advisory = &known.advisory;
    let says = |text: &str| {
        let mut texts =
            std::iter::once(advisory.id.as_str()).chain(advisory.aliases.iter().map(String::as_str)).chain(advisory.summary.as_deref());
        texts.any(|one| one.to_lowercase().contains(text))
    };
    query.severity.is_none_or(|least| advisory.severity.as_ref().is_some_and(|severity| severity.rating >= least.0))
        && text.is_none_or(says)
        && query.affecting.is_none_or(|wanted| world.advisories.host_set(&world.cmdb, &advisory.id).is_empty() != wanted)
}

/// Shows one advisory.
#[utoipa::path(get, path = "/api/v1/advisories/{id}", tag = "advisories", responses((status = 200, description = "The advisory.", body = Advisory)))]
pub async fn get_advisory(State(api): State<Api>, Named(id): Named<AdvisoryId>) -> Result<Response, ApiError> {
    api.engine.read(|world| {
        let known = find(world, &id)?;
        Ok(answer::resource(&Advisory::new(world, known), known.revision))
    })
}

/// Lists the hosts that have an affected version, with the version that fixes it.
#[utoipa::path(get, path = "/api/v1/advisories/{id}/affected", tag = "advisories", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<AffectedHost>)))]
pub async fn list_affected(
    State(api): State<Api>,
    Named(id): Named<AdvisoryId>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("affected", query.limit, query.cursor.as_deref())?;
    let first = paging.after.as_deref().and_then(|key| key.split(' ').next());
    let first = first.map(|host| host.parse().map_err(|_| ApiError::invalid("cursor", "is none of this list"))).transpose()?;
    let page = api.engine.read(|world| {
        find(world, &id)?;
        let found = world.advisories.hosts_of(&world.cmdb, &id, first.map_or(Bound::Unbounded, Bound::Included));
        let keyed = found.map(|(host, exposure)| (format!("{host} {} {}", exposure.product, exposure.version), (host, exposure)));
        let later = keyed.filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after));
        Ok::<_, ApiError>(paging.page(later.map(|(key, (host, exposure))| (key, AffectedHost::new(world, host, &exposure)))))
    })?;
    Ok(format.list(&page))
}

/// Lists the advisories that mean something on a host, by id.
#[utoipa::path(get, path = "/api/v1/cis/{id}/advisories", tag = "advisories", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<HostAdvisory>)))]
pub async fn list_ci_advisories(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("host-advisories", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        cis::find(world, id)?;
        // A blank is before everything that ids are made of, so the keys sort by id first.
        let key = |exposure: &domain::Exposure<'_>| format!("{} {} {}", exposure.advisory.advisory.id, exposure.product, exposure.version);
        let exposures = world.advisories.of_host(&world.cmdb, id).into_iter();
        let later = exposures.map(|one| (key(&one), one)).filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after));
        Ok::<_, ApiError>(paging.page(later.map(|(key, exposure)| (key, HostAdvisory::new(world, &exposure)))))
    })?;
    Ok(format.list(&page))
}

/// Takes in advisories in the Open Source Vulnerability format (OSV).
///
/// One record, an array of records, or one record a line (NDJSON); at most 32 MiB a request. Each record succeeds or fails on its own;
/// one that is known under its id is replaced unless the copy here is newer.
#[utoipa::path(post, path = "/api/v1/advisories/import", tag = "advisories",
    request_body(content = Object, content_type = "application/json", description = "The records; also application/x-ndjson."),
    responses((status = 200, description = "What became of each record.", body = ImportReport)))]
pub async fn import_advisories(State(api): State<Api>, caller: Caller, table: Table) -> Result<Response, ApiError> {
    if table.kind == Kind::Csv {
        return Err(ApiError::new(Code::UnsupportedMediaType, "advisories come as application/json or application/x-ndjson"));
    }
    // Of records with one id the last counts.
    let keyed = |value: &serde_json::Value| osv::read(value).map(|advisory| (advisory.id.clone(), advisory));
    let (report, advisories) = table.read("id", keyed);
    let command = AdvisoryCommand::Import { advisories: advisories.into_values().collect() };
    let executed = caller.execute(&api.engine, Command::Advisory(command)).await?;
    let accepted = executed.records.iter().map(|record| match &record.event {
        Event::Advisory(AdvisoryEvent::AdvisoriesImported { advisories }) => advisories.len() as u64,
        _ => 0,
    });
    Ok(answer::json(&report.settled(accepted.sum())))
}

fn find<'a>(world: &'a World, id: &AdvisoryId) -> Result<&'a KnownAdvisory, ApiError> {
    world.advisories.advisories.get(id).ok_or_else(|| ApiError::not_found("advisory", id.as_str()))
}
