//! How things stand with the server, and one calm log line per change of it. An operator reads these at night.

use crate::clock::Reading;
use crate::http::Refusal;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Nothing has been tried yet.
    #[default]
    New,
    /// The last push was taken.
    Up,
    /// No answer, or none that helps.
    Down,
    /// Known, waiting for approval.
    Pending,
    /// Refused for good.
    Revoked,
}

/// Says what changes.
#[derive(Debug, Default)]
pub struct Watch {
    link: Link,
    since: Duration,
    last_up: Option<Timestamp>,
    reason: Option<String>,
}

impl Watch {
    pub fn link(&self) -> Link {
        self.link
    }

    /// When the server last took something.
    pub fn last_up(&self) -> Option<Timestamp> {
        self.last_up
    }

    /// Why it took nothing the last time, if so.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    pub fn up(&mut self, waiting: usize, now: Reading) {
        (self.last_up, self.reason) = (Some(now.wall), None);
        let seconds = now.monotonic.saturating_sub(self.since).as_secs();
        match self.change(Link::Up, now) {
            None => {}
            Some(Link::New) => tracing::info!("connected to the server"),
            Some(Link::Pending) => tracing::info!(waiting, "approved: the server now takes this agent's messages"),
            Some(Link::Revoked) => tracing::info!(waiting, "the server takes this agent's messages again"),
            Some(_) => tracing::info!(away_seconds = seconds, waiting, "the server is back"),
        }
    }

    pub fn down(&mut self, reason: &str, now: Reading) {
        self.reason = Some(reason.to_owned());
        if self.change(Link::Down, now).is_some() {
            tracing::warn!(reason, "the server cannot be reached or cannot help; messages wait in the spool");
        } else {
            tracing::debug!(reason, "still no use");
        }
    }

    pub fn pending(&mut self, refusal: &Refusal, now: Reading) {
        self.reason = Some(refusal.detail.clone());
        if self.change(Link::Pending, now).is_some() {
            tracing::info!(detail = refusal.detail, "waiting for approval on the server; messages wait in the spool");
        }
    }

    pub fn revoked(&mut self, refusal: &Refusal, now: Reading) {
        self.reason = Some(refusal.detail.clone());
        if self.change(Link::Revoked, now).is_some() {
            tracing::error!(
                detail = refusal.detail,
                "THIS AGENT IS REVOKED: the server takes nothing from it any more. To bring the host back, remove the state \
                 directory and enrol with a new token"
            );
        }
    }

    /// The state before, if it changed.
    fn change(&mut self, link: Link, now: Reading) -> Option<Link> {
        if self.link == link {
            return None;
        }
        self.since = now.monotonic;
        Some(std::mem::replace(&mut self.link, link))
    }
}
