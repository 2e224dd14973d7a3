//! Patterns for names: `*` stands for any text, `?` for one character, everything else for itself in either case.

/// Whether all of `text` fits `pattern`. Time is at most the product of their lengths, without recursion.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on when what follows the last star does not fit here.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let at = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), at.clone()));
                text = at;
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if same(wanted, found) => {}
            _ => {
                let Some((after_star, mut from)) = retry.take() else { return false };
                if from.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = from.clone();
                retry = Some((after_star, from));
            }
        }
    }
}

fn same(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, fitting: &[&str], other: &[&str]) {
        for text in fitting {
            assert!(fits(pattern, text), "{pattern} fits {text}");
        }
        for text in other {
            assert!(!fits(pattern, text), "{pattern} does not fit {text}");
        }
    }

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        check("linux-image-*", &["linux-image-6.1.0-13-amd64", "Linux-Image-", "linux-image-*"], &["linux-image", "xlinux-image-6"]);
        check("python3.?", &["python3.1"], &["python3.", "python3.11"]);
        check("*ssl*", &["openssl", "libssl3", "ssl"], &["sl"]);
        check("a*b*c", &["abc", "aXbXbXc"], &["ab", "acb"]);
        check("", &[""], &["a"]);
        check("*", &["", "anything"], &[]);
        check("été", &["ÉTÉ"], &["ete"]);
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        assert!(!fits(&"*a".repeat(100), &"a".repeat(99)));
        assert!(!fits(&format!("{}b", "*a".repeat(60)), &"a".repeat(255)));
    }

    proptest! {
        #[test]
        fn a_text_without_stars_fits_itself_and_whatever_a_star_is_put_into(text in "[a-z.?-]{0,12}", at in 0_usize..12) {
            prop_assert!(fits(&text, &text));
            let at = at.min(text.len());
            let (inside, at_end) = (format!("{}*{}", &text[..at], &text[at..]), format!("{}*", &text[..at]));
            prop_assert!(fits(&inside, &text) && fits(&at_end, &text));
        }
    }
}
