//! The only place on the server that draws randomness. Keys of certificates are the exception: the TLS provider makes them
//! itself and never hands its generator out.

#![expect(clippy::disallowed_methods, reason = "this file is where randomness is drawn")]

use rollcall_shared::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of randomness.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// Bits of a new id: 48 bits of milliseconds, then 80 random ones. Ids sort by the time of their making, and guessing
    /// one of a known millisecond takes 2^79 attempts.
    fn id_bits(&self, now: Timestamp) -> u128 {
        let mut random = [0; 16];
        self.fill(&mut random[6..]);
        let time = u128::try_from(now.0).unwrap_or(0) & ((1 << 48) - 1);
        time << 80 | u128::from_be_bytes(random)
    }

    /// 256 bits that nobody can guess.
    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        bytes
    }
}

/// The kernel's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the kernel's generator does not fail once the machine has booted");
    }
}

/// A reproducible sequence: for tests and simulations, never for secrets that protect anything.
#[derive(Debug, Default)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let draw = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_be_bytes()).update(&draw.to_be_bytes());
        hasher.finalize_xof().fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_of_their_making() {
        let earlier = SystemEntropy.id_bits(Timestamp(1_795_235_460_000));
        let later = SystemEntropy.id_bits(Timestamp(1_795_235_460_001));
        assert!(earlier < later);
    }

    #[test]
    fn two_ids_of_one_moment_differ() {
        assert_ne!(SystemEntropy.id_bits(Timestamp(7)), SystemEntropy.id_bits(Timestamp(7)));
    }

    #[test]
    fn a_seed_gives_one_sequence() {
        let (one, two) = (SeededEntropy::new(3), SeededEntropy::new(3));
        assert_eq!((one.secret(), one.secret()), (two.secret(), two.secret()));
        assert_ne!(one.secret(), one.secret());
    }
}
