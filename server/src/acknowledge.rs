//! The page behind the links that notifications hold: with one press people take notice of incidents, without an account.
//!
//! What a link lets its holder do is in the link, under a code of this server ([`Links`]). Looking at the page changes nothing, so
//! scanners of mail that follow every link do not either; only the button does. The page tells of its incidents no more than the
//! message did; of what its message had no room for, or joined its group since, it tells the number before it offers the button. A link ends with its time, and with the channel that it was sent through.

use crate::answer::{self, ApiError};
use crate::clock::Clock;
use crate::delivery::{ACKNOWLEDGE, BadLink, Invitation, Links, escape_html};
use crate::engine::{Engine, EngineError, Request as EngineRequest};
use crate::listener::ClientAddress;
use crate::observability;
use crate::rate_limit::RateLimit;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rollcall_domain::incident::{Incident, IncidentAction, IncidentCommand, display_number};
use rollcall_domain::notification::NotificationCommand;
use rollcall_domain::{Actor, Command, World};
use std::fmt::Write as _;
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

/// The page is framed nowhere, loads nothing and sends its form to this server alone.
const HARDENING: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
];

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

/// The page.
pub fn router(service: AcknowledgeService) -> Router {
    Router::new()
        .route(&format!("{ACKNOWLEDGE}{{token}}"), get(show).post(press))
        .layer(CatchPanicLayer::custom(observability::answer_panic))
        .with_state(service)
}

async fn show(State(service): State<AcknowledgeService>, Path(token): Path<String>, request: Request) -> Response {
    match service.admit(&token, address(&request)) {
        Ok((invitation, _)) => service.engine.read(|world| offer(world, &invitation)),
        Err(refusal) => *refusal,
    }
}

async fn press(State(service): State<AcknowledgeService>, Path(token): Path<String>, request: Request) -> Response {
    let (invitation, actor) = match service.admit(&token, address(&request)) {
        Ok(admitted) => admitted,
        Err(refusal) => return *refusal,
    };
    let request_id = request_id(request.headers());
    let group = invitation.group.filter(|group| service.engine.read(|world| world.notifications.groups.contains_key(group)));
    // Of the group first: what is left then are incidents that a route has moved to another one.
    let whole = group.map(|group| Command::Notification(NotificationCommand::AcknowledgeGroup { group }));
    let each = service.engine.read(|world| unnoticed(world, &invitation).map(|incident| incident.id).collect::<Vec<_>>());
    let act = |incident| IncidentCommand::Act { incident, action: IncidentAction::Acknowledge, expected: None };
    for command in whole.into_iter().chain(each.into_iter().map(|incident| Command::Incident(act(incident)))) {
        let request = EngineRequest { actor: actor.clone(), request_id: request_id.clone(), idempotency_key: None, command };
        match service.engine.execute(request).await {
            // Somebody resolved it meanwhile: the page says how it stands.
            Ok(_) | Err(EngineError::Rejected(_)) => {}
            Err(error) => return ApiError::from(error).into_response(),
        }
    }
    service.engine.read(|world| page(StatusCode::OK, "Thank you", &list(world, &invitation)))
}

fn address(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ClientAddress>().map(|address| address.0.ip())
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get(answer::REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
}

impl AcknowledgeService {
    /// What a token lets its holder do, and who that is in the log.
    fn admit(&self, token: &str, address: Option<IpAddr>) -> Result<(Invitation, Actor), Box<Response>> {
        if let Some(address) = address {
            let rate = self.refused.look(&address).and_then(|()| self.by_address.take(&address));
            rate.map_err(|wait| ApiError::too_many("too many requests from this address", wait).into_response()).map_err(Box::new)?;
        }
        let admitted = self.links.read(token, self.clock.now()).and_then(|invitation| {
            let known = self.engine.read(|world| world.delivery.channels.get(&invitation.channel).map(|known| known.channel.name.clone()));
            let name = known.ok_or(BadLink::Expired)?;
            let actor = Actor::Link { channel: invitation.channel, name, sent_to: invitation.sent_to.clone() };
            Ok((invitation, actor))
        });
        admitted.map_err(|bad| Box::new(self.refuse(bad, address)))
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

/// The incidents of a link that are open and of which nobody has taken notice.
fn unnoticed<'a>(world: &'a World, invitation: &'a Invitation) -> impl Iterator<Item = &'a Incident> {
    incidents(world, invitation).filter(|incident| incident.state.is_open() && incident.acknowledged.is_none())
}

/// Incidents of the link's group that it does not name and of which nobody has taken notice.
fn others(world: &World, invitation: &Invitation) -> usize {
    let group = invitation.group.and_then(|group| world.notifications.groups.get(&group));
    group.map_or(0, |group| group.unattended().filter(|incident| !invitation.incidents.contains(incident)).count())
}

fn incidents<'a>(world: &'a World, invitation: &'a Invitation) -> impl Iterator<Item = &'a Incident> {
    invitation.incidents.iter().filter_map(|id| world.incidents.incidents.get(id))
}

fn offer(world: &World, invitation: &Invitation) -> Response {
    let mut list = list(world, invitation);
    let others = others(world, invitation);
    if others > 0 {
        let _ = write!(list, "<p>And {others} more that were told together with them, or joined them since.</p>");
    }
    if others == 0 && unnoticed(world, invitation).next().is_none() {
        return page(StatusCode::OK, "There is nothing to acknowledge", &list);
    }
    let button = "<form method=\"post\"><button type=\"submit\">Acknowledge</button></form>";
    page(StatusCode::OK, "Acknowledge these incidents?", &format!("{list}{button}"))
}

/// How the incidents stand, as HTML.
fn list(world: &World, invitation: &Invitation) -> String {
    let mut list = String::new();
    for incident in incidents(world, invitation) {
        let state = match (&incident.acknowledged, incident.state.is_open()) {
            (_, false) => "over",
            (Some(_), true) => "acknowledged",
            (None, true) => "open",
        };
        let _ = write!(list, "<li>{}: {} ({state})</li>", display_number(incident.number), escape_html(&incident.title));
    }
    if list.is_empty() { "<p>This was a test, or its incidents are not there any more.</p>".into() } else { format!("<ul>{list}</ul>") }
}

fn page(status: StatusCode, title: &str, content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title} – Rollcall</title></head><body><h1>{title}</h1>{content}</body></html>"
    );
    let mut response = answer::body("text/html; charset=utf-8", html);
    *response.status_mut() = status;
    for (name, value) in HARDENING {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
