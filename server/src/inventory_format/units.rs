//! Units and words of the format, and ours: sizes in bytes, moments in UTC, the standards' words in snake case.

use rollcall_shared::Timestamp;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Offsets from UTC lie within this, in minutes (the Line Islands and Baker Island).
const OFFSETS: std::ops::RangeInclusive<i64> = -720..=840;

/// Bytes of a size in mebibytes: memory and file systems are measured so.
#[must_use]
pub fn mebibytes(size: u64) -> Option<u64> {
    size.checked_mul(1 << 20).filter(|&bytes| bytes > 0)
}

/// Bytes of a size in megabytes, possibly with a fraction: disks and volumes are measured so.
#[must_use]
pub fn megabytes(text: &str) -> Option<u64> {
    const DIGITS: usize = 6;
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(DIGITS).collect();
    let bytes = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction.parse().ok()?)?;
    (bytes > 0).then_some(bytes)
}

/// Minutes east of UTC, from `+0200`.
#[must_use]
pub fn offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2).filter(|_| digits.len() == 4)?;
    let minutes = sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?);
    OFFSETS.contains(&minutes).then_some(minutes)
}

/// A local moment (`2020-06-09 07:58:08`, seconds and time may be missing, slashes may stand for dashes) at an offset from UTC
/// in minutes. A moment that says its own zone (`Z`) is taken at its word. Before 1970 is unknown: agents write that for it.
#[must_use]
pub fn moment(text: &str, offset: i64) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    let (date, time) = (date.replace('/', "-"), time.trim());
    let (time, offset) = time.strip_suffix('Z').map_or((time, offset), |time| (time, 0));
    let mut parts = date.split('-');
    let [year, month, day] = [parts.next()?, parts.next()?, parts.next()?];
    if parts.next().is_some() {
        return None;
    }
    // Windows and FusionInventory write the day first.
    let (year, day) = if year.len() <= 2 && day.len() == 4 { (day, year) } else { (year, day) };
    let clock = match time.split(':').count() {
        _ if time.is_empty() => "00:00:00".to_owned(),
        2 => format!("{time}:00"),
        _ => time.to_owned(),
    };
    let local: Timestamp = format!("{year:0>4}-{month:0>2}-{day:0>2}T{clock}Z").parse().ok()?;
    let shift = Duration::from_secs(offset.unsigned_abs() * 60);
    let utc = if offset < 0 { local.plus(shift) } else { local.minus(shift) };
    (utc > Timestamp(0)).then_some(utc)
}

/// A moment as the format writes it, in UTC.
#[must_use]
pub fn written(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}Z", &text[..10], &text[11..19])
}

/// A firmware's date as firmware writes it: `2016-02-06` is `02/06/2016`.
#[must_use]
pub fn firmware_date(text: &str) -> String {
    match text.split(' ').next().unwrap_or(text).split('-').collect::<Vec<_>>().as_slice() {
        [year, month, day] if year.len() == 4 => format!("{month}/{day}/{year}"),
        _ => text.to_owned(),
    }
}

/// The other way round; `None` for what is no date.
#[must_use]
pub fn iso_date(text: &str) -> Option<String> {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [month, day, year] if year.len() == 4 && month.len() == 2 && day.len() == 2 => Some(format!("{year}-{month}-{day}")),
        _ => None,
    }
}

/// Words of a standard in snake case: `Rack Mount Chassis` is `rack_mount_chassis`.
#[must_use]
pub fn snake(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

/// The other way round.
#[must_use]
pub fn title(text: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    text.split('_').map(capital).collect::<Vec<_>>().join(" ")
}

/// Bits of an IPv4 or IPv6 mask in its long form; `None` for one with holes.
#[must_use]
pub fn prefix(mask: &str) -> Option<u8> {
    let (bits, width) = match (mask.parse::<Ipv4Addr>(), mask.parse::<Ipv6Addr>()) {
        (Ok(mask), _) => (u128::from(mask.to_bits()) << 96, 32),
        (_, Ok(mask)) => (mask.to_bits(), 128),
        _ => return None,
    };
    let ones = bits.leading_ones();
    (bits.count_ones() == ones && ones <= width).then(|| u8::try_from(ones).ok()).flatten()
}

/// Megabits per second: a bare number, or one with a unit; nothing and less than nothing are unknown.
#[must_use]
pub fn megabits(text: &str) -> Option<u32> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u32 = text[..digits].parse().ok()?;
    let number = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "mbps" | "mb/s" | "mbit/s" | "m" => number,
        "gbps" | "gb/s" | "gbit/s" | "g" => number.checked_mul(1_000)?,
        _ => return None,
    };
    (number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_moment(text: &str, offset: i64, expected: Option<&str>) {
        assert_eq!(moment(text, offset).map(|at| at.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn moments_are_brought_to_utc() {
        check_moment("2020-06-09 07:58:08", 120, Some("2020-06-09T05:58:08.000Z"));
        check_moment("2020-06-09T07:58:08Z", 120, Some("2020-06-09T07:58:08.000Z"));
        check_moment("2026-11-25 18:17", -90, Some("2026-11-25T19:47:00.000Z"));
        check_moment("2025/04/20 00:00:00", 0, Some("2025-04-20T00:00:00.000Z"));
        check_moment("19/12/2019", 0, Some("2019-12-19T00:00:00.000Z"));
        check_moment("2019-12-19", 0, Some("2019-12-19T00:00:00.000Z"));
        for text in
            ["1970-00-01", "1970-01-01 00:00:00", "yesterday", "", "2019", "2019-13-01", "9999-99-99", "2019-12-19-20", "Fri Jun 12 14:15"]
        {
            check_moment(text, 0, None);
        }
        assert_eq!(written(moment("2020-06-09 07:58:08", 120).unwrap()), "2020-06-09 05:58:08Z");
    }

    #[test]
    fn offsets_and_sizes_that_make_no_sense_are_unknown() {
        assert_eq!(
            (offset("+0200"), offset("-0330"), offset("+9900"), offset("CEST"), offset("")),
            (Some(120), Some(-210), None, None, None)
        );
        assert_eq!(megabytes("274877.906944"), Some(274_877_906_944));
        assert_eq!(
            (megabytes("250059"), megabytes("0"), megabytes("-1"), megabytes("99999999999999999999")),
            (Some(250_059_000_000), None, None, None)
        );
        assert_eq!((mebibytes(4096), mebibytes(0), mebibytes(u64::MAX)), (Some(4 << 30), None, None));
        assert_eq!(
            (megabits("100"), megabits("10 Gbps"), megabits("0 Mbps"), megabits("-1"), megabits("fast")),
            (Some(100), Some(10_000), None, None, None)
        );
    }

    #[test]
    fn masks_are_prefixes_unless_they_have_holes() {
        let expected =
            [("255.255.255.0", Some(24)), ("ffff:ffff:ffff:ffff::", Some(64)), ("fff0::", Some(12)), ("255.0.255.0", None), ("x", None)];
        expected.into_iter().for_each(|(mask, bits)| assert_eq!(prefix(mask), bits, "{mask}"));
        assert_eq!((prefix("0.0.0.0"), prefix("255.255.255.255"), prefix("::")), (Some(0), Some(32), Some(0)));
    }

    #[test]
    fn dates_of_firmware_go_both_ways() {
        assert_eq!((firmware_date("2016-02-06").as_str(), firmware_date("02/06/2016").as_str()), ("02/06/2016", "02/06/2016"));
        assert_eq!((iso_date("02/06/2016").as_deref(), iso_date("2016")), (Some("2016-02-06"), None));
        assert_eq!(
            (snake("Rack Mount Chassis").as_str(), title("rack_mount_chassis").as_str()),
            ("rack_mount_chassis", "Rack Mount Chassis")
        );
    }
}
