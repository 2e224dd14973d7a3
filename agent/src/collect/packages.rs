//! Installed packages. Each package manager's database is read by itself; no package manager is run.
//!
//! Distributions' managers first (dpkg, rpm, apk, pacman, Portage), then those that bring applications beside them (snap, Flatpak, Nix),
//! then the packages of programming languages that lie about in the file system.

use super::{Failure, Scope, os};
use rollcall_shared::section::Package;

mod apk;
mod dpkg;
mod flatpak;
mod language;
mod nix;
mod owned;
mod pacman;
mod portage;
mod purl;
mod room;
pub(crate) mod rpm;
mod snap;

#[cfg(test)]
pub(crate) use rpm::tests::plant as plant_rpm_database;

use owned::Owned;
use purl::Distribution;

/// Reads one manager's packages.
type Reader = fn(&Scope<'_>, &Distribution, &mut Owned, &mut Vec<Package>) -> Result<(), Failure>;

const READERS: [Reader; 8] = [dpkg::read, rpm::read, apk::read, pacman::read, portage::read, snap::read, flatpak::read, nix::read];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Package>, Failure> {
    let distribution = Distribution::from(os::release(scope)?);
    let mut packages = Vec::new();
    let mut failures = Vec::new();
    let candidates = language::find(scope);
    let mut owned = Owned::among(candidates.iter().map(|candidate| candidate.path.as_str()));
    for read in READERS {
        if let Err(failure) = read(scope, &distribution, &mut owned, &mut packages) {
            failures.push(failure);
        }
    }
    language::read(scope, &candidates, &owned, &mut packages);
    match failures.pop() {
        Some(failure) if packages.is_empty() => Err(failure),
        None if packages.is_empty() => Err(Failure::Skipped("there is no package database".to_owned())),
        failure => {
            failures.extend(failure);
            failures.iter().for_each(|failure| scope.problem(failure));
            Ok(packages)
        }
    }
}

#[cfg(test)]
mod tests;
