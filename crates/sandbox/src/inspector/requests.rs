//! The latest browser requests, each with its upstream calls.

use serde_json::{Value, json};

use crate::call_log::{Call, Upstream};
use crate::state::State;

/// How many requests are shown.
const SHOWN: usize = 12;
/// How many calls are searched for them.
const SEARCHED: usize = 400;
/// Milliseconds after which a call without a response counts as lost. Until then it is not shown.
const LOST_AFTER_MS: i64 = 10_000;

/// One browser request: calls with the same correlation id, newest first.
struct Group<'a> {
    id: String,
    calls: Vec<&'a Call>,
}

/// The latest requests, newest first.
pub(super) fn latest(state: &State, now_ms: i64) -> Vec<Value> {
    let shown =
        |(_, call): &(usize, &Call)| call.status.is_some() || now_ms - call.at_ms > LOST_AFTER_MS;
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (number, call) in state.call_log.numbered().rev().filter(shown).take(SEARCHED) {
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

/// Whether the call is the proxied browser request itself.
fn is_page(call: &Call) -> bool {
    matches!(call.operation.upstream(), Upstream::Head | Upstream::Ecom)
}

fn entry(call: &Call, first: i64) -> Value {
    json!({"upstream": call.operation.upstream(), "operation": call.operation.as_str(),
           "status": call.status, "start_ms": call.at_ms - first, "ms": call.took_ms})
}
