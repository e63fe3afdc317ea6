//! Time limits of tokens and DW sessions, in seconds, that more than one module uses.

/// An access token that expires within this time is refreshed early (the clients that the platform
/// ships use the same margin). It still works if the refresh fails.
pub const EARLY_REFRESH: i64 = 60;
/// The platform ends a DW session this long after its last controller request.
pub const DW_IDLE: i64 = 30 * 60;
/// The platform ends a DW session at this age.
pub const DW_MAX_AGE: i64 = 6 * 60 * 60;
/// How old the recorded time of the last ECOM request may become before it is written again: a
/// record per request would be a `Set-Cookie` per request.
pub const DW_USE_RECORD: i64 = 5 * 60;
/// How often a redirected form may be reason to ask OCAPI whose the DW session is.
pub const DW_CHECK: i64 = 5 * 60;
/// No request is sent to ECOM in a DW session that ends within this time.
pub const DW_MARGIN: i64 = 60;
/// For how long after a registered session expired `GET /bff/session` reports it.
pub const EXPIRED_NOTICE: i64 = 5 * 60;
