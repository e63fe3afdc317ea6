//! Calls that ECOM makes itself. They do not cross the network here, but the call log records them
//! and planned faults apply to them as if they did.

use axum::http::Method;

use super::controller_context::ControllerContext;
use crate::call_log::{Call, Operation};
use crate::faults::Fault;
use crate::options::Options;
use crate::platform::Platform;
use crate::state::State;

/// Makes a call, which `work` processes. `None` when `work` rejects it or a fault prevents it. A
/// fault that only delays has no effect.
pub(super) fn call<T>(
    context: &mut ControllerContext<'_>,
    operation: Operation,
    work: impl FnOnce(&Platform, &mut State) -> Option<T>,
) -> Option<T> {
    let (platform, request) = (context.platform, context.request);
    let (method, path, success) = route(&platform.options, operation);
    let call =
        Call::new(operation, method, &path, platform.now_ms()).made_by_ecom(&request.headers);
    let number = context.state.call_log.record(call);
    let (result, status) = match context.state.faults.next(operation) {
        Some(Fault::Status(status, _) | Fault::Shed(status, _) | Fault::Body(status, _)) => {
            (None, status)
        }
        Some(Fault::Hang | Fault::Reset) => return None,
        Some(Fault::Delay(_) | Fault::DelayAfter(_) | Fault::ExtraHeader(..)) | None => {
            let result = work(platform, context.state);
            let status = if result.is_some() { success } else { 400 };
            (result, status)
        }
    };
    context.state.call_log.complete(number, status, platform.now_ms());
    result
}

/// Method, path, and the status of success.
fn route(options: &Options, operation: Operation) -> (Method, String, u16) {
    let (organization, site) = (&options.organization_id, &options.site_id);
    let slas = |name| format!("/shopper/auth/v1/organizations/{organization}/oauth2/{name}");
    let baskets = format!("/checkout/shopper-baskets/v1/organizations/{organization}/baskets");
    match operation {
        Operation::Authorize => (Method::GET, slas("authorize"), 303),
        Operation::Login => (Method::POST, slas("login"), 303),
        Operation::SessionBridge => (Method::POST, slas("session-bridge/token"), 200),
        Operation::Logout => (Method::GET, slas("logout"), 200),
        Operation::Sessions => (Method::POST, format!("/s/{site}/dw/shop/v24_5/sessions"), 204),
        Operation::BasketMerge => (Method::POST, format!("{baskets}/actions/merge"), 200),
        _ => (Method::POST, slas("token"), 200),
    }
}
