//! Reading what was checked when it was stored: it is known by its hash and need not be proven canonical again.

use super::{Section, SectionError};

impl Section {
    /// Decodes bytes that were found canonical before and are known to be unchanged, by their hash: half the work of
    /// [`Section::decode`].
    ///
    /// # Errors
    /// When they are no section that this release reads.
    pub fn decode_own(bytes: &[u8]) -> Result<Self, SectionError> {
        let (name, rows) = Self::header(bytes)?;
        Self::decode_rows(name, rows).map_err(|error| SectionError::Rows { name, error })
    }
}
