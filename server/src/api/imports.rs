//! Files that people load: CSV and NDJSON, as a dry run or for real, and what came of their rows.
//!
//! A file is read whole before its first row is judged; its rows are then taken in small steps by a task of their own, so
//! that neither a caller who hangs up nor anybody else's request is in its way.

mod drive;
pub mod mappings;
mod table;

use self::drive::Drive;
use self::table::{Delimiter, Table};
use super::Api;
use super::caller::{BodyHash, Caller};
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::import::{Import, ImportRow};
use super::view::word::{Class, Lifecycle, RowOutcome};
use crate::answer::{self, ApiError, Code};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header;
use axum::response::Response;
use rollcall_domain::id::ImportId;
use rollcall_domain::import::{ImportCommand, ImportEvent, KnownRun, Order, Plan, RowResult, Run};
use rollcall_domain::{Command, Event, World};
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// The largest file: 100,000 rows of 160 bytes.
const FILE_BYTES: usize = 16 << 20;

/// How long a caller waits for the result before it is told where to look: most files take less.
const PATIENCE: Duration = Duration::from_secs(10);

/// Revisions of a run looked at for one page of its rows.
const REVISIONS: usize = 64;

/// What is to be done with a file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Name of the feed: what the file says is said by `import:` and this name. A mapping that was saved under it is used.
    #[param(example = "racks")]
    name: String,
    /// Whether only to say what would be done; not unless said.
    dry_run: Option<bool>,
    /// What becomes of records of this feed that are not in the file: nothing, unless this is mirror.
    #[param(inline)]
    mode: Option<Mode>,
    /// What things are whose row does not say; over that of the mapping.
    class: Option<Class>,
    /// Where new things are in their life whose row does not say; operational unless said here or by the mapping.
    status: Option<Lifecycle>,
    /// What separates cells of a CSV; found out from its first line unless given.
    #[param(inline)]
    delimiter: Option<Delimiter>,
}

/// What becomes of records that are not in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing.
    Merge,
    /// They are missing, unless an agent reports from them, or a row of the file could not be read as far as its key: it may be theirs.
    Mirror,
}

/// Which imports are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportListQuery {
    /// Of this feed.
    name: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which rows are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RowQuery {
    /// That came to this.
    outcome: Option<RowOutcome>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The body of a file with how it is written.
pub struct File {
    bytes: Bytes,
    format: table::Written,
}

impl FromRequest<Api> for File {
    type Rejection = ApiError;

    async fn from_request(request: Request, _api: &Api) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let format = match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "text/csv" => table::Written::Csv,
            "application/x-ndjson" | "application/ndjson" => table::Written::Ndjson,
            _ => {
                let detail = "a file is text/csv or application/x-ndjson (Content-Type)";
                return Err(ApiError::new(Code::UnsupportedMediaType, detail));
            }
        };
        let too_large = || ApiError::new(Code::PayloadTooLarge, format!("the file is larger than {FILE_BYTES} bytes; cut it"));
        let (parts, body) = request.into_parts();
        let bytes = axum::body::to_bytes(body, FILE_BYTES).await.map_err(|_| too_large())?;
        BodyHash::note(&parts.extensions, &bytes);
        Ok(Self { bytes, format })
    }
}

/// Lists imports, the newest first; the latest 500 are remembered.
#[utoipa::path(get, path = "/api/v1/imports", tag = "imports", params(ImportListQuery),
    responses((status = 200, description = "A page.", body = Page<Import>)))]
pub async fn list_imports(
    State(api): State<Api>,
    Parameters(query): Parameters<ImportListQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<ImportId>::new("imports", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let runs = world.imports.runs.range(paging.descending()).rev();
        let wanted = runs.filter(|(_, run)| query.name.as_ref().is_none_or(|name| run.order.name == *name));
        paging.page(wanted.map(|(id, run)| (*id, Import::from(run))))
    });
    Ok(format.list(&page))
}

/// Loads a file, or says what loading it would do. The answer is the result when that takes less than ten seconds, else the
/// import as it is then; `state` tells which.
#[utoipa::path(post, path = "/api/v1/imports", tag = "imports", params(ImportQuery),
    request_body(content((String = "text/csv"), (String = "application/x-ndjson"))),
    responses((status = 201, description = "The import.", body = Import)))]
pub async fn create_import(
    State(api): State<Api>,
    caller: Caller,
    Parameters(query): Parameters<ImportQuery>,
    File { bytes, format }: File,
) -> Result<Response, ApiError> {
    let busy = || ApiError::too_many("other files are being loaded; try again later", PATIENCE);
    let permit = api.imports.clone().try_acquire_owned().map_err(|_| busy())?;
    let delimiter = query.delimiter;
    let read = tokio::task::spawn_blocking(move || Table::read(&bytes, format, delimiter)).await;
    let table = read.map_err(|error| ApiError::internal(format!("reading a file: {error}")))??;
    let plan = plan(&api, &query, &table)?;
    let order = Order {
        name: query.name,
        dry_run: query.dry_run.unwrap_or(false),
        mirror: query.mode == Some(Mode::Mirror),
        rows: u32::try_from(table.rows.len()).unwrap_or(u32::MAX),
        ignored: plan.ignored(),
    };
    let executed = caller.execute(&api.engine, Command::Import(ImportCommand::Start(order.clone()))).await?;
    let started = executed.records.iter().find_map(|record| match &record.event {
        Event::Import(ImportEvent::ImportStarted { import, .. }) => Some(*import),
        _ => None,
    });
    let id = started.ok_or_else(|| ApiError::internal("an import began and no record says so"))?;
    if !executed.replayed {
        let drive = Drive { engine: api.engine.clone(), actor: caller.principal.actor.clone(), permit };
        let task = tokio::spawn(drive.run(Run::new(id, &order, plan), table.rows, order.mirror));
        // The task goes on by itself when the caller has no more patience, or is gone.
        let _ = tokio::time::timeout(PATIENCE, task).await;
    }
    api.engine.read(|world| {
        let run = find(world, id)?;
        Ok(answer::created(&format!("/api/v1/imports/{id}"), &Import::from(run), Some(run.revision)))
    })
}

/// What the columns of the file mean: as it was saved for the feed, else as the headings say.
fn plan(api: &Api, query: &ImportQuery, table: &Table) -> Result<Plan, ApiError> {
    let mapping = api.engine.read(|world| world.imports.mappings.get(&query.name).map(|known| known.mapping.clone()));
    let mut plan = Plan::new(mapping.as_ref(), &table.columns)?;
    if let Some(class) = query.class {
        plan.class = Some(class.0);
    }
    if let Some(status) = query.status {
        plan.status = Some(status.0);
    }
    Ok(plan)
}

/// Shows one import: how many rows came to what, and the first that were refused.
#[utoipa::path(get, path = "/api/v1/imports/{id}", tag = "imports", responses((status = 200, description = "The import.", body = Import)))]
pub async fn get_import(State(api): State<Api>, Named(id): Named<ImportId>) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|run| answer::resource(&Import::from(run), run.revision)))
}

/// Lists what came of the rows of an import, in the order in which they were taken. Rows that are not listed were unchanged.
#[utoipa::path(get, path = "/api/v1/imports/{id}/rows", tag = "imports", params(RowQuery),
    responses((status = 200, description = "A page.", body = Page<ImportRow>)))]
pub async fn list_import_rows(
    State(api): State<Api>,
    Named(id): Named<ImportId>,
    Parameters(query): Parameters<RowQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<Place>::new("rows", query.limit, query.cursor.as_deref())?;
    let mut told = api.engine.read(|world| find(world, id).map(|run| run.told.clone()))?;
    told.retain(|revision| paging.after.is_none_or(|after| *revision >= after.revision));
    let mut rows: Vec<(Place, RowResult)> = Vec::new();
    for revisions in told.chunks(REVISIONS) {
        for record in api.engine.records_at(revisions.to_vec()).await? {
            let Event::Import(ImportEvent::ImportProgressed { results, .. }) = record.event else { continue };
            let placed = results.into_iter().enumerate().map(|(index, result)| (Place { revision: record.revision, index }, result));
            let wanted = placed.filter(|(place, _)| paging.after.is_none_or(|after| *place > after));
            rows.extend(wanted.filter(|(_, result)| query.outcome.is_none_or(|outcome| result.outcome == outcome.0)));
        }
        if rows.len() > paging.limit {
            break;
        }
    }
    Ok(format.list(&paging.page(rows.iter().map(|(place, result)| (*place, ImportRow::from(result))))))
}

/// Where the result of a row is: in which record, as which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    revision: u64,
    index: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.revision, self.index)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (revision, index) = text.split_once('.').ok_or(())?;
        Ok(Self { revision: revision.parse().map_err(|_| ())?, index: index.parse().map_err(|_| ())? })
    }
}

fn find(world: &World, id: ImportId) -> Result<&KnownRun, ApiError> {
    world.imports.runs.get(&id).ok_or_else(|| ApiError::not_found("import", &id.to_string()))
}
