//! Which of two versions is newer: the answer of the package manager that installed them, not of the alphabet.
//!
//! Every scheme turns a text into a sequence of parts with one order, so each is a total preorder by construction: antisymmetric,
//! transitive, and two texts that mean the same version (`1.0` and `1.0.0` for npm) compare as equal. No text is an error: what a
//! scheme does not define sorts by the nearest rule. All of it is linear in the length of the texts, without recursion.

mod alpine;
mod arch;
mod debian;
mod gem;
mod generic;
mod python;
mod rpm;
mod semantic;

use std::cmp::Ordering;

/// An ordering of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// dpkg: Debian policy, 5.6.12.
    Debian,
    /// rpm: epoch, version and release, with `~` before and `^` after the version they follow.
    Rpm,
    /// apk, and Portage, whose rules it took over.
    Alpine,
    /// pacman.
    Arch,
    /// Semantic versioning 2.0: npm, cargo, Go modules, NuGet.
    Semantic,
    /// PEP 440.
    Python,
    /// RubyGems.
    Gem,
    /// Maven's "version order specification", and everything without a rule of its own.
    Generic,
}

impl Scheme {
    /// The ordering of a package manager (`dpkg`), of a package URL's type (`deb`) or of a whole package URL (`pkg:deb/debian/curl`).
    #[must_use]
    pub fn of(manager: &str) -> Self {
        let kind = manager.strip_prefix("pkg:").unwrap_or(manager);
        match kind.split('/').next().unwrap_or(kind) {
            "dpkg" | "deb" | "apt" | "opkg" => Self::Debian,
            "rpm" | "dnf" | "yum" | "zypper" => Self::Rpm,
            "apk" | "portage" | "ebuild" => Self::Alpine,
            "pacman" | "alpm" => Self::Arch,
            "npm" | "cargo" | "go" | "golang" | "nuget" | "hex" | "pub" | "swift" => Self::Semantic,
            "python" | "pypi" | "pip" => Self::Python,
            "gem" | "rubygems" => Self::Gem,
            _ => Self::Generic,
        }
    }

    /// Whether `a` is older than (`Less`), the same version as, or newer than (`Greater`) `b`.
    #[must_use]
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        match self {
            Self::Debian => debian::compare(a, b),
            Self::Rpm => rpm::compare(a, b),
            Self::Alpine => alpine::compare(a, b),
            Self::Arch => arch::compare(a, b),
            Self::Semantic => semantic::compare(a, b),
            Self::Python => python::compare(a, b),
            Self::Gem => gem::compare(a, b),
            Self::Generic => generic::compare(a, b),
        }
    }

    /// The same, with versions that mean the same in order of their texts: for lists that must have one order.
    #[must_use]
    pub fn compare_strictly(self, a: &str, b: &str) -> Ordering {
        self.compare(a, b).then_with(|| a.cmp(b))
    }
}

/// Compares two versions as the package manager, the package URL's type or the package URL says. See [`Scheme::of`].
#[must_use]
pub fn compare(manager: &str, a: &str, b: &str) -> Ordering {
    Scheme::of(manager).compare(a, b)
}

/// Digits of any length as a number; none are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Number<'a> {
    // Compared first: without leading zeros the longer number is the larger one.
    length: usize,
    digits: &'a str,
}

impl<'a> Number<'a> {
    const ZERO: Number<'static> = Number { length: 0, digits: "" };

    fn of(digits: &'a str) -> Self {
        let digits = digits.trim_start_matches('0');
        Self { length: digits.len(), digits }
    }

    fn is_zero(self) -> bool {
        self.length == 0
    }
}

/// Epoch, then version, then release, each of the latter two in an order of its own.
fn by_parts(a: &str, b: &str, order: impl Fn(&str, &str) -> Ordering) -> Ordering {
    let ((epoch_a, a), (epoch_b, b)) = (epoch(a.trim()), epoch(b.trim()));
    let ((version_a, release_a), (version_b, release_b)) = (revision(a), revision(b));
    epoch_a.cmp(&epoch_b).then_with(|| order(version_a, version_b)).then_with(|| order(release_a, release_b))
}

/// Segment by segment, as `next` takes them off, up to `end` on both sides.
fn by_segments<'a, S: Ord>(mut a: &'a str, mut b: &'a str, next: impl Fn(&'a str) -> (S, &'a str), end: &S) -> Ordering {
    loop {
        let ((one, rest_a), (other, rest_b)) = (next(a), next(b));
        match one.cmp(&other) {
            Ordering::Equal if one == *end => return Ordering::Equal,
            Ordering::Equal => (a, b) = (rest_a, rest_b),
            found => return found,
        }
    }
}

/// Splits after the longest start whose characters all fit.
fn split_while(text: &str, fits: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|character| !fits(character)).unwrap_or(text.len()))
}

/// Splits digits off the start.
fn digits(text: &str) -> (&str, &str) {
    split_while(text, |character| character.is_ascii_digit())
}

/// Epoch and the rest of `epoch:rest`; without an epoch zero.
fn epoch(text: &str) -> (Number<'_>, &str) {
    match text.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) => (Number::of(epoch), rest),
        _ => (Number::ZERO, text),
    }
}

/// Version and revision of `version-revision`, split at the last hyphen; without one the revision is empty.
fn revision(text: &str) -> (&str, &str) {
    text.rsplit_once('-').unwrap_or((text, ""))
}

#[cfg(test)]
mod tests;
