//! Reports of machines that their source may not insert.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::parked::Parked;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::Command;
use rollcall_domain::ci::CiCommand;
use rollcall_domain::id::ParkedId;

/// Lists reports that wait for a source that may insert their machine, by id.
#[utoipa::path(get, path = "/api/v1/parked", tag = "sources", params(PageQuery), responses((status = 200, description = "A page.", body = Page<Parked>)))]
pub async fn list_parked(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<ParkedId>::new("parked", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let parked = world.cmdb.parking.by_id().range(paging.ascending());
        paging.page(parked.map(|(id, parked)| (*id, parked.into())))
    });
    Ok(format.list::<Parked>(&page))
}

/// Discards a parked report.
#[utoipa::path(delete, path = "/api/v1/parked/{id}", tag = "sources", responses((status = 204, description = "Discarded.")))]
pub async fn delete_parked(State(api): State<Api>, Named(parked): Named<ParkedId>, caller: Caller) -> Result<Response, ApiError> {
    caller.execute(&api.engine, Command::Ci(CiCommand::DiscardParked { parked })).await?;
    Ok(answer::done())
}
