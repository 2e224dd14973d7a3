//! Container images, from the sources of [`super::containers`].

use super::{Failure, Scope, containers};
use rollcall_shared::section::Image;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Image>, Failure> {
    containers::images(scope)
}
