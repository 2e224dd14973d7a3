//! Which language packages are part of a distribution's package: `python3-requests` and `requests` below `/usr/lib` are one thing.
//!
//! The rule of file hierarchy decides where to ask: `/usr` is the distribution's but for `/usr/local`. A language package there is left
//! out when a distribution's package manager lists its descriptive file, and kept when none does (`pip install` on Alpine,
//! `npm install -g` into `/usr/lib`). Elsewhere, in `/opt` say, what a vendor's package brings along is reported beside that package.

use std::collections::HashSet;

/// The files that are looked for in the file lists of the distribution's packages.
#[derive(Debug, Default)]
pub(super) struct Owned {
    wanted: HashSet<String>,
    folders: HashSet<String>,
    found: HashSet<String>,
    /// Which endings the wanted paths have.
    endings: Endings,
}

impl Owned {
    /// To look for these; those outside the distribution's part of the file system are not.
    pub(super) fn among<'a>(paths: impl Iterator<Item = &'a str>) -> Self {
        let wanted: HashSet<String> = paths.filter(|path| is_distributions(path)).map(str::to_owned).collect();
        let folders = wanted.iter().filter_map(|path| Some(path.rsplit_once('/')?.0.to_owned())).collect();
        let mut endings = Endings::default();
        wanted.iter().for_each(|path| endings.add(path));
        Self { wanted, folders, found: HashSet::new(), endings }
    }

    /// Whether no file lists have to be read at all.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Whether something that is looked for lies in this folder; without the `/` at its end.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        self.folders.contains(folder)
    }

    /// Takes a file of a package. On systems that merged `/lib` into `/usr/lib` packages may still list the old path.
    pub(super) fn note(&mut self, path: &str) {
        if !self.endings.may_have(path) {
            return;
        }
        if self.wanted.contains(path) {
            self.found.insert(path.to_owned());
        } else if path.starts_with("/lib") {
            let merged = format!("/usr{path}");
            if self.wanted.contains(&merged) {
                self.found.insert(merged);
            }
        }
    }

    /// Whether a package has this file.
    pub(super) fn has(&self, path: &str) -> bool {
        self.found.contains(path)
    }
}

/// A quick look at the last bytes of a path: descriptions of packages have few names, and a distribution's packages some 200,000 files.
#[derive(Debug, Default)]
struct Endings([u64; 4]);

impl Endings {
    fn add(&mut self, path: &str) {
        let place = Self::place(path);
        self.0[place / 64] |= 1 << (place % 64);
    }

    /// Whether a path that ends like this one was added; sometimes one that does not.
    fn may_have(&self, path: &str) -> bool {
        let place = Self::place(path);
        self.0[place / 64] & 1 << (place % 64) != 0
    }

    /// One of 256 places for the last four bytes, by Knuth's multiplication.
    fn place(path: &str) -> usize {
        let last = path.as_bytes().last_chunk().copied().unwrap_or_default();
        (u32::from_le_bytes(last).wrapping_mul(2_654_435_769) >> 24) as usize
    }
}

/// Whether a path is where distributions put their files.
pub(super) fn is_distributions(path: &str) -> bool {
    path.starts_with("/usr/") && !path.starts_with("/usr/local/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_files_below_usr_are_owned() {
        let paths = ["/usr/lib/a/METADATA", "/usr/lib/b/METADATA", "/usr/local/lib/c/METADATA", "/opt/d/METADATA"];
        let mut owned = Owned::among(paths.into_iter());
        for listed in ["/lib/a/METADATA", "/usr/local/lib/c/METADATA", "/opt/d/METADATA", "/x"] {
            owned.note(listed);
        }
        assert_eq!(paths.map(|path| owned.has(path)), [true, false, false, false]);
        assert!(owned.has_folder("/usr/lib/b") && !owned.has_folder("/opt/d"));
        assert!(Owned::among(["/opt/d"].into_iter()).is_empty());
    }
}
