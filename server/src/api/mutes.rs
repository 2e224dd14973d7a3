//! Maintenance windows, freezes and silences.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::mute::{MaintenanceWindow, MaintenanceWindowInput, Silence, SilenceInput};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::alert::AlertEvent;
use rollcall_domain::alert::decide::AlertCommand;
use rollcall_domain::alert::mute::{Change, Mute, MuteKind, NewMute, known};
use rollcall_domain::id::MuteId;
use rollcall_domain::{Command, Event, World};

/// Lists maintenance windows, oldest first. What is over is kept for a week.
#[utoipa::path(get, path = "/api/v1/maintenance_windows", tag = "alerts", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<MaintenanceWindow>)))]
pub async fn list_maintenance_windows(
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<MuteId>::new("maintenance_windows", query.limit, query.cursor.as_deref())?;
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let rows = world.alerts.mutes.range(paging.ascending()).filter(|(_, mute)| mute.kind == MuteKind::Maintenance);
        paging.page(rows.map(|(id, mute)| (*id, MaintenanceWindow::new(mute, now, known::unknown(world, mute)))))
    });
    Ok(format.list(&page))
}

/// Makes a maintenance window: alerts of what it selects open no incidents while it holds.
#[utoipa::path(post, path = "/api/v1/maintenance_windows", tag = "alerts", request_body = MaintenanceWindowInput,
    responses((status = 201, description = "The maintenance window.", body = MaintenanceWindow)))]
pub async fn create_maintenance_window(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<MaintenanceWindowInput>,
) -> Result<Response, ApiError> {
    let id = create(&api, &caller, input.into_domain(MuteKind::Maintenance)?).await?;
    let now = api.engine.now();
    api.engine.read(|world| {
        let mute = find(world, id, MuteKind::Maintenance)?;
        let place = format!("/api/v1/maintenance_windows/{id}");
        Ok(answer::created(&place, &MaintenanceWindow::new(mute, now, known::warnings(world, mute)), Some(mute.revision)))
    })
}

/// Shows one maintenance window.
#[utoipa::path(get, path = "/api/v1/maintenance_windows/{id}", tag = "alerts",
    responses((status = 200, description = "The maintenance window.", body = MaintenanceWindow)))]
pub async fn get_maintenance_window(State(api): State<Api>, Named(id): Named<MuteId>) -> Result<Response, ApiError> {
    show_window(&api, id, MuteKind::Maintenance)
}

/// Says anew what a maintenance window is: when, for what and why. One that has begun may be extended, or end at once with a `to` of now; what holds back
/// alerts follows within a second. Who made it stays. One that is over is not changed any more.
#[utoipa::path(put, path = "/api/v1/maintenance_windows/{id}", tag = "alerts", request_body = MaintenanceWindowInput,
    responses((status = 200, description = "The maintenance window as it is now.", body = MaintenanceWindow)))]
pub async fn put_maintenance_window(
    State(api): State<Api>,
    Named(id): Named<MuteId>,
    caller: Caller,
    Body(input): Body<MaintenanceWindowInput>,
) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id, MuteKind::Maintenance).map(drop))?;
    change(&api, &caller, id, input.into_domain(MuteKind::Maintenance)?).await?;
    show_window(&api, id, MuteKind::Maintenance)
}

/// Ends a maintenance window: alerts that still fire open their incidents.
#[utoipa::path(delete, path = "/api/v1/maintenance_windows/{id}", tag = "alerts", responses((status = 204, description = "It is over.")))]
pub async fn delete_maintenance_window(State(api): State<Api>, Named(id): Named<MuteId>, caller: Caller) -> Result<Response, ApiError> {
    end(&api, &caller, id, MuteKind::Maintenance).await
}

/// Lists freezes, oldest first. What is over is kept for a week.
#[utoipa::path(get, path = "/api/v1/freezes", tag = "alerts", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<MaintenanceWindow>)))]
pub async fn list_freezes(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<MuteId>::new("freezes", query.limit, query.cursor.as_deref())?;
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let rows = world.alerts.mutes.range(paging.ascending()).filter(|(_, mute)| mute.kind == MuteKind::Freeze);
        paging.page(rows.map(|(id, mute)| (*id, MaintenanceWindow::new(mute, now, known::unknown(world, mute)))))
    });
    Ok(format.list(&page))
}

/// Makes a freeze (a change freeze, a closed site): alerts of what it selects that do not page open no incidents while it holds. What pages
/// passes.
#[utoipa::path(post, path = "/api/v1/freezes", tag = "alerts", request_body = MaintenanceWindowInput,
    responses((status = 201, description = "The freeze.", body = MaintenanceWindow)))]
pub async fn create_freeze(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<MaintenanceWindowInput>,
) -> Result<Response, ApiError> {
    let id = create(&api, &caller, input.into_domain(MuteKind::Freeze)?).await?;
    let now = api.engine.now();
    api.engine.read(|world| {
        let mute = find(world, id, MuteKind::Freeze)?;
        Ok(answer::created(
            &format!("/api/v1/freezes/{id}"),
            &MaintenanceWindow::new(mute, now, known::warnings(world, mute)),
            Some(mute.revision),
        ))
    })
}

/// Shows one freeze.
#[utoipa::path(get, path = "/api/v1/freezes/{id}", tag = "alerts",
    responses((status = 200, description = "The freeze.", body = MaintenanceWindow)))]
pub async fn get_freeze(State(api): State<Api>, Named(id): Named<MuteId>) -> Result<Response, ApiError> {
    show_window(&api, id, MuteKind::Freeze)
}

/// Says anew what a freeze is: when, for what and why. One that has begun may be extended, or end at once with a `to` of now; what holds back
/// alerts follows within a second. Who made it stays. One that is over is not changed any more.
#[utoipa::path(put, path = "/api/v1/freezes/{id}", tag = "alerts", request_body = MaintenanceWindowInput,
    responses((status = 200, description = "The freeze as it is now.", body = MaintenanceWindow)))]
pub async fn put_freeze(
    State(api): State<Api>,
    Named(id): Named<MuteId>,
    caller: Caller,
    Body(input): Body<MaintenanceWindowInput>,
) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id, MuteKind::Freeze).map(drop))?;
    change(&api, &caller, id, input.into_domain(MuteKind::Freeze)?).await?;
    show_window(&api, id, MuteKind::Freeze)
}

/// Ends a freeze: alerts that still fire open their incidents.
#[utoipa::path(delete, path = "/api/v1/freezes/{id}", tag = "alerts", responses((status = 204, description = "It is over.")))]
pub async fn delete_freeze(State(api): State<Api>, Named(id): Named<MuteId>, caller: Caller) -> Result<Response, ApiError> {
    end(&api, &caller, id, MuteKind::Freeze).await
}

/// Lists silences, oldest first. What is over is kept for a week.
#[utoipa::path(get, path = "/api/v1/silences", tag = "alerts", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Silence>)))]
pub async fn list_silences(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<MuteId>::new("silences", query.limit, query.cursor.as_deref())?;
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let rows = world.alerts.mutes.range(paging.ascending()).filter(|(_, mute)| mute.kind == MuteKind::Silence);
        paging.page(rows.map(|(id, mute)| (*id, Silence::new(mute, now, known::unknown(world, mute)))))
    });
    Ok(format.list(&page))
}

/// Makes a silence: alerts of what it selects open no incidents until it expires.
#[utoipa::path(post, path = "/api/v1/silences", tag = "alerts", request_body = SilenceInput,
    responses((status = 201, description = "The silence.", body = Silence)))]
pub async fn create_silence(State(api): State<Api>, caller: Caller, Body(input): Body<SilenceInput>) -> Result<Response, ApiError> {
    let now = api.engine.now();
    let id = create(&api, &caller, input.into_domain(now)?).await?;
    api.engine.read(|world| {
        let mute = find(world, id, MuteKind::Silence)?;
        Ok(answer::created(&format!("/api/v1/silences/{id}"), &Silence::new(mute, now, known::warnings(world, mute)), Some(mute.revision)))
    })
}

/// Shows one silence.
#[utoipa::path(get, path = "/api/v1/silences/{id}", tag = "alerts", responses((status = 200, description = "The silence.", body = Silence)))]
pub async fn get_silence(State(api): State<Api>, Named(id): Named<MuteId>) -> Result<Response, ApiError> {
    show_silence(&api, id)
}

/// Says anew what a silence is: until when, for what and why. One that has begun may be extended, or end at once with an `expires_at` of now;
/// what holds back alerts follows within a second. Who made it stays. One that is over is not changed any more.
#[utoipa::path(put, path = "/api/v1/silences/{id}", tag = "alerts", request_body = SilenceInput,
    responses((status = 200, description = "The silence as it is now.", body = Silence)))]
pub async fn put_silence(
    State(api): State<Api>,
    Named(id): Named<MuteId>,
    caller: Caller,
    Body(input): Body<SilenceInput>,
) -> Result<Response, ApiError> {
    let begin = api.engine.read(|world| find(world, id, MuteKind::Silence).map(|mute| mute.schedule.begins_at()))?;
    let begin = begin.unwrap_or_else(|| api.engine.now());
    change(&api, &caller, id, input.into_domain(begin)?).await?;
    show_silence(&api, id)
}

/// Ends a silence before it expires.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", tag = "alerts", responses((status = 204, description = "It is over.")))]
pub async fn delete_silence(State(api): State<Api>, Named(id): Named<MuteId>, caller: Caller) -> Result<Response, ApiError> {
    end(&api, &caller, id, MuteKind::Silence).await
}

async fn create(api: &Api, caller: &Caller, new: NewMute) -> Result<MuteId, ApiError> {
    let executed = caller.execute(&api.engine, Command::Alert(AlertCommand::Mute(Box::new(new)))).await?;
    let made = executed.records.iter().find_map(|record| match &record.event {
        Event::Alert(AlertEvent::MuteSet { mute }) => Some(mute.id),
        _ => None,
    });
    made.ok_or_else(|| ApiError::internal("a mute was made and no record says so"))
}

async fn change(api: &Api, caller: &Caller, id: MuteId, new: NewMute) -> Result<(), ApiError> {
    let change = Change { new: Box::new(new), expected: caller.expected };
    caller.execute(&api.engine, Command::Alert(AlertCommand::ChangeMute { mute: id, change })).await.map(drop)
}

fn show_window(api: &Api, id: MuteId, kind: MuteKind) -> Result<Response, ApiError> {
    let now = api.engine.now();
    api.engine.read(|world| {
        let mute = find(world, id, kind)?;
        Ok(answer::resource(&MaintenanceWindow::new(mute, now, known::warnings(world, mute)), mute.revision))
    })
}

fn show_silence(api: &Api, id: MuteId) -> Result<Response, ApiError> {
    let now = api.engine.now();
    api.engine.read(|world| {
        let mute = find(world, id, MuteKind::Silence)?;
        Ok(answer::resource(&Silence::new(mute, now, known::warnings(world, mute)), mute.revision))
    })
}

async fn end(api: &Api, caller: &Caller, id: MuteId, kind: MuteKind) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id, kind).map(drop))?;
    caller.execute(&api.engine, Command::Alert(AlertCommand::Unmute { mute: id, expected: caller.expected })).await?;
    Ok(answer::done())
}

fn find(world: &World, id: MuteId, kind: MuteKind) -> Result<&Mute, ApiError> {
    let name = match kind {
        MuteKind::Maintenance => "maintenance window",
        MuteKind::Silence => "silence",
        MuteKind::Freeze => "freeze",
    };
    world.alerts.mutes.get(&id).filter(|mute| mute.kind == kind).ok_or_else(|| ApiError::not_found(name, &id.to_string()))
}
