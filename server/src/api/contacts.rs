//! People and teams that own and support what is recorded.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::people::Contact;
use super::view::word::ContactKind;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::contact::{ContactCommand, ContactEvent, KnownContact};
use rollcall_domain::id::ContactId;
use rollcall_domain::{Command, Event, World};
use serde::Deserialize;
use utoipa::ToSchema;

/// A contact to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Web team", "kind": "team", "mail": "web@example.org"}))]
pub struct NewContact {
    /// What people call it, for ever; no two contacts have one name.
    name: String,
    /// What it is.
    kind: ContactKind,
    /// Where mail reaches it.
    mail: Option<String>,
}

/// Lists contacts, by id.
#[utoipa::path(get, path = "/api/v1/contacts", tag = "contacts", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Contact>)))]
pub async fn list_contacts(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<ContactId>::new("contacts", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let contacts = world.contacts.contacts.range(paging.ascending());
        paging.page(contacts.map(|(id, known)| (*id, Contact::from(known))))
    });
    Ok(format.list(&page))
}

/// Makes a contact. From the first on, `owner` and `support_group` of a configuration item must name one.
#[utoipa::path(post, path = "/api/v1/contacts", tag = "contacts", request_body = NewContact,
    responses((status = 201, description = "The contact.", body = Contact)))]
pub async fn create_contact(State(api): State<Api>, caller: Caller, Body(new): Body<NewContact>) -> Result<Response, ApiError> {
    let NewContact { name, kind, mail } = new;
    let executed = caller.execute(&api.engine, Command::Contact(ContactCommand::Add { name, kind: kind.0, mail })).await?;
    let made = executed.records.iter().find_map(|record| match &record.event {
        Event::Contact(ContactEvent::ContactAdded { contact }) => Some(contact.id),
        _ => None,
    });
    let id = made.ok_or_else(|| ApiError::internal("a contact was made and no record says so"))?;
    api.engine.read(|world| {
        let known = find(world, id)?;
        Ok(answer::created(&format!("/api/v1/contacts/{id}"), &Contact::from(known), Some(known.revision)))
    })
}

/// Shows one contact.
#[utoipa::path(get, path = "/api/v1/contacts/{id}", tag = "contacts", responses((status = 200, description = "The contact.", body = Contact)))]
pub async fn get_contact(State(api): State<Api>, Named(id): Named<ContactId>) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&Contact::from(known), known.revision)))
}

fn find(world: &World, id: ContactId) -> Result<&KnownContact, ApiError> {
    world.contacts.contacts.get(&id).ok_or_else(|| ApiError::not_found("contact", &id.to_string()))
}
