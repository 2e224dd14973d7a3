//! Takes the rows of a file step by step, until there are no more or the engine takes nothing any more.

use crate::engine::{Engine, EngineError, ImportStep, ImportTaken, Request};
use rollcall_domain::import::{ImportCommand, Queue, Row, Run};
use rollcall_domain::{Actor, Command};
use tokio::sync::OwnedSemaphorePermit;

/// What drives a file.
pub struct Drive {
    /// What takes the rows.
    pub engine: Engine,
    /// Who loads the file.
    pub actor: Actor,
    /// Held as long as the rows are in memory.
    pub permit: OwnedSemaphorePermit,
}

impl Drive {
    /// Takes all rows; how it ended is in the state.
    pub async fn run(self, run: Run, rows: Vec<Row>, mirror: bool) {
        let import = run.import;
        let reason = self.rows(run, Queue::new(rows, mirror)).await.err().map(|error| error.to_string());
        if let Some(reason) = &reason {
            tracing::warn!(%import, reason, "an import ended early");
        }
        let command = Command::Import(ImportCommand::End { import, reason });
        let request = Request { actor: self.actor.clone(), request_id: None, idempotency_key: None, command };
        if let Err(error) = self.engine.execute(request).await {
            tracing::warn!(%import, %error, "the end of an import could not be written; it counts as interrupted in ten minutes");
        }
        drop(self.permit);
    }

    async fn rows(&self, mut run: Run, mut queue: Queue) -> Result<(), EngineError> {
        while let Some(work) = queue.next(&mut run) {
            let step = ImportStep { run, work, actor: self.actor.clone(), request_id: None };
            let ImportTaken { run: after, mut taken } = self.engine.import(step).await?;
            queue.note(&mut taken);
            run = after;
        }
        Ok(())
    }
}
