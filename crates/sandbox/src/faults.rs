//! Faults on demand: what can go wrong with a call, and which calls it goes wrong for.

use std::time::Duration;

use super::ledger::{Operation, Upstream};

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is processed after this time, even if the caller has left.
    Delay(Duration),
    /// The call is processed at once and answered after this time.
    DelayAfter(Duration),
    /// The call is not processed but answered with this status and, if given, `Retry-After` in
    /// seconds.
    Status(u16, Option<u64>),
    /// The platform sheds load: the call is answered with this status, the headers `sfdc_load` and
    /// `sfdc_load_status`, and, if given, `Retry-After` in seconds. Baskets and orders are exempt.
    Shed(u16, Option<u64>),
    /// The call is not processed but answered with this status and body.
    Body(u16, String),
    /// The call is processed and answered with one more header line of this name and value.
    ExtraHeader(&'static str, String),
    /// The call is neither processed nor answered.
    Hang,
    /// The call is processed and the connection closed: the answer is lost.
    Reset,
}

/// Which calls a fault is for.
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

/// For how many calls a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// The next so many calls that it is for.
    Next(usize),
    /// Until healed.
    Always,
}

impl From<usize> for Times {
    fn from(count: usize) -> Self {
        Self::Next(count)
    }
}

/// The faults that are planned, oldest first.
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

    /// The fault for a call of that operation: the oldest one that is still due.
    pub(super) fn draw(&mut self, operation: Operation) -> Option<Fault> {
        self.planned.retain(|planned| planned.times != Times::Next(0));
        let due = self.planned.iter_mut().find(|planned| planned.is_for(operation))?;
        if let Times::Next(left) = &mut due.times {
            *left -= 1;
        }
        Some(due.fault.clone())
    }

    /// The lasting fault of a whole system, if any.
    pub(super) fn of(&self, upstream: Upstream) -> Option<&Fault> {
        let whole = |planned: &&Planned| {
            planned.target == Target::Upstream(upstream) && planned.times == Times::Always
        };
        self.planned.iter().find(whole).map(|planned| &planned.fault)
    }

    pub(super) fn heal(&mut self) {
        self.planned.clear();
    }

    /// Ends the faults that hold for a whole system.
    pub(super) fn heal_upstream(&mut self, upstream: Upstream) {
        self.planned.retain(|planned| planned.target != Target::Upstream(upstream));
    }
}

impl Planned {
    fn is_for(&self, operation: Operation) -> bool {
        match self.target {
            Target::Upstream(upstream) => operation.upstream() == upstream,
            Target::Operation(wanted) => operation == wanted,
        }
    }
}
