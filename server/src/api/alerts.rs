//! Alert instances.

use super::Api;
use super::caller::Caller;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::alert::Alert;
use super::view::word::{AlertState, Severity};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::Command;
use rollcall_domain::alert::decide::AlertCommand;
use rollcall_domain::id::{AlertId, CiId, RuleId};
use rollcall_shared::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

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
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let alerts = world.alerts.alerts.range(paging.descending()).rev().map(|(_, alert)| alert);
        let alerts = alerts
            .filter(|alert| query.state.is_none_or(|state| alert.state == state.0))
            .filter(|alert| query.severity.is_none_or(|severity| alert.severity == Some(severity.0)))
            .filter(|alert| ci.is_none_or(|ci| alert.key.ci == ci))
            .filter(|alert| rule.as_ref().is_none_or(|rule| alert.key.rule == *rule));
        paging.page(alerts.map(|alert| (alert.id, Alert::new(alert, now))))
    });
    Ok(format.list(&page))
}

/// Shows one alert.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "alerts", responses((status = 200, description = "The alert.", body = Alert)))]
pub async fn get_alert(State(api): State<Api>, Named(id): Named<AlertId>) -> Result<Response, ApiError> {
    let now = api.engine.now();
    api.engine.read(|world| {
        let alert = world.alerts.alerts.get(&id).ok_or_else(|| ApiError::not_found("alert", &id.to_string()))?;
        Ok(answer::resource(&Alert::new(alert, now), alert.revision))
    })
}

/// Until when somebody looks after an alert.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// Until when; until the alert is clear unless given.
    #[serde(default)]
    #[schema(value_type = Option<super::view::Time>)]
    pub until: Option<Timestamp>,
}

/// Says that somebody looks after an alert.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts", request_body = Acknowledge,
    responses((status = 200, description = "The alert as it is now.", body = Alert)))]
pub async fn acknowledge_alert(
    State(api): State<Api>,
    Named(id): Named<AlertId>,
    caller: Caller,
    Body(input): Body<Acknowledge>,
) -> Result<Response, ApiError> {
    check(&api, id, &caller)?;
    caller.execute(&api.engine, Command::Alert(AlertCommand::Acknowledge { alert: id, until: input.until })).await?;
    get_alert(State(api), Named(id)).await
}

/// Says that nobody looks after an alert any more.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/unacknowledge", tag = "alerts",
    responses((status = 200, description = "The alert as it is now.", body = Alert)))]
pub async fn unacknowledge_alert(State(api): State<Api>, Named(id): Named<AlertId>, caller: Caller) -> Result<Response, ApiError> {
    check(&api, id, &caller)?;
    caller.execute(&api.engine, Command::Alert(AlertCommand::Unacknowledge { alert: id })).await?;
    get_alert(State(api), Named(id)).await
}

fn check(api: &Api, id: AlertId, caller: &Caller) -> Result<(), ApiError> {
    let revision = api.engine.read(|world| world.alerts.alerts.get(&id).map(|alert| alert.revision));
    let revision = revision.ok_or_else(|| ApiError::not_found("alert", &id.to_string()))?;
    caller.check_precondition(&id.to_string(), revision)
}
