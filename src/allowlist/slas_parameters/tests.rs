//! Which parameters are filled in, removed and rejected.

use url::form_urlencoded;

use super::super::pairs;
use super::*;

const CLIENT: &str = "1d0c6a52-93be-4f1a-8d37-5b2f9e6c7a41";

fn validated(operation: Operation, query: &str, form: &str) -> Result<Parameters, Refusal> {
    validated_for(operation, query, form, true, Some("own-usid"))
}

fn validated_for(
    operation: Operation,
    query: &str,
    form: &str,
    private: bool,
    usid: Option<&str>,
) -> Result<Parameters, Refusal> {
    let redirect_uris = ["https://shop.test/callback".to_owned()];
    let site = SiteValues {
        client_id: CLIENT,
        channel: "RefArch",
        public_origin: "https://shop.test",
        redirect_uris: &redirect_uris,
        private,
    };
    let shopper = ShopperValues { usid, dnt: Some(true) };
    let pairs = |text: &str| pairs(text.as_bytes()).unwrap();
    validate(operation, &pairs(query), &pairs(form), &site, &shopper)
}

fn form(parameters: &Parameters) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters.form).finish()
}

#[test]
fn attack_45_a_duplicate_parameter_is_rejected_in_query_and_body() {
    for (query, body) in [
        ("", "grant_type=client_credentials&grant_type=refresh_token"),
        ("grant_type=client_credentials", "grant_type=client_credentials"),
        ("", "grant_type=client_credentials&grant%5Ftype=refresh_token"),
        ("x=1&x=1", "grant_type=client_credentials"),
    ] {
        let result = validated(Operation::Token, query, body);
        assert_eq!(result, Err(Refusal::Malformed("Duplicate parameter.")), "{query} {body}");
    }
}

#[test]
fn attack_45_a_parameter_in_the_wrong_place_is_rejected() {
    let misplaced = Err(Refusal::Malformed("A parameter is in the wrong place: query or body."));
    assert_eq!(validated(Operation::Token, "grant_type=client_credentials", ""), misplaced);
    assert_eq!(validated(Operation::Authorize, "", "hint=guest"), misplaced);
    let parameters =
        validated(Operation::PasswordlessLogin, "register_customer=true", "user_id=jo").unwrap();
    assert_eq!(parameters.query, [("register_customer".to_owned(), "true".to_owned())]);
}

#[test]
fn attack_45_client_channel_and_redirect_uri_are_the_sites_own() {
    for form in [
        "grant_type=client_credentials&client_id=other",
        "grant_type=client_credentials&channel_id=Other",
        "grant_type=client_credentials&client_id=",
        "grant_type=authorization_code_pkce&code=x&redirect_uri=https%3A%2F%2Fevil.test%2F",
        "grant_type=authorization_code_pkce&code=x&redirect_uri=https%3A%2F%2Fshop.test%2Fcallback%2F",
    ] {
        let result = validated(Operation::Token, "", form);
        assert!(matches!(result, Err(Refusal::Malformed(_))), "{form}");
    }
    let hostile = "mode=callback&user_id=jo&callback_uri=https%3A%2F%2Fshop.test.evil.test%2F";
    assert!(validated(Operation::PasswordReset, "", hostile).is_err());
    let own = "mode=callback&user_id=jo&callback_uri=https%3A%2F%2Fshop.test%2Freset";
    assert!(validated(Operation::PasswordReset, "", own).is_ok());
}

#[test]
fn attack_45_a_usid_is_the_shoppers_own_or_none() {
    let parameters = "grant_type=client_credentials&usid=victim";
    assert_eq!(validated(Operation::Token, "", parameters).unwrap().get("usid"), Some("own-usid"));
    let without = validated_for(Operation::Token, "", parameters, true, None).unwrap();
    assert_eq!(without.get("usid"), None);
}

#[test]
fn a_code_keeps_its_usid() {
    let parameters = "grant_type=authorization_code_pkce&code=x&code_verifier=y&usid=of-the-code";
    assert_eq!(
        validated(Operation::Token, "", parameters).unwrap().get("usid"),
        Some("of-the-code")
    );
}

#[test]
fn the_sdks_call_for_a_guest_of_a_private_client_is_completed() {
    let parameters =
        validated(Operation::Token, "", "grant_type=client_credentials&channel_id=RefArch");
    let expected = format!(
        "grant_type=client_credentials&channel_id=RefArch&client_id={CLIENT}&usid=own-usid&dnt=true"
    );
    assert_eq!(form(&parameters.unwrap()), expected);
}

#[test]
fn parameters_that_slas_does_not_have_are_removed() {
    let parameters =
        "grant_type=refresh_token&refresh_token=&organizationId=f_ecom_x&hint=ts_ext_on_behalf_of";
    let parameters = validated(Operation::Token, "", parameters).unwrap();
    assert!(parameters.refreshes());
    for name in ["organizationId", "hint", "refresh_token"] {
        assert_eq!(parameters.get(name), None, "{name}");
    }
}

#[test]
fn other_grant_types_are_rejected() {
    let token =
        |form: &str, private| validated_for(Operation::Token, "", form, private, None).is_ok();
    assert!(token("grant_type=client_credentials", true));
    assert!(!token("grant_type=client_credentials", false));
    assert!(!token("grant_type=authorization_code&code=x", false));
    for form in ["", "grant_type=session_bridge&dwsid=x", "grant_type=password", "grant_type="] {
        assert!(!token(form, true), "{form}");
    }
    assert!(validated(Operation::Authorize, "hint=sb-user", "").is_err());
    assert!(validated(Operation::PasswordlessToken, "", "grant_type=client_credentials").is_err());
}

#[test]
fn a_client_secret_is_rejected_under_any_name() {
    for name in ["client_secret", "Client_Secret", "client_assertion"] {
        let form = format!("grant_type=client_credentials&{name}=x");
        assert!(validated(Operation::Token, "", &form).is_err(), "{name}");
    }
}

#[test]
fn custom_parameters_of_a_login_are_sent_to_the_platform() {
    let parameters = validated(Operation::Login, "", "c_store=12&code_challenge=x").unwrap();
    assert_eq!(parameters.get("c_store"), Some("12"));
    assert_eq!(parameters.get("redirect_uri"), Some("https://shop.test/callback"));
}

#[test]
fn a_json_body_gets_the_sites_client_and_the_shoppers_usid() {
    let redirect_uris = [];
    let site = SiteValues {
        client_id: CLIENT,
        channel: "RefArch",
        public_origin: "https://shop.test",
        redirect_uris: &redirect_uris,
        private: true,
    };
    let shopper = ShopperValues { usid: Some("own-usid"), dnt: None };
    let validated = |body: &str| {
        validate_json(Operation::WebauthnAuthenticateFinish, body.as_bytes(), &site, &shopper)
    };
    let parameters = validated(r#"{"usid":"victim","credential":{"id":"x"},"extra":1}"#).unwrap();
    let expected = serde_json::json!({
        "channel_id": "RefArch", "client_id": CLIENT, "credential": {"id": "x"}, "usid": "own-usid",
    });
    assert_eq!(Value::Object(parameters), expected);
    for hostile in [r#"{"client_id":"other"}"#, r#"{"channel_id":["RefArch"]}"#, "[]", "x"] {
        assert!(validated(hostile).is_err(), "{hostile}");
    }
}
