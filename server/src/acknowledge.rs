//! The pages behind the links that notifications hold: with one press people take notice of incidents, without an account; another page
//! shows one to read.
//!
//! What a link lets its holder do is in the link, under a code of this server ([`Links`]). Looking at the page changes nothing, so
//! scanners of mail that follow every link do not either; only the button does. Besides
//! what its message named the page lists what it had no room for or what joined its group since, and the button takes notice of what the
//! page showed: nobody answers for an incident that they have not seen. A link ends with its time, and with the channel that it was sent
//! through.

mod look;
mod page;

use crate::answer::{self, ApiError};
use crate::clock::Clock;
use crate::delivery::{ACKNOWLEDGE, BadLink, Invitation, LOOK, Links, escape_html};
use crate::engine::{Engine, EngineError, Request as EngineRequest};
use crate::listener::ClientAddress;
use crate::observability;
use crate::rate_limit::RateLimit;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use page::page;
use rollcall_domain::delivery::message::NAMED;
use rollcall_domain::id::IncidentId;
use rollcall_domain::incident::{Incident, IncidentAction, IncidentCommand, display_number};
use rollcall_domain::notification::group::NotificationGroup;
use rollcall_domain::{Actor, Command, World};
use rollcall_shared::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;

const MINUTE: Duration = Duration::from_secs(60);

/// Pages of one address in a minute: a team behind one address in an outage needs fewer.
const PER_MINUTE: u32 = 120;

/// Links of one address that are none, in a minute: guessing 256 bits needs more, a torn line of mail fewer.
const REFUSED_PER_MINUTE: u32 = 20;

/// Addresses remembered for rates: a few megabytes.
const ADDRESSES: usize = 50_000;

/// Incidents that a page lists, and that one press takes notice of: as many as a message names.
const LISTED: usize = NAMED;

/// The field of the form that says which incidents the page showed; their ids, with a full stop between.
const SHOWN: &str = "shown";

/// Bytes of a form: the ids of [`LISTED`] incidents, and some.
const FORM_BYTES: usize = 4 << 10;

/// What the handlers share.
#[derive(Clone)]
pub struct AcknowledgeService {
    engine: Engine,
    links: Links,
    clock: Arc<dyn Clock>,
    by_address: Arc<RateLimit<IpAddr>>,
    refused: Arc<RateLimit<IpAddr>>,
}

impl AcknowledgeService {
    /// A service with empty rate limits.
    #[must_use]
    pub fn new(engine: Engine, links: Links, clock: Arc<dyn Clock>) -> Self {
        let limit = |burst| Arc::new(RateLimit::new(clock.clone(), burst, MINUTE, ADDRESSES));
        let (by_address, refused) = (limit(PER_MINUTE), limit(REFUSED_PER_MINUTE));
        Self { engine, links, clock, by_address, refused }
    }
}

/// The pages.
pub fn router(service: AcknowledgeService) -> Router {
    Router::new()
        .route(&format!("{ACKNOWLEDGE}{{token}}"), get(show).post(press))
        .route(&format!("{LOOK}{{token}}"), get(look::show))
        .layer(CatchPanicLayer::custom(observability::answer_panic))
        .with_state(service)
}

async fn show(State(service): State<AcknowledgeService>, Path(token): Path<String>, request: Request) -> Response {
    match service.admit(|links, now| links.read(&token, now), address(&request)) {
        Ok((invitation, _)) => service.offer(&invitation, "There is nothing to acknowledge"),
        Err(refusal) => *refusal,
    }
}

async fn press(State(service): State<AcknowledgeService>, Path(token): Path<String>, request: Request) -> Response {
    let (invitation, actor) = match service.admit(|links, now| links.read(&token, now), address(&request)) {
        Ok(admitted) => admitted,
        Err(refusal) => return *refusal,
    };
    let request_id = request_id(request.headers());
    let Ok(form) = axum::body::to_bytes(request.into_body(), FORM_BYTES).await else {
        return page(StatusCode::PAYLOAD_TOO_LARGE, "This is not the form of the page", "<p>Open the link again.</p>");
    };
    // Who presses without having seen the page has seen the message.
    let shown = shown(&form).unwrap_or_else(|| invitation.incidents.clone());
    let seen = |incident: &&Incident| is_unnoticed(incident) && shown.contains(&incident.id);
    let each: Vec<_> = service.engine.read(|world| of_link(world, &invitation).filter(seen).map(|incident| incident.id).collect());
    for incident in each.into_iter().take(LISTED) {
        let command = Command::Incident(IncidentCommand::Act { incident, action: IncidentAction::Acknowledge, expected: None });
        let request = EngineRequest { actor: actor.clone(), request_id: request_id.clone(), idempotency_key: None, command };
        match service.engine.execute(request).await {
            // Somebody resolved it meanwhile: the page says how it stands.
            Ok(_) | Err(EngineError::Rejected(_)) => {}
            Err(error) => return ApiError::from(error).into_response(),
        }
    }
    service.offer(&invitation, "Thank you")
}

/// The incidents that the page showed; `None` for what is not its form. Ids are written in letters that a form leaves as they are.
fn shown(form: &[u8]) -> Option<Vec<IncidentId>> {
    let ids = std::str::from_utf8(form).ok()?.strip_prefix(SHOWN)?.strip_prefix('=')?;
    ids.split('.').map(|id| id.parse().ok()).collect()
}

fn address(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ClientAddress>().map(|address| address.0.ip())
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get(answer::REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
}

impl AcknowledgeService {
    /// What the token that is read lets its holder do, and who that is in the log.
    fn admit(
        &self,
        read: impl FnOnce(&Links, Timestamp) -> Result<Invitation, BadLink>,
        address: Option<IpAddr>,
    ) -> Result<(Invitation, Actor), Box<Response>> {
        if let Some(address) = address {
            let rate = self.refused.look(&address).and_then(|()| self.by_address.take(&address));
            rate.map_err(|wait| ApiError::too_many("too many requests from this address", wait).into_response()).map_err(Box::new)?;
        }
        let admitted = read(&self.links, self.clock.now()).and_then(|invitation| {
            let known = self.engine.read(|world| world.delivery.channels.get(&invitation.channel).map(|known| known.channel.name.clone()));
            let name = known.ok_or(BadLink::Expired)?;
            let actor = Actor::Link { channel: invitation.channel, name, sent_to: invitation.sent_to.clone() };
            Ok((invitation, actor))
        });
        admitted.map_err(|bad| Box::new(self.refuse(bad, address)))
    }

    /// How the incidents of a link stand, each with a link to read of it, and with the button when there is something to take notice of.
    fn offer(&self, invitation: &Invitation, otherwise: &str) -> Response {
        self.engine.read(|world| {
            let (open, rest): (Vec<&Incident>, Vec<&Incident>) = of_link(world, invitation).partition(|incident| is_unnoticed(incident));
            let look = |incident: IncidentId| {
                let (group, incidents) = (None, vec![incident]);
                self.links.look(&Invitation { group, incidents, ..invitation.clone() })
            };
            let listed = open.iter().chain(&rest).take(LISTED).map(|incident| line(world, incident, look(incident.id).as_deref()));
            offer(&listed.collect::<String>(), &open, otherwise)
        })
    }

    fn refuse(&self, bad: BadLink, address: Option<IpAddr>) -> Response {
        match bad {
            BadLink::Unknown => {
                let _ = address.map(|address| self.refused.take(&address));
                page(
                    StatusCode::NOT_FOUND,
                    "This link is not complete",
                    "<p>Open it again from the message; mail programs may break it.</p>",
                )
            }
            BadLink::Expired => page(StatusCode::GONE, "This link is no longer good", "<p>Look the incident up in Rollcall.</p>"),
        }
    }
}

/// Whether it is open and nobody has taken notice.
fn is_unnoticed(incident: &Incident) -> bool {
    incident.state.is_open() && incident.acknowledged.is_none()
}

/// The incidents of a link: those that it names, and those of its group of which nobody has taken notice.
fn of_link<'a>(world: &'a World, invitation: &'a Invitation) -> impl Iterator<Item = &'a Incident> {
    let group = invitation.group.and_then(|group| world.notifications.groups.get(&group));
    let others = group.into_iter().flat_map(NotificationGroup::unattended).filter(|id| !invitation.incidents.contains(id));
    let named = invitation.incidents.iter().copied();
    named.chain(others).filter_map(|id| world.incidents.incidents.get(&id))
}

/// A page of incidents, with the button when some are open that nobody has taken notice of.
fn offer(listed: &str, open: &[&Incident], otherwise: &str) -> Response {
    if listed.is_empty() {
        return page(StatusCode::OK, otherwise, "<p>This was a test, or its incidents are not there any more.</p>");
    }
    let list = format!("<ul>{listed}</ul>");
    if open.is_empty() {
        return page(StatusCode::OK, otherwise, &list);
    }
    let more = match open.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!("<p>And {more} more; when these are acknowledged, they follow.</p>"),
    };
    let ids: Vec<String> = open.iter().take(LISTED).map(|incident| incident.id.to_string()).collect();
    let hidden = format!("<input type=\"hidden\" name=\"{SHOWN}\" value=\"{}\">", ids.join("."));
    let button = format!("<form method=\"post\">{hidden}<button type=\"submit\">Acknowledge</button></form>");
    page(StatusCode::OK, "Acknowledge these incidents?", &format!("{list}{more}{button}"))
}

/// An incident as HTML: number, title, item, how it stands, and where to read of it.
fn line(world: &World, incident: &Incident, look: Option<&str>) -> String {
    let state = match (&incident.acknowledged, incident.state.is_open()) {
        (_, false) => "over",
        (Some(_), true) => "acknowledged",
        (None, true) => "open",
    };
    let item = incident.primary_ci.and_then(|ci| world.cmdb.record(ci)).map(|ci| format!(", {}", escape_html(&ci.name)));
    let (number, title) = (display_number(incident.number), escape_html(&incident.title));
    let number = look.map_or_else(|| number.clone(), |url| format!("<a href=\"{}\">{number}</a>", escape_html(url)));
    format!("<li>{number}: {title}{} ({state})</li>", item.unwrap_or_default())
}

#[cfg(test)]
mod tests;
