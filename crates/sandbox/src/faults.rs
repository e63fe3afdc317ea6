//! Planned faults: what fails, for which calls, and how often.

use std::time::Duration;

use super::call_log::{Operation, Upstream};

/// A fault of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Process the call after this delay, even if the client has disconnected.
    Delay(Duration),
    /// Process the call immediately and respond after this delay.
    DelayAfter(Duration),
    /// Respond with this status, without processing, and with `Retry-After` in seconds if given.
    Status(u16, Option<u64>),
    /// Shed load: respond with this status, the headers `sfdc_load` and `sfdc_load_status`, and
    /// `Retry-After` in seconds if given. Baskets and orders are exempt.
    Shed(u16, Option<u64>),
    /// Respond with this status and body, without processing.
    Body(u16, String),
    /// Process the call and add a header with this name and value to the response.
    ExtraHeader(&'static str, String),
    /// Neither process the call nor respond.
    Hang,
    /// Process the call and close the connection: the response is lost.
    Reset,
}

/// The calls that a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All calls to one system.
    Upstream(Upstream),
    /// All calls of one operation.
    Operation(Operation),
}

impl From<Upstream> for Target {
    fn from(upstream: Upstream) -> Self {
        Self::Upstream(upstream)
    }
}

impl From<Operation> for Target {
    fn from(operation: Operation) -> Self {
        Self::Operation(operation)
    }
}

/// How many calls a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// This many calls.
    Next(usize),
    /// All calls until the fault is removed.
    Always,
}

impl From<usize> for Times {
    fn from(count: usize) -> Self {
        Self::Next(count)
    }
}

/// The planned faults, oldest first.
#[derive(Default)]
pub(super) struct Faults {
    planned: Vec<Planned>,
}

struct Planned {
    target: Target,
    fault: Fault,
    times: Times,
}

impl Faults {
    pub(super) fn plan(&mut self, target: Target, fault: Fault, times: Times) {
        self.planned.push(Planned { target, fault, times });
    }

    /// The fault for a call of this operation: the oldest one that matches.
    pub(super) fn next(&mut self, operation: Operation) -> Option<Fault> {
        self.planned.retain(|planned| planned.times != Times::Next(0));
        let planned = self.planned.iter_mut().find(|planned| planned.matches(operation))?;
        if let Times::Next(left) = &mut planned.times {
            *left -= 1;
        }
        Some(planned.fault.clone())
    }

    /// The permanent fault of a whole system, if any.
    pub(super) fn of(&self, upstream: Upstream) -> Option<&Fault> {
        let whole = |planned: &&Planned| {
            planned.target == Target::Upstream(upstream) && planned.times == Times::Always
        };
        self.planned.iter().find(whole).map(|planned| &planned.fault)
    }

    /// The permanent fault of one operation, if any.
    pub(super) fn of_operation(&self, operation: Operation) -> Option<&Fault> {
        let of_it = |planned: &&Planned| {
            planned.target == Target::Operation(operation) && planned.times == Times::Always
        };
        self.planned.iter().find(of_it).map(|planned| &planned.fault)
    }

    pub(super) fn clear(&mut self) {
        self.planned.clear();
    }

    /// Removes the faults of `target`.
    pub(super) fn clear_target(&mut self, target: Target) {
        self.planned.retain(|planned| planned.target != target);
    }
}

impl Planned {
    fn matches(&self, operation: Operation) -> bool {
        match self.target {
            Target::Upstream(upstream) => operation.upstream() == upstream,
            Target::Operation(target) => operation == target,
        }
    }
}
