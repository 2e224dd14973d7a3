//! Files that people attach to incidents and problems.
//!
//! A file comes as the body as it is (`curl --data-binary @dmesg.log '…/attachments?name=dmesg.log'`) or as the one file of a form
//! (`curl -F file=@dmesg.log …/attachments`), as browsers send it. It is given back to be saved, never to be shown.

use super::Api;
use super::caller::{BodyHash, Caller};
use super::cis::PageQuery;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::incidents::IncidentName;
use super::page::{Page, Paging};
use super::problems::ProblemName;
use super::view::attachment::Attachment;
use crate::answer::{self, ApiError, Code};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::header;
use axum::response::Response;
use rollcall_domain::attachment::{self, NewAttachment};
use rollcall_domain::id::{AttachmentId, IncidentId, ProblemId};
use rollcall_domain::incident::{IncidentAction, IncidentCommand, IncidentEvent};
use rollcall_domain::problem::{ProblemAction, ProblemCommand, ProblemEvent};
use rollcall_domain::{Command, Event, Record, World};
use rollcall_shared::ContentHash;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::{IntoParams, ToSchema};

/// What the boundaries and the headers of a form take beside the file.
const FORM_BYTES: usize = 16 << 10;

/// What a caller waits before it tries again when many files come at once.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What a file is when nobody says.
const OCTETS: &str = "application/octet-stream";

/// What curl says of every body unless told otherwise: as good as nothing.
const URL_ENCODED: &str = "application/x-www-form-urlencoded";

/// What a file is called.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NameQuery {
    /// Name of the file; a path before it is left out. Of a form, the name that the form gives unless given.
    #[param(example = "dmesg.log")]
    name: Option<String>,
}

/// Why an attachment is to go.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReasonQuery {
    /// Why. It stays in the log.
    #[param(example = "shows a password")]
    reason: String,
}

/// A form with one file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct FileForm {
    /// The file; what the field is called does not matter.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// A file as it is.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only described")]
pub struct FileContent(Vec<u8>);

/// A file as it came. Others wait while there are many.
pub struct Upload {
    name: Option<String>,
    media_type: Option<String>,
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

fn permit(attachments: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    let busy = |_| ApiError::too_many("many other files are on their way; try again", RETRY_AFTER);
    Arc::clone(attachments).try_acquire_owned().map_err(busy)
}

fn too_large() -> ApiError {
    let detail = format!(
        "an attachment has at most {} bytes ({} MiB); keep larger files elsewhere and write down where",
        attachment::BYTES,
        attachment::BYTES >> 20
    );
    ApiError::new(Code::PayloadTooLarge, detail)
}

impl FromRequest<Api> for Upload {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, api: &Api) -> Result<Self, ApiError> {
        let permit = permit(&api.attachments)?;
        let limit = usize::try_from(attachment::BYTES).unwrap_or(usize::MAX);
        let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or("?").trim().to_owned());
        let kind = kind.filter(|kind| !kind.is_empty() && !kind.starts_with(URL_ENCODED));
        if kind.as_deref().is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/")) {
            DefaultBodyLimit::max(limit + FORM_BYTES).apply(&mut request);
            return from_form(request, permit).await;
        }
        if kind.as_deref().is_some_and(|kind| !attachment::is_media_type(kind)) {
            let detail = "Content-Type must say what the file is, such as text/plain, or be left out";
            return Err(ApiError::new(Code::UnsupportedMediaType, detail));
        }
        let (parts, body) = request.into_parts();
        let bytes = axum::body::to_bytes(body, limit).await.map_err(|_| too_large())?;
        BodyHash::note(&parts.extensions, &bytes);
        Ok(Self { name: None, media_type: kind, bytes: bytes.into(), _permit: permit })
    }
}

async fn from_form(request: Request, permit: OwnedSemaphorePermit) -> Result<Upload, ApiError> {
    let unlike = |_| {
        let detail = "the body must be the file as it is, or multipart/form-data with one file and a boundary";
        ApiError::new(Code::UnsupportedMediaType, detail)
    };
    let extensions = request.extensions().clone();
    let mut form = Multipart::from_request(request, &()).await.map_err(unlike)?;
    let mut found = None;
    while let Some(field) = form.next_field().await.map_err(|error| refuse_form(&error))? {
        if found.is_some() || field.file_name().is_none() {
            let field: String = field.name().unwrap_or_default().chars().take(64).collect();
            return Err(ApiError::invalid(field, "a form has one file and nothing else; attach one file after the other"));
        }
        found = Some(read_field(field).await?);
    }
    let (name, media_type, bytes) = found.ok_or_else(|| ApiError::invalid("file", "the form has no file in it"))?;
    // Not the form as it came: its boundary is another each time.
    BodyHash::note(&extensions, format!("{name:?} {media_type:?} {}", ContentHash::of(&bytes)).as_bytes());
    Ok(Upload { name, media_type, bytes, _permit: permit })
}

async fn read_field(field: Field<'_>) -> Result<(Option<String>, Option<String>, Vec<u8>), ApiError> {
    let name = field.file_name().map(str::to_owned);
    let media_type = field.content_type().map(str::to_owned).filter(|kind| attachment::is_media_type(kind));
    let bytes = field.bytes().await.map_err(|error| refuse_form(&error))?;
    Ok((name, media_type, bytes.into()))
}

fn refuse_form(error: &MultipartError) -> ApiError {
    match Code::of(error.status()) {
        Code::PayloadTooLarge => too_large(),
        _ => ApiError::new(Code::InvalidParameter, format!("the form cannot be read: {}", error.body_text())),
    }
}

impl Upload {
    /// What is to be attached, and its content.
    fn into_new(self, query: NameQuery) -> Result<(NewAttachment, Vec<u8>), ApiError> {
        let missing = || ApiError::invalid("name", "must be given: ?name=dmesg.log");
        let name = attachment::clean_name(&query.name.or(self.name).ok_or_else(missing)?)?;
        let guess = || mime_guess::from_path(&name).first_raw().unwrap_or(OCTETS).to_owned();
        let media_type = self.media_type.unwrap_or_else(guess);
        let (size, hash) = (self.bytes.len() as u64, ContentHash::of(&self.bytes));
        if size > attachment::BYTES {
            return Err(too_large());
        }
        Ok((NewAttachment { name, media_type, size, hash }, self.bytes))
    }
}

/// What something can be attached to.
#[derive(Clone, Copy)]
enum Subject {
    Incident(IncidentId),
    Problem(ProblemId),
}

impl Subject {
    fn incident(api: &Api, name: IncidentName) -> Result<Self, ApiError> {
        api.engine.read(|world| name.find(world).map(|incident| Self::Incident(incident.id)))
    }

    fn problem(api: &Api, name: ProblemName) -> Result<Self, ApiError> {
        api.engine.read(|world| name.find(world).map(|problem| Self::Problem(problem.id)))
    }

    fn path(self) -> String {
        match self {
            Self::Incident(id) => format!("/api/v1/incidents/{id}/attachments"),
            Self::Problem(id) => format!("/api/v1/problems/{id}/attachments"),
        }
    }

    fn attachments(self, world: &World) -> &[attachment::Attachment] {
        match self {
            Self::Incident(id) => world.incidents.incidents.get(&id).map_or(&[], |incident| &incident.attachments),
            Self::Problem(id) => world.problems.problems.get(&id).map_or(&[], |problem| &problem.attachments),
        }
    }

    fn attach(self, new: NewAttachment, expected: Option<u64>) -> Command {
        match self {
            Self::Incident(incident) => {
                Command::Incident(IncidentCommand::Act { incident, action: IncidentAction::Attach(Box::new(new)), expected })
            }
            Self::Problem(problem) => {
                Command::Problem(ProblemCommand::Act { problem, action: ProblemAction::Attach(Box::new(new)), expected })
            }
        }
    }

    fn detach(self, attachment: AttachmentId, reason: String, expected: Option<u64>) -> Command {
        match self {
            Self::Incident(incident) => {
                Command::Incident(IncidentCommand::Act { incident, action: IncidentAction::Detach { attachment, reason }, expected })
            }
            Self::Problem(problem) => {
                Command::Problem(ProblemCommand::Act { problem, action: ProblemAction::Detach { attachment, reason }, expected })
            }
        }
    }
}

/// Lists what is attached to an incident, oldest first.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/attachments", tag = "incidents", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Attachment>)))]
pub async fn list_incident_attachments(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    list(&api, Subject::incident(&api, id)?, &query, format)
}

/// Lists what is attached to a problem, oldest first.
#[utoipa::path(get, path = "/api/v1/problems/{id}/attachments", tag = "problems", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Attachment>)))]
pub async fn list_problem_attachments(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    list(&api, Subject::problem(&api, id)?, &query, format)
}

/// Attaches a file to an incident: the body as it is, or the one file of a form. At most 10 MiB, at most 50 of them.
///
/// Without a media type, or with that which curl gives to every body, it is guessed from the name. A file of the same name and the same
/// content that is attached already is the answer.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/attachments", tag = "incidents", params(NameQuery),
    request_body(content((FileContent = "application/octet-stream"), (FileForm = "multipart/form-data"))),
    responses((status = 201, description = "The attachment.", body = Attachment)))]
pub async fn attach_to_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Parameters(query): Parameters<NameQuery>,
    upload: Upload,
) -> Result<Response, ApiError> {
    attach(&api, Subject::incident(&api, id)?, &caller, upload.into_new(query)?).await
}

/// Attaches a file to a problem: the body as it is, or the one file of a form. At most 10 MiB, at most 50 of them.
///
/// Without a media type, or with that which curl gives to every body, it is guessed from the name. A file of the same name and the same
/// content that is attached already is the answer.
#[utoipa::path(post, path = "/api/v1/problems/{id}/attachments", tag = "problems", params(NameQuery),
    request_body(content((FileContent = "application/octet-stream"), (FileForm = "multipart/form-data"))),
    responses((status = 201, description = "The attachment.", body = Attachment)))]
pub async fn attach_to_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Parameters(query): Parameters<NameQuery>,
    upload: Upload,
) -> Result<Response, ApiError> {
    attach(&api, Subject::problem(&api, id)?, &caller, upload.into_new(query)?).await
}

/// Gives back a file that is attached to an incident, to be saved.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/attachments/{name}", tag = "incidents",
    responses((status = 200, description = "The file.", content_type = "application/octet-stream", body = FileContent)))]
pub async fn get_incident_attachment(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    Named(attachment): Named<AttachmentId>,
) -> Result<Response, ApiError> {
    file(&api, Subject::incident(&api, id)?, attachment).await
}

/// Gives back a file that is attached to a problem, to be saved.
#[utoipa::path(get, path = "/api/v1/problems/{id}/attachments/{name}", tag = "problems",
    responses((status = 200, description = "The file.", content_type = "application/octet-stream", body = FileContent)))]
pub async fn get_problem_attachment(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    Named(attachment): Named<AttachmentId>,
) -> Result<Response, ApiError> {
    file(&api, Subject::problem(&api, id)?, attachment).await
}

/// Removes a file from an incident, for ever: its content goes unless it is attached elsewhere too. Whatever state the incident is in.
#[utoipa::path(delete, path = "/api/v1/incidents/{id}/attachments/{name}", tag = "incidents", params(ReasonQuery),
    responses((status = 204, description = "Removed.")))]
pub async fn delete_incident_attachment(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    Named(attachment): Named<AttachmentId>,
    caller: Caller,
    Parameters(query): Parameters<ReasonQuery>,
) -> Result<Response, ApiError> {
    detach(&api, Subject::incident(&api, id)?, &caller, (attachment, query.reason)).await
}

/// Removes a file from a problem, for ever: its content goes unless it is attached elsewhere too. Whatever state the problem is in.
#[utoipa::path(delete, path = "/api/v1/problems/{id}/attachments/{name}", tag = "problems", params(ReasonQuery),
    responses((status = 204, description = "Removed.")))]
pub async fn delete_problem_attachment(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    Named(attachment): Named<AttachmentId>,
    caller: Caller,
    Parameters(query): Parameters<ReasonQuery>,
) -> Result<Response, ApiError> {
    detach(&api, Subject::problem(&api, id)?, &caller, (attachment, query.reason)).await
}

fn list(api: &Api, subject: Subject, query: &PageQuery, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<AttachmentId>::new("attachments", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let mut attachments: Vec<_> = subject.attachments(world).iter().map(|one| (one.id, Attachment::from(one))).collect();
        // Ids grow with time.
        attachments.sort_by_key(|(id, _)| *id);
        paging.page(attachments.into_iter().filter(|(id, _)| paging.after.is_none_or(|after| *id > after)))
    });
    Ok(format.list(&page))
}

async fn attach(api: &Api, subject: Subject, caller: &Caller, (new, bytes): (NewAttachment, Vec<u8>)) -> Result<Response, ApiError> {
    let (name, hash) = (new.name.clone(), new.hash);
    let executed = caller.attach(&api.engine, subject.attach(new, caller.expected), (hash, bytes)).await?;
    let added = executed.records.iter().find_map(added);
    api.engine.read(|world| {
        let known = subject.attachments(world).iter();
        let found = match added {
            Some(id) => known.clone().find(|one| one.id == id),
            None => known.clone().find(|one| one.name == name && one.hash == hash),
        };
        let found = found.ok_or_else(|| ApiError::not_found("attachment", "that was just made"))?;
        Ok(answer::created(&format!("{}/{}", subject.path(), found.id), &Attachment::from(found), None))
    })
}

fn added(record: &Record) -> Option<AttachmentId> {
    match &record.event {
        Event::Incident(IncidentEvent::AttachmentAdded { attachment, .. })
        | Event::Problem(ProblemEvent::ProblemAttachmentAdded { attachment, .. }) => Some(attachment.id),
        _ => None,
    }
}

async fn file(api: &Api, subject: Subject, id: AttachmentId) -> Result<Response, ApiError> {
    let found = api.engine.read(|world| subject.attachments(world).iter().find(|one| one.id == id).cloned());
    let found = found.ok_or_else(|| ApiError::not_found("attachment", &id.to_string()))?;
    let _permit = permit(&api.attachments)?;
    let stored = api.engine.attachment(found.hash).await?;
    // It may have been removed since it was found.
    let bytes = stored.ok_or_else(|| ApiError::not_found("attachment", &id.to_string()))?;
    Ok(answer::file(&found.name, &found.media_type, &found.hash.to_string(), bytes))
}

async fn detach(api: &Api, subject: Subject, caller: &Caller, (attachment, reason): (AttachmentId, String)) -> Result<Response, ApiError> {
    caller.execute(&api.engine, subject.detach(attachment, reason, caller.expected)).await?;
    Ok(answer::done())
}
