//! Alerts of other systems, as they told of them.

use super::Api;
use super::alerts::Acknowledge;
use super::caller::Caller;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::external_alert::ExternalAlert;
use super::view::word::ExternalState;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::Command;
use rollcall_domain::alert::decide::AlertCommand;
use rollcall_domain::id::{AlertId, CiId};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which alerts of other systems are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExternalAlertQuery {
    /// In this state.
    state: Option<ExternalState>,
    /// Told by this feed.
    source: Option<String>,
    /// Of this configuration item.
    ci: Option<String>,
    /// Whether the labels meant an item.
    placed: Option<bool>,
    /// Whether it is not told about for now.
    suppressed: Option<bool>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists the alerts of other systems by source and fingerprint: those that fire, and those that ended lately. They come in at
/// `POST /api/v1/alertmanager` with the secret of a feed of the kind `alertmanager`.
#[utoipa::path(get, path = "/api/v1/external_alerts", tag = "alerts", params(ExternalAlertQuery), responses((status = 200, description = "A page.", body = Page<ExternalAlert>)))]
pub async fn list_external_alerts(
    State(api): State<Api>,
    Parameters(query): Parameters<ExternalAlertQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("external_alerts", query.limit, query.cursor.as_deref())?;
    let ci: Option<CiId> =
        query.ci.as_deref().map(str::parse).transpose().map_err(|_| ApiError::invalid("ci", "must be the id of a configuration item"))?;
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let alerts = world.alerts.external.alerts.range(paging.ascending());
        let alerts = alerts
            .filter(|(_, alert)| query.state.is_none_or(|state| alert.state == state.0))
            .filter(|(_, alert)| query.source.as_ref().is_none_or(|source| alert.source == *source))
            .filter(|(_, alert)| ci.is_none_or(|ci| alert.ci == Some(ci)))
            .filter(|(_, alert)| query.suppressed.is_none_or(|suppressed| alert.suppressed.is_empty() != suppressed))
            .filter(|(_, alert)| query.placed.is_none_or(|placed| alert.ci.is_some() == placed));
        paging.page(alerts.map(|(key, alert)| (key.clone(), ExternalAlert::new(alert, now))))
    });
    Ok(format.list(&page))
}

/// Shows one alert of another system.
#[utoipa::path(get, path = "/api/v1/external_alerts/{id}", tag = "alerts",
    responses((status = 200, description = "The alert.", body = ExternalAlert)))]
pub async fn get_external_alert(State(api): State<Api>, Named(id): Named<AlertId>) -> Result<Response, ApiError> {
    let now = api.engine.now();
    api.engine.read(|world| {
        let alert = world.alerts.external.by_id(id).ok_or_else(|| ApiError::not_found("external alert", &id.to_string()))?;
        Ok(answer::resource(&ExternalAlert::new(alert, now), alert.revision))
    })
}

/// Says that somebody looks after an alert of another system.
#[utoipa::path(post, path = "/api/v1/external_alerts/{id}/acknowledge", tag = "alerts", request_body = Acknowledge,
    responses((status = 200, description = "The alert as it is now.", body = ExternalAlert)))]
pub async fn acknowledge_external_alert(
    State(api): State<Api>,
    Named(id): Named<AlertId>,
    caller: Caller,
    Body(input): Body<Acknowledge>,
) -> Result<Response, ApiError> {
    check(&api, id, &caller)?;
    caller.execute(&api.engine, Command::Alert(AlertCommand::Acknowledge { alert: id, until: input.until })).await?;
    get_external_alert(State(api), Named(id)).await
}

/// Says that nobody looks after an alert of another system any more.
#[utoipa::path(post, path = "/api/v1/external_alerts/{id}/unacknowledge", tag = "alerts",
    responses((status = 200, description = "The alert as it is now.", body = ExternalAlert)))]
pub async fn unacknowledge_external_alert(State(api): State<Api>, Named(id): Named<AlertId>, caller: Caller) -> Result<Response, ApiError> {
    check(&api, id, &caller)?;
    caller.execute(&api.engine, Command::Alert(AlertCommand::Unacknowledge { alert: id })).await?;
    get_external_alert(State(api), Named(id)).await
}

fn check(api: &Api, id: AlertId, caller: &Caller) -> Result<(), ApiError> {
    let revision = api.engine.read(|world| world.alerts.external.by_id(id).map(|alert| alert.revision));
    let revision = revision.ok_or_else(|| ApiError::not_found("external alert", &id.to_string()))?;
    caller.check_precondition(&id.to_string(), revision)
}
