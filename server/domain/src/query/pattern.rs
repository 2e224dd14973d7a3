//! Texts that a query compares with: whole ones, and ones with wildcards.

use crate::ci::normalise::folded;

/// A text to compare with, whatever the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The whole text.
    Exact(String),
    /// `*` stands for any characters, `?` for one. Written without quotes, where both stand for themselves.
    Glob(String),
}

impl Pattern {
    /// From a value as written.
    #[must_use]
    pub fn new(text: &str, quoted: bool) -> Self {
        let is_glob = !quoted && text.contains(['*', '?']);
        if is_glob { Self::Glob(text.to_owned()) } else { Self::Exact(text.to_owned()) }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Glob(text) => text,
        }
    }

    /// Whether a text is this one, or fits it.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matches_folded(&folded(text))
    }

    /// The same for a text that is folded already.
    #[must_use]
    pub fn matches_folded(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => folded(wanted) == text,
            Self::Glob(glob) => fits(&folded(glob), text),
        }
    }

    /// The longest text, folded, that everything has which this matches.
    #[must_use]
    pub fn literal(&self) -> String {
        match self {
            Self::Exact(text) => folded(text),
            Self::Glob(glob) => folded(glob).split(['*', '?']).max_by_key(|part| part.len()).unwrap_or_default().to_owned(),
        }
    }
}

/// Whether `text` fits `glob`. Takes at most the product of both lengths: after a mismatch only the last `*` grows.
fn fits(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                retry = Some((g, t));
                g += 1;
            }
            Some(&c) if c == '?' || c == text[t] => (g, t) = (g + 1, t + 1),
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (g, t) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, quoted: bool, fitting: &[&str], others: &[&str]) {
        let pattern = Pattern::new(written, quoted);
        for (texts, expected) in [(fitting, true), (others, false)] {
            for text in texts {
                assert_eq!(pattern.matches(text), expected, "{written} and {text}");
            }
        }
    }

    #[test]
    fn a_glob_fits_whole_texts_whatever_the_case() {
        check("web-*", false, &["web-", "WEB-1", "web-a-b"], &["web", "a-web-1"]);
        check("*.example.com", false, &["a.example.com", ".EXAMPLE.com"], &["example.com", "a.example.com.org"]);
        check("w?b*1", false, &["wab1", "wob-1-1"], &["wb1", "wob"]);
        check("*", false, &["", "a"], &[]);
        check("a*b*c", false, &["abc", "axxbxxbc"], &["abcd"]);
    }

    #[test]
    fn quoted_wildcards_stand_for_themselves() {
        check("web-*", true, &["web-*", "WEB-*"], &["web-1"]);
    }

    #[test]
    fn a_hostile_glob_ends() {
        check(&"*a".repeat(500), false, &[], &[&"a".repeat(499)]);
    }
}
