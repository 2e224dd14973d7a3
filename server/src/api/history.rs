//! What changed a configuration item: every record, or the changes of some attributes and sections.

use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::history::{HistoryChange, HistoryRecord};
use super::{Api, cis, past};
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::fold::is_volatile;
use rollcall_domain::ci::past::{Wanted, steps};
use rollcall_domain::id::CiId;
use rollcall_domain::query::field;
use rollcall_shared::SectionName;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::IntoParams;

/// Attributes and sections of one request: more is the whole history.
const NAMES: usize = 50;

/// Which part of the history is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// What changed one of these attributes, separated by commas.
    #[param(example = "serial,owner")]
    attribute: Option<String>,
    /// What changed one of these sections, separated by commas. With attributes too: what changed either. Sections that change all
    /// the time, such as processes, are not in the history.
    #[param(example = "packages")]
    section: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists what changed a configuration item, newest first; with `attribute` or `section` only what changed those, with who, when, before,
/// after and why in `changes`. Parts have a history of their own.
#[utoipa::path(get, path = "/api/v1/cis/{id}/history", tag = "cis", params(HistoryQuery),
    responses((status = 200, description = "A page.", body = Page<HistoryRecord>)))]
pub async fn list_ci_history(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<HistoryQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("history", query.limit, query.cursor.as_deref())?;
    let attributes = query.attribute.as_deref().map(attributes).transpose()?.unwrap_or_default();
    let sections = query.section.as_deref().map(sections).transpose()?.unwrap_or_default();
    if !attributes.is_empty() || !sections.is_empty() {
        return Ok(format.list(&filtered(&api, id, &paging, &Wanted { attributes, sections }).await?));
    }
    let page = api.engine.read(|world| {
        let history = &cis::find(world, id)?.history;
        let earlier = history.iter().rev().copied().filter(|revision| paging.after.is_none_or(|after| *revision < after));
        Ok::<_, ApiError>(paging.page(earlier.map(|revision| (revision, revision))))
    })?;
    let records = api.engine.records_at(page.items).await?;
    let mut items: Vec<HistoryRecord> = records.iter().map(|record| HistoryRecord::new(record, None)).collect();
    items.sort_by_key(|record| std::cmp::Reverse(record.revision));
    Ok(format.list(&Page { items, next_cursor: page.next_cursor }))
}

/// Records that changed what is wanted, found by folding the item anew: what a record does counts, not what it says.
async fn filtered(api: &Api, id: CiId, paging: &Paging<u64>, wanted: &Wanted) -> Result<Page<HistoryRecord>, ApiError> {
    let records = past::records(api, id).await?;
    let found = steps(id, &records, wanted);
    if found.is_empty() {
        api.engine.read(|world| check_known(world, wanted))?;
    }
    let by_revision: BTreeMap<u64, _> = records.iter().map(|record| (record.revision, record)).collect();
    let later = found.iter().rev().filter(|(revision, _)| paging.after.is_none_or(|after| *revision < after));
    Ok(api.engine.read(|world| {
        let shown = later.filter_map(|(revision, steps)| {
            let record = by_revision.get(revision)?;
            let changes = steps.iter().map(|step| HistoryChange::new(world, record, step)).collect();
            Some((*revision, HistoryRecord::new(record, Some(changes))))
        });
        paging.page(shown)
    }))
}

/// Nothing changed an attribute: either it never had a value, or there is none of that name.
fn check_known(world: &World, wanted: &Wanted) -> Result<(), ApiError> {
    let is_known = |name: &&String| {
        field::ATTRIBUTES.iter().any(|(known, _)| known == name)
            || world.cmdb.index.field(name).is_some()
            || world.attributes.definitions.contains_key(*name)
            || rollcall_domain::attribute::BUILT_IN.iter().any(|known| known.name == **name)
    };
    let Some(unknown) = wanted.attributes.iter().find(|name| !is_known(name)) else { return Ok(()) };
    let similar = field::similar(unknown).map(|similar| format!("; did you mean {similar}?"));
    Err(ApiError::invalid("attribute", format!("no configuration item has an attribute {unknown}{}", similar.unwrap_or_default())))
}

fn attributes(text: &str) -> Result<BTreeSet<String>, ApiError> {
    let name = |name: &str| {
        let name = name.trim();
        field::attribute_name(name).ok_or_else(|| {
            let shown: String = name.chars().take(64).collect();
            ApiError::invalid("attribute", format!("{shown:?} is no name of an attribute; give names such as serial, separated by commas"))
        })
    };
    let names: BTreeSet<String> = text.split(',').take(NAMES + 1).map(name).collect::<Result<_, _>>()?;
    bounded("attribute", names)
}

fn sections(text: &str) -> Result<BTreeSet<SectionName>, ApiError> {
    let name = |name: &str| {
        let name: SectionName = name.trim().parse().map_err(|error| ApiError::invalid("section", format!("{error}")))?;
        if is_volatile(name) {
            let reason = format!("{name} changes all the time and is not in the history; /sections/{name} with as_of shows what it was");
            return Err(ApiError::invalid("section", reason));
        }
        Ok(name)
    };
    let names: BTreeSet<SectionName> = text.split(',').take(NAMES + 1).map(name).collect::<Result<_, _>>()?;
    bounded("section", names)
}

fn bounded<T>(field: &str, names: BTreeSet<T>) -> Result<BTreeSet<T>, ApiError> {
    if names.len() <= NAMES { Ok(names) } else { Err(ApiError::invalid(field, format!("must be at most {NAMES} names"))) }
}
