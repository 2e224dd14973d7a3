//! Web server instances, recognised from processes, listeners and configuration files.

use super::{Failure, Scope};
use rollcall_shared::section::WebServer;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<WebServer>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
