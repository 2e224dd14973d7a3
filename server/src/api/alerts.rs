//! Alert instances.

use super::Api;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::alert::Alert;
use super::view::word::{AlertState, Severity};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::{AlertId, CiId, RuleId};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which alerts are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// In this state.
    state: Option<AlertState>,
    /// This bad.
    severity: Option<Severity>,
    /// Of this configuration item.
    ci: Option<String>,
    /// Of this rule.
    rule: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(AlertQuery), responses((status = 200, description = "A page.", body = Page<Alert>)))]
pub async fn list_alerts(State(api): State<Api>, Parameters(query): Parameters<AlertQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<AlertId>::new("alerts", query.limit, query.cursor.as_deref())?;
    let ci: Option<CiId> =
        query.ci.as_deref().map(str::parse).transpose().map_err(|_| ApiError::invalid("ci", "must be the id of a configuration item"))?;
    let rule: Option<RuleId> =
        query.rule.as_deref().map(str::parse).transpose().map_err(|_| ApiError::invalid("rule", "must be the id of a rule"))?;
    let page = api.engine.read(|world| {
        let alerts = world.alerts.alerts.range(paging.descending()).rev().map(|(_, alert)| alert);
        let alerts = alerts
            .filter(|alert| query.state.is_none_or(|state| alert.state == state.0))
            .filter(|alert| query.severity.is_none_or(|severity| alert.severity == Some(severity.0)))
            .filter(|alert| ci.is_none_or(|ci| alert.key.ci == ci))
            .filter(|alert| rule.as_ref().is_none_or(|rule| alert.key.rule == *rule));
        paging.page(alerts.map(|alert| (alert.id, Alert::from(alert))))
    });
    Ok(format.list(&page))
}

/// Shows one alert.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "alerts", responses((status = 200, description = "The alert.", body = Alert)))]
pub async fn get_alert(State(api): State<Api>, Named(id): Named<AlertId>) -> Result<Response, ApiError> {
    api.engine.read(|world| {
        let alert = world.alerts.alerts.get(&id).ok_or_else(|| ApiError::not_found("alert", &id.to_string()))?;
        Ok(answer::resource(&Alert::from(alert), alert.revision))
    })
}
