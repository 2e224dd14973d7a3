//! libFuzzer on the target that has this program's name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall_agent::fuzz;
use std::sync::LazyLock;

/// `ROLLCALL_FUZZ_TARGET` names another one, so that one build serves all.
static TARGET: LazyLock<&'static fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("ROLLCALL_FUZZ_TARGET").unwrap_or_else(|_| env!("CARGO_BIN_NAME").to_owned());
    fuzz::target(&name).unwrap_or_else(|| panic!("there is no target {name}"))
});

fuzz_target!(|bytes: &[u8]| {
    (TARGET.run)(bytes);
});
