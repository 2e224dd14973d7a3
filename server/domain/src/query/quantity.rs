//! Numbers, sizes, ages and dates as queries write them, and back.

use rollcall_shared::Timestamp;
use std::fmt;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Units of ages in milliseconds, the longest first. A year has 365 days.
const AGES: [(&str, u64); 6] =
    [("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

/// Units of sizes in bytes, the largest first. One letter is binary, as `free -h` and systemd have it.
const SIZES: [(&str, f64); 17] = [
    ("PiB", 1_125_899_906_842_624.0),
    ("TiB", 1_099_511_627_776.0),
    ("GiB", 1_073_741_824.0),
    ("MiB", 1_048_576.0),
    ("KiB", 1_024.0),
    ("PB", 1e15),
    ("TB", 1e12),
    ("GB", 1e9),
    ("MB", 1e6),
    ("KB", 1e3),
    ("P", 1_125_899_906_842_624.0),
    ("T", 1_099_511_627_776.0),
    ("G", 1_073_741_824.0),
    ("M", 1_048_576.0),
    ("K", 1_024.0),
    ("bytes", 1.0),
    ("B", 1.0),
];

/// The longest age: longer than any computer has existed, and far from overflow.
const AGE_MAX_MS: u64 = 1_000 * 31_536_000_000;

/// How a value stands to the one in the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparison {
    /// Below.
    Less,
    /// Below or equal.
    AtMost,
    /// Equal.
    Equal,
    /// Above or equal.
    AtLeast,
    /// Above.
    Greater,
}

impl Comparison {
    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }

    /// Whether something that is ordered so to the query's value is wanted.
    #[must_use]
    pub fn allows(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::AtLeast => order.is_ge(),
            Self::Greater => order.is_gt(),
        }
    }

    /// The comparison in which both sides have changed places.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Equal => Self::Equal,
            Self::AtLeast => Self::AtMost,
            Self::Greater => Self::Less,
        }
    }
}

/// A point in time as queries name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So many milliseconds before now. What is *more* than an age is *earlier*: `last_seen>7d` is older than seven days.
    Age(u64),
    /// A day in UTC, by its first moment. It is one thing: `>` begins after its end, `<` ends before its begin.
    Day(Timestamp),
    /// An exact moment.
    Instant(Timestamp),
}

impl Moment {
    /// From `7d`, `1d12h`, `2026-01-31` or RFC 3339.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(age) = parse_age(text) {
            return Some(Self::Age(age));
        }
        let is_day =
            text.len() == 10 && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        if is_day {
            return format!("{text}T00:00:00Z").parse().ok().map(Self::Day);
        }
        let begins_with_day = text.len() > 10 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
        text.parse::<Timestamp>().ok().filter(|at| begins_with_day && at.0 <= WRITABLE_MAX).map(Self::Instant)
    }

    /// The moments, first and last in milliseconds, that stand so to this one. Equality has no meaning for an age; it is one instant.
    #[must_use]
    pub fn range(self, comparison: Comparison, now: Timestamp) -> (i64, i64) {
        let (first, last, comparison) = match self {
            Self::Age(age) => {
                let at = now.0.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX));
                (at, at, comparison.mirrored())
            }
            Self::Day(start) => (start.0, start.0.saturating_add(DAY_MS - 1), comparison),
            Self::Instant(at) => (at.0, at.0, comparison),
        };
        match comparison {
            Comparison::Less => (i64::MIN, first.saturating_sub(1)),
            Comparison::AtMost => (i64::MIN, last),
            Comparison::Equal => (first, last),
            Comparison::AtLeast => (first, i64::MAX),
            Comparison::Greater => (last.saturating_add(1), i64::MAX),
        }
    }
}

/// The last moment that every form of writing can hold.
const WRITABLE_MAX: i64 = 253_370_764_800_000;

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age(age) => write_age(f, *age),
            Self::Day(start) => write!(f, "{}", start.to_string().get(..10).unwrap_or_default()),
            Self::Instant(at) => at.fmt(f),
        }
    }
}

fn parse_age(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|&digits| digits > 0)?;
        let number: u64 = rest[..digits].parse().ok()?;
        let (unit, factor) = AGES.iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        sum = sum.checked_add(number.checked_mul(*factor)?)?;
        rest = &rest[digits + unit.len()..];
    }
    Some(sum).filter(|sum| !text.is_empty() && *sum <= AGE_MAX_MS)
}

fn write_age(f: &mut fmt::Formatter<'_>, age: u64) -> fmt::Result {
    if age < 1_000 {
        return f.write_str("0s");
    }
    let mut rest = age;
    // Years only when they say it all, weeks never: 400d and 7d read better than 1y35d and 1w.
    let (year, year_ms) = AGES[0];
    if rest.is_multiple_of(year_ms) {
        return write!(f, "{}{year}", rest / year_ms);
    }
    for (unit, factor) in &AGES[2..] {
        if rest >= *factor {
            write!(f, "{}{unit}", rest / factor)?;
            rest %= factor;
        }
    }
    Ok(())
}

/// A finite number without a unit.
#[must_use]
pub fn parse_number(text: &str) -> Option<f64> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let is_digit = |c: char| c.is_ascii_digit();
    let is_number = plain.starts_with(is_digit) && plain.ends_with(is_digit) && plain.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    // Minus zero is zero.
    text.parse::<f64>().ok().filter(|number| is_number && number.is_finite()).map(|number| number + 0.0)
}

/// A number of bytes, with or without a unit such as `16GiB`, `500GB`, `8G`.
#[must_use]
pub fn parse_size(text: &str) -> Option<f64> {
    let with_unit = SIZES.iter().find_map(|(unit, factor)| {
        let at = text.len().checked_sub(unit.len())?;
        let (number, written) = (text.get(..at)?, text.get(at..)?);
        let size = written.eq_ignore_ascii_case(unit).then(|| parse_number(number)).flatten()? * factor;
        size.is_finite().then_some(size)
    });
    with_unit.or_else(|| parse_number(text))
}

/// The same with a unit of at least two letters: `1.2b` and `5G` may be versions, `5GB` is none.
#[must_use]
pub fn parse_clear_size(text: &str) -> Option<f64> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    parse_size(text).filter(|_| unit.len() > 1)
}

/// A number of bytes in the largest binary unit in which it is whole.
#[must_use]
pub fn show_size(bytes: f64) -> String {
    let unit = SIZES[..5].iter().find(|(_, factor)| bytes != 0.0 && (bytes / factor).fract() == 0.0 && (bytes / factor) * factor == bytes);
    unit.map_or_else(|| bytes.to_string(), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_moment(text: &str, expected: Option<&str>) {
        let moment = Moment::parse(text);
        assert_eq!(moment.map(|moment| moment.to_string()).as_deref(), expected, "{text}");
        if let Some(moment) = moment {
            assert_eq!(Moment::parse(&moment.to_string()), Some(moment), "{text}");
        }
    }

    #[test]
    fn ages_dates_and_moments_are_read_and_written() {
        check_moment("7d", Some("7d"));
        check_moment("10d", Some("10d"));
        check_moment("36h", Some("1d12h"));
        check_moment("90m", Some("1h30m"));
        check_moment("0d", Some("0s"));
        check_moment("1y", Some("1y"));
        check_moment("2026-01-31", Some("2026-01-31"));
        check_moment("2026-01-31T12:00:00+01:00", Some("2026-01-31T11:00:00.000Z"));
        for wrong in ["", "7", "d", "7 d", "-7d", "7x", "2026-13-01", "2026-1-1", "yesterday", "99999999999999999999d", "2000y"] {
            check_moment(wrong, None);
        }
    }

    #[test]
    fn more_than_an_age_is_earlier_and_a_day_is_whole() {
        let now = Timestamp(1_000 * DAY_MS);
        let check = |text: &str, comparison, expected: (i64, i64)| {
            assert_eq!(Moment::parse(text).unwrap().range(comparison, now), expected, "{text}");
        };
        check("7d", Comparison::Greater, (i64::MIN, 993 * DAY_MS - 1));
        check("7d", Comparison::AtLeast, (i64::MIN, 993 * DAY_MS));
        check("7d", Comparison::Less, (993 * DAY_MS + 1, i64::MAX));
        check("1970-01-02", Comparison::Greater, (2 * DAY_MS, i64::MAX));
        check("1970-01-02", Comparison::AtLeast, (DAY_MS, i64::MAX));
        check("1970-01-02", Comparison::Less, (i64::MIN, DAY_MS - 1));
        check("1970-01-02", Comparison::Equal, (DAY_MS, 2 * DAY_MS - 1));
    }

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        for (text, expected, shown) in [
            ("16GiB", Some(17_179_869_184.0), "16GiB"),
            ("16G", Some(17_179_869_184.0), "16GiB"),
            ("500GB", Some(5e11), "488281250KiB"),
            ("1.5k", Some(1536.0), "1536"),
            ("7", Some(7.0), "7"),
            ("-1", Some(-1.0), "-1"),
            ("16XB", None, ""),
            ("GiB", None, ""),
            ("1e9", None, ""),
            ("inf", None, ""),
        ] {
            let size = parse_size(text);
            assert_eq!(size, expected, "{text}");
            if let Some(size) = size {
                assert_eq!(show_size(size), shown);
                assert_eq!(parse_size(&show_size(size)), Some(size));
            }
        }
    }
}
