//! Problems: list, look at their incidents and evidence, work on.
//!
//! A problem is named by its id or by the number that people say, such as `PRB0000004`.

mod body;
mod name;

pub use name::{ProblemName, named};

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::incidents::list::means;
use super::incidents::{self, Assignment, Closing, Reason};
use super::page::{Page, Paging};
use super::view::Time;
use super::view::incident::Incident;
use super::view::problem::{Evidence, Precision, Problem};
use super::view::word::ProblemState;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use body::{Advance, Belonging, Description, Fix, Judgement, NewProblem, Original, ProblemChange, ProblemNote, RiskAcceptance, Stranger};
use rollcall_domain::contact::names::Names;
use rollcall_domain::id::IncidentId;
use rollcall_domain::problem::{self, ProblemAction, ProblemCommand, ProblemEvent};
use rollcall_domain::{Command, Event, World};
use rollcall_shared::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which problems are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProblemQuery {
    /// In this state.
    state: Option<ProblemState>,
    /// Whether work remains.
    open: Option<bool>,
    /// Whether the cause is known though not fixed.
    known_error: Option<bool>,
    /// Which kind of suspicion opened it: recurrence, common_cause, topology or person.
    origin: Option<String>,
    /// Of this priority, 1 (highest) to 5.
    priority: Option<u8>,
    /// This group has it: the name or id of a team.
    group: Option<String>,
    /// This person has it: the name or id of a contact.
    assignee: Option<String>,
    /// Opened at this moment (RFC 3339) or later.
    #[param(value_type = Option<Time>)]
    opened_from: Option<Timestamp>,
    /// Opened before this moment.
    #[param(value_type = Option<Time>)]
    opened_to: Option<Timestamp>,
    /// With this text in their title, description or number, whatever the case.
    q: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

struct Filter {
    query: ProblemQuery,
    group: Option<Names>,
    assignee: Option<Names>,
    text: Option<String>,
}

impl Filter {
    fn new(world: &World, query: ProblemQuery) -> Result<Self, ApiError> {
        if query.origin.as_deref().is_some_and(|origin| !ORIGINS.contains(&origin)) {
            return Err(ApiError::invalid("origin", format!("must be one of {}", ORIGINS.join(", "))));
        }
        let meant = |text: &Option<String>| text.as_ref().map(|text| world.contacts.meant(text));
        let (group, assignee) = (meant(&query.group), meant(&query.assignee));
        let text = query.q.as_ref().map(|text| text.to_lowercase());
        Ok(Self { query, group, assignee, text })
    }

    fn keeps(&self, problem: &problem::Problem) -> bool {
        let query = &self.query;
        query.state.is_none_or(|state| problem.state == state.0)
            && query.open.is_none_or(|open| problem.state.is_open() == open)
            && query.known_error.is_none_or(|known| problem.known_error == known)
            && query.origin.as_deref().is_none_or(|origin| origin_of(problem) == origin)
            && query.priority.is_none_or(|priority| problem.priority == priority)
            && query.opened_from.is_none_or(|from| problem.opened_at >= from)
            && query.opened_to.is_none_or(|to| problem.opened_at < to)
            && self.group.as_ref().is_none_or(|group| means(problem.group.as_ref(), group))
            && self.assignee.as_ref().is_none_or(|assignee| means(problem.assignee.as_ref(), assignee))
            && self.text.as_ref().is_none_or(|text| says(problem, text))
    }
}

fn says(problem: &problem::Problem, text: &str) -> bool {
    let number = text.parse::<ProblemName>().is_ok_and(|name| name == ProblemName::Number(problem.number));
    number || problem.title.to_lowercase().contains(text) || problem.description.to_lowercase().contains(text)
}

/// Lists problems, newest first.
#[utoipa::path(get, path = "/api/v1/problems", tag = "problems", params(ProblemQuery),
    responses((status = 200, description = "A page.", body = Page<Problem>)))]
pub async fn list_problems(
    State(api): State<Api>,
    Parameters(query): Parameters<ProblemQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("problems", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let filter = Filter::new(world, query)?;
        let problems = world.problems.problems.values().filter(|problem| filter.keeps(problem));
        Ok::<_, ApiError>(paging.newest_first(problems, |problem| problem.number, |problem| Problem::new(world, problem)))
    })?;
    Ok(format.list(&page))
}

/// Opens a problem by hand.
#[utoipa::path(post, path = "/api/v1/problems", tag = "problems", request_body = NewProblem,
    responses((status = 201, description = "The problem.", body = Problem)))]
pub async fn create_problem(State(api): State<Api>, caller: Caller, Body(body): Body<NewProblem>) -> Result<Response, ApiError> {
    let NewProblem { title, description, priority, group, .. } = body;
    let applies_to = body.applies_to.as_deref().map(Into::into);
    let incidents = api.engine.read(|world| ids(world, &body.incidents))?;
    let command = ProblemCommand::Open { title, description, priority, group, applies_to, incidents };
    let executed = caller.execute(&api.engine, Command::Problem(command)).await?;
    let opened = executed.records.iter().find_map(|record| match &record.event {
        Event::Problem(ProblemEvent::ProblemOpened { problem }) => Some(problem.id),
        _ => None,
    });
    let id = opened.ok_or_else(|| ApiError::internal("a problem was opened and no record says so"))?;
    api.engine.read(|world| {
        let problem = ProblemName::Id(id).find(world)?;
        Ok(answer::created(&format!("/api/v1/problems/{id}"), &Problem::new(world, problem), Some(problem.revision)))
    })
}

/// Shows how often the machine suspected rightly: problems that it opened, by kind of suspicion and rule, and what people made of them.
#[utoipa::path(get, path = "/api/v1/problem_precision", tag = "problems", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Precision>)))]
pub async fn list_problem_precision(
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("problem_precision", query.limit, query.cursor.as_deref())?;
    let rows = api.engine.read(problem::precision::precision);
    let keyed = rows.into_iter().map(|((kind, rule), row)| (format!("{} {rule}", kind.as_str()), Precision::new(kind, rule, &row)));
    let keyed: std::collections::BTreeMap<String, Precision> = keyed.collect();
    let page = paging.page(keyed.into_iter().filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after)));
    Ok(format.list(&page))
}

/// Shows one problem with its hypotheses.
#[utoipa::path(get, path = "/api/v1/problems/{id}", tag = "problems", responses((status = 200, description = "The problem.", body = Problem)))]
pub async fn get_problem(State(api): State<Api>, Named(id): Named<ProblemName>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Changes what is written down of a problem.
#[utoipa::path(patch, path = "/api/v1/problems/{id}", tag = "problems", request_body = ProblemChange,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn patch_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<ProblemChange>,
) -> Result<Response, ApiError> {
    let ProblemChange { title, description, priority, .. } = body;
    let description = description.map(Option::unwrap_or_default);
    let applies_to = body.applies_to.map(|query| query.as_deref().map(Into::into));
    act(&api, id, &caller, ProblemAction::Edit { title, description, priority, applies_to }).await
}

/// Lists the incidents of a problem, newest first.
#[utoipa::path(get, path = "/api/v1/problems/{id}/incidents", tag = "problems", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Incident>)))]
pub async fn list_problem_incidents(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("problem_incidents", query.limit, query.cursor.as_deref())?;
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let incidents = id.find(world)?.incidents.iter().filter_map(|id| world.incidents.incidents.get(id));
        Ok::<_, ApiError>(paging.newest_first(incidents, |incident| incident.number, |incident| Incident::new(world, incident, now)))
    })?;
    Ok(format.list(&page))
}

/// Lists why the machine thinks that it is a problem, in the order it was gathered.
#[utoipa::path(get, path = "/api/v1/problems/{id}/evidence", tag = "problems", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Evidence>)))]
pub async fn list_problem_evidence(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("evidence", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        // Evidence is only ever added at the end, so its position is a stable key.
        let numbered = (0_u64..).zip(&id.find(world)?.evidence).filter(|(position, _)| paging.after.is_none_or(|after| *position > after));
        Ok::<_, ApiError>(paging.page(numbered.map(|(position, evidence)| (position, Evidence::new(world, evidence)))))
    })?;
    Ok(format.list(&page))
}

/// Takes notice of a problem.
#[utoipa::path(post, path = "/api/v1/problems/{id}/acknowledge", tag = "problems",
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn acknowledge_problem(State(api): State<Api>, Named(id): Named<ProblemName>, caller: Caller) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::Acknowledge).await
}

/// Gives a problem to a group, a person or both, or takes it from one.
#[utoipa::path(post, path = "/api/v1/problems/{id}/assign", tag = "problems", request_body = Assignment,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn assign_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Assignment>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::Assign { group: body.group, assignee: body.assignee }).await
}

/// Writes something down.
#[utoipa::path(post, path = "/api/v1/problems/{id}/notes", tag = "problems", request_body = ProblemNote,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn note_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<ProblemNote>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::Note { text: body.text }).await
}

/// Moves a problem on to the next state of work.
#[utoipa::path(post, path = "/api/v1/problems/{id}/advance", tag = "problems", request_body = Advance,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn advance_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Advance>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::Advance { state: body.state.0 }).await
}

/// Writes down what is known of a problem.
#[utoipa::path(post, path = "/api/v1/problems/{id}/describe", tag = "problems", request_body = Description,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn describe_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Description>,
) -> Result<Response, ApiError> {
    let (workaround, root_cause) = (body.workaround.map(Option::unwrap_or_default), body.root_cause.map(Option::unwrap_or_default));
    let action = ProblemAction::Describe { known_error: body.known_error, workaround, root_cause };
    act(&api, id, &caller, action).await
}

/// Judges a suspected cause: a machine only suspects, people confirm.
#[utoipa::path(post, path = "/api/v1/problems/{id}/judge", tag = "problems", request_body = Judgement,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn judge_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Judgement>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::Judge { factor: body.factor, verdict: body.verdict.0 }).await
}

/// Says that incidents belong to a problem.
#[utoipa::path(post, path = "/api/v1/problems/{id}/link", tag = "problems", request_body = Belonging,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn link_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Belonging>,
) -> Result<Response, ApiError> {
    let incidents = api.engine.read(|world| ids(world, &body.incidents))?;
    act(&api, id, &caller, ProblemAction::Link { incidents }).await
}

/// Says that an incident does not belong to a problem.
#[utoipa::path(post, path = "/api/v1/problems/{id}/unlink", tag = "problems", request_body = Stranger,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn unlink_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Stranger>,
) -> Result<Response, ApiError> {
    let incident = api.engine.read(|world| incidents::named(world, "incident", &body.incident))?;
    act(&api, id, &caller, ProblemAction::Unlink { incident }).await
}

/// Says that a problem is another one, which gets its incidents.
#[utoipa::path(post, path = "/api/v1/problems/{id}/duplicate", tag = "problems", request_body = Original,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn duplicate_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Original>,
) -> Result<Response, ApiError> {
    let of = api.engine.read(|world| named(world, "of", &body.of))?;
    act(&api, id, &caller, ProblemAction::Duplicate { of }).await
}

/// Says that people live with a problem, and why.
#[utoipa::path(post, path = "/api/v1/problems/{id}/accept_risk", tag = "problems", request_body = RiskAcceptance,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn accept_problem_risk(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<RiskAcceptance>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::AcceptRisk { reason: body.reason }).await
}

/// Resolves a problem, and its open incidents with it when that is wanted.
#[utoipa::path(post, path = "/api/v1/problems/{id}/resolve", tag = "problems", request_body = Fix,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn resolve_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Fix>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::Resolve { notes: body.notes, incidents: body.incidents }).await
}

/// Takes a problem back to analysis.
#[utoipa::path(post, path = "/api/v1/problems/{id}/reopen", tag = "problems", request_body = Reason,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn reopen_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Reason>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::Reopen { reason: body.reason }).await
}

/// Closes a resolved problem.
#[utoipa::path(post, path = "/api/v1/problems/{id}/close", tag = "problems", request_body = Closing,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn close_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Closing>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::Close { notes: body.notes }).await
}

/// Says that it never was a problem.
#[utoipa::path(post, path = "/api/v1/problems/{id}/cancel", tag = "problems", request_body = Reason,
    responses((status = 200, description = "The problem as it is now.", body = Problem)))]
pub async fn cancel_problem(
    State(api): State<Api>,
    Named(id): Named<ProblemName>,
    caller: Caller,
    Body(body): Body<Reason>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, ProblemAction::Cancel { reason: body.reason }).await
}

async fn act(api: &Api, name: ProblemName, caller: &Caller, action: ProblemAction) -> Result<Response, ApiError> {
    let problem = api.engine.read(|world| name.find(world).map(|problem| problem.id))?;
    let command = ProblemCommand::Act { problem, action, expected: caller.expected };
    caller.execute(&api.engine, Command::Problem(command)).await?;
    show(api, name)
}

fn show(api: &Api, name: ProblemName) -> Result<Response, ApiError> {
    api.engine.read(|world| name.find(world).map(|problem| answer::resource(&Problem::new(world, problem), problem.revision)))
}

/// Kinds of suspicion, as `origin` names them.
const ORIGINS: [&str; 4] = ["recurrence", "common_cause", "topology", "person"];

fn origin_of(problem: &problem::Problem) -> &'static str {
    match problem.origin {
        problem::Origin::Recurrence { .. } => "recurrence",
        problem::Origin::CommonCause { .. } => "common_cause",
        problem::Origin::Topology { .. } => "topology",
        problem::Origin::Person => "person",
    }
}

fn ids(world: &World, texts: &[String]) -> Result<Vec<IncidentId>, ApiError> {
    texts.iter().enumerate().map(|(place, text)| incidents::named(world, &format!("incidents[{place}]"), text)).collect()
}
