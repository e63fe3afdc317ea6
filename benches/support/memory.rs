//! Memory of a process, as the kernel counts it.

use std::io;

/// Resident memory in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now (`VmRSS`).
    pub(crate) resident: u64,
    /// The maximum so far (`VmHWM`).
    pub(crate) highest: u64,
}

impl Memory {
    pub(crate) fn of(process: u32) -> io::Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let number = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
            number.ok_or_else(|| io::Error::other("the kernel reports no memory figures"))
        };
        Ok(Self { resident: value("VmRSS:")?, highest: value("VmHWM:")? })
    }
}
