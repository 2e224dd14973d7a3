//! The loop: samples, inventories, spool and uplink, each in its turn, on one thread.
//!
//! Collectors and the sampler run on threads of their own and at most once each: one that hangs on a dead mount stops its own
//! kind of data and nothing else. Intervals follow the monotonic clock; the wall clock may jump. The loop itself holds no
//! judgement: what to say is [`crate::uplink`]'s, what to keep is [`crate::spool`]'s.

mod agent;
mod boot;
pub(crate) mod hints;
mod intervals;
mod inventory;
mod plugins;
mod sampling;
mod schedule;
pub mod status;
mod survey;

use crate::clock::Clock;
use crate::config::Config;
use crate::entropy::NoEntropy;
use crate::http::Failure;
use crate::identity::IdentityError;
use crate::platform::{Signals, Told};
use crate::spool::SpoolError;
use crate::state::{StateDir, StateError};
use crate::trust::TrustError;
use agent::Agent;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// What a stop may take: the last messages, if the server is there. A service manager's patience is longer.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// State directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// Not enrolled, or not whole.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// TLS parts.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The client.
    #[error("cannot talk to the server: {0}")]
    Http(#[from] Failure),
    /// A local check that cannot be.
    #[error("{0}")]
    Checks(String),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// No signals.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

/// Runs until a signal ends it.
///
/// # Errors
/// When it cannot start. Once it runs, it goes on.
pub async fn run(state: StateDir, config: Config, clock: Arc<dyn Clock>) -> Result<(), RunError> {
    let mut signals = Signals::listen().map_err(RunError::Signals)?;
    let mut agent = Agent::start(state, config, clock)?;
    let reason = loop {
        let now = agent.clock.now();
        agent.tick(now);
        let pause = agent.deadline().saturating_sub(now.monotonic);
        tokio::select! {
            told = signals.next() => match told {
                Told::Stop(reason) => break reason,
                Told::Report => agent.report_now(),
            },
            reading = finished(&mut agent.sampler_at_work) => agent.sampled(reading),
            done = agent.survey.done() => agent.collected(done),
            names = agent.hints.next() => agent.hinted(names),
            answer = finished(&mut agent.exchange) => agent.answered(answer),
            () = tokio::time::sleep(pause) => {}
        }
    };
    tracing::info!(reason, "stopping");
    if tokio::time::timeout(LAST_WORDS, agent.say_goodbye(reason)).await.is_err() {
        tracing::info!("the server did not take the last messages in time; they wait in the spool");
    }
    Ok(())
}

/// The result of a job, once there is one; `None` when the job died.
async fn finished<T>(job: &mut Option<JoinHandle<T>>) -> Option<T> {
    let Some(handle) = job else { return pending().await };
    let result = handle.await;
    *job = None;
    result.inspect_err(|error| tracing::error!(%error, "a job of the agent died")).ok()
}
