//! The base score of CVSS 3.0 and 3.1 vectors, by the formulas of the specification (section 7.1).

use super::Rating;

/// The base score in tenths; `None` for what is no complete vector of version 3.
#[must_use]
pub fn base_score_tenths(vector: &str) -> Option<u8> {
    let metrics = vector.strip_prefix("CVSS:3.1/").or_else(|| vector.strip_prefix("CVSS:3.0/"))?;
    let of = |name: &str| metrics.split('/').find_map(|metric| metric.strip_prefix(name)?.strip_prefix(':'));
    let changed = match of("S")? {
        "U" => false,
        "C" => true,
        _ => return None,
    };
    let attack_vector = weight(of("AV")?, &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?;
    let complexity = weight(of("AC")?, &[("L", 0.77), ("H", 0.44)])?;
    let privileges = match changed {
        true => weight(of("PR")?, &[("N", 0.85), ("L", 0.68), ("H", 0.5)])?,
        false => weight(of("PR")?, &[("N", 0.85), ("L", 0.62), ("H", 0.27)])?,
    };
    let interaction = weight(of("UI")?, &[("N", 0.85), ("R", 0.62)])?;
    let harm = |name| weight(of(name)?, &[("H", 0.56), ("L", 0.22), ("N", 0.0)]);
    let harmless = (1.0 - harm("C")?) * (1.0 - harm("I")?) * (1.0 - harm("A")?);
    let sub_score: f64 = 1.0 - harmless;
    let impact = if changed { 7.52 * (sub_score - 0.029) - 3.25 * (sub_score - 0.02).powi(15) } else { 6.42 * sub_score };
    if impact <= 0.0 {
        return Some(0);
    }
    let exploitability = 8.22 * attack_vector * complexity * privileges * interaction;
    let sum = impact + exploitability;
    Some(rounded_up(if changed { (1.08 * sum).min(10.0) } else { sum.min(10.0) }))
}

fn weight(value: &str, weights: &[(&str, f64)]) -> Option<f64> {
    weights.iter().find(|(name, _)| *name == value).map(|(_, weight)| *weight)
}

/// Up to the next tenth, as version 3.1 defines it: what floating point adds below a hundred-thousandth does not count.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10 by construction")]
fn rounded_up(score: f64) -> u8 {
    let fine = (score * 100_000.0).round() as u32;
    fine.div_ceil(10_000) as u8
}

impl Rating {
    /// The rating of a score in tenths.
    #[must_use]
    pub fn of_score(tenths: u8) -> Self {
        match tenths {
            0 => Self::None,
            1..=39 => Self::Low,
            40..=69 => Self::Medium,
            70..=89 => Self::High,
            _ => Self::Critical,
        }
    }

    /// The rating that databases mean by a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "none" => Some(Self::None),
            "low" | "negligible" | "unimportant" | "minor" => Some(Self::Low),
            "medium" | "moderate" => Some(Self::Medium),
            "high" | "important" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(vector: &str, expected: Option<u8>) {
        assert_eq!(base_score_tenths(vector), expected, "{vector}");
    }

    #[test]
    fn scores_are_those_of_the_specification() {
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(98));
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(100));
        check("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(61));
        check("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", Some(64));
        check("CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:N/A:N/E:P", Some(47));
        check("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", Some(16));
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(0));
        check("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", Some(75));
    }

    #[test]
    fn what_is_no_vector_has_no_score() {
        for text in
            ["", "CVSS:4.0/AV:N/AC:L", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "AV:N/AC:L/Au:N/C:P/I:P/A:P"]
        {
            check(text, None);
        }
    }

    #[test]
    fn words_and_scores_have_ratings() {
        for (tenths, rating) in
            [(0, Rating::None), (1, Rating::Low), (39, Rating::Low), (40, Rating::Medium), (70, Rating::High), (90, Rating::Critical)]
        {
            assert_eq!(Rating::of_score(tenths), rating);
        }
        assert_eq!((Rating::of_word("MODERATE"), Rating::of_word("dire")), (Some(Rating::Medium), None));
    }
}
