//! The page that messages link to for each incident: what a person who is called needs to read, without an account.
//!
//! It shows and changes nothing. Its link is another than that which acknowledges, so that neither does what the other is for; it ends as
//! that one does, with its time and with its channel. Texts come from hosts and people: all of them are text here, and nothing is loaded
//! or run.

use super::page::page;
use super::{AcknowledgeService, address};
use crate::delivery::escape_html;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::delivery::MessageIncident;
use rollcall_domain::incident::Incident;
use rollcall_domain::notification::{explain, message};

/// Notes that are shown, the newest first.
const NOTES: usize = 10;

/// Characters of a note; of more it is said that there is more.
const NOTE_CHARACTERS: usize = 2_000;

/// Shows the incident of a link.
pub(super) async fn show(State(service): State<AcknowledgeService>, Path(token): Path<String>, request: Request) -> Response {
    let invitation = match service.admit(|links, now| links.read_look(&token, now), address(&request)) {
        Ok((invitation, _)) => invitation,
        Err(refusal) => return *refusal,
    };
    service.engine.read(|world| match invitation.incidents.first().and_then(|id| world.incidents.incidents.get(id)) {
        Some(incident) => read(world, incident),
        None => page(StatusCode::OK, "There is no such incident", "<p>This was a test, or it is not there any more.</p>"),
    })
}

fn read(world: &World, incident: &Incident) -> Response {
    let told = explain::told(world, incident);
    let title = format!("{} {}", told.number, escape_html(&told.title));
    let list: String = facts(incident, &told).into_iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).collect();
    let description = format!("<h2>Description</h2><p>{}</p>", lines(&incident.description));
    page(StatusCode::OK, &title, &format!("<dl>{list}</dl>{description}{}", notes(incident)))
}

/// What is known of it, as names and HTML.
fn facts(incident: &Incident, told: &MessageIncident) -> Vec<(&'static str, String)> {
    let facts = [
        ("State", Some(incident.state.as_str().replace('_', " "))),
        ("Priority", Some(format!("{} of 5", incident.priority))),
        ("Item", told.ci_name.as_deref().map(escape_html)),
        ("Since", Some(told.opened_at.to_string())),
        ("Over since", told.resolved_at.map(|at| at.to_string())),
        ("Acknowledged by", told.acknowledged_by.as_deref().map(escape_html)),
        ("Group", told.labels.get("group").map(|group| escape_html(group))),
        ("Assignee", incident.assignee.as_deref().map(escape_html)),
        ("What to do", told.runbook.as_deref().map(link)),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Where something is written, as a link if it is an address of the web.
fn link(place: &str) -> String {
    let text = escape_html(place);
    let is_address = ["https://", "http://"].iter().any(|scheme| place.starts_with(scheme));
    if is_address { format!("<a href=\"{text}\" rel=\"noreferrer\">{text}</a>") } else { text }
}

fn notes(incident: &Incident) -> String {
    let latest = incident.notes.iter().rev().take(NOTES).map(|note| {
        let more = if note.text.chars().count() > NOTE_CHARACTERS { "…" } else { "" };
        let text: String = note.text.chars().take(NOTE_CHARACTERS).collect();
        format!("<li>{}, {}:<br>{}{more}</li>", note.at, escape_html(&message::called(&note.by)), lines(&text))
    });
    let latest: String = latest.collect();
    if latest.is_empty() { String::new() } else { format!("<h2>Latest notes</h2><ul>{latest}</ul>") }
}

fn lines(text: &str) -> String {
    escape_html(text).replace('\n', "<br>")
}
