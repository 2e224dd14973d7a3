//! The values of one series over some moments, in as few bits as they need.
//!
//! Two bits say what follows:
//!
//! | bits | values | what follows |
//! |---|---|---|
//! | 00 | all are 0 | nothing |
//! | 01 | all are the same number | a form, a number |
//! | 10 | all are there | a form, the least number, a width, and for each value what it is above the least |
//! | 11 | some are not there | a bit for each value, and as for 10 those that are there, if any |
//!
//! A form (two bits and a parameter) makes integers of values: *integers* as they are; *fixed point*, multiples of a power of ten;
//! *significant digits*, a counter through all decimal numbers of so many digits; *raw*, the 64 bits of each. A number is its length
//! (6 bits) and its bits, zig-zag. The writer takes the form that costs least and only one that gives back the very same bits.

use super::bits::{Reader, Writer};

const ZEROS: u64 = 0b00;
const CONSTANT: u64 = 0b01;
const DENSE: u64 = 0b10;
const SPARSE: u64 = 0b11;

/// Integers of this size and below are exact as floating-point numbers.
const EXACT: i64 = 1 << 53;

/// Powers of ten that are exact as floating-point numbers.
const POWERS: [f64; 23] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22];

/// Of fixed point: 5 bits say the exponent from this on.
const LEAST_EXPONENT: i32 = -16;

/// Of significant digits: 3 bits say how many there are, fewer by one.
const MOST_DIGITS: u32 = 5;

/// Of significant digits: the power of ten of the first digit is no less. A smaller number is written in another form.
const LEAST_MAGNITUDE: i32 = -9;

/// Bits that say how long a number is, and how wide those above the least one are.
const LENGTH: u32 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Integers,
    FixedPoint { exponent: i32 },
    SignificantDigits { digits: u32 },
    Raw,
}

impl Form {
    fn put(self, out: &mut Writer) {
        match self {
            Self::Integers => out.put(0, 2),
            Self::FixedPoint { exponent } => {
                out.put(1, 2);
                out.put(u64::try_from(exponent - LEAST_EXPONENT).unwrap_or_default(), 5);
            }
            Self::SignificantDigits { digits } => {
                out.put(2, 2);
                out.put(u64::from(digits) - 1, 3);
            }
            Self::Raw => out.put(3, 2),
        }
    }

    fn take(bits: &mut Reader<'_>) -> Option<Self> {
        Some(match bits.take(2)? {
            0 => Self::Integers,
            1 => Self::FixedPoint { exponent: LEAST_EXPONENT + i32::try_from(bits.take(5)?).ok()? },
            2 => Self::SignificantDigits { digits: u32::try_from(bits.take(3)?).ok()? + 1 },
            _ => Self::Raw,
        })
        .filter(|form| !matches!(form, Self::SignificantDigits { digits } if *digits > MOST_DIGITS))
    }

    /// The bits of its parameter.
    fn cost(self) -> u32 {
        match self {
            Self::Integers | Self::Raw => 0,
            Self::FixedPoint { .. } => 5,
            Self::SignificantDigits { .. } => 3,
        }
    }

    /// The integer that stands for a value; none when this form cannot give the same bits back.
    fn integer(self, decimal: Decimal) -> Option<i64> {
        let integer = match self {
            Self::Integers => decimal.scaled(0)?,
            Self::FixedPoint { exponent } => decimal.scaled(exponent)?,
            Self::SignificantDigits { digits } => decimal.counted(digits)?,
            Self::Raw => return None,
        };
        (self.value(integer)?.to_bits() == decimal.value.to_bits()).then_some(integer)
    }

    /// The value that an integer stands for; none when it stands for none.
    fn value(self, integer: i64) -> Option<f64> {
        match self {
            Self::Integers => shifted(integer, 0),
            Self::FixedPoint { exponent } => shifted(integer, exponent),
            Self::SignificantDigits { digits } => {
                let Some(place) = integer.unsigned_abs().checked_sub(1) else { return Some(0.0) };
                let first = 10_u64.pow(digits - 1);
                let magnitude = LEAST_MAGNITUDE.checked_add(i32::try_from(place / (9 * first)).ok()?)?;
                let mantissa = i64::try_from(place % (9 * first) + first).ok()?;
                shifted(mantissa * integer.signum(), magnitude.checked_sub(i32::try_from(digits).ok()? - 1)?)
            }
            Self::Raw => None,
        }
    }
}

/// `integer` times a power of ten: the floating-point number that is nearest to it, since both factors are exact.
fn shifted(integer: i64, exponent: i32) -> Option<f64> {
    let power = POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    if integer.abs() > EXACT {
        return None;
    }
    Some(if exponent < 0 { integer as f64 / power } else { integer as f64 * power })
}

/// A value as the shortest decimal number that is read back as it: an integer without zeros at its end, and a power of ten.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    value: f64,
    mantissa: i64,
    exponent: i32,
    digits: u32,
}

impl Decimal {
    /// None of what is no number.
    fn of(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let text = format!("{value:e}");
        let (number, exponent) = text.split_once('e')?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mantissa: i64 = format!("{whole}{fraction}").parse().ok()?;
        let digits = u32::try_from(whole.trim_start_matches('-').len() + fraction.len()).ok()?;
        let exponent: i32 = exponent.parse().ok()?;
        Some(Self { value, mantissa, exponent: exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?, digits })
    }

    /// As a multiple of a power of ten.
    fn scaled(self, exponent: i32) -> Option<i64> {
        if self.mantissa == 0 {
            return Some(0);
        }
        let zeros = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.mantissa.checked_mul(10_i64.checked_pow(zeros)?).filter(|integer| integer.abs() <= EXACT)
    }

    /// Its place among all numbers of so many significant digits.
    fn counted(self, digits: u32) -> Option<i64> {
        if self.mantissa == 0 {
            return Some(0);
        }
        let first = 10_i64.checked_pow(digits.checked_sub(1)?)?;
        let mantissa = self.mantissa.abs().checked_mul(10_i64.checked_pow(digits.checked_sub(self.digits)?)?)?;
        let magnitude = self.exponent.checked_add(i32::try_from(self.digits).ok()? - 1)?.checked_sub(LEAST_MAGNITUDE)?;
        let place = i64::from(u32::try_from(magnitude).ok()?).checked_mul(9 * first)?.checked_add(mantissa - first)?;
        Some((place + 1) * self.mantissa.signum())
    }
}

/// Writes a series' values.
pub fn put(out: &mut Writer, values: &[Option<f64>]) {
    let present: Vec<f64> = values.iter().copied().flatten().collect();
    let is_same = |one: &f64| present.first().is_some_and(|first| first.to_bits() == one.to_bits());
    if present.len() < values.len() {
        out.put(SPARSE, 2);
        values.iter().for_each(|value| out.put(u64::from(value.is_some()), 1));
        if !present.is_empty() {
            put_numbers(out, &present);
        }
    } else if !present.is_empty() && present.iter().all(is_same) {
        put_constant(out, present[0]);
    } else {
        out.put(DENSE, 2);
        put_numbers(out, &present);
    }
}

fn put_constant(out: &mut Writer, value: f64) {
    if value.to_bits() == 0 {
        return out.put(ZEROS, 2);
    }
    out.put(CONSTANT, 2);
    match least(&[value]) {
        Some((form, integers)) => {
            form.put(out);
            put_number(out, integers.first().copied().unwrap_or_default());
        }
        None => {
            Form::Raw.put(out);
            out.put(value.to_bits(), 64);
        }
    }
}

fn put_numbers(out: &mut Writer, values: &[f64]) {
    let Some((form, integers)) = least(values) else {
        Form::Raw.put(out);
        return values.iter().for_each(|value| out.put(value.to_bits(), 64));
    };
    let least = integers.iter().copied().min().unwrap_or_default();
    let width = width(&integers);
    form.put(out);
    put_number(out, least);
    out.put(u64::from(width), LENGTH);
    integers.iter().for_each(|integer| out.put(integer.abs_diff(least), width));
}

/// The form that costs least, and the integers in it.
fn least(values: &[f64]) -> Option<(Form, Vec<i64>)> {
    let decimals: Vec<Decimal> = values.iter().map(|value| Decimal::of(*value)).collect::<Option<_>>()?;
    let numbers = || decimals.iter().filter(|decimal| decimal.mantissa != 0);
    let exponent = numbers().map(|decimal| decimal.exponent).min().unwrap_or_default();
    let digits = numbers().map(|decimal| decimal.digits).max().unwrap_or(1);
    let forms = [
        Some(Form::Integers),
        (LEAST_EXPONENT..LEAST_EXPONENT + 32).contains(&exponent).then_some(Form::FixedPoint { exponent }),
        (digits <= MOST_DIGITS).then_some(Form::SignificantDigits { digits }),
    ];
    let possible = forms.into_iter().flatten().filter_map(|form| {
        let integers: Option<Vec<i64>> = decimals.iter().map(|decimal| form.integer(*decimal)).collect();
        Some((form, integers?))
    });
    possible.min_by_key(|(form, integers)| {
        let least = integers.iter().copied().min().unwrap_or_default();
        let above = usize::try_from(width(integers)).unwrap_or_default() * integers.len();
        usize::try_from(form.cost() + length(zigzag(least))).unwrap_or_default() + above
    })
}

/// Bits of the largest distance from the least.
fn width(integers: &[i64]) -> u32 {
    let (least, most) = integers.iter().fold((i64::MAX, i64::MIN), |(least, most), &integer| (least.min(integer), most.max(integer)));
    if integers.is_empty() { 0 } else { length(most.abs_diff(least)) }
}

/// Reads so many values; none when the bits are no column.
pub fn take(bits: &mut Reader<'_>, count: usize) -> Option<Vec<Option<f64>>> {
    match bits.take(2)? {
        ZEROS => Some(vec![Some(0.0); count]),
        CONSTANT => {
            let value = match Form::take(bits)? {
                Form::Raw => f64::from_bits(bits.take(64)?),
                form => form.value(take_number(bits)?)?,
            };
            Some(vec![Some(value); count])
        }
        DENSE => Some(take_numbers(bits, count)?.into_iter().map(Some).collect()),
        _ => {
            let is_there: Vec<bool> = (0..count).map(|_| bits.take(1).map(|bit| bit == 1)).collect::<Option<_>>()?;
            let present = is_there.iter().filter(|is_there| **is_there).count();
            let mut numbers = if present == 0 { Vec::new() } else { take_numbers(bits, present)? }.into_iter();
            Some(is_there.into_iter().map(|is_there| is_there.then(|| numbers.next()).flatten()).collect())
        }
    }
}

fn take_numbers(bits: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    let form = Form::take(bits)?;
    if form == Form::Raw {
        return (0..count).map(|_| bits.take(64).map(f64::from_bits)).collect();
    }
    let least = take_number(bits)?;
    let width = u32::try_from(bits.take(LENGTH)?).ok()?;
    (0..count).map(|_| form.value(least.checked_add_unsigned(bits.take(width)?)?)).collect()
}

fn put_number(out: &mut Writer, number: i64) {
    let number = zigzag(number);
    let length = length(number);
    out.put(u64::from(length), LENGTH);
    // The first bit of a number that has any is a one.
    out.put(number, length.saturating_sub(1));
}

fn take_number(bits: &mut Reader<'_>) -> Option<i64> {
    let length = u32::try_from(bits.take(LENGTH)?).ok()?;
    let Some(rest) = length.checked_sub(1) else { return Some(0) };
    Some(unzigzag(bits.take(rest)? | 1 << rest))
}

fn length(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
