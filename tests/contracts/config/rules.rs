//! Keys of route rules, and the sites of ECOM.

use tandem::route::{Authorization, Kind};

use super::{SITE, good, problems};

fn with(lines: &str) -> String {
    SITE.replace("[sites.routes]", &format!("{lines}\n[sites.routes]"))
}

#[test]
fn kind_21_a_rule_sets_which_authorization_is_forwarded() {
    let rules = format!(
        "{SITE}\n[[sites.routes.rules]]\npath = \"/staging\"\nto = \"head\"\nauthorization = \"basic\"\n\
         [[sites.routes.rules]]\npath = \"/cms\"\nto = \"head\"\nauthorization = \"any\"\n\
         [[sites.routes.rules]]\npath = \"/checkout\"\nto = \"ecom\"\n"
    );
    let site = good(&rules, &[]).sites.remove(0);
    for (path, kind, authorization) in [
        ("/", Kind::Head, Authorization::None),
        ("/staging", Kind::Head, Authorization::Basic),
        ("/cms", Kind::Head, Authorization::Any),
        ("/checkout", Kind::Ecom, Authorization::Basic),
    ] {
        let route = site.routes.table.find(path).unwrap();
        assert_eq!((route.kind, route.authorization), (kind, authorization), "{path}");
    }
    for to in ["scapi", "slas-private"] {
        let rule = format!(
            "{SITE}\n[[sites.routes.rules]]\npath = \"/x/\"\nto = \"{to}\"\nauthorization = \"any\"\n"
        );
        let [problem] = &problems(&rule, &[])[..] else { panic!("one fault") };
        assert_eq!(problem.key, "sites.0.routes.rules.0.authorization");
    }
}

#[test]
fn every_error_of_a_rule_is_reported_and_hides_no_other() {
    let rules = format!(
        "{SITE}\nasset_suffixes = 1\n[[sites.routes.rules]]\npath = \"x\"\nto = \"nowhere\"\n\
         csrf = \"maybe\"\nbridge = 1\ntimeout_ms = 0\nmethods = [\"TRACE\"]\nmethod = \"GET\"\n"
    );
    let errors = problems(&rules, &[]);
    let keys = errors.iter().map(|error| error.key.trim_start_matches("sites.0.routes."));
    let mut keys: Vec<&str> = keys.collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "asset_suffixes",
            "rules.0.bridge",
            "rules.0.csrf",
            "rules.0.method",
            "rules.0.methods",
            "rules.0.path",
            "rules.0.timeout_ms",
            "rules.0.to",
        ]
    );
}

#[test]
fn kind_37_further_sites_of_ecom_are_site_ids() {
    let sites = |list: &str| with(&format!("[sites.ecom]\nsites = {list}\n"));
    let config = good(&sites("[\"RefArchB2B\", \"Ref-Arch_2\"]"), &[]);
    assert_eq!(config.sites[0].ecom.sites.len(), 2);
    assert!(good(SITE, &[]).sites[0].ecom.sites.is_empty());
    for wrong in ["[\"Sites-Other-Site/\"]", "[\"-\"]"] {
        let [problem] = &problems(&sites(wrong), &[])[..] else { panic!("one fault") };
        assert_eq!(problem.key, "sites.0.ecom.sites");
    }
}

#[test]
fn kind_5_accept_unsealed_is_off_only_where_tandem_writes_tokens() {
    let refuse = |more: &str, site: &str| {
        let cookies = format!("[sites.cookies]\naccept_unsealed = false\n{more}");
        site.replace("[sites.routes]", &format!("{cookies}\n[sites.routes]"))
    };
    let beside = SITE.replace("ecom = \"https://instance.test\"", "");
    assert!(!good(&refuse("", SITE), &[]).sites[0].cookies.accept_unsealed);
    assert!(good(SITE, &[]).sites[0].cookies.accept_unsealed);
    let gateway = "\n[gateway]\ndialect = \"nginx\"\npeers = [\"127.0.0.1\"]\n";
    let readable = "profile = \"plugin-slas\"\nreadable_tokens = true\n";
    for (config, key) in [
        (refuse("", &beside), "sites.0.cookies.accept_unsealed"),
        (refuse(readable, SITE), "sites.0.cookies.accept_unsealed"),
        (format!("{gateway}{}", refuse("", SITE)), "gateway.dialect"),
    ] {
        let [problem] = &problems(&config, &[])[..] else { panic!("one fault: {config}") };
        assert_eq!(problem.key, key);
    }
}
