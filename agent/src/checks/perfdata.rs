//! Performance data of Nagios plugins: `'label'=value[UOM];warn;crit;min;max`, separated by blanks.
//!
//! What does not keep to the form is refused, with a word about why, and the rest is kept. Values come out in base units.

use std::ops::RangeInclusive;

/// Bytes of a label; plugins name file systems and interfaces.
const LABEL_BYTES: usize = 128;

/// Characters of what was refused that are repeated to people.
const SHOWN: usize = 40;

/// One value of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Perfdata {
    /// What it is, as the plugin calls it.
    pub label: String,
    /// In base units; none where the plugin says that it could not be determined (`U`).
    pub value: Option<f64>,
    /// What it is counted in.
    pub unit: Unit,
    /// Outside of this the plugin warns. Ranges and bounds are in the plugin's own unit.
    pub warning: Option<Range>,
    /// Outside of this the plugin raises an alarm.
    pub critical: Option<Range>,
    /// The least possible value.
    pub minimum: Option<f64>,
    /// The largest possible value.
    pub maximum: Option<f64>,
}

/// Base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// No unit, or one that the guidelines do not know; as the plugin counts.
    Plain,
    /// Time.
    Seconds,
    /// Sizes.
    Bytes,
    /// A percentage, from 0 to 1.
    Ratio,
    /// A counter that only grows.
    Counter,
}

/// Of thresholds: alerts when a value is outside of it, or, with `@`, inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    within: RangeInclusive<f64>,
    alerts_inside: bool,
}

impl Range {
    /// `10` (from 0), `10:`, `~:10`, `10:20`, `@10:20`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (text, alerts_inside) = text.strip_prefix('@').map_or((text, false), |rest| (rest, true));
        let (start, end) = match text.split_once(':') {
            None => (0.0, whole_number(text)?),
            Some((start, end)) => (
                if start == "~" { f64::NEG_INFINITY } else { whole_number(start)? },
                if end.is_empty() { f64::INFINITY } else { whole_number(end)? },
            ),
        };
        (start <= end).then_some(Self { within: start..=end, alerts_inside })
    }

    /// Whether a value is one to alert for.
    #[must_use]
    pub fn alerts(&self, value: f64) -> bool {
        self.within.contains(&value) == self.alerts_inside
    }
}

/// All values of a line, and what was refused.
#[must_use]
pub fn parse(text: &str) -> (Vec<Perfdata>, Vec<String>) {
    let (mut values, mut refused): (Vec<Perfdata>, Vec<String>) = (Vec::new(), Vec::new());
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (item, after) = next_item(rest);
        match one(item) {
            Ok(value) if values.iter().any(|before| before.label == value.label) => {
                refused.push(refusal(item, "the label was there before"))
            }
            Ok(value) => values.push(value),
            Err(why) => refused.push(refusal(item, why)),
        }
        rest = after.trim_start();
    }
    (values, refused)
}

fn refusal(item: &str, why: &str) -> String {
    let shown: String = item.chars().take(SHOWN).collect();
    format!("{shown:?}: {why}")
}

/// Up to the next blank that is not within quotes.
fn next_item(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (position, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            _ if character.is_whitespace() && !quoted => return text.split_at(position),
            _ => {}
        }
    }
    (text, "")
}

fn one(item: &str) -> Result<Perfdata, &'static str> {
    let (label, figures) = label(item)?;
    let mut fields = figures.split(';');
    let figure = fields.next().unwrap_or_default();
    let (value, unit) = if figure == "U" { (None, Unit::Plain) } else { measured(figure).map(|(value, unit)| (Some(value), unit))? };
    let mut range = || match fields.next() {
        None | Some("") => Ok(None),
        Some(text) => Range::parse(text).map(Some).ok_or("a threshold is not a range"),
    };
    let (warning, critical) = (range()?, range()?);
    let mut bound = || match fields.next() {
        None | Some("") => Ok(None),
        Some(text) => whole_number(text).map(Some).ok_or("a bound is not a number"),
    };
    Ok(Perfdata { label, value, unit, warning, critical, minimum: bound()?, maximum: bound()? })
}

/// A label and what follows its `=`. A quoted one may hold blanks; a doubled quote stands for one, which no label may hold.
fn label(item: &str) -> Result<(String, &str), &'static str> {
    let (label, rest) = match item.strip_prefix('\'') {
        Some(quoted) => {
            let mut from = 0;
            let end = loop {
                let quote = from + quoted[from..].find('\'').ok_or("the label's quote does not end")?;
                if !quoted[quote + 1..].starts_with('\'') {
                    break quote;
                }
                from = quote + 2;
            };
            (&quoted[..end], quoted[end + 1..].strip_prefix('=').ok_or("no = after the label")?)
        }
        None => item.split_once('=').ok_or("no = after the label")?,
    };
    if label.contains(['\'', '=']) {
        return Err("a label must not hold ' or =");
    }
    let label = crate::collect::text::tidy(label).ok_or("no label")?;
    if label.len() > LABEL_BYTES { Err("the label is too long") } else { Ok((label, rest)) }
}

/// A number with its unit, in base units. Sizes go by 1024, as the plugins that print them count.
fn measured(text: &str) -> Result<(f64, Unit), &'static str> {
    if text.is_empty() {
        return Err("no value");
    }
    let (number, uom) = text.split_at(number_length(text));
    let number: f64 = number.parse().map_err(|_| "the value is not a number")?;
    let (factor, unit) = match uom {
        "s" => (1.0, Unit::Seconds),
        "ms" => (1e-3, Unit::Seconds),
        "us" => (1e-6, Unit::Seconds),
        "ns" => (1e-9, Unit::Seconds),
        "%" => (1e-2, Unit::Ratio),
        "B" => (1.0, Unit::Bytes),
        "kB" | "KB" | "KiB" => (1024.0, Unit::Bytes),
        "MB" | "MiB" => (1024.0 * 1024.0, Unit::Bytes),
        "GB" | "GiB" => (1024.0 * 1024.0 * 1024.0, Unit::Bytes),
        "TB" | "TiB" => (1024.0 * 1024.0 * 1024.0 * 1024.0, Unit::Bytes),
        "c" => (1.0, Unit::Counter),
        _ if uom.starts_with(',') => return Err("a decimal comma"),
        _ if uom.chars().any(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '+' | '-' | '=' | '\'' | '"')) => {
            return Err("the value is not a number");
        }
        _ => (1.0, Unit::Plain),
    };
    let value = number * factor;
    if value.is_finite() { Ok((value, unit)) } else { Err("the value is not finite") }
}

/// A number and nothing else.
fn whole_number(text: &str) -> Option<f64> {
    if number_length(text) != text.len() {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Bytes of the decimal number that the text begins with: `-1.5e3`, never `inf` or `nan`.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = |at: usize| usize::from(matches!(bytes.get(at), Some(b'-' | b'+')));
    let mut end = sign(0);
    end += digits(end);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let exponent = end + 1 + sign(end + 1);
        if digits(exponent) > 0 {
            end = exponent + digits(exponent);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(label: &str, value: f64, unit: Unit) -> Perfdata {
        Perfdata { label: label.into(), value: Some(value), unit, warning: None, critical: None, minimum: None, maximum: None }
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, f64, Unit)]) {
        let expected: Vec<_> = expected.iter().map(|&(label, value, unit)| plain(label, value, unit)).collect();
        assert_eq!(parse(text), (expected, vec![]));
    }

    #[track_caller]
    fn check_refused(text: &str, why: &str) {
        let (values, refused) = parse(&format!("before=1 {text} after=2"));
        assert_eq!(values.iter().map(|value| value.label.as_str()).collect::<Vec<_>>(), ["before", "after"], "the rest is kept");
        assert!(matches!(refused.as_slice(), [one] if one.contains(why)), "{refused:?}");
    }

    #[test]
    fn values_come_in_base_units() {
        check("time=250ms x=3us load=1.5", &[("time", 0.25, Unit::Seconds), ("x", 3.0 * 1e-6, Unit::Seconds), ("load", 1.5, Unit::Plain)]);
        check("/=2KB a=1MB b=1TB", &[("/", 2048.0, Unit::Bytes), ("a", 1_048_576.0, Unit::Bytes), ("b", 1_099_511_627_776.0, Unit::Bytes)]);
        check(
            "used=50% in=7c fan=900rpm e=-1.5e3",
            &[("used", 0.5, Unit::Ratio), ("in", 7.0, Unit::Counter), ("fan", 900.0, Unit::Plain), ("e", -1500.0, Unit::Plain)],
        );
        check("", &[]);
    }

    #[test]
    fn a_quoted_label_may_hold_blanks() {
        check("'C:\\ used'=1B  'b c'=2", &[("C:\\ used", 1.0, Unit::Bytes), ("b c", 2.0, Unit::Plain)]);
    }

    #[test]
    fn thresholds_and_bounds_are_read() {
        let (values, refused) = parse("a=1s;~:10;@10:20;0;100 b=U;;;");
        assert_eq!(refused, [""; 0]);
        let expected = Perfdata {
            warning: Range::parse("~:10"),
            critical: Range::parse("@10:20"),
            minimum: Some(0.0),
            maximum: Some(100.0),
            ..plain("a", 1.0, Unit::Seconds)
        };
        assert_eq!(values, [expected, Perfdata { value: None, ..plain("b", 0.0, Unit::Plain) }]);
    }

    #[test]
    fn what_does_not_keep_to_the_form_is_refused_with_a_reason() {
        check_refused("'it''s'=1", "must not hold");
        check_refused("'a=b'=1", "must not hold");
        check_refused("a'b'=1", "must not hold");
        check_refused("x=1,5", "decimal comma");
        check_refused("x=inf", "not a number");
        check_refused("x=nan", "not a number");
        check_refused("x=", "no value");
        check_refused("x=;1;2", "no value");
        check_refused("=1", "no label");
        check_refused("nothing", "no =");
        check_refused("x=1.2.3", "not a number");
        check_refused("x=1e999", "not finite");
        check_refused("x=1;20:10", "not a range");
        check_refused("x=1;;;low", "not a number");
        check_refused("before=3", "there before");
        check_refused(&format!("{}=1", "x".repeat(200)), "too long");
        assert!(parse("'open=1 b=2").1[0].contains("does not end"));
    }

    #[test]
    fn ranges_alert_outside_and_with_an_at_inside() {
        for (text, good, bad) in [
            ("10", &[0.0, 10.0][..], &[-0.1, 10.1][..]),
            ("10:", &[10.0, 1e9], &[9.9]),
            ("~:10", &[-1e9, 10.0], &[10.1]),
            ("10:20", &[10.0, 20.0], &[9.9, 20.1]),
            ("@10:20", &[9.9, 20.1], &[10.0, 20.0]),
        ] {
            let range = Range::parse(text).expect("a range");
            assert!(good.iter().all(|&value| !range.alerts(value)) && bad.iter().all(|&value| range.alerts(value)), "{text}");
        }
        for text in ["", ":", "~", "a", "1:2:3", "20:10", "inf", "~:nan", "@"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), likely in "('?[a-zé =']{0,6}'?=[-0-9.eE,a-zA-Z%]{0,9}(;[@~:0-9.]{0,6}){0,4} ?){0,4}") {
            for text in [text, likely] {
                let (values, _) = parse(&text);
                prop_assert!(values.iter().all(|one| one.value.is_none_or(f64::is_finite) && !one.label.contains(['\'', '='])));
            }
        }
    }
}
