//! Whether the process lives, and whether it takes work.

use super::Api;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// `ok` or `unavailable`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Says that the process lives.
#[utoipa::path(get, path = "/healthz", tag = "probes", responses((status = 200, description = "It lives.", body = Status)))]
pub async fn get_health() -> Response {
    answer::json(&Status { status: "ok" })
}

/// Says whether the server takes work. Why it does not is in its log: this answer needs no token.
#[utoipa::path(get, path = "/readyz", tag = "probes", responses((status = 200, description = "It takes work.", body = Status)))]
pub async fn get_readiness(State(api): State<Api>) -> Result<Response, ApiError> {
    let health = api.engine.health();
    match health.reason {
        Some(reason) => Err(crate::engine::EngineError::Unavailable(reason).into()),
        None => Ok(answer::json(&Status { status: "ok" })),
    }
}
