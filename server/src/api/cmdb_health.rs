//! How good the CMDB is: scores by class, over time, and the configuration items behind each figure.

use super::Api;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::samples::moment;
use super::view::Time;
use super::view::cmdb_health::{ClassHealth, DayHealth, Finding, HealthPage};
use super::view::word::{Class, HealthReason};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::catalogue::Day;
use rollcall_domain::ci::health::{self, Examiner, Measurement, Metric};
use rollcall_domain::ci::{self, Ci};
use rollcall_domain::id::CiId;
use serde::Deserialize;
use std::ops::Bound;
use utoipa::IntoParams;

/// Configuration items that are looked at for one page: some ten milliseconds.
const EXAMINED: usize = 5_000;

/// Configuration items that are passed over for one page, as they are of another class: as much again.
const PASSED: usize = 50_000;

/// Why there are no rows yet.
const NOT_YET: &str = "this CMDB is too large to be measured when asked, and was not measured yet: it will be at next_measurement_at";

/// Which health is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HealthQuery {
    /// Of this class alone, with those that inherit from it.
    class: Option<Class>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which days are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HealthHistoryQuery {
    /// Of this class, with those that inherit from it; of all unless given.
    class: Option<Class>,
    /// From when on: RFC 3339.
    from: Option<String>,
    /// Until when: RFC 3339.
    to: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which configuration items are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindingQuery {
    /// Of this class, or of one that inherits from it; of all but software products unless given.
    class: Option<Class>,
    /// For this reason.
    reason: Option<HealthReason>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Shows how good the CMDB is: first all of it but software products, then each class that has items, with what is inherited.
///
/// A score is 100 when nothing is wrong: `100 × (1 − failing / items)`. That of completeness is 100 times the mean, over the items, of
/// `(2 × required present + recommended present) / (2 × required + recommended)`. Health is the mean of the five. A small CMDB is
/// measured when this is asked: one of at most 4,000 items, of which five software products count as one. A larger one is measured once
/// a day, for the first time an hour after its first item; until then its list is empty, and `next_measurement_at` says until when.
/// `GET /api/v1/cmdb_health/{name}/cis` leads to the items behind a figure.
#[utoipa::path(get, path = "/api/v1/cmdb_health", tag = "cmdb-health", params(HealthQuery),
    responses((status = 200, description = "A page.", body = HealthPage)))]
pub async fn list_cmdb_health(
    State(api): State<Api>,
    Parameters(query): Parameters<HealthQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("cmdb-health", query.limit, query.cursor.as_deref())?;
    let now = api.engine.now();
    let (measured, next) = api.engine.read(|world| (health::current(world, now), health::next(world, now)));
    let rows = measured.iter().flat_map(|measured| rows(measured, query.class.map(|class| class.0)));
    let later = rows.filter(|(name, _)| paging.after.as_ref().is_none_or(|after| name > after));
    let page = paging.page(later);
    if format != Format::Json {
        return Ok(format.list(&page));
    }
    let measured_at = measured.as_ref().map(|measured| Time(measured.at));
    let note = (measured.is_none() && next.is_some()).then(|| NOT_YET.to_owned());
    let Page { items, next_cursor } = page;
    Ok(answer::json(&HealthPage { items, next_cursor, measured_at, next_measurement_at: next.map(Time), note }))
}

/// One row for all and for each class, by name; that of all comes first.
fn rows(measured: &Measurement, wanted: Option<ci::Class>) -> impl Iterator<Item = (String, ClassHealth)> {
    let mut classes: Vec<Option<ci::Class>> = ci::Class::ALL.into_iter().map(Some).chain([None]).collect();
    classes.retain(|class| wanted.is_none() || *class == wanted);
    classes.sort_by_key(|class| class.map(ci::Class::as_str));
    classes.into_iter().filter_map(|class| {
        // What sorts before every name of a class.
        let key = class.map_or("-", ci::Class::as_str).to_owned();
        Some((key, ClassHealth::new(measured, class)?))
    })
}

/// Shows how good the CMDB was, a row a day, oldest first.
#[utoipa::path(get, path = "/api/v1/cmdb_health/history", tag = "cmdb-health", params(HealthHistoryQuery),
    responses((status = 200, description = "A page.", body = Page<DayHealth>)))]
pub async fn list_cmdb_health_history(
    State(api): State<Api>,
    Parameters(query): Parameters<HealthHistoryQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<Day>::new("cmdb-health-history", query.limit, query.cursor.as_deref())?;
    let now = api.engine.now();
    let from = query.from.as_deref().map(|text| moment("from", text, now)).transpose()?;
    let to = query.to.as_deref().map(|text| moment("to", text, now)).transpose()?;
    let class = query.class.map(|class| class.0);
    let page = api.engine.read(|world| {
        let days = world.cmdb.health.days.range(paging.ascending());
        let days = days.filter(|(_, one)| from.is_none_or(|from| one.at >= from) && to.is_none_or(|to| one.at <= to));
        paging.page(days.filter_map(|(day, measured)| Some((*day, DayHealth::new(*day, measured, class)?))))
    });
    Ok(format.list(&page))
}

/// Lists the configuration items behind a figure, by id, each with the reasons why it counts against the metric.
///
/// As they are now. At most 5,000 items are looked at for one page, so it may hold fewer than the limit, and even none, while
/// `next_cursor` leads on.
#[utoipa::path(get, path = "/api/v1/cmdb_health/{name}/cis", tag = "cmdb-health", params(FindingQuery),
    responses((status = 200, description = "A page.", body = Page<Finding>)))]
pub async fn list_cmdb_health_cis(
    State(api): State<Api>,
    Named(metric): Named<Metric>,
    Parameters(query): Parameters<FindingQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<CiId>::new("cmdb-health-cis", query.limit, query.cursor.as_deref())?;
    if let Some(HealthReason(reason)) = query.reason.filter(|reason| reason.0.metric() != metric) {
        let detail = format!("{} counts against {}, not {}", reason.as_str(), reason.metric().as_str(), metric.as_str());
        return Err(ApiError::invalid("reason", detail));
    }
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let mut examiner = Examiner::new(world, now);
        let mut left = candidates(world, query.class.map(|class| class.0), paging.after).peekable();
        let (mut found, mut through, mut passed) = (Vec::new(), paging.after, 0);
        while let Some(ci) = left.next_if(|_| examiner.work < EXAMINED && passed < PASSED && found.len() < paging.limit) {
            (through, passed) = (Some(ci.id), passed + 1);
            if !health::counts_for(ci.class, query.class.map(|class| class.0)) {
                continue;
            }
            let Some(examined) = examiner.examine(ci) else { continue };
            let counts = |code: health::ReasonCode| code.metric() == metric && query.reason.is_none_or(|wanted| wanted.0 == code);
            let reasons: Vec<_> = examined.reasons.into_iter().filter(|reason| counts(reason.code())).collect();
            if !reasons.is_empty() {
                found.push(Finding::new(ci, &reasons));
            }
        }
        let more = left.peek().is_some();
        Page { items: found, next_cursor: through.filter(|_| more).map(|id| paging.cursor(&id)) }
    });
    Ok(format.list(&page))
}

/// Items after one, by id; of a class, only those that share its kind of id.
fn candidates(world: &World, class: Option<ci::Class>, after: Option<CiId>) -> impl Iterator<Item = &Ci> {
    let family = class.map(ci::Class::family);
    let first = family.map_or(Bound::Unbounded, |family| Bound::Included(CiId { family, bits: 0 }));
    let from = after.map_or(first, Bound::Excluded);
    let to = family.map_or(Bound::Unbounded, |family| Bound::Included(CiId { family, bits: u128::MAX }));
    let is_of_family = after.is_none_or(|after| family.is_none_or(|family| after.family == family));
    let range = is_of_family.then(|| world.cmdb.cis.range((from, to)));
    range.into_iter().flatten().map(|(_, ci)| ci)
}
