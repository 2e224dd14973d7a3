//! The log, read by revision.

use super::{Engine, EngineError, blocking};
use crate::log::{self, LogError};
use rollcall_domain::Record;
use std::sync::Arc;

impl Engine {
    /// Log records after a revision, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn records(&self, after: u64, limit: usize) -> Result<Vec<Record>, EngineError> {
        let store = Arc::clone(&self.shared.store);
        let records = blocking(move || -> Result<Vec<Record>, LogError> {
            let stored = store.read_log(after, limit)?;
            stored.iter().map(|(revision, bytes)| Ok(log::decode(*revision, bytes)?.1)).collect()
        });
        Ok(records.await??)
    }

    /// Log records by revision; those that do not exist are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn records_at(&self, revisions: Vec<u64>) -> Result<Vec<Record>, EngineError> {
        let store = Arc::clone(&self.shared.store);
        let records = blocking(move || -> Result<Vec<Record>, LogError> {
            let mut records = Vec::with_capacity(revisions.len());
            for wanted in revisions {
                if let Some((revision, bytes)) = store.read_log(wanted.saturating_sub(1), 1)?.into_iter().next()
                    && revision == wanted
                {
                    records.push(log::decode(revision, &bytes)?.1);
                }
            }
            Ok(records)
        });
        Ok(records.await??)
    }

    pub(super) async fn records_between(&self, first: u64, last: u64) -> Result<Vec<Record>, EngineError> {
        let count = usize::try_from(last.saturating_sub(first)).unwrap_or(0).saturating_add(1).min(log::PAGE);
        self.records(first.saturating_sub(1), count).await
    }
}
