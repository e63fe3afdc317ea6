//! The command line: `serve`, `check`, `print-config` and `sandbox`.

#[cfg(feature = "sandbox")]
mod sandbox;

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigErrors, Layers, redacted};
use crate::{serve, telemetry};

/// Exit code for an invalid configuration or command line.
const BAD_CONFIG: u8 = 2;

/// Time for tasks that still run when the work is done.
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
    /// Check a configuration file, offline: prints every error with its key and file.
    Check(File),
    /// Print the configuration that defaults, file and environment result in, without secrets.
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

/// Runs the command that the arguments of the process name.
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
            eprint("missing command; try `tandem serve --config FILE` or --help");
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
    block_on(serve::run(config))
}

fn check(file: &Path) -> ExitCode {
    match Config::load(file) {
        Ok(config) => {
            let count = config.sites.len();
            let sites = if count == 1 { "site" } else { "sites" };
            print(&format!("{} is valid ({count} {sites})", file.display()))
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
    block_on(sandbox::run(options))
}

fn block_on(work: impl Future<Output = std::io::Result<()>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprint(&format!("fatal: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(work);
    // A DNS lookup in progress (a thread of its own) does not keep the process alive.
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

/// Writes to standard output. A closed pipe is not an error (`tandem check ... | head`), a full disk is.
fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprint(&format!("cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Writes to standard error, if that is possible.
fn eprint(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
