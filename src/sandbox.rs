//! An embedded, stateful simulator of the platform.
pub mod run {
    //! x
    #[derive(Debug, Default, clap::Args)]
    /// x
    pub struct SandboxOptions {}
    /// x
    pub async fn run(_: SandboxOptions) -> std::io::Result<()> {
        Ok(())
    }
}
