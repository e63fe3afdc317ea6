//! The latest browser requests, each with the upstream calls that were made for it.

use serde_json::{Value, json};

use crate::ledger::{Call, Upstream};
use crate::state::State;

/// How many requests are shown.
const SHOWN: usize = 12;
/// How many calls are looked at to find them.
const LOOKED_AT: usize = 400;
/// Milliseconds after which a call without an answer counts as lost; until then it is not shown.
const PATIENCE_MS: i64 = 10_000;

/// One browser request: calls that carry the same id, newest first until it is shown.
struct Group<'a> {
    id: String,
    calls: Vec<&'a Call>,
}

/// Newest first.
pub(super) fn latest(state: &State, now_ms: i64) -> Vec<Value> {
    let shown =
        |(_, call): &(usize, &Call)| call.status.is_some() || now_ms - call.at_ms > PATIENCE_MS;
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (number, call) in state.ledger.numbered().rev().filter(shown).take(LOOKED_AT) {
        let alone = || format!("call-{number}");
        let id = call.correlation.clone().unwrap_or_else(alone);
        match groups.iter().position(|group| group.id == id) {
            Some(at) => groups[at].calls.push(call),
            None if groups.len() < SHOWN => groups.push(Group { id, calls: vec![call] }),
            None => {}
        }
    }
    groups.iter_mut().map(Group::document).collect()
}

impl Group<'_> {
    fn document(&mut self) -> Value {
        self.calls.reverse();
        let first = self.calls.first().map_or(0, |call| call.at_ms);
        let page = self.calls.iter().find(|call| is_page(call));
        json!({
            "id": self.id,
            "at_ms": first,
            "what": page.map(|call| format!("{} {}", call.method, call.path)),
            "calls": self.calls.iter().map(|call| entry(call, first)).collect::<Vec<_>>(),
        })
    }
}

/// Whether the call is the browser's own request, passed on.
fn is_page(call: &Call) -> bool {
    matches!(call.operation.upstream(), Upstream::Head | Upstream::Ecom)
}

fn entry(call: &Call, first: i64) -> Value {
    json!({"upstream": call.operation.upstream(), "operation": call.operation.as_str(),
           "status": call.status, "start_ms": call.at_ms - first, "ms": call.took_ms})
}
