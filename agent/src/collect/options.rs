//! What the operator told the collectors: what to leave out, and where to look beyond the usual.

use rollcall_shared::SectionName;
use serde::Deserialize;
use std::sync::LazyLock;

/// `[exclude]` and `[collect]` of the configuration. Patterns know `*` (any text) and `?` (one character).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What never leaves the host.
    pub exclude: Exclude,
    /// Where to look.
    pub collect: Collect,
}

/// `[exclude]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exclude {
    /// Whole sections: they are not collected, and are reported as skipped.
    pub sections: Vec<SectionName>,
    /// Packages, by name.
    pub packages: Vec<String>,
    /// Files, directories and mount points, by absolute path; what lies below a match is left out too.
    pub paths: Vec<String>,
    /// Network interfaces, by name.
    pub interfaces: Vec<String>,
}

/// `[collect]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Collect {
    /// Files and directories with certificates, beside those that servers' configurations name.
    pub certificate_paths: Vec<String>,
    /// Directories that are searched for language packages (Python, npm, gems, jars, Go and Rust programs).
    pub language_paths: Vec<String>,
    /// Directory of extension files.
    pub extensions: String,
    /// Whether the link-local metadata service of a cloud may be asked.
    pub cloud_metadata: bool,
}

impl Default for Collect {
    fn default() -> Self {
        let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        Self {
            certificate_paths: paths(&["/etc/ssl/private", "/etc/pki/tls/certs", "/etc/letsencrypt/live", "/etc/rollcall"]),
            language_paths: paths(&["/usr/lib", "/usr/local", "/usr/share", "/opt", "/srv"]),
            extensions: "/etc/rollcall/extensions.d".to_owned(),
            cloud_metadata: false,
        }
    }
}

impl Options {
    /// Nothing excluded, the usual places.
    pub(crate) fn default_ref() -> &'static Self {
        static DEFAULT: LazyLock<Options> = LazyLock::new(Options::default);
        &DEFAULT
    }
}

impl Exclude {
    /// Whether a path, or a directory above it, is left out.
    #[must_use]
    pub fn has_path(&self, path: &str) -> bool {
        let above = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]);
        !self.paths.is_empty()
            && above.chain([path]).any(|path| self.paths.iter().any(|pattern| matches(pattern.trim_end_matches('/'), path)))
    }

    /// Takes out the names that are left out of a directory that is not.
    #[cfg(linux)]
    pub(crate) fn strip(&self, directory: &str, names: &mut Vec<String>) {
        if !self.paths.is_empty() {
            let directory = directory.trim_end_matches('/');
            names.retain(|name| {
                let path = format!("{directory}/{name}");
                !self.paths.iter().any(|pattern| matches(pattern.trim_end_matches('/'), &path))
            });
        }
    }

    /// Whether a package is left out.
    #[must_use]
    pub fn has_package(&self, name: &str) -> bool {
        self.packages.iter().any(|pattern| matches(pattern, name))
    }

    /// Whether an interface is left out.
    #[must_use]
    pub fn has_interface(&self, name: &str) -> bool {
        self.interfaces.iter().any(|pattern| matches(pattern, name))
    }
}

/// Whether `text` is of the form of `pattern`. Linear in both but for the last `*`, which is tried at each place: bounded by their product.
fn matches(pattern: &str, text: &str) -> bool {
    // Nearly all differ before the first wildcard.
    if !text.starts_with(pattern.split(['*', '?']).next().unwrap_or_default()) {
        return false;
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[from] => (at, from) = (at + 1, from + 1),
            _ => {
                let Some((star_at, star_from)) = star else { return false };
                star = Some((star_at, star_from + 1));
                (at, from) = (star_at + 1, star_from + 1);
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        for (pattern, text, expected) in [
            ("linux-*", "linux-image", true),
            ("linux-*", "xlinux-", false),
            ("*-dev", "a-b-dev", true),
            ("t?p0", "tap0", true),
            ("a*b*c", "aXbbYc", true),
            ("", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_lies_below_an_excluded_path_is_excluded() {
        let exclude = Exclude { paths: vec!["/srv/*/scratch/".to_owned(), "/home".to_owned()], ..Exclude::default() };
        assert!(exclude.has_path("/srv/a/scratch") && exclude.has_path("/srv/a/scratch/x/y") && exclude.has_path("/home/u"));
        assert!(!exclude.has_path("/srv/a") && !exclude.has_path("/homes") && !exclude.has_path("/"));
    }

    proptest! {
        #[test]
        fn a_text_without_wildcards_matches_itself(text in "[a-z/]{0,20}") {
            prop_assert!(matches(&text, &text));
        }
    }
}
