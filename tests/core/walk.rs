//! The walker: every path from a start, by giving every possible answer to every question.

use std::rc::Rc;

use tandem::flow::{
    AdoptAnswer, AdoptAsk, BasketAnswer, BridgeAnswer, BridgeAsk, Ending, GuestAnswer, GuestAsk,
    PeekBasketAsk, ProbeAnswer, ProbeAsk, RefreshAnswer, RefreshAsk, SignInAnswer, SignInAsk,
    SignOutAnswer, SignOutAsk, Step, TransferBasketAsk, decide,
};
use tandem::model::Grant;

use crate::answers::Answers;
use crate::facts::Start;

/// No journey is this long; a longer one has no end.
const ENDLESS: usize = 12;

/// A question as it was asked, and the answer it got.
#[derive(Clone, Debug)]
pub(crate) enum Asked<'a> {
    Refresh(Rc<RefreshAsk>, &'a RefreshAnswer),
    Guest(Rc<GuestAsk>, &'a GuestAnswer),
    Probe(Rc<ProbeAsk>, &'a ProbeAnswer),
    Adopt(Rc<AdoptAsk>, &'a AdoptAnswer),
    Bridge(Rc<BridgeAsk>, &'a BridgeAnswer),
    SignIn(Rc<SignInAsk>, &'a SignInAnswer),
    PeekBasket(Rc<PeekBasketAsk>, &'a BasketAnswer),
    TransferBasket(Rc<TransferBasketAsk>, &'a BasketAnswer),
    SignOut(Rc<SignOutAsk>, &'a SignOutAnswer),
}

impl Asked<'_> {
    /// The tokens this answer brought, whatever the core made of them.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Refresh(_, RefreshAnswer::Granted(grant))
            | Self::Guest(_, GuestAnswer::Granted(grant))
            | Self::Adopt(_, AdoptAnswer::Granted(grant))
            | Self::SignIn(_, SignInAnswer::Granted(grant)) => Some(grant),
            _ => None,
        }
    }
}

/// One walk from a start to an ending.
#[derive(Debug)]
pub(crate) struct Path<'p> {
    pub(crate) start: &'p Start,
    pub(crate) asked: &'p [Asked<'p>],
    pub(crate) ending: &'p Ending,
}

impl Path<'_> {
    pub(crate) fn count(&self, which: impl Fn(&Asked<'_>) -> bool) -> usize {
        self.asked.iter().filter(|asked| which(asked)).count()
    }

    pub(crate) fn any(&self, which: impl Fn(&Asked<'_>) -> bool) -> bool {
        self.asked.iter().any(which)
    }
}

/// Gives `$ask` every one of `$answers` and goes on from each.
macro_rules! follow {
    ($walk:ident, $kind:ident, $ask:ident, $answers:expr) => {{
        let ask = Rc::new($ask);
        for answer in $answers {
            $walk.asked.push(Asked::$kind(Rc::clone(&ask), answer));
            $walk.descend(ask.as_ref().clone().hear(answer.clone()));
            $walk.asked.pop();
        }
    }};
}

struct Walk<'a, V> {
    start: &'a Start,
    answers: &'a Answers,
    asked: Vec<Asked<'a>>,
    visit: V,
}

impl<V: FnMut(&Path<'_>)> Walk<'_, V> {
    fn descend(&mut self, step: Step) {
        assert!(self.asked.len() < ENDLESS, "no end: {:?} {:?}", self.start, self.asked);
        let answers = self.answers;
        match step {
            Step::Refresh(ask) => follow!(self, Refresh, ask, &answers.refresh),
            Step::Guest(ask) => follow!(self, Guest, ask, &answers.guest),
            Step::Probe(ask) => follow!(self, Probe, ask, &answers.probe),
            Step::Adopt(ask) => follow!(self, Adopt, ask, &answers.adopt),
            Step::Bridge(ask) => follow!(self, Bridge, ask, &answers.bridge),
            Step::SignIn(ask) => follow!(self, SignIn, ask, &answers.sign_in),
            Step::PeekBasket(ask) => follow!(self, PeekBasket, ask, &answers.basket),
            Step::TransferBasket(ask) => follow!(self, TransferBasket, ask, &answers.basket),
            Step::SignOut(ask) => follow!(self, SignOut, ask, &answers.sign_out),
            Step::Done(ending) => {
                let (start, asked) = (self.start, &self.asked);
                (self.visit)(&Path { start, asked, ending: &ending });
            }
        }
    }
}

/// Visits every path from `start` under `answers`.
pub(crate) fn walk(start: &Start, answers: &Answers, visit: impl FnMut(&Path<'_>)) {
    let step = decide(start.facts.clone(), start.intent);
    Walk { start, answers, asked: Vec::new(), visit }.descend(step);
}

/// Visits every path that goes on with `step`, which came of `start`.
pub(crate) fn walk_on(start: &Start, step: Step, answers: &Answers, visit: impl FnMut(&Path<'_>)) {
    Walk { start, answers, asked: Vec::new(), visit }.descend(step);
}

/// Visits every path from every one of `starts` under every answer there is.
pub(crate) fn walk_all(
    starts: impl Iterator<Item = Start>,
    mut visit: impl FnMut(&Path<'_>),
) -> usize {
    let answers = Answers::every();
    let mut paths = 0;
    for start in starts {
        walk(&start, &answers, |path| {
            paths += 1;
            visit(path);
        });
    }
    assert!(paths > 0, "nothing was walked");
    paths
}
