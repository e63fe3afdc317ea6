//! Walks every path from a start: resumes every call with every possible response.

use std::rc::Rc;

use tandem::flow::{
    AdoptCall, AdoptResponse, BridgeCall, BridgeResponse, CheckBasketCall, CheckBasketResponse,
    Decision, GuestCall, GuestResponse, LoginCall, LoginResponse, LogoutCall, LogoutResponse,
    ProbeCall, ProbeResponse, RefreshCall, RefreshResponse, Step, TransferBasketCall,
    TransferBasketResponse, decide,
};
use tandem::model::Grant;

use crate::facts::Start;
use crate::responses::Responses;

/// Most calls on a path; a flow that makes more is endless.
const MAX_CALLS: usize = 12;

/// A call and its response.
#[derive(Clone, Debug)]
pub(crate) enum Call<'a> {
    Refresh(Rc<RefreshCall>, &'a RefreshResponse),
    Guest(Rc<GuestCall>, &'a GuestResponse),
    Probe(Rc<ProbeCall>, &'a ProbeResponse),
    Adopt(Rc<AdoptCall>, &'a AdoptResponse),
    Bridge(Rc<BridgeCall>, &'a BridgeResponse),
    Login(Rc<LoginCall>, &'a LoginResponse),
    CheckBasket(Rc<CheckBasketCall>, &'a CheckBasketResponse),
    TransferBasket(Rc<TransferBasketCall>, &'a TransferBasketResponse),
    Logout(Rc<LogoutCall>, &'a LogoutResponse),
}

impl Call<'_> {
    /// The tokens of this response, whether the core accepted them or not.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Refresh(_, RefreshResponse::Granted(grant))
            | Self::Guest(_, GuestResponse::Granted(grant))
            | Self::Adopt(_, AdoptResponse::Granted(grant))
            | Self::Login(_, LoginResponse::Granted(grant)) => Some(grant),
            _ => None,
        }
    }
}

pub(crate) fn is_access_refused(call: &Call<'_>) -> bool {
    matches!(call, Call::Logout(_, LogoutResponse::AccessRefused))
}

/// One path from a start to a decision.
#[derive(Debug)]
pub(crate) struct Path<'p> {
    pub(crate) start: &'p Start,
    pub(crate) calls: &'p [Call<'p>],
    pub(crate) decision: &'p Decision,
}

impl Path<'_> {
    pub(crate) fn count(&self, which: impl Fn(&Call<'_>) -> bool) -> usize {
        self.calls.iter().filter(|call| which(call)).count()
    }

    pub(crate) fn any(&self, which: impl Fn(&Call<'_>) -> bool) -> bool {
        self.calls.iter().any(which)
    }
}

/// Resumes `$call` with each of `$responses`, and continues from there.
macro_rules! follow {
    ($walk:ident, $kind:ident, $call:ident, $responses:expr) => {{
        let call = Rc::new($call);
        for response in $responses {
            $walk.calls.push(Call::$kind(Rc::clone(&call), response));
            $walk.descend(call.as_ref().clone().resume(response.clone()));
            $walk.calls.pop();
        }
    }};
}

struct Walk<'a, V> {
    start: &'a Start,
    responses: &'a Responses,
    calls: Vec<Call<'a>>,
    visit: V,
}

impl<V: FnMut(&Path<'_>)> Walk<'_, V> {
    fn descend(&mut self, step: Step) {
        assert!(
            self.calls.len() < MAX_CALLS,
            "the flow does not end: {:?} {:?}",
            self.start,
            self.calls
        );
        let responses = self.responses;
        match step {
            Step::Refresh(call) => follow!(self, Refresh, call, &responses.refresh),
            Step::Guest(call) => follow!(self, Guest, call, &responses.guest),
            Step::Probe(call) => follow!(self, Probe, call, &responses.probe),
            Step::Adopt(call) => follow!(self, Adopt, call, &responses.adopt),
            Step::Bridge(call) => follow!(self, Bridge, call, &responses.bridge),
            Step::Login(call) => follow!(self, Login, call, &responses.login),
            Step::CheckBasket(call) => follow!(self, CheckBasket, call, &responses.check_basket),
            Step::TransferBasket(call) => {
                follow!(self, TransferBasket, call, &responses.transfer_basket);
            }
            Step::Logout(call) => follow!(self, Logout, call, &responses.logout),
            Step::Done(decision) => {
                let (start, calls) = (self.start, &self.calls);
                (self.visit)(&Path { start, calls, decision: &decision });
            }
        }
    }
}

/// Visits every path from `start` with `responses`.
pub(crate) fn walk(start: &Start, responses: &Responses, visit: impl FnMut(&Path<'_>)) {
    let step = decide(start.facts.clone(), start.intent);
    Walk { start, responses, calls: Vec::new(), visit }.descend(step);
}

/// Visits every path that continues from `step`, which belongs to `start`.
pub(crate) fn walk_on(
    start: &Start,
    step: Step,
    responses: &Responses,
    visit: impl FnMut(&Path<'_>),
) {
    Walk { start, responses, calls: Vec::new(), visit }.descend(step);
}

/// Visits every path from each of `starts` with every response.
pub(crate) fn walk_all(
    starts: impl Iterator<Item = Start>,
    mut visit: impl FnMut(&Path<'_>),
) -> usize {
    let responses = Responses::every();
    let mut paths = 0;
    for start in starts {
        walk(&start, &responses, |path| {
            paths += 1;
            visit(path);
        });
    }
    assert!(paths > 0, "no path was walked");
    paths
}
