//! The SLAS operations, one per call of the core.

use super::error::{LogoutRefusal, Rejection, SlasError, SlasResult};
use super::{CallContext, Credentials, Jwk, Operation, Pkce, Slas, base64_pair, wire};
use crate::flow::{
    AdoptCall, AdoptResponse, DwProof, GuestResponse, LoginResponse, LogoutResponse, LogoutScope,
};
use crate::header_values;
use crate::ids::{AccessToken, RefreshToken, Usid};
use crate::model::Grant;
use http::StatusCode;
use http::header::AUTHORIZATION;
use secrecy::ExposeSecret as _;

pub(super) type Form = Vec<(&'static str, String)>;

impl Slas {
    /// Guest tokens: one call for a private client, two for a public one.
    pub async fn guest(&self, usid: Option<&Usid>, context: &CallContext) -> GuestResponse {
        let result = if self.is_public() {
            self.guest_by_code(usid, context).await
        } else {
            self.guest_by_secret(usid, context).await
        };
        match result {
            Ok(grant) if grant.claims.customer.is_guest() => {
                GuestResponse::Granted(Box::new(grant))
            }
            Ok(_) => GuestResponse::Failed(SlasError::Malformed("not a guest").failure()),
            Err(SlasError::Rejected(rejection))
                if rejection.status == StatusCode::BAD_REQUEST && rejection.is_about_usid() =>
            {
                GuestResponse::UsidTaken
            }
            Err(error) => {
                error.warn("guest");
                self.rejections.failed(self.clock.monotonic());
                GuestResponse::Failed(error.failure())
            }
        }
    }

    async fn guest_by_secret(
        &self,
        usid: Option<&Usid>,
        context: &CallContext,
    ) -> SlasResult<Grant> {
        let mut form = self.form("client_credentials");
        push_usid(&mut form, usid);
        push_dnt(&mut form, context);
        let request = self.authorize_client(self.post("token", context)).form(&form);
        self.tokens("guest", request).await
    }

    async fn guest_by_code(&self, usid: Option<&Usid>, context: &CallContext) -> SlasResult<Grant> {
        let (code, pkce) = self.authorize("guest", usid, context).await?;
        self.exchange_code("guest", code, pkce, context).await
    }

    /// `GET /authorize` of a public client. Tandem calls it instead of the browser, so the redirect
    /// is the response.
    async fn authorize(
        &self,
        hint: &'static str,
        usid: Option<&Usid>,
        context: &CallContext,
    ) -> SlasResult<(wire::Code, Pkce)> {
        let config = &self.config;
        let mut query: Form = vec![
            ("redirect_uri", config.redirect_uri.clone()),
            ("response_type", "code".to_owned()),
            ("client_id", config.client_id.clone()),
            ("channel_id", config.audience.channel.clone()),
            ("hint", hint.to_owned()),
        ];
        push_usid(&mut query, usid);
        let request = |pkce: &Pkce| {
            let challenge = [("code_challenge", &pkce.challenge)];
            self.get("authorize", context).query(&query).query(&challenge)
        };
        self.code("authorize", request).await
    }

    /// `POST /token` `authorization_code_pkce`. A private client needs the verifier as well.
    async fn exchange_code(
        &self,
        name: &'static str,
        code: wire::Code,
        pkce: Pkce,
        context: &CallContext,
    ) -> SlasResult<Grant> {
        let mut form = self.form("authorization_code_pkce");
        form.push(("code", code.code));
        form.push(("code_verifier", pkce.verifier));
        form.push(("client_id", self.config.client_id.clone()));
        form.push(("redirect_uri", self.config.redirect_uri.clone()));
        // The usid of the response replaces the one sent.
        push_usid(&mut form, code.usid.as_ref());
        push_dnt(&mut form, context);
        let request = self.authorize_client(self.post("token", context)).form(&form);
        self.tokens(name, request).await
    }

    /// `POST /login` with the shopper's credentials, then the exchange of the code.
    pub async fn login(
        &self,
        credentials: &Credentials,
        usid: Option<&Usid>,
        context: &CallContext,
    ) -> LoginResponse {
        let (code, pkce) = match self.login_code(credentials, usid, context).await {
            Ok(code) => code,
            Err(error) => return login_failed(&error),
        };
        match self.exchange_code("login", code, pkce, context).await {
            Ok(grant) => LoginResponse::Granted(Box::new(grant)),
            Err(error) => {
                error.warn("login");
                LoginResponse::Failed(error.failure())
            }
        }
    }

    async fn login_code(
        &self,
        credentials: &Credentials,
        usid: Option<&Usid>,
        context: &CallContext,
    ) -> SlasResult<(wire::Code, Pkce)> {
        let config = &self.config;
        let mut form: Form = vec![
            ("client_id", config.client_id.clone()),
            ("channel_id", config.audience.channel.clone()),
            ("redirect_uri", config.redirect_uri.clone()),
            ("response_type", "code".to_owned()),
        ];
        push_usid(&mut form, usid);
        // `Authorization` has the shopper's credentials here, so the client's are in another header.
        let pair = base64_pair(&credentials.username, credentials.password.expose_secret());
        let basic = header_values::sensitive(&format!("Basic {pair}"));
        let request = |pkce: &Pkce| {
            let mut form = form.clone();
            form.push(("code_challenge", pkce.challenge.clone()));
            let request = self.authorize_strict_client(self.post("login", context)).form(&form);
            request.header(AUTHORIZATION, basic.clone())
        };
        self.code("login", request).await
    }

    /// `GET /logout`. The specification makes the refresh token a query parameter.
    pub async fn logout(
        &self,
        access: &AccessToken,
        refresh: &RefreshToken,
        scope: LogoutScope,
        context: &CallContext,
    ) -> LogoutResponse {
        let mut query: Form = vec![
            ("client_id", self.config.client_id.clone()),
            ("channel_id", self.config.audience.channel.clone()),
            ("refresh_token", refresh.expose().to_owned()),
        ];
        if scope == LogoutScope::AllDevices {
            query.push(("hint", "all-sessions".to_owned()));
        }
        let bearer = header_values::bearer(access);
        let request = self.get("logout", context).query(&query).header(AUTHORIZATION, bearer);
        let operation = Operation { upstream: "slas", name: "logout" };
        match self.sender.send(operation, request).await {
            // HTML comes from the edge in front of SLAS.
            Ok(reply) if reply.status.is_success() && !reply.body.starts_with(b"<") => {
                LogoutResponse::Revoked
            }
            Ok(reply) => logout_rejected(Rejection::of(&reply)),
            Err(error) => {
                SlasError::Call(error).warn("logout");
                LogoutResponse::Failed
            }
        }
    }

    /// `POST /session-bridge/token`: SLAS tokens for a DW session.
    pub async fn adopt(&self, call: &AdoptCall, context: &CallContext) -> AdoptResponse {
        match self.bridge_session(call, context).await {
            Ok(grant) => AdoptResponse::Granted(Box::new(grant)),
            Err(error) => adopt_failed(&error),
        }
    }

    async fn bridge_session(&self, call: &AdoptCall, context: &CallContext) -> SlasResult<Grant> {
        let guest = call.kind.is_guest();
        let mut form = if self.is_public() {
            let hint = if guest { "sb-guest" } else { "sb-user" };
            let (code, pkce) = self.authorize(hint, None, context).await?;
            let mut form = self.form("session_bridge");
            form.push(("code", code.code));
            form.push(("code_verifier", pkce.verifier));
            push_usid(&mut form, code.usid.as_ref());
            form
        } else {
            self.form("client_credentials")
        };
        form.push(("client_id", self.config.client_id.clone()));
        form.push(("login_id", call.login.clone()));
        form.push(match (&call.proof, guest) {
            (DwProof::Signature(signature), true) => ("dwsgst", signature.expose().to_owned()),
            (DwProof::Signature(signature), false) => ("dwsrst", signature.expose().to_owned()),
            (DwProof::Session(dwsid), _) => ("dwsid", dwsid.expose().to_owned()),
        });
        push_dnt(&mut form, context);
        let request = self.authorize_client(self.post("session-bridge/token", context)).form(&form);
        self.tokens("session_bridge", request).await
    }

    /// `GET /jwks`: the tenant's signing keys. `None` without a usable response.
    pub async fn keys(&self) -> Option<Vec<Jwk>> {
        let operation = Operation { upstream: "slas", name: "jwks" };
        let request = self.sender.http.get(format!("{}/jwks", self.base));
        let reply = self.sender.send(operation, request).await.map_err(SlasError::Call);
        match reply.and_then(|reply| wire::keys(&reply)) {
            Ok(keys) if !keys.is_empty() => Some(keys),
            Ok(_) => None,
            Err(error) => {
                error.warn("jwks");
                None
            }
        }
    }

    pub(super) fn form(&self, grant_type: &str) -> Form {
        let channel = self.config.audience.channel.clone();
        vec![("grant_type", grant_type.to_owned()), ("channel_id", channel)]
    }
}

fn push_usid(form: &mut Form, usid: Option<&Usid>) {
    if let Some(usid) = usid {
        form.push(("usid", usid.as_str().to_owned()));
    }
}

pub(super) fn push_dnt(form: &mut Form, context: &CallContext) {
    if let Some(dnt) = context.dnt {
        form.push(("dnt", dnt.to_string()));
    }
}

fn adopt_failed(error: &SlasError) -> AdoptResponse {
    match error {
        SlasError::Rejected(rejection) if rejection.is_about_scope() => {
            error.warn("session_bridge");
            AdoptResponse::NotPermitted
        }
        SlasError::Rejected(rejection) if rejection.is_permanent() => {
            if rejection.is_about_client() {
                error.warn("session_bridge");
            } else {
                let status = rejection.status.as_u16();
                tracing::info!(status, "session bridge rejected by the tenant");
            }
            AdoptResponse::Refused
        }
        _ => {
            error.warn("session_bridge");
            AdoptResponse::Failed(error.failure())
        }
    }
}

fn logout_rejected(rejection: Rejection) -> LogoutResponse {
    match rejection.of_logout() {
        Some(LogoutRefusal::AccessToken) => LogoutResponse::AccessRefused,
        Some(LogoutRefusal::RefreshToken) => LogoutResponse::NothingToRevoke,
        None => {
            SlasError::Rejected(rejection).warn("logout");
            LogoutResponse::Failed
        }
    }
}

fn login_failed(error: &SlasError) -> LoginResponse {
    match error {
        SlasError::Rejected(rejection) if rejection.status == StatusCode::CONFLICT => {
            LoginResponse::Conflict
        }
        // The response is the same for an unknown client, but then guest calls fail as well.
        SlasError::Rejected(rejection) if rejection.status == StatusCode::UNAUTHORIZED => {
            LoginResponse::BadCredentials
        }
        _ => {
            error.warn("login");
            LoginResponse::Failed(error.failure())
        }
    }
}
