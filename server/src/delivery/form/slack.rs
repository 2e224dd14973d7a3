//! The form of Slack's incoming webhooks: a header, and an attachment with a colour.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks>. `&`, `<` and `>` are escaped, since links and mentions are made of them, and
//! Slack is told to find none in a text by itself.

use super::{Telling, cut, line, looked_after, paragraph, severity_word};
use rollcall_domain::delivery::{MessageIncident, MessageStatus};
use rollcall_domain::rule::Severity;
use serde_json::{Value, json};

/// Characters of a header.
const HEADER: usize = 150;

/// Characters of the text of a section.
const SECTION: usize = 3_000;

/// Characters of what is said of one incident. With [`INCIDENTS`] the whole stays below some 13,000 characters, above which Slack
/// refuses messages although each block is short enough.
const INCIDENT: usize = 400;

/// Incidents with a block of their own. Slack takes 50 blocks; a reader takes less.
const INCIDENTS: usize = 20;

/// The body of a request.
pub fn body(telling: &Telling<'_>) -> Value {
    let message = telling.message;
    let mut blocks = Vec::new();
    let text = paragraph(&message.text, SECTION);
    if !text.is_empty() {
        blocks.push(section(&escape(&text, SECTION)));
    }
    blocks.extend(message.incidents.iter().take(INCIDENTS).map(|incident| section(&incident_text(telling, incident))));
    let more = message.incidents.len().saturating_sub(INCIDENTS) as u64 + u64::from(message.omitted);
    let more = (more > 0).then(|| format!("and {more} more"));
    let link = telling.acknowledge().map(|url| format!("<{url}|Acknowledge>"));
    let foot: Vec<String> = [more, link, telling.where_to_look()].into_iter().flatten().collect();
    if !foot.is_empty() {
        blocks.push(section(&foot.join("  ·  ")));
    }
    let headline = escape(&telling.headline(HEADER), HEADER);
    json!({
        "text": headline,
        "blocks": [{"type": "header", "text": {"type": "plain_text", "text": headline, "emoji": false}}],
        "attachments": [{"color": colour(telling), "fallback": headline, "blocks": blocks}],
    })
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

fn incident_text(telling: &Telling<'_>, incident: &MessageIncident) -> String {
    let number = escape(&line(&incident.number, 40), 60);
    let number = telling.look(incident.id).map_or_else(|| number.clone(), |url| format!("<{url}|{number}>"));
    let severity = incident.severity.map(|severity| format!(", {}", severity_word(severity))).unwrap_or_default();
    let state = if incident.open { escape(&looked_after(incident), 80) } else { ", over".into() };
    let title = escape(&line(&incident.title, 150), INCIDENT - 150 - state.chars().count());
    let item = incident.ci_name.as_deref().map(|name| format!("{} · ", escape(&line(name, 60), 100))).unwrap_or_default();
    format!("*{number}* (P{}{severity}{state}) {title}\n{item}since {}", incident.priority, incident.opened_at)
}

fn colour(telling: &Telling<'_>) -> &'static str {
    match (telling.message.status, telling.message.severity) {
        (MessageStatus::Resolved, _) => "#2eb67d",
        (_, Severity::Critical) => "#e01e5a",
        (_, Severity::Warning) => "#ecb22e",
    }
}

/// Escapes a text and cuts it so that what comes of it has at most so many characters.
fn escape(text: &str, characters: usize) -> String {
    let escaped = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        other => other.to_string(),
    };
    let whole: String = text.chars().map(escaped).collect();
    if whole.chars().count() <= characters {
        return whole;
    }
    let (mut kept, mut left) = (String::new(), characters.saturating_sub(1));
    for piece in text.chars().map(escaped) {
        match left.checked_sub(piece.chars().count()) {
            Some(rest) => left = rest,
            None => break,
        }
        kept += &piece;
    }
    cut(&format!("{kept}…"), characters)
}
