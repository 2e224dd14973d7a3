//! Rollcall's server program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(rollcall_server::cli::main(std::env::args_os(), &mut std::io::stdout(), &mut std::io::stderr()))
}
