//! `TandemBridge-Signature`: the small controller that an operator adds to ECOM, so that a
//! Backend-for-frontend can get SLAS tokens for a DW session that began there.

use serde_json::json;

use super::turn::{Reply, Turn};
use crate::slas::bridge;

/// The session of the request, signed: `dwsgst` of a guest, `dwsrst` with the login id of a
/// registered shopper.
pub(super) fn show(turn: &mut Turn<'_>) -> Reply {
    let login = turn.login().map(ToOwned::to_owned);
    let signed = bridge::sign(turn.platform, turn.state, &turn.dwsid);
    Reply::Json(match login {
        None => json!({"dwsgst": signed}),
        Some(login) => json!({"dwsrst": signed, "login_id": login}),
    })
}
