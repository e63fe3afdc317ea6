//! The walker: every path from a start, by giving every possible answer to every question.

use std::rc::Rc;

use tandem::flow::{
    AdoptCall, AdoptResponse, BasketResponse, BridgeCall, BridgeResponse, CheckBasketCall,
    Decision, GuestCall, GuestResponse, LoginCall, LoginResponse, LogoutCall, LogoutResponse,
    ProbeCall, ProbeResponse, RefreshCall, RefreshResponse, Step, TransferBasketCall, decide,
};
use tandem::model::Grant;

use crate::facts::Start;
use crate::responses::Responses;

/// No journey is this long; a longer one has no end.
const ENDLESS: usize = 12;

/// A question as it was asked, and the answer it got.
#[derive(Clone, Debug)]
pub(crate) enum Called<'a> {
    Refresh(Rc<RefreshCall>, &'a RefreshResponse),
    Guest(Rc<GuestCall>, &'a GuestResponse),
    Probe(Rc<ProbeCall>, &'a ProbeResponse),
    Adopt(Rc<AdoptCall>, &'a AdoptResponse),
    Bridge(Rc<BridgeCall>, &'a BridgeResponse),
    Login(Rc<LoginCall>, &'a LoginResponse),
    CheckBasket(Rc<CheckBasketCall>, &'a BasketResponse),
    TransferBasket(Rc<TransferBasketCall>, &'a BasketResponse),
    Logout(Rc<LogoutCall>, &'a LogoutResponse),
}

impl Called<'_> {
    /// The tokens this answer brought, whatever the core made of them.
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

/// One walk from a start to an ending.
#[derive(Debug)]
pub(crate) struct Path<'p> {
    pub(crate) start: &'p Start,
    pub(crate) called: &'p [Called<'p>],
    pub(crate) decision: &'p Decision,
}

impl Path<'_> {
    pub(crate) fn count(&self, which: impl Fn(&Called<'_>) -> bool) -> usize {
        self.called.iter().filter(|called| which(called)).count()
    }

    pub(crate) fn any(&self, which: impl Fn(&Called<'_>) -> bool) -> bool {
        self.called.iter().any(which)
    }
}

/// Gives `$ask` every one of `$answers` and goes on from each.
macro_rules! follow {
    ($walk:ident, $kind:ident, $call:ident, $responses:expr) => {{
        let call = Rc::new($call);
        for response in $responses {
            $walk.called.push(Called::$kind(Rc::clone(&call), response));
            $walk.descend(call.as_ref().clone().resume(response.clone()));
            $walk.called.pop();
        }
    }};
}

struct Walk<'a, V> {
    start: &'a Start,
    responses: &'a Responses,
    called: Vec<Called<'a>>,
    visit: V,
}

impl<V: FnMut(&Path<'_>)> Walk<'_, V> {
    fn descend(&mut self, step: Step) {
        assert!(self.called.len() < ENDLESS, "no end: {:?} {:?}", self.start, self.called);
        let responses = self.responses;
        match step {
            Step::Refresh(call) => follow!(self, Refresh, call, &responses.refresh),
            Step::Guest(call) => follow!(self, Guest, call, &responses.guest),
            Step::Probe(call) => follow!(self, Probe, call, &responses.probe),
            Step::Adopt(call) => follow!(self, Adopt, call, &responses.adopt),
            Step::Bridge(call) => follow!(self, Bridge, call, &responses.bridge),
            Step::Login(call) => follow!(self, Login, call, &responses.login),
            Step::CheckBasket(call) => follow!(self, CheckBasket, call, &responses.basket),
            Step::TransferBasket(call) => follow!(self, TransferBasket, call, &responses.basket),
            Step::Logout(call) => follow!(self, Logout, call, &responses.logout),
            Step::Done(decision) => {
                let (start, called) = (self.start, &self.called);
                (self.visit)(&Path { start, called, decision: &decision });
            }
        }
    }
}

/// Visits every path from `start` under `answers`.
pub(crate) fn walk(start: &Start, responses: &Responses, visit: impl FnMut(&Path<'_>)) {
    let step = decide(start.facts.clone(), start.intent);
    Walk { start, responses, called: Vec::new(), visit }.descend(step);
}

/// Visits every path that goes on with `step`, which came of `start`.
pub(crate) fn walk_on(
    start: &Start,
    step: Step,
    responses: &Responses,
    visit: impl FnMut(&Path<'_>),
) {
    Walk { start, responses, called: Vec::new(), visit }.descend(step);
}

/// Visits every path from every one of `starts` under every answer there is.
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
    assert!(paths > 0, "nothing was walked");
    paths
}
