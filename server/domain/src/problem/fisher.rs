//! Fisher's exact test and the false discovery rate, without tables and without approximation of the test itself.

/// A two-by-two table: who is affected, who is exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Affected and exposed.
    pub affected_exposed: u64,
    /// Affected.
    pub affected: u64,
    /// Exposed.
    pub exposed: u64,
    /// All that are compared.
    pub population: u64,
}

impl Table {
    /// Probability that chance alone puts at least so many of the affected among the exposed (one-sided). 1 for an impossible table.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        let Self { affected_exposed, affected, exposed, population } = *self;
        if affected > population || exposed > population || affected_exposed > affected.min(exposed) {
            return 1.0;
        }
        let all = ln_choose(population, affected);
        let at_least = affected_exposed..=affected.min(exposed);
        let possible = at_least.filter(|&both| affected - both <= population - exposed);
        let tail: f64 =
            possible.map(|both| (ln_choose(exposed, both) + ln_choose(population - exposed, affected - both) - all).exp()).sum();
        tail.min(1.0)
    }

    /// How much more often the exposed are affected than all; `None` when nobody is exposed or affected.
    #[must_use]
    pub fn lift(&self) -> Option<f64> {
        if self.exposed == 0 || self.affected == 0 {
            return None;
        }
        Some(number(self.affected_exposed) * number(self.population) / (number(self.exposed) * number(self.affected)))
    }
}

/// Benjamini-Hochberg: the q value of each p value, in their order. `tests` counts all that were made, also those not given.
#[must_use]
pub fn q_values(p_values: &[f64], tests: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut q_values = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (position, &index) in order.iter().enumerate().rev() {
        least = least.min(p_values[index] * number(tests.max(p_values.len()) as u64) / number(position as u64 + 1));
        q_values[index] = least;
    }
    q_values
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_gamma(number(n) + 1.0) - ln_gamma(number(k) + 1.0) - ln_gamma(number(n - k) + 1.0)
}

/// Lanczos' approximation with g = 7 and nine coefficients (Godfrey 2001); relative error below 1e-13 for arguments from 1.
#[expect(clippy::excessive_precision, reason = "the coefficients as published")]
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const COEFFICIENTS: [f64; 9] = [
        0.999_999_999_999_809_93,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_13,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_571_6e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let (mut sum, mut divisor) = (COEFFICIENTS[0], x);
    for coefficient in &COEFFICIENTS[1..] {
        divisor += 1.0;
        sum += coefficient / divisor;
    }
    let t = x + G + 0.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Exact: fleets have fewer than 2³² hosts.
fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
