//! The fleet's newest values, pushed to other systems by Prometheus remote write 1.0.
//!
//! Every so often the newest values are encoded and sent; what could not be sent is not kept, as newer values take its place: what the
//! remote misses it shows as a gap, and this server's own store has it. So nothing queues, and a remote that hangs costs one request in
//! flight. After a failure the time between attempts doubles up to [`SLOWEST`], or is what `Retry-After` says. Every request goes through
//! the guard of channels. Invariant: nothing here waits for the engine's writer, and the state is read in portions.

pub mod encode;

use crate::api::FleetSeries;
use crate::config::RemoteWrite;
use crate::delivery::{Guard, sender};
use crate::engine::Engine;
use encode::Batch;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use rollcall_domain::delivery::Outcome;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a request may take.
const WHOLE: Duration = Duration::from_secs(30);

/// The longest time between two attempts.
pub const SLOWEST: Duration = Duration::from_secs(300);

/// Bytes of a file with a token.
const TOKEN_BYTES: usize = 16 << 10;

/// Remotes with how they are; clones share it.
#[derive(Clone, Default)]
pub struct Remotes(Arc<Vec<Remote>>);

/// A remote and how it is.
pub struct Remote {
    config: RemoteWrite,
    standing: Standing,
}

/// How a remote is.
#[derive(Default)]
struct Standing {
    samples: AtomicU64,
    failures: AtomicU64,
    /// Failures since the last success.
    failing: AtomicU64,
    /// Milliseconds since 1970; 0 for never.
    sent_at: AtomicU64,
    /// Rounds that succeeded, those with nothing to send among them.
    rounds: AtomicU64,
    /// Why the last attempt failed.
    reason: Mutex<Option<String>>,
}

/// Figures of a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Its name in the configuration.
    pub name: String,
    /// Samples that it took.
    pub samples: u64,
    /// Rounds that failed.
    pub failures: u64,
    /// Whether the last round succeeded.
    pub up: bool,
    /// When it last took samples, seconds since 1970; 0 for never.
    pub sent_at_s: u64,
}

impl Remotes {
    /// Those of a configuration.
    #[must_use]
    pub fn new(configs: &[RemoteWrite]) -> Self {
        Self(Arc::new(configs.iter().map(|config| Remote { config: config.clone(), standing: Standing::default() }).collect()))
    }

    /// How each is.
    #[must_use]
    pub fn figures(&self) -> Vec<Figures> {
        let figures = |remote: &Remote| {
            let (of, standing) = (|counter: &AtomicU64| counter.load(Ordering::Relaxed), &remote.standing);
            Figures {
                name: remote.config.name.clone(),
                samples: of(&standing.samples),
                failures: of(&standing.failures),
                up: of(&standing.failing) == 0 && of(&standing.rounds) > 0,
                sent_at_s: of(&standing.sent_at) / 1_000,
            }
        };
        self.0.iter().map(figures).collect()
    }

    /// Pushes to all of them until told to stop.
    pub async fn run(self, engine: Engine, guard: Guard, stop: CancellationToken) {
        let pushes = (0..self.0.len()).map(|place| self.push(place, &engine, &guard).run(stop.clone()));
        futures_util::future::join_all(pushes).await;
    }

    pub(crate) fn push(&self, place: usize, engine: &Engine, guard: &Guard) -> Push {
        let client = sender::client(guard, WHOLE);
        Push { remotes: self.clone(), place, engine: engine.clone(), guard: guard.clone(), client }
    }
}

/// The pushing to one remote.
pub(crate) struct Push {
    remotes: Remotes,
    place: usize,
    engine: Engine,
    guard: Guard,
    client: Result<Client, String>,
}

impl Push {
    fn remote(&self) -> &Remote {
        &self.remotes.0[self.place]
    }

    async fn run(self, stop: CancellationToken) {
        let mut wait = self.remote().config.interval;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            let round = tokio::select! {
                () = stop.cancelled() => return,
                round = self.round() => round,
            };
            wait = self.settle(round);
        }
    }

    /// Takes note of a round; how long until the next.
    pub(crate) fn settle(&self, round: Result<u64, (String, Option<Duration>)>) -> Duration {
        let Remote { config, standing } = self.remote();
        let mut known = standing.reason.lock().unwrap_or_else(PoisonError::into_inner);
        match round {
            Ok(samples) => {
                standing.samples.fetch_add(samples, Ordering::Relaxed);
                standing.failing.store(0, Ordering::Relaxed);
                standing.rounds.fetch_add(1, Ordering::Relaxed);
                if samples > 0 {
                    standing.sent_at.store(u64::try_from(self.engine.now().0).unwrap_or(0), Ordering::Relaxed);
                }
                if known.take().is_some() {
                    tracing::info!(remote = %config.name, "the remote takes samples again");
                }
                config.interval
            }
            Err((reason, retry_after)) => {
                standing.failures.fetch_add(1, Ordering::Relaxed);
                let failing = standing.failing.fetch_add(1, Ordering::Relaxed).min(16);
                if known.as_ref() != Some(&reason) {
                    tracing::warn!(remote = %config.name, %reason, "samples could not be pushed");
                }
                *known = Some(reason);
                after_failure(config.interval, u32::try_from(failing).unwrap_or(u32::MAX), retry_after)
            }
        }
    }

    /// Sends the newest values once; how many.
    pub(crate) async fn round(&self) -> Result<u64, (String, Option<Duration>)> {
        let config = &self.remote().config;
        let authorization = match &config.token_file {
            Some(file) => Some(token(file).await.map_err(|reason| (reason, None))?),
            None => None,
        };
        let mut series = FleetSeries::new(config.query.clone(), config.wanted.clone());
        let mut sent = 0;
        loop {
            let mut batch = Batch::default();
            let more = series.portion(&self.engine, &mut |name, labels, value, at| batch.add(name, labels, value, at));
            let more = more.map_err(|reason| (reason, None))?;
            for (body, samples) in batch.into_bodies() {
                self.send(body, authorization.as_ref()).await?;
                sent += samples;
            }
            if !more {
                return Ok(sent);
            }
        }
    }

    async fn send(&self, body: Vec<u8>, authorization: Option<&HeaderValue>) -> Result<(), (String, Option<Duration>)> {
        let failed = |reason: String| (reason, None);
        let url = self.guard.check(&self.remote().config.url).map_err(|refusal| failed(refusal.to_string()))?;
        let client = self.client.as_ref().map_err(|reason| failed(reason.clone()))?;
        let mut request = client.post(url).header(CONTENT_TYPE, "application/x-protobuf").header(CONTENT_ENCODING, "snappy");
        request = request.header("x-prometheus-remote-write-version", "0.1.0").body(body);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let answer = request.send().await.map_err(|error| failed(sender::cause(&error)))?;
        match Outcome::of_status(answer.status().as_u16(), sender::retry_after(answer.headers(), self.engine.now())) {
            Outcome::Confirmed => Ok(()),
            Outcome::Failed { reason, retry_after } => Err((reason, retry_after)),
            Outcome::Refused { reason } | Outcome::Gone { reason } | Outcome::Partly { reason } => Err(failed(reason)),
        }
    }
}

/// The header with the token in a file, which is read each time: a replaced one takes effect at once.
async fn token(file: &std::path::Path) -> Result<HeaderValue, String> {
    let shown = file.display();
    let path = file.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await.map_err(|error| error.to_string())?;
    let text = read.map_err(|error| format!("{shown}: {error}"))?;
    if text.len() > TOKEN_BYTES {
        return Err(format!("{shown} has more than {TOKEN_BYTES} bytes"));
    }
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", text.trim())).map_err(|_| format!("{shown} holds more than one line of text"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn after_failure(interval: Duration, failing: u32, retry_after: Option<Duration>) -> Duration {
    let doubled = interval.saturating_mul(1 << failing.min(16)).min(SLOWEST.max(interval));
    retry_after.map_or(doubled, |wait| wait.max(interval).min(SLOWEST.max(interval)))
}

#[cfg(test)]
mod tests;
