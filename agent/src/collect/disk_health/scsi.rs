//! Log pages of SCSI disks (SPC and SBC): each a list of parameters with code, length and value.
//!
//! Pure functions of bytes; a parameter that a page does not have is unknown, not zero.

/// Bytes asked of one page; those read here have some 300 at most.
pub(super) const PAGE_BYTES: u16 = 512;

/// Pages.
pub(super) const WRITE_ERRORS: u8 = 0x02;
pub(super) const READ_ERRORS: u8 = 0x03;
pub(super) const VERIFY_ERRORS: u8 = 0x05;
pub(super) const TEMPERATURE: u8 = 0x0d;
pub(super) const SOLID_STATE: u8 = 0x11;
pub(super) const BACKGROUND_SCAN: u8 = 0x15;
pub(super) const INFORMATIONAL_EXCEPTIONS: u8 = 0x2f;

/// LOG SENSE (10) for the cumulative values of a page.
pub(super) fn log_sense(page: u8) -> [u8; 10] {
    const CUMULATIVE: u8 = 1 << 6;
    let [high, low] = PAGE_BYTES.to_be_bytes();
    [0x4d, 0, CUMULATIVE | page, 0, 0, 0, 0, high, low, 0]
}

/// READ DEFECT DATA (10) for the head of the grown list: how many were added since manufacture.
pub(super) const GROWN_DEFECTS: [u8; 10] = {
    const GROWN_LIST: u8 = 1 << 3;
    const PHYSICAL_SECTOR: u8 = 0b101;
    [0x37, 0, GROWN_LIST | PHYSICAL_SECTOR, 0, 0, 0, 0, 0, 4, 0]
};

/// The value of a parameter of a page; none when this is another page or has no such parameter.
fn parameter(page: &[u8], code: u8, wanted: u16) -> Option<&[u8]> {
    const CODE: u8 = 0x3f;
    let [first, _, high, low, rest @ ..] = page else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let mut rest = rest.get(..length.min(rest.len())).filter(|_| first & CODE == code)?;
    while let [high, low, _control, length, tail @ ..] = rest {
        let (value, next) = tail.split_at_checked(usize::from(*length))?;
        if u16::from_be_bytes([*high, *low]) == wanted {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// Degrees of the temperature page; FFh is unknown.
pub(super) fn temperature(page: &[u8]) -> Option<i32> {
    let &[_, degrees, ..] = parameter(page, TEMPERATURE, 0)? else { return None };
    known_degrees(degrees)
}

fn known_degrees(degrees: u8) -> Option<i32> {
    Some(i32::from(degrees)).filter(|degrees| *degrees != 0xff && *degrees != 0)
}

/// The disk's judgement, and its temperature where it says it here: additional sense 5Dh predicts a failure, but for its test value.
pub(super) fn exceptions(page: &[u8]) -> Option<(Option<bool>, Option<i32>)> {
    let &[sense, qualifier, ref rest @ ..] = parameter(page, INFORMATIONAL_EXCEPTIONS, 0)? else { return None };
    let passed = match (sense, qualifier) {
        (0x5d, 0xff) | (0, 0) => Some(true),
        (0x5d, _) => Some(false),
        // Warnings (0Bh) are of heat, of the enclosure, of a test: no judgement on the disk.
        _ => None,
    };
    Some((passed, rest.first().copied().and_then(known_degrees)))
}

/// Errors that could not be corrected, of one of the three error counter pages.
pub(super) fn uncorrected(page: &[u8], code: u8) -> Option<u64> {
    const TOTAL_UNCORRECTED: u16 = 6;
    let value = parameter(page, code, TOTAL_UNCORRECTED)?;
    // Up to eight bytes, the vendor's choice; a longer one saturates.
    let number = value.iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    (!value.is_empty()).then_some(number.unwrap_or(u64::MAX))
}

/// Share of the rated life of a solid-state disk that is used.
pub(super) fn percentage_used(page: &[u8]) -> Option<u8> {
    parameter(page, SOLID_STATE, 1)?.get(3).copied()
}

/// Hours with power, which the page counts in minutes.
pub(super) fn power_on_hours(page: &[u8]) -> Option<u64> {
    let minutes = parameter(page, BACKGROUND_SCAN, 0)?.first_chunk()?;
    Some(u64::from(u32::from_be_bytes(*minutes)) / 60)
}

/// How many defects the grown list has, from its head.
pub(super) fn grown_defects(head: &[u8]) -> Option<u64> {
    const GROWN_LIST: u8 = 1 << 3;
    let &[_, kind, high, low, ..] = head else { return None };
    // Bytes of one descriptor by format: short block, extended and long forms, bytes from index, physical sector.
    let bytes = match kind & 0b111 {
        0b000 => 4,
        0b001..=0b101 => 8,
        _ => return None,
    };
    (kind & GROWN_LIST != 0).then(|| u64::from(u16::from_be_bytes([high, low])) / bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(code: u8, parameters: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (number, value) in parameters {
            body.extend(number.to_be_bytes());
            body.extend([0x03, u8::try_from(value.len()).expect("short")]);
            body.extend(*value);
        }
        let [high, low] = u16::try_from(body.len()).expect("short").to_be_bytes();
        [&[code, 0, high, low][..], &body].concat()
    }

    #[test]
    fn pages_are_read() {
        assert_eq!(temperature(&page(TEMPERATURE, &[(0, &[0, 38]), (1, &[0, 60])])), Some(38));
        assert_eq!(temperature(&page(TEMPERATURE, &[(0, &[0, 0xff])])), None);
        assert_eq!(power_on_hours(&page(BACKGROUND_SCAN, &[(0, &[0, 0x09, 0x27, 0xc0, 0, 0, 0, 0])])), Some(10_000));
        assert_eq!(percentage_used(&page(SOLID_STATE, &[(1, &[0, 0, 0, 4])])), Some(4));
        assert_eq!(uncorrected(&page(READ_ERRORS, &[(0, &[9]), (6, &[0, 0, 1, 2])]), READ_ERRORS), Some(258));
        assert_eq!(uncorrected(&page(READ_ERRORS, &[(6, &[1; 9])]), READ_ERRORS), Some(u64::MAX));
        assert_eq!(uncorrected(&page(READ_ERRORS, &[(6, &[1])]), WRITE_ERRORS), None);
    }

    #[test]
    fn only_a_predicted_failure_is_failing() {
        let judged = |sense, qualifier| exceptions(&page(INFORMATIONAL_EXCEPTIONS, &[(0, &[sense, qualifier, 40, 0])]));
        assert_eq!(judged(0, 0), Some((Some(true), Some(40))));
        assert_eq!(judged(0x5d, 0x10), Some((Some(false), Some(40))));
        assert_eq!(judged(0x5d, 0xff), Some((Some(true), Some(40))));
        assert_eq!(judged(0x0b, 0x01), Some((None, Some(40))));
    }

    #[test]
    fn grown_defects_are_counted_by_the_size_of_their_format() {
        assert_eq!(grown_defects(&[0, 0x0d, 0, 16]), Some(2));
        assert_eq!(grown_defects(&[0, 0x08, 0, 16]), Some(4));
        assert_eq!(grown_defects(&[0, 0x0d, 0, 0]), Some(0));
        assert_eq!(grown_defects(&[0, 0x15, 0, 16]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(page in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (temperature(&page), exceptions(&page), percentage_used(&page), power_on_hours(&page), grown_defects(&page));
            let _ = uncorrected(&page, READ_ERRORS);
        }

        #[test]
        fn no_parameter_panics(length in any::<u16>(), tail in proptest::collection::vec(any::<u8>(), 0..40)) {
            let [high, low] = length.to_be_bytes();
            let _ = temperature(&[&[TEMPERATURE, 0, high, low][..], &tail].concat());
        }
    }
}
