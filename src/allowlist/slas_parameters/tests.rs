//! What is filled in, what is dropped, and what is refused.

use super::*;

const CLIENT: &str = "1d0c6a52-93be-4f1a-8d37-5b2f9e6c7a41";

fn validated(operation: Operation, query: &str, form: &str) -> Result<Parameters, Refusal> {
    judged_as(operation, query, form, true, Some("own-usid"))
}

fn judged_as(
    operation: Operation,
    query: &str,
    form: &str,
    private: bool,
    usid: Option<&str>,
) -> Result<Parameters, Refusal> {
    let redirect_uris = ["https://shop.test/callback".to_owned()];
    let site_values = SiteValues {
        client_id: CLIENT,
        channel: "RefArch",
        public_origin: "https://shop.test",
        redirect_uris: &redirect_uris,
        private,
    };
    let own = ShopperValues { usid, dnt: Some(true) };
    let pairs = |text: &str| pairs(text.as_bytes()).unwrap();
    validate(operation, &pairs(query), &pairs(form), &site_values, &own)
}

fn form(parameters: &Parameters) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters.form).finish()
}

#[test]
fn attack_45_a_name_that_comes_twice_is_refused_wherever_it_stands() {
    for (query, body) in [
        ("", "grant_type=client_credentials&grant_type=refresh_token"),
        ("grant_type=client_credentials", "grant_type=client_credentials"),
        ("", "grant_type=client_credentials&grant%5Ftype=refresh_token"),
        ("x=1&x=1", "grant_type=client_credentials"),
    ] {
        let refused = validated(Operation::Token, query, body);
        assert_eq!(refused, Err(Refusal::Malformed("A parameter comes twice.")), "{query} {body}");
    }
}

#[test]
fn attack_45_a_parameter_in_the_wrong_place_is_refused() {
    let misplaced = Err(Refusal::Malformed("A parameter is not where it belongs."));
    assert_eq!(validated(Operation::Token, "grant_type=client_credentials", ""), misplaced);
    assert_eq!(validated(Operation::Authorize, "", "hint=guest"), misplaced);
    let asked = validated(Operation::PasswordlessLogin, "register_customer=true", "user_id=jo");
    assert_eq!(asked.unwrap().query, [("register_customer".to_owned(), "true".to_owned())]);
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
        let refused = validated(Operation::Token, "", form);
        assert!(matches!(refused, Err(Refusal::Malformed(_))), "{form}");
    }
    let hostile = "mode=callback&user_id=jo&callback_uri=https%3A%2F%2Fshop.test.evil.test%2F";
    assert!(validated(Operation::PasswordReset, "", hostile).is_err());
    let own = "mode=callback&user_id=jo&callback_uri=https%3A%2F%2Fshop.test%2Freset";
    assert!(validated(Operation::PasswordReset, "", own).is_ok());
}

#[test]
fn attack_45_a_usid_is_the_own_one_or_none() {
    let parameters = "grant_type=client_credentials&usid=victim";
    assert_eq!(validated(Operation::Token, "", parameters).unwrap().get("usid"), Some("own-usid"));
    let nobodys = judged_as(Operation::Token, "", parameters, true, None).unwrap();
    assert_eq!(nobodys.get("usid"), None);
}

#[test]
fn a_code_keeps_the_usid_that_came_with_it() {
    let parameters = "grant_type=authorization_code_pkce&code=x&code_verifier=y&usid=of-the-code";
    assert_eq!(
        validated(Operation::Token, "", parameters).unwrap().get("usid"),
        Some("of-the-code")
    );
}

#[test]
fn what_the_sdk_sends_for_a_private_guest_is_completed() {
    let parameters =
        validated(Operation::Token, "", "grant_type=client_credentials&channel_id=RefArch");
    let expected = format!(
        "grant_type=client_credentials&channel_id=RefArch&client_id={CLIENT}&usid=own-usid&dnt=true"
    );
    assert_eq!(form(&parameters.unwrap()), expected);
}

#[test]
fn names_that_slas_does_not_know_go_no_further() {
    let parameters =
        "grant_type=refresh_token&refresh_token=&organizationId=f_ecom_x&hint=ts_ext_on_behalf_of";
    let parameters = validated(Operation::Token, "", parameters).unwrap();
    assert!(parameters.refreshes());
    for name in ["organizationId", "hint", "refresh_token"] {
        assert_eq!(parameters.get(name), None, "{name}");
    }
}

#[test]
fn grants_that_are_not_offered_are_refused() {
    let token = |form: &str, private| judged_as(Operation::Token, "", form, private, None).is_ok();
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
fn a_secret_is_refused_by_whatever_name() {
    for name in ["client_secret", "Client_Secret", "client_assertion"] {
        let form = format!("grant_type=client_credentials&{name}=x");
        assert!(validated(Operation::Token, "", &form).is_err(), "{name}");
    }
}

#[test]
fn custom_parameters_of_a_login_reach_the_platform() {
    let parameters = validated(Operation::Login, "", "c_store=12&code_challenge=x").unwrap();
    assert_eq!(parameters.get("c_store"), Some("12"));
    assert_eq!(parameters.get("redirect_uri"), Some("https://shop.test/callback"));
}

#[test]
fn too_many_or_too_long_is_no_form() {
    assert_eq!(pairs("a=1&".repeat(MOST + 1).as_bytes()), None);
    assert_eq!(pairs(format!("a={}", "x".repeat(LONGEST + 1)).as_bytes()), None);
}

#[test]
fn a_json_body_carries_the_sites_client_and_the_own_usid() {
    let redirect_uris = [];
    let site_values = SiteValues {
        client_id: CLIENT,
        channel: "RefArch",
        public_origin: "https://shop.test",
        redirect_uris: &redirect_uris,
        private: true,
    };
    let own = ShopperValues { usid: Some("own-usid"), dnt: None };
    let validated = |body: &str| {
        validate_json(Operation::WebauthnAuthenticateFinish, body.as_bytes(), &site_values, &own)
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
