//! What a script may read of SLAS's answers.
//!
//! Where tokens live in `HttpOnly` cookies, they leave the body, at whatever depth (a passkey's
//! answer nests them). Fields are removed, not emptied: that is what the shipped façade does and
//! what the SDKs expect. An error keeps the few fields that clients match on.

use serde_json::{Map, Value};

/// Fields that are credentials.
const SECRETS: [&str; 5] =
    ["access_token", "id_token", "idp_access_token", "idp_refresh_token", "refresh_token"];
/// Where a passkey's answer keeps its tokens.
const NESTED: &str = "tokenResponse";
/// Fields of an error (`OpenAPI`, the live shape, and RFC 9457).
const OF_AN_ERROR: [&str; 8] =
    ["error", "error_description", "message", "status_code", "status", "code", "title", "detail"];
/// Octets of an error's text.
const LONGEST_TEXT: usize = 400;
/// A word this long may be a token: SLAS's refresh tokens have 87 octets, its codes about 40.
const LONGEST_WORD: usize = 36;

/// The part of a 200 that brings tokens: all of it, or what is nested in it.
#[must_use]
pub fn tokens(body: &Value) -> Option<&Value> {
    let has_token = |value: &&Value| value.get("access_token").is_some_and(Value::is_string);
    Some(body).filter(has_token).or_else(|| body.get(NESTED).filter(has_token))
}

/// Takes every credential out of `body`.
pub fn strip(body: &mut Value) {
    match body {
        Value::Object(fields) => {
            fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

/// What is left of an error's body: known fields, short, and without anything like a token.
#[must_use]
pub fn error(body: &[u8]) -> Map<String, Value> {
    let mut fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    fields.retain(|name, value| OF_AN_ERROR.contains(&name.as_str()) && is_harmless(value));
    fields
}

fn is_harmless(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let in_a_token = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=".contains(c);
            text.len() <= LONGEST_TEXT
                && !text.split(|c| !in_a_token(c)).any(|word| word.len() > LONGEST_WORD)
        }
        Value::Number(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tokens_leave_the_body_and_the_rest_stays() {
        let mut body = json!({
            "access_token": "a", "refresh_token": "r", "id_token": "i", "idp_access_token": "",
            "idp_refresh_token": "x", "expires_in": 1800, "usid": "u", "customer_id": "c",
            "refresh_token_expires_in": 2_592_000, "token_type": "Bearer", "dnt": "false",
        });
        assert!(tokens(&body).is_some());
        strip(&mut body);
        let left = json!({
            "expires_in": 1800, "usid": "u", "customer_id": "c", "dnt": "false",
            "refresh_token_expires_in": 2_592_000, "token_type": "Bearer",
        });
        assert_eq!(body, left);
    }

    #[test]
    fn nested_tokens_of_a_passkey_are_found_and_leave_too() {
        let mut body = json!({
            "success": true, "tokenResponse": {"access_token": "a", "usid": "u"},
            "others": [{"refresh_token": "r"}],
        });
        assert_eq!(tokens(&body).unwrap()["usid"], "u");
        strip(&mut body);
        let left = json!({"success": true, "tokenResponse": {"usid": "u"}, "others": [{}]});
        assert_eq!(body, left);
    }

    #[test]
    fn what_clients_match_on_survives_in_an_error() {
        let live = br#"{"status_code":"400 BAD_REQUEST","message":"invalid refresh_token"}"#;
        assert_eq!(error(live).len(), 2);
    }

    #[test]
    fn an_error_that_may_carry_a_secret_loses_it() {
        let token = "Qx".repeat(21);
        let body = json!({
            "message": format!("Invalid Refresh Token: {token}"), "error": "invalid_request",
            "debug": "CANARY", "detail": {"access_token": "CANARY"},
        });
        let left = error(body.to_string().as_bytes());
        assert_eq!(Value::Object(left), json!({"error": "invalid_request"}));
        assert!(error(b"<html>").is_empty());
    }
}
