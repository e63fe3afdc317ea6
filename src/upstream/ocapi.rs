//! The OCAPI Shop API client: `POST /sessions` and `POST /customers/auth`.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE};
use http::{HeaderName, StatusCode};
use reqwest::RequestBuilder;
use serde::Deserialize;

use super::CallContext;
use super::http::{BufferedResponse, CallError, Operation, Sender};
use crate::config::OcapiConfig;
use crate::cookies::dw_cookies;
use crate::flow::{BridgeResponse, HeldDw, ProbeResponse, UpstreamFailure};
use crate::header_values::{bearer, sensitive};
use crate::ids::{AccessToken, CustomerId, SiteId};
use crate::model::{Customer, CustomerType};

/// OCAPI of one site.
#[derive(Clone)]
pub struct Ocapi {
    sender: Sender,
    base: String,
    config: OcapiConfig,
    client_ip_header: Option<HeaderName>,
}

impl Ocapi {
    /// A client of the Shop API of `site`. `/s/{site}` works on every kind of instance.
    #[must_use]
    pub fn new(
        sender: Sender,
        site: &SiteId,
        config: OcapiConfig,
        client_ip_header: Option<HeaderName>,
    ) -> Self {
        let host = config.base_url.as_str();
        let base = format!("{host}/s/{site}/dw/shop/{}", config.version);
        Self { sender, base, config, client_ip_header }
    }

    fn post(&self, path: &str, context: &CallContext) -> RequestBuilder {
        let request = self.sender.http.post(format!("{}/{path}", self.base));
        let request = request
            .header("x-dw-client-id", &self.config.client_id)
            .header("correlation-id", &context.correlation_id);
        // Without it the platform would locate the session at our address.
        match (&self.client_ip_header, context.client) {
            (Some(name), Some(client)) => request.header(name, client.to_string()),
            _ => request,
        }
    }

    /// `POST /sessions`: creates a DW session for a SLAS access token. Every call creates another.
    pub async fn bridge(&self, access: &AccessToken, context: &CallContext) -> BridgeResponse {
        let operation = Operation { upstream: "ocapi", name: "sessions" };
        let request = self
            .post("sessions", context)
            .header(AUTHORIZATION, bearer(access))
            .header(CONTENT_LENGTH, 0);
        match self.sender.send(operation, request).await {
            Ok(reply) if reply.status.is_success() => match dw_cookies::read(&reply.headers) {
                Some(cookies) => BridgeResponse::Bridged(cookies),
                None => BridgeResponse::Failed(invalid("sessions", "no single dwsid")),
            },
            Ok(reply) => match Fault::of(&reply) {
                Fault::Token => BridgeResponse::TokenRefused,
                fault => BridgeResponse::Failed(fault.failure("sessions", reply.status)),
            },
            Err(error) => BridgeResponse::Failed(failed("sessions", &error)),
        }
    }

    /// `POST /customers/auth` `{"type":"session"}`: whether the DW session is alive, and its owner.
    pub async fn probe(&self, dw: &HeldDw, context: &CallContext) -> ProbeResponse {
        let operation = Operation { upstream: "ocapi", name: "customers_auth" };
        let request = self
            .post("customers/auth", context)
            .header(COOKIE, sensitive(&self.cookies(dw)))
            .json(&serde_json::json!({ "type": "session" }));
        match self.sender.send(operation, request).await {
            Ok(reply) if reply.status.is_success() => owner(&reply),
            Ok(reply) => match Fault::of(&reply) {
                Fault::Session => ProbeResponse::Dead,
                fault => ProbeResponse::Failed(fault.failure("customers_auth", reply.status)),
            },
            Err(error) => ProbeResponse::Failed(failed("customers_auth", &error)),
        }
    }

    /// With enforce-https off, the platform requires the secure token beside the session.
    fn cookies(&self, dw: &HeldDw) -> String {
        let mut cookies = format!("dwsid={}", dw.dwsid.expose());
        for (name, value) in dw.secure_tokens.iter().filter(|_| !self.config.enforce_https) {
            cookies.push_str("; ");
            cookies.push_str(name);
            cookies.push('=');
            cookies.push_str(value.expose());
        }
        cookies
    }
}

#[derive(Deserialize)]
struct CustomerDocument {
    auth_type: CustomerType,
    customer_id: CustomerId,
    #[serde(default)]
    login: Option<String>,
}

fn owner(reply: &BufferedResponse) -> ProbeResponse {
    match serde_json::from_slice::<CustomerDocument>(&reply.body) {
        Ok(CustomerDocument { auth_type: kind, customer_id: id, login }) => {
            ProbeResponse::Alive { owner: Customer { kind, id }, login }
        }
        Err(_) => ProbeResponse::Failed(invalid("customers_auth", "no customer document")),
    }
}

/// What an OCAPI fault document means. Only its type is read: `arguments` may echo the access
/// token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// OCAPI rejects the access token.
    Token,
    /// The DW session is dead or unusable.
    Session,
    /// Our settings or the tenant's are wrong.
    Settings,
    /// A later call may succeed.
    Temporary,
}

#[derive(Deserialize)]
struct FaultDocument {
    fault: FaultBody,
}

#[derive(Deserialize)]
struct FaultBody {
    #[serde(rename = "type")]
    kind: String,
}

impl Fault {
    fn of(reply: &BufferedResponse) -> Self {
        let document = serde_json::from_slice::<FaultDocument>(&reply.body);
        let kind = document.as_ref().map_or("", |document| document.fault.kind.as_str());
        match (kind, reply.status) {
            ("InvalidAccessTokenException", _) => Self::Token,
            ("AuthenticationFailedException" | "InvalidSecureTokenException", _) => Self::Session,
            // A response of the edge in front of OCAPI, a site that is closed for now, or the
            // platform's fault for overload.
            ("SiteOfflineException" | "", StatusCode::FORBIDDEN)
            | ("QuotaExceededException", _) => Self::Temporary,
            (_, status) if status.is_client_error() => Self::Settings,
            _ => Self::Temporary,
        }
    }

    fn failure(self, operation: &'static str, status: StatusCode) -> UpstreamFailure {
        let status = status.as_u16();
        tracing::warn!(upstream = "ocapi", operation, status, fault = ?self, "upstream rejected the call");
        match self {
            Self::Settings | Self::Token => UpstreamFailure::MISCONFIGURED,
            Self::Temporary | Self::Session => UpstreamFailure::unavailable_for(5),
        }
    }
}

fn failed(operation: &'static str, error: &CallError) -> UpstreamFailure {
    tracing::warn!(upstream = "ocapi", operation, %error, "upstream call failed");
    error.failure()
}

fn invalid(operation: &'static str, what: &'static str) -> UpstreamFailure {
    tracing::warn!(upstream = "ocapi", operation, what, "invalid upstream response");
    UpstreamFailure::unavailable_for(5)
}
