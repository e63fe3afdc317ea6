//! `TandemBridge-Signature`: the small controller that an operator adds to ECOM, so that a
//! Backend-for-frontend can get SLAS tokens for a DW session that began there.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::content::Content;
use super::turn::{Reply, Turn};
use crate::sandbox::slas::bridge;

/// The session of the request, signed: `dwsgst` of a guest, `dwsrst` with the login id of a
/// registered shopper.
pub(super) fn show(turn: &mut Turn<'_>) -> Reply {
    let login = turn.login().map(ToOwned::to_owned);
    let signed = bridge::sign(turn.platform, turn.state, &turn.dwsid);
    match (signed, login) {
        (Some(signed), None) if turn.ask.method == Method::GET => {
            Reply::Json(json!({"dwsgst": signed}))
        }
        (Some(signed), Some(login)) if turn.ask.method == Method::GET => {
            Reply::Json(json!({"dwsrst": signed, "login_id": login}))
        }
        _ => Reply::Page(Content {
            status: StatusCode::METHOD_NOT_ALLOWED,
            title: "Not this way",
            html: "<p>This address is for reading only.</p>".to_owned(),
        }),
    }
}
