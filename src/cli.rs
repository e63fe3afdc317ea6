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

/// Exit code for a configuration that is wrong.
const BAD_CONFIG: u8 = 2;

/// For what is still under way when everything has been said.
const LAST_WORK: Duration = Duration::from_secs(1);

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
    /// Check a configuration file, offline: every problem with its key and file.
    Check(File),
    /// Print what defaults, file and environment come to, secrets redacted.
    PrintConfig(File),
    /// Run against a simulated platform on loopback; needs no account. The default.
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::SandboxOptions),
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file (TOML).
    #[arg(long)]
    config: PathBuf,
}

/// Runs what the arguments of the process ask for.
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
            complain("say what to do: `tandem serve --config FILE` (or --help)");
            ExitCode::from(BAD_CONFIG)
        }
    }
}

fn serve(file: &Path) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(problems) => return report(&problems),
    };
    let _log = telemetry::start(&config.log_filter);
    within_runtime(serve::run(config))
}

fn check(file: &Path) -> ExitCode {
    match Config::load(file) {
        Ok(config) => say(&format!("{} is fine: {} site(s).", file.display(), config.sites.len())),
        Err(problems) => report(&problems),
    }
}

fn print_config(file: &Path) -> ExitCode {
    match Layers::load(file) {
        Ok(layers) => say(redacted(&layers).trim_end()),
        Err(problems) => report(&problems),
    }
}

#[cfg(feature = "sandbox")]
fn run_sandbox(options: sandbox::SandboxOptions) -> ExitCode {
    within_runtime(sandbox::run(options))
}

fn within_runtime(work: impl Future<Output = std::io::Result<()>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let worked = runtime.block_on(work);
    // A name that is being looked up in a thread of its own does not keep the process.
    runtime.shutdown_timeout(LAST_WORK);
    match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("cannot go on: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn report(problems: &ConfigErrors) -> ExitCode {
    complain(&problems.to_string());
    ExitCode::from(BAD_CONFIG)
}

/// To standard output. A reader that has seen enough is no failure; a disk that is full is one.
fn say(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
