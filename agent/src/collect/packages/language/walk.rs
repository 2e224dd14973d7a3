//! The walk over the configured folders that finds descriptions of language packages.
//!
//! It reads directories only. Links are never followed, excluded paths and network file systems never entered, and folders whose
//! purpose is known and another (documentation, translations, kernel modules) are passed by; folders of packages are not descended
//! into further than their format needs.

use super::super::super::Scope;
use super::super::owned::is_distributions;
use super::{Candidate, Kind};
use crate::root;

/// Directories that are opened: some 10 µs each. Large application servers have some 5,000.
const DIRECTORIES: usize = 20_000;

/// Files that are found.
const CANDIDATES: usize = 50_000;

/// Levels below a configured folder; `/opt/VENDOR/PRODUCT/embedded/lib/python3.11/site-packages` has seven.
const DEPTH: usize = 12;

/// Levels in the distribution's part of the file system, where places are known: `/usr/lib/ruby/gems/3.1.0/specifications` has four.
const DISTRIBUTION_DEPTH: usize = 4;

/// Nested packages of one `node_modules`.
const NESTING: usize = 16;

/// Folders of other purposes, wherever they are.
const ELSEWHERE: [&str; 12] =
    [".git", ".svn", ".hg", ".cache", "__pycache__", "lost+found", ".snapshots", "proc", "sys", "dev", ".Trash", "overlay2"];

/// Folders of other purposes in `/usr/lib` and `/usr/share`.
const DISTRIBUTIONS: [&str; 49] = [
    "doc", "man", "info", "locale", "locale-langpack", "icons", "fonts", "themes", "help", "zoneinfo", "terminfo", "X11", "mime", "pixmaps", "sounds",
    "backgrounds", "perl", "perl5", "i18n", "gtk-doc", "licenses", "texmf", "texlive", "texmf-dist", "cmake", "aclocal", "selinux", "alsa", "vim",
    "bash-completion", "zsh", "bug", "emacs", "modules", "firmware", "debug", "systemd", "udev", "gcc", "kernel", "git-core", "tcltk", "llvm",
    "rustlib", "pkgconfig", "girepository-1.0", "grub", "dpkg", "python-wheels",
];

/// Finds all descriptions, sorted.
pub(super) fn find(scope: &Scope<'_>) -> Vec<Candidate> {
    let starts = &scope.options().collect.language_paths;
    let base = scope.root().entries("/").ok().flatten().map_or(0, |listing| listing.device);
    let debian = scope.root().exists("/var/lib/dpkg/status");
    let mut walk = Walk { scope, base, debian, left: DIRECTORIES, waiting: Vec::new(), found: Vec::new() };
    for start in starts.iter().map(|start| start.trim_end_matches('/')) {
        // What lies below another start is walked with that one.
        let nested = starts.iter().any(|other| start.strip_prefix(other.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/')));
        if start.starts_with('/') && !nested {
            walk.waiting.push(Waiting { path: start.to_owned(), depth: 0, purpose: Purpose::Any });
        }
    }
    walk.run();
    let mut found = walk.found;
    found.sort_unstable();
    found.dedup();
    found
}

/// What a folder is for, from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Any,
    PythonPackages,
    NodeModules,
    GemSpecifications,
}

struct Waiting {
    path: String,
    depth: usize,
    purpose: Purpose,
}

struct Walk<'a, 's> {
    scope: &'a Scope<'s>,
    /// The device of the root directory, which is walked whatever it is.
    base: u64,
    /// Whether dpkg rules here.
    debian: bool,
    left: usize,
    waiting: Vec<Waiting>,
    found: Vec<Candidate>,
}

impl Walk<'_, '_> {
    fn run(&mut self) {
        while let Some(folder) = self.waiting.pop() {
            if self.scope.options().exclude.has_path(&folder.path) || self.is_debians(&folder.path) {
                continue;
            }
            if self.left == 0 || self.found.len() >= CANDIDATES {
                return self.scope.problem(format_args!("{}: the search for language packages ends here, after {DIRECTORIES} folders or {CANDIDATES} packages", folder.path));
            }
            self.left -= 1;
            match self.scope.root().entries(&folder.path) {
                Ok(Some(listing)) if !listing.remote || listing.device == self.base => self.sort_out(&folder, listing.entries),
                Ok(_) => {}
                Err(error) => self.scope.problem(error),
            }
        }
    }

    /// Where Debian's own Python, Node and Ruby packages are, and by policy nobody else's.
    fn is_debians(&self, path: &str) -> bool {
        const OWN: [&str; 3] = ["/usr/lib/python3/dist-packages", "/usr/share/nodejs", "/usr/share/rubygems-integration"];
        self.debian && OWN.contains(&path)
    }

    fn sort_out(&mut self, folder: &Waiting, entries: Vec<(String, root::Kind)>) {
        match folder.purpose {
            Purpose::Any => self.any(folder, entries),
            Purpose::PythonPackages => self.python(folder, &entries),
            Purpose::NodeModules => self.node(folder, entries),
            Purpose::GemSpecifications => self.gems(folder, entries),
        }
    }

    fn any(&mut self, folder: &Waiting, entries: Vec<(String, root::Kind)>) {
        let distributions = is_distributions(&folder.path);
        let limit = if distributions { DISTRIBUTION_DEPTH } else { DEPTH };
        let gems = entries.iter().any(|(name, _)| name == "specifications");
        for (name, kind) in entries {
            if kind == root::Kind::File {
                if super::jar::is_archive(&name) {
                    self.add(folder, &name, Kind::Jar);
                } else if !distributions && may_be_program(&folder.path, &name) {
                    self.add(folder, &name, Kind::Program);
                }
            }
            if kind != root::Kind::Directory || folder.depth >= limit {
                continue;
            }
            let purpose = match name.as_str() {
                "site-packages" | "dist-packages" => Purpose::PythonPackages,
                "node_modules" => Purpose::NodeModules,
                "specifications" => Purpose::GemSpecifications,
                // The content of the gems that the specifications beside it describe.
                "gems" if gems => continue,
                name if ELSEWHERE.contains(&name) => continue,
                name if distributions && folder.depth == 0 && DISTRIBUTIONS.contains(&name) => continue,
                // The libraries of one architecture.
                name if distributions && folder.depth == 0 && name.ends_with("-linux-gnu") => continue,
                _ => Purpose::Any,
            };
            self.enter(folder, &name, purpose);
        }
    }

    fn enter(&mut self, folder: &Waiting, name: &str, purpose: Purpose) {
        self.waiting.push(Waiting { path: format!("{}/{name}", folder.path), depth: folder.depth + 1, purpose });
    }

    fn add(&mut self, folder: &Waiting, rest: &str, kind: Kind) {
        self.found.push(Candidate { path: format!("{}/{rest}", folder.path), kind });
    }

    fn python(&mut self, folder: &Waiting, entries: &[(String, root::Kind)]) {
        for (name, kind) in entries {
            let directory = *kind == root::Kind::Directory;
            if directory && name.ends_with(".dist-info") {
                self.add(folder, &format!("{name}/METADATA"), Kind::Python);
            } else if directory && name.ends_with(".egg-info") {
                self.add(folder, &format!("{name}/PKG-INFO"), Kind::Python);
            } else if directory && name.ends_with(".egg") {
                self.add(folder, &format!("{name}/EGG-INFO/PKG-INFO"), Kind::Python);
            } else if *kind == root::Kind::File && name.ends_with(".egg-info") {
                self.add(folder, name, Kind::Python);
            }
        }
    }

    /// Packages and scopes of packages; each package may have its own `node_modules`. pnpm keeps everything one level further down.
    fn node(&mut self, folder: &Waiting, entries: Vec<(String, root::Kind)>) {
        let scope = folder.path.rsplit('/').next().is_some_and(|last| last.starts_with('@'));
        let store = folder.path.ends_with("/.pnpm");
        for (name, _) in entries.iter().filter(|(_, kind)| *kind == root::Kind::Directory) {
            if name.starts_with('@') && !scope && !store || name == ".pnpm" {
                self.enter(folder, name, Purpose::NodeModules);
                continue;
            }
            if name.starts_with('.') {
                continue;
            }
            if !store {
                self.add(folder, &format!("{name}/package.json"), Kind::Npm);
            }
            if folder.path.matches("/node_modules").count() < NESTING {
                self.enter(folder, &format!("{name}/node_modules"), Purpose::NodeModules);
            }
        }
    }

    fn gems(&mut self, folder: &Waiting, entries: Vec<(String, root::Kind)>) {
        for (name, kind) in entries {
            match kind {
                root::Kind::File if name.ends_with(".gemspec") => self.add(folder, &name, Kind::Gem),
                // Those that come with Ruby itself.
                root::Kind::Directory if name == "default" => self.enter(folder, &name, Purpose::GemSpecifications),
                _ => {}
            }
        }
    }
}

/// Programs are opened to see what they are, so only those are candidates that lie where programs lie, and have a program's name: none
/// with an ending of letters alone, as scripts, libraries and texts have. The distribution's own programs are its packages' business.
fn may_be_program(folder: &str, name: &str) -> bool {
    let place = folder.rsplit('/').next().is_some_and(|last| matches!(last, "bin" | "sbin" | "libexec"));
    // Vendors put single programs straight into their folder: `/opt/NAME/NAME`.
    let near = folder.matches('/').count() <= 2;
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let plain = ending.is_none_or(|ending| !ending.bytes().all(|byte| byte.is_ascii_alphabetic()));
    (place || near) && plain && !name.starts_with('.')
}

#[cfg(test)]
mod tests;
