//! What a Nagios plugin printed.
//!
//! ```text
//! first line | performance data
//! long text
//! more long text | more performance data
//! yet more performance data
//! ```

use super::perfdata::{self, Perfdata};
use crate::collect::text::tidy;

/// Values of one plugin.
const VALUES: usize = 256;

/// Refusals that are spelled out.
const REFUSALS: usize = 16;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// The first line.
    pub summary: Option<String>,
    /// The lines below it.
    pub details: Vec<String>,
    /// Values.
    pub perfdata: Vec<Perfdata>,
    /// Performance data that did not keep to the form, and why.
    pub refused: Vec<String>,
}

impl Output {
    /// Reads what was printed.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let (summary, mut figures) = split(lines.next().unwrap_or_default());
        let mut output = Self { summary: tidy(summary), ..Self::default() };
        let mut only_figures = false;
        for line in lines {
            let (text, more) = if only_figures { ("", Some(line)) } else { split(line) };
            output.details.extend(tidy(text));
            only_figures |= more.is_some();
            output.take(figures.take());
            figures = more;
        }
        output.take(figures);
        output
    }

    fn take(&mut self, figures: Option<&str>) {
        let (values, refused) = perfdata::parse(figures.unwrap_or_default());
        for value in values {
            if self.perfdata.len() >= VALUES {
                self.refused.push(format!("more than {VALUES} values"));
                break;
            }
            // Of one label the first counts, whichever line it stands on.
            if self.perfdata.iter().all(|before| before.label != value.label) {
                self.perfdata.push(value);
            }
        }
        self.refused.extend(refused);
        self.refused.truncate(REFUSALS);
    }
}

fn split(line: &str) -> (&str, Option<&str>) {
    line.split_once('|').map_or((line, None), |(text, figures)| (text, Some(figures)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, summary: Option<&str>, details: &[&str], labels: &[&str]) {
        let output = Output::parse(text);
        assert_eq!(
            (output.summary.as_deref(), output.details.iter().map(String::as_str).collect::<Vec<_>>().as_slice()),
            (summary, details)
        );
        assert_eq!(output.perfdata.iter().map(|one| one.label.as_str()).collect::<Vec<_>>(), labels);
    }

    #[test]
    fn the_first_line_is_the_summary_and_the_last_ones_are_figures() {
        check("DISK OK - 5 % | /=5%;80;90", Some("DISK OK - 5 %"), &[], &["/"]);
        check(
            "DISK OK | /=5%\n/ 15272 MB\n/boot 68 MB | /boot=68MB\n/home=69MB\n/var=9MB text\n",
            Some("DISK OK"),
            &["/ 15272 MB", "/boot 68 MB"],
            &["/", "/boot", "/home", "/var"],
        );
        check("", None, &[], &[]);
        check("| a=1", None, &[], &["a"]);
        check("OK\n\nmore", Some("OK"), &["more"], &[]);
    }

    #[test]
    fn refusals_are_told_and_bounded() {
        let output = Output::parse(&format!("OK | a=1 {}", "x=nan ".repeat(100)));
        assert_eq!((output.perfdata.len(), output.refused.len()), (1, REFUSALS));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), likely in "[ -~\n|=;']{0,80}") {
            let _ = (Output::parse(&text), Output::parse(&likely));
        }
    }
}
