//! Routes below `/bff/` that scripts and forms of the shop call.

mod body;
pub(super) mod bridge;
pub(super) mod cookies;
pub(super) mod go;
pub(super) mod login;
pub(super) mod logout;
pub(super) mod session;
mod session_view;
