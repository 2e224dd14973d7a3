//! apk: the installed database, blocks of `K:value` lines.

use super::super::text::tidy;
use super::super::{Failure, Scope};
use super::owned::Owned;
use super::purl::{Distribution, Purl};
use super::room::Room;
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Package;

/// The second path is where apk-tools 3 on a merged `/usr` keeps it.
const PATHS: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/// Adds the installed packages.
pub(super) fn read(scope: &Scope<'_>, distribution: &Distribution, owned: &mut Owned, packages: &mut Vec<Package>) -> Result<(), Failure> {
    for path in PATHS {
        let mut block = Block::default();
        let mut last = 0;
        let mut room = Room::default();
        let found = scope.lines(path, |number, line| {
            last = number;
            if line.is_empty() {
                let package = std::mem::take(&mut block).finish(distribution).and_then(|package| {
                    package.iter().try_for_each(|package| room.take(package))?;
                    Ok(package)
                });
                packages.extend(package.map_err(|what| Failure::malformed(path, number, what))?);
            } else {
                block.field(line, owned).map_err(|what| Failure::malformed(path, number, what))?;
            }
            Ok(packages.len() <= SECTION_ROWS)
        })?;
        packages.extend(block.finish(distribution).map_err(|what| Failure::malformed(path, last, what))?);
        if found {
            break;
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Block {
    any: bool,
    /// The folder whose files follow, when something is looked for there.
    folder: Option<String>,
    package: Package,
}

impl Block {
    fn field(&mut self, line: &str, owned: &mut Owned) -> Result<(), String> {
        let (key, value) = line.split_once(':').ok_or("not a field")?;
        self.any = true;
        let package = &mut self.package;
        match key {
            "P" => package.name = tidy(value).ok_or("an empty name")?,
            "V" => package.version = tidy(value).ok_or("an empty version")?,
            "A" => package.architecture = tidy(value),
            "o" => package.source = tidy(value),
            "m" => package.vendor = tidy(value),
            "L" => package.licence = tidy(value),
            "I" => package.size_bytes = Some(value.parse().map_err(|_| "the installed size is not a number")?),
            // A folder, then the files in it.
            "F" => self.folder = if owned.is_empty() { None } else { Some(format!("/{value}")).filter(|folder| owned.has_folder(folder)) },
            "R" => self.folder.iter().for_each(|folder| owned.note(&format!("{folder}/{value}"))),
            _ => {}
        }
        Ok(())
    }

    fn finish(self, distribution: &Distribution) -> Result<Option<Package>, String> {
        let mut package = self.package;
        if !self.any {
            return Ok(None);
        }
        if package.name.is_empty() || package.version.is_empty() {
            return Err(format!("package {:?} without name or version", package.name));
        }
        let purl = Purl::new("apk", &package.name, &package.version).architecture(package.architecture.as_deref());
        package.purl = purl.of(distribution);
        package.manager = "apk".to_owned();
        Ok(Some(package))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Option<Package>, String> {
        let mut block = Block::default();
        text.lines().try_for_each(|line| block.field(line, &mut Owned::default()))?;
        block.finish(&Distribution::default())
    }

    #[test]
    fn a_block_is_a_package() {
        let package = parse("C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\nI:622592\no:musl\nL:MIT\nF:lib\nR:x.so").expect("parsed").expect("a package");
        assert_eq!((package.name.as_str(), package.version.as_str(), package.size_bytes), ("musl", "1.2.4-r2", Some(622_592)));
        assert_eq!(package.licence.as_deref(), Some("MIT"));
    }

    #[test]
    fn a_block_without_a_version_is_an_error() {
        assert!(parse("P:musl").is_err());
        assert_eq!(parse(""), Ok(None));
    }

    proptest! {
        #[test]
        fn no_block_panics(text in "([PVAIoLx]:?[ -~]{0,10}\n){0,6}") {
            let _ = parse(&text);
        }
    }
}
