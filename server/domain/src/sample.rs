//! Health samples reduced for keeping: rows of five minutes and of an hour.
//!
//! A row is a pure function of the samples of its bucket, so it may be made again at any time and comes out the same. Reduced samples
//! serve questions over spans for which nobody keeps every sample; they never serve live judgement.

mod pause;
mod rollup;

pub use pause::PAUSE;
pub use rollup::{Attributes, Grain, Rolled, Row, Tracks, fold, merge, points};
