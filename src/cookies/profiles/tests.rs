//! Tests of the cookie names.

use super::*;
use crate::ids::SiteId;

fn names(profile: Profile, suffix: SiteSuffix) -> CookieNames {
    CookieNames::new(profile, &SiteId::parse("LOE_USA").unwrap(), suffix, Transport::Https)
}

#[test]
fn attack_6_a_piece_is_recognised_by_its_whole_name() {
    let suffixed = names(Profile::PluginSlas, SiteSuffix::Always);
    assert_eq!(suffixed.piece(1), "cc-at_LOE_USA");
    assert_eq!(suffixed.piece(2), "cc-at_LOE_USA_2");
    for (name, piece) in [
        ("cc-at_LOE_USA", Some(1)),
        ("cc-at_LOE_USA_2", Some(2)),
        ("cc-at_LOE_USA_6", Some(6)),
        ("cc-at_LOE_USA_7", None),
        ("cc-at_LOE_USA_02", None),
        ("cc-at_LOE_USA_-1", None),
        ("cc-at_LOE", None),
        ("cc-at-expires_LOE_USA", None),
    ] {
        assert_eq!(suffixed.piece_of(name), piece, "{name}");
    }
}

#[test]
fn profiles_that_always_suffix_get_their_suffix() {
    assert_eq!(names(Profile::PwaKit, SiteSuffix::ProfileDefault).access, "cc-at_LOE_USA");
    assert_eq!(names(Profile::StorefrontNext, SiteSuffix::ProfileDefault).usid, "usid_LOE_USA");
    assert_eq!(names(Profile::PluginSlas, SiteSuffix::ProfileDefault).access, "cc-at");
    assert_eq!(names(Profile::Classic, SiteSuffix::Always).access, "token_LOE_USA");
}

#[test]
fn every_profile_has_the_tokens_and_the_usid() {
    for profile in [Profile::Classic, Profile::PwaKit, Profile::StorefrontNext, Profile::PluginSlas]
    {
        let names = names(profile, SiteSuffix::ProfileDefault);
        let fields = [&names.access, &names.guest_refresh, &names.registered_refresh, &names.usid];
        assert!(fields.iter().all(|name| !name.is_empty()), "{profile:?}");
    }
}

#[test]
fn scripts_read_tokens_only_if_configured_and_never_the_seal() {
    for profile in [Profile::Classic, Profile::PwaKit, Profile::StorefrontNext, Profile::PluginSlas]
    {
        let closed = names(profile, SiteSuffix::ProfileDefault);
        for name in [&closed.access, &closed.guest_refresh, DWSID, &closed.seal] {
            assert_eq!(closed.readable(name), ByServersOnly, "{name}");
        }
    }
    let opened = names(Profile::PluginSlas, SiteSuffix::ProfileDefault).with_readable_tokens();
    assert_eq!(opened.readable("cc-nx"), ByScripts);
    assert_eq!(opened.readable("__Host-tandem"), ByServersOnly);
    assert_eq!(opened.readable("dwsecuretoken_ab"), ByServersOnly);
}
