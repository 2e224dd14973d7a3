//! The agent program: reads the command line, and turns results into output and an exit code.

use clap::Parser;
use rollcall_agent::cli::Cli;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    // A check's plugin is about to be run: nothing of the agent may come before its limits.
    #[cfg(linux)]
    if let Some(code) = rollcall_agent::checks::launcher::launch(std::env::args_os()) {
        return code;
    }
    // Before anything that speaks TLS: the process has one cryptography provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Wrong usage ends here with exit code 2.
    let cli = Cli::parse();
    // An inventory has some 20,000 lines, of which none is waited for.
    let mut out = BufWriter::new(io::stdout().lock());
    match cli.execute(&mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "rollcall-agent: {error}");
            ExitCode::FAILURE
        }
    }
}
