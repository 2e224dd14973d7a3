//! How a foreign agent is told that its inventory was set aside.
//!
//! Nothing of such an inventory counts, so the answer must be no success: every agent writes the refusal in its own log and reports
//! again at its next turn. GLPI's agent logs the `message` of an answer whose status is `error`; those that speak XML look at the
//! status of HTTP alone, and GLPI's own server puts the reason in the element `ERROR`.

use super::HOURS;
use super::body::Packing;
use crate::answer::{self, ApiError, Code};
use axum::response::Response;
use quick_xml::escape::escape;
use rollcall_domain::ci::DeadLetter;
use serde_json::json as object;

/// Why an inventory was set aside, for whoever reads the agent's log.
pub fn reason(letter: &DeadLetter) -> String {
    let text = format!("{}: {}; nothing of this inventory was taken, see dead letter {}", letter.code.as_str(), letter.reason, letter.id);
    // What the agent itself sent may be part of it, and a control character is no XML.
    text.chars().filter(|c| !c.is_control()).collect()
}

/// For agents that speak JSON.
pub fn json(reason: &str) -> Response {
    answer::in_their_words(answer::json(&object!({ "status": "error", "message": reason, "expiration": HOURS })), Code::Conflict)
}

/// For agents that speak XML.
///
/// # Errors
/// It cannot be packed.
pub fn xml(reason: &str, packing: Packing) -> Result<Response, ApiError> {
    let told = packing.answer(&format!("<REPLY><ERROR>{}</ERROR></REPLY>", escape(reason)))?;
    Ok(answer::in_their_words(told, Code::Conflict))
}
