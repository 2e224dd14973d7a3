//! Groups of configuration items.

use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::manual::ids;
use super::page::{Page, Paging};
use super::view::ci::CiSummary;
use super::view::people::Group;
use super::{Api, queries};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::ci::licence::Installations;
use rollcall_domain::group::{GroupCommand, GroupEvent, KnownGroup, NewGroup, Selection};
use rollcall_domain::id::{CiId, GroupId};
use rollcall_domain::{Command, Event, World};
use serde::Deserialize;
use utoipa::ToSchema;

/// What a group is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Web servers", "owner": "Web team", "support_group": true, "members": ["host_00000000000000000000000001"]}))]
pub struct GroupInput {
    /// What people call it; no two groups have one name.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// Id or name of the contact that looks after it.
    owner: Option<String>,
    /// Whether its owner supports its members; not unless said.
    #[serde(default)]
    support_group: bool,
    /// A query that finds its members; without one people put them in.
    query: Option<String>,
    /// Whom to put in, when the group is made; at most 1000.
    members: Option<Vec<String>>,
}

/// Members to put in and to take out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"add": ["host_00000000000000000000000001"]}))]
pub struct MemberChange {
    /// To put in.
    #[serde(default)]
    add: Vec<String>,
    /// To take out.
    #[serde(default)]
    remove: Vec<String>,
}

/// Lists groups, by id.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", params(PageQuery), responses((status = 200, description = "A page.", body = Page<Group>)))]
pub async fn list_groups(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<GroupId>::new("groups", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let groups = world.groups.groups.range(paging.ascending());
        paging.page(groups.map(|(id, known)| (*id, Group::new(world, known))))
    });
    Ok(format.list(&page))
}

/// Makes a group.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", request_body = GroupInput,
    responses((status = 201, description = "The group.", body = Group)))]
pub async fn create_group(State(api): State<Api>, caller: Caller, Body(input): Body<GroupInput>) -> Result<Response, ApiError> {
    let members = ids("members", input.members.as_deref().unwrap_or_default())?;
    let executed = caller.execute(&api.engine, Command::Group(GroupCommand::Create { group: input.into_domain()?, members })).await?;
    let made = executed.records.iter().find_map(|record| match &record.event {
        Event::Group(GroupEvent::GroupSet { group }) => Some(group.id),
        _ => None,
    });
    let id = made.ok_or_else(|| ApiError::internal("a group was made and no record says so"))?;
    api.engine.read(|world| {
        let known = find(world, id)?;
        Ok(answer::created(&format!("/api/v1/groups/{id}"), &Group::new(world, known), Some(known.revision)))
    })
}

/// Shows one group.
#[utoipa::path(get, path = "/api/v1/groups/{id}", tag = "groups", responses((status = 200, description = "The group.", body = Group)))]
pub async fn get_group(State(api): State<Api>, Named(id): Named<GroupId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Says anew what a group is. Members that people put in stay.
#[utoipa::path(put, path = "/api/v1/groups/{id}", tag = "groups", request_body = GroupInput,
    responses((status = 200, description = "The group as it is now.", body = Group)))]
pub async fn put_group(
    State(api): State<Api>,
    Named(id): Named<GroupId>,
    caller: Caller,
    Body(input): Body<GroupInput>,
) -> Result<Response, ApiError> {
    if input.members.is_some() {
        return Err(ApiError::invalid("members", "are changed by POST /api/v1/groups/{id}/members"));
    }
    let command = GroupCommand::Update { id, group: input.into_domain()?, expected: caller.expected };
    caller.execute(&api.engine, Command::Group(command)).await?;
    show(&api, id)
}

/// Ends a group. Its members stay what they are.
#[utoipa::path(delete, path = "/api/v1/groups/{id}", tag = "groups", responses((status = 204, description = "Ended.")))]
pub async fn delete_group(State(api): State<Api>, Named(id): Named<GroupId>, caller: Caller) -> Result<Response, ApiError> {
    caller.execute(&api.engine, Command::Group(GroupCommand::Delete { id, expected: caller.expected })).await?;
    Ok(answer::done())
}

/// Lists the members of a group, by id.
#[utoipa::path(get, path = "/api/v1/groups/{id}/members", tag = "groups", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<CiSummary>)))]
pub async fn list_group_members(
    State(api): State<Api>,
    Named(id): Named<GroupId>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<CiId>::new("members", query.limit, query.cursor.as_deref())?;
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let members = find(world, id)?.select(world, now, paging.after, paging.limit + 1)?;
        let members = members.iter().filter_map(|id| world.cmdb.cis.get(id));
        let installations = Installations::new(&world.cmdb);
        Ok::<_, ApiError>(paging.page(members.map(|ci| (ci.id, CiSummary::current((world, &installations), ci)))))
    })?;
    Ok(format.list(&page))
}

/// Puts members in a group and takes members out.
#[utoipa::path(post, path = "/api/v1/groups/{id}/members", tag = "groups", request_body = MemberChange,
    responses((status = 200, description = "The group as it is now.", body = Group)))]
pub async fn change_group_members(
    State(api): State<Api>,
    Named(id): Named<GroupId>,
    caller: Caller,
    Body(change): Body<MemberChange>,
) -> Result<Response, ApiError> {
    let (add, remove) = (ids("add", &change.add)?, ids("remove", &change.remove)?);
    let command = GroupCommand::ChangeMembers { id, add, remove, expected: caller.expected };
    caller.execute(&api.engine, Command::Group(command)).await?;
    show(&api, id)
}

fn find(world: &World, id: GroupId) -> Result<&KnownGroup, ApiError> {
    world.groups.groups.get(&id).ok_or_else(|| ApiError::not_found("group", &id.to_string()))
}

fn show(api: &Api, id: GroupId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&Group::new(world, known), known.revision)))
}

impl GroupInput {
    fn into_domain(self) -> Result<NewGroup, ApiError> {
        let selection = match self.query.as_deref() {
            None => Selection::Members,
            Some(text) => Selection::Query { query: queries::parse(text)? },
        };
        let Self { name, description, owner, support_group, .. } = self;
        Ok(NewGroup { name, description, owner, support_group, selection })
    }
}
