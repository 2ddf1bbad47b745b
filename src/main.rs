//! The `pontual` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use pontual::command::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence that says what to do, its causes behind it.
            eprintln!("pontual: {error:#}");
            ExitCode::FAILURE
        }
    }
}
