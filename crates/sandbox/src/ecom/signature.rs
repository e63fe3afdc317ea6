//! `TandemBridge-Signature`: the small controller that an operator adds to ECOM, so that a
//! Backend-for-frontend can get SLAS tokens for a DW session that ECOM opened.

use serde_json::json;

use super::ControllerResponse;
use super::controller_context::ControllerContext;
use crate::slas::bridge;

/// The signed session of the request: `dwsgst` for a guest, `dwsrst` with the login id for a
/// registered shopper.
pub(super) fn show(context: &mut ControllerContext<'_>) -> ControllerResponse {
    let login = context.login().map(ToOwned::to_owned);
    let signed = bridge::sign(context.platform, context.state, &context.dwsid);
    ControllerResponse::Json(match login {
        None => json!({"dwsgst": signed}),
        Some(login) => json!({"dwsrst": signed, "login_id": login}),
    })
}
