//! People and teams that own and support what is recorded.
//!
//! Invariant: what a contact is called may change, whom a name means does not.

use super::Api;
use super::caller::Caller;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::incidents::edit::given;
use super::page::{Page, Paging};
use super::view::people::Contact;
use super::view::word::ContactKind;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::contact::{self, ContactChange, ContactCommand, ContactEvent, KnownContact};
use rollcall_domain::id::ContactId;
use rollcall_domain::{Command, Event, World};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which contacts are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContactQuery {
    /// Persons, or teams.
    kind: Option<ContactKind>,
    /// With this text in a name, of now or of before, or in the mail address, whatever the case.
    q: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A contact to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Web team", "kind": "team", "mail": "web@example.org"}))]
pub struct NewContact {
    /// What people call it; no two contacts have one name.
    name: String,
    /// What it is, for ever.
    kind: ContactKind,
    /// Where mail reaches it.
    mail: Option<String>,
}

/// What is to be different; what is left out stays. What a contact is stays for ever.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Shop team", "mail": "shop@example.org"}))]
pub struct ContactPatch {
    /// What people call it. Whatever named it before still means it: it keeps its former names, and may take one of them back.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// What it is already: nothing else is taken.
    kind: Option<ContactKind>,
    /// Where mail reaches it; null takes the address away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    mail: Option<Option<String>>,
}

/// Lists contacts, by id.
#[utoipa::path(get, path = "/api/v1/contacts", tag = "contacts", params(ContactQuery),
    responses((status = 200, description = "A page.", body = Page<Contact>)))]
pub async fn list_contacts(
    State(api): State<Api>,
    Parameters(query): Parameters<ContactQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let text = query.q.as_ref().map(|text| text.to_lowercase());
    let wanted = |contact: &contact::Contact| {
        let says = |text: &String| contact.names().chain(contact.mail.as_deref()).any(|own| own.to_lowercase().contains(text));
        query.kind.is_none_or(|kind| kind.0 == contact.kind) && text.as_ref().is_none_or(says)
    };
    let paging = Paging::<ContactId>::new("contacts", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let contacts = world.contacts.contacts.range(paging.ascending()).filter(|(_, known)| wanted(&known.contact));
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
    show(&api, id)
}

/// Changes what a contact is called and where mail reaches it.
#[utoipa::path(patch, path = "/api/v1/contacts/{id}", tag = "contacts", request_body = ContactPatch,
    responses((status = 200, description = "The contact as it is now.", body = Contact)))]
pub async fn patch_contact(
    State(api): State<Api>,
    Named(id): Named<ContactId>,
    caller: Caller,
    Body(patch): Body<ContactPatch>,
) -> Result<Response, ApiError> {
    let change = patch.into_domain()?;
    caller.execute(&api.engine, Command::Contact(ContactCommand::Change { id, change, expected: caller.expected })).await?;
    show(&api, id)
}

/// Deletes a contact that nothing names; a refusal says what does. Closed records keep its name as a text.
#[utoipa::path(delete, path = "/api/v1/contacts/{id}", tag = "contacts", responses((status = 204, description = "Deleted; its names are free again.")))]
pub async fn delete_contact(State(api): State<Api>, Named(id): Named<ContactId>, caller: Caller) -> Result<Response, ApiError> {
    caller.execute(&api.engine, Command::Contact(ContactCommand::Delete { id, expected: caller.expected })).await?;
    Ok(answer::done())
}

fn find(world: &World, id: ContactId) -> Result<&KnownContact, ApiError> {
    world.contacts.contacts.get(&id).ok_or_else(|| ApiError::not_found("contact", &id.to_string()))
}

fn show(api: &Api, id: ContactId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&Contact::from(known), known.revision)))
}

impl ContactPatch {
    fn into_domain(self) -> Result<ContactChange, ApiError> {
        if self.name == Some(None) {
            return Err(ApiError::invalid("name", "can be changed, not taken away"));
        }
        Ok(ContactChange { name: self.name.flatten(), kind: self.kind.map(|kind| kind.0), mail: self.mail })
    }
}
