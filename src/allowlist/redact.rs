//! Removes tokens from the responses of SLAS that scripts read.
//!
//! Where tokens are in `HttpOnly` cookies, they are removed from the body at any depth (the response
//! for a passkey nests them). Fields are removed, not emptied, as the shipped proxy does and the SDKs
//! expect. An error keeps the few fields that clients match on.

use serde_json::{Map, Value};

/// Fields that are credentials.
const SECRETS: [&str; 5] =
    ["access_token", "id_token", "idp_access_token", "idp_refresh_token", "refresh_token"];
/// The field with the tokens in the response for a passkey.
const NESTED: &str = "tokenResponse";
/// Fields of an error (`OpenAPI`, the live form, and RFC 9457).
const ERROR_FIELDS: [&str; 8] =
    ["error", "error_description", "message", "status_code", "status", "code", "title", "detail"];
/// The longest text of an error, in bytes.
const LONGEST_TEXT: usize = 400;
/// A longer word may be a token: refresh tokens of SLAS have 87 bytes, its codes about 40.
const LONGEST_WORD: usize = 36;

/// The object with the tokens in a 200 response: the body, or the one nested in it.
#[must_use]
pub(crate) fn find_tokens(body: &Value) -> Option<&Value> {
    let has_token = |value: &&Value| value.get("access_token").is_some_and(Value::is_string);
    Some(body).filter(has_token).or_else(|| body.get(NESTED).filter(has_token))
}

/// Removes every credential from `body`.
pub(crate) fn strip(body: &mut Value) {
    match body {
        Value::Object(fields) => {
            fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The fields of an error that are known and short, and contain nothing like a token.
#[must_use]
pub(crate) fn error(body: &[u8]) -> Map<String, Value> {
    let mut fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    fields.retain(|name, value| ERROR_FIELDS.contains(&name.as_str()) && is_safe(value));
    fields
}

fn is_safe(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let is_token_char = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=".contains(c);
            text.len() <= LONGEST_TEXT
                && !text.split(|c| !is_token_char(c)).any(|word| word.len() > LONGEST_WORD)
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
    fn only_tokens_are_removed_from_the_body() {
        let mut body = json!({
            "access_token": "a", "refresh_token": "r", "id_token": "i", "idp_access_token": "",
            "idp_refresh_token": "x", "expires_in": 1800, "usid": "u", "customer_id": "c",
            "refresh_token_expires_in": 2_592_000, "token_type": "Bearer", "dnt": "false",
        });
        assert!(find_tokens(&body).is_some());
        strip(&mut body);
        let expected = json!({
            "expires_in": 1800, "usid": "u", "customer_id": "c", "dnt": "false",
            "refresh_token_expires_in": 2_592_000, "token_type": "Bearer",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn nested_tokens_of_a_passkey_are_found_and_removed() {
        let mut body = json!({
            "success": true, "tokenResponse": {"access_token": "a", "usid": "u"},
            "others": [{"refresh_token": "r"}],
        });
        assert_eq!(find_tokens(&body).unwrap()["usid"], "u");
        strip(&mut body);
        let expected = json!({"success": true, "tokenResponse": {"usid": "u"}, "others": [{}]});
        assert_eq!(body, expected);
    }

    #[test]
    fn an_error_keeps_the_fields_that_clients_match_on() {
        let live = br#"{"status_code":"400 BAD_REQUEST","message":"invalid refresh_token"}"#;
        assert_eq!(error(live).len(), 2);
    }

    #[test]
    fn fields_that_may_contain_a_secret_are_removed_from_an_error() {
        let token = "Qx".repeat(21);
        let body = json!({
            "message": format!("Invalid Refresh Token: {token}"), "error": "invalid_request",
            "debug": "CANARY", "detail": {"access_token": "CANARY"},
        });
        let fields = error(body.to_string().as_bytes());
        assert_eq!(Value::Object(fields), json!({"error": "invalid_request"}));
        assert!(error(b"<html>").is_empty());
    }
}
