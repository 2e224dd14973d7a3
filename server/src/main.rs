//! Rollcall's server program.

use std::process::ExitCode;

/// Messages, records and views are many small allocations that one thread makes and another frees, which the C library's allocator is slow
/// at: with it a third of what a storm of incidents takes goes there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(rollcall_server::cli::main(std::env::args_os(), &mut std::io::stdout(), &mut std::io::stderr()))
}
