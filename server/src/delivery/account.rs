//! What an operator reads in the log of a channel that begins to fail, gives up, or works again: one line a change, none an attempt.

use rollcall_domain::delivery::{Health, KnownChannel};
use rollcall_shared::Timestamp;

/// A change of how a channel does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// What worked does not any more.
    Fails(String),
    /// Something was given up, or nothing is sent any more.
    Lost(String),
    /// What failed works again.
    Works(String),
}

impl Turn {
    /// What became of a channel from one look to the next; `None` when it does as before.
    pub fn between(before: &Health, after: &Health, now: Timestamp) -> Option<Self> {
        let reason = || after.last_error.as_ref().map_or_else(|| "for no known reason".to_owned(), |(_, reason)| reason.clone());
        if let (None, Some(reason)) = (&before.suspended, &after.suspended) {
            return Some(Self::Lost(format!("suspended, nothing is sent until it is set again with PUT: {reason}")));
        }
        if after.died > before.died {
            let given_up = after.died - before.died;
            return Some(Self::Lost(format!(
                "{given_up} given up; GET /api/v1/deliveries?state=dead lists what can be sent again: {}",
                reason()
            )));
        }
        match (failing_since(before), failing_since(after)) {
            (None, Some(_)) => Some(Self::Fails(format!("does not get through, and is tried again: {}", reason()))),
            (Some(since), None) if after.last_success_at > before.last_success_at => {
                let seconds = now.since(since).as_secs();
                Some(Self::Works(format!("gets through again, after {seconds} s and {} failures in all", after.failures)))
            }
            _ => None,
        }
    }

    /// Writes it down.
    pub fn tell(&self, known: &KnownChannel) {
        let (channel, name) = (known.channel.id, known.channel.name.as_str());
        match self {
            Self::Fails(what) => tracing::warn!(%channel, name, "channel {what}"),
            Self::Lost(what) => tracing::error!(%channel, name, "channel: {what}"),
            Self::Works(what) => tracing::info!(%channel, name, "channel {what}"),
        }
    }
}

fn failing_since(health: &Health) -> Option<Timestamp> {
    [health.failing_since, health.messages_failing_since].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_told() {
        let well = Health::default();
        let failing = Health {
            messages_failing_since: Some(Timestamp(1_000)),
            failures: 3,
            last_error: Some((Timestamp(1_000), "503".into())),
            ..Health::default()
        };
        let dead = Health { died: 1, ..failing.clone() };
        let gone = Health { suspended: Some("410".into()), ..failing.clone() };
        for (before, after, expected) in [
            (&well, &well, None),
            (&well, &failing, Some(Turn::Fails("does not get through, and is tried again: 503".into()))),
            (&failing, &failing, None),
            (&failing, &dead, Some(Turn::Lost("1 given up; GET /api/v1/deliveries?state=dead lists what can be sent again: 503".into()))),
            (&failing, &gone, Some(Turn::Lost("suspended, nothing is sent until it is set again with PUT: 410".into()))),
            (&gone, &gone, None),
            (&gone, &well, None),
            (
                &failing,
                &Health { failures: 3, last_success_at: Some(Timestamp(9_000)), ..Health::default() },
                Some(Turn::Works("gets through again, after 9 s and 3 failures in all".into())),
            ),
        ] {
            assert_eq!(Turn::between(before, after, Timestamp(10_000)), expected, "{before:?} {after:?}");
        }
    }
}
