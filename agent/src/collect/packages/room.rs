//! A bound for the memory of packages: databases and archives can be made so that each of 200,000 packages has fields of the greatest
//! length, a gigabyte in all.

use rollcall_shared::limits::SECTION_BYTES;
use rollcall_shared::section::Package;

/// Bytes of the texts of one reader's packages: some times what a section may have once it is encoded, in which texts are as long.
const TEXTS_BYTES: usize = 4 * SECTION_BYTES;

/// What is left for texts.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(TEXTS_BYTES)
    }
}

impl Room {
    /// Takes the room that a package needs.
    ///
    /// # Errors
    /// When there is none left; the package is to be left out, and the reading ends.
    pub(super) fn take(&mut self, package: &Package) -> Result<(), String> {
        let optional = [
            &package.architecture,
            &package.source,
            &package.source_version,
            &package.vendor,
            &package.purl,
            &package.licence,
            &package.origin,
            &package.location,
        ];
        let bytes = package.name.len() + package.version.len() + optional.iter().map(|text| text.as_ref().map_or(0, String::len)).sum::<usize>();
        self.0 = self.0.checked_sub(bytes).ok_or_else(|| format!("packages from here on are left out: those before have {TEXTS_BYTES} bytes of text"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_fits_and_what_would_fill_memory_does_not() {
        let package = |bytes: usize| Package { name: "own".to_owned(), vendor: Some("v".repeat(bytes)), ..Package::default() };
        let mut room = Room::default();
        let usual = package(300);
        assert!((0..200_000).all(|_| room.take(&usual).is_ok()));
        let largest = package(4096);
        let taken = (0..200_000).take_while(|_| room.take(&largest).is_ok()).count();
        assert_eq!(taken, (TEXTS_BYTES - 200_000 * 303) / 4099);
    }
}
