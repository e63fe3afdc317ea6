//! The command line.

#[cfg(feature = "sandbox")]
mod sandbox;

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigErrors, Layers, redacted};
use crate::{serve, telemetry};

/// Exit code for an invalid configuration, or for a missing command.
const BAD_CONFIG: u8 = 2;

/// How long the runtime waits for blocking work when the command has ended.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Keeps SLAS tokens and the DW session of a B2C Commerce shopper in step.
#[derive(Debug, Parser)]
#[command(name = "tandem", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the sites of a configuration file.
    Serve(File),
    /// Check a configuration file, offline: every error with its key and file.
    Check(File),
    /// Print the effective configuration of defaults, file and environment, with secrets redacted.
    PrintConfig(File),
    /// Run Tandem against a simulated platform on loopback, without an account. The default.
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::SandboxOptions),
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file (TOML).
    #[arg(long)]
    config: PathBuf,
}

/// Runs the command in the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Some(Command::Serve(File { config })) => serve(&config),
        Some(Command::Check(File { config })) => check(&config),
        Some(Command::PrintConfig(File { config })) => print_config(&config),
        #[cfg(feature = "sandbox")]
        Some(Command::Sandbox(options)) => run_sandbox(options),
        #[cfg(feature = "sandbox")]
        None => run_sandbox(sandbox::SandboxOptions::default()),
        #[cfg(not(feature = "sandbox"))]
        None => {
            eprint("missing command; try `tandem serve --config FILE` or `tandem --help`");
            ExitCode::from(BAD_CONFIG)
        }
    }
}

fn serve(file: &Path) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(errors) => return report(&errors),
    };
    let _log = telemetry::start(&config.log_filter);
    run_in_runtime(serve::run(config))
}

fn check(file: &Path) -> ExitCode {
    match Config::load(file) {
        Ok(config) => {
            let (file, sites) = (file.display(), config.sites.len());
            let count = if sites == 1 { "site" } else { "sites" };
            let notes = config.notes().into_iter().map(|note| format!("\nnote: {note}"));
            print(&format!("{file} is valid ({sites} {count}){}", notes.collect::<String>()))
        }
        Err(errors) => report(&errors),
    }
}

fn print_config(file: &Path) -> ExitCode {
    match Layers::load(file) {
        Ok(layers) => print(redacted(&layers).trim_end()),
        Err(errors) => report(&errors),
    }
}

#[cfg(feature = "sandbox")]
fn run_sandbox(options: sandbox::SandboxOptions) -> ExitCode {
    run_in_runtime(sandbox::run(options))
}

fn run_in_runtime(work: impl Future<Output = std::io::Result<()>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprint(&format!("fatal: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(work);
    // A DNS lookup in its own thread must not delay the end of the process.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint(&format!("fatal: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn report(errors: &ConfigErrors) -> ExitCode {
    eprint(&errors.to_string());
    ExitCode::from(BAD_CONFIG)
}

/// Writes to standard output. A reader that closed the pipe is no failure, a full disk is one.
fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprint(&format!("fatal: cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn eprint(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
