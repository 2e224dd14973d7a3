//! Files that people attach: they go in with the command that names them, and come out by name.

use super::{Engine, EngineError, Executed, Job, Request, blocking};
use rollcall_shared::ContentHash;
use std::sync::Arc;

impl Engine {
    /// Carries out a command that attaches a file, which becomes durable with it or not at all.
    ///
    /// # Errors
    /// See [`EngineError`]; nothing has changed then.
    pub async fn attach(&self, request: Request, file: (ContentHash, Vec<u8>)) -> Result<Executed, EngineError> {
        let key = request.idempotency_key.clone();
        let written = self.submit(|reply| Job::Attach(Box::new(request), file, reply)).await?;
        self.executed(written, key).await
    }

    /// A file that people attached.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn attachment(&self, hash: ContentHash) -> Result<Option<Vec<u8>>, EngineError> {
        let store = Arc::clone(&self.shared.store);
        Ok(blocking(move || store.attachment(&hash)).await??)
    }
}
