//! Rollcall.
fn main() {}
