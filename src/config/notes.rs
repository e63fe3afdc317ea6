//! What a valid configuration leaves open.

use std::collections::BTreeMap;

use super::SiteConfig;
use crate::flow::BridgeMode;
use crate::ids::SiteId;

/// Notes about sites that share a host.
pub(super) fn notes(sites: &[SiteConfig]) -> Vec<String> {
    let mut hosts: BTreeMap<&str, Vec<&SiteConfig>> = BTreeMap::new();
    for site in sites {
        for host in &site.hosts {
            hosts.entry(&host.name).or_default().push(site);
        }
    }
    let shared = hosts.into_iter().filter(|(_, sites)| sites.len() > 1);
    let rules =
        [paths_of_no_site, paths_of_a_prefix, files_of_two_heads, pages_of_two_sites, one_dwsid];
    shared
        .flat_map(|(host, sites)| rules.into_iter().filter_map(move |rule| rule(host, &sites)))
        .collect()
}

fn paths_of_no_site(host: &str, sites: &[&SiteConfig]) -> Option<String> {
    (!sites.iter().any(|site| site.is_default)).then(|| {
        format!(
            "{host}: a path outside {} that names no site belongs to none of them and gets a 421; \
             default_site = true gives it to one",
            list(sites.iter().map(|site| site.path_prefix.as_str()))
        )
    })
}

/// A prefix that is, or contains, a path at which all sites of the host have their calls and controllers.
fn paths_of_a_prefix(host: &str, sites: &[&SiteConfig]) -> Option<String> {
    const SHARED: [&str; 4] = ["/mobify", "/on", "/s", "/dw"];
    let taken = |site: &&&SiteConfig| {
        let first = site.path_prefix.split('/').nth(1).unwrap_or_default();
        SHARED.iter().any(|path| path[1..].eq_ignore_ascii_case(first))
    };
    let site = sites.iter().find(taken)?;
    Some(format!(
        "{host}: {} is the path_prefix of {}, and paths below it belong to that site even if they name \
         another one",
        site.path_prefix, site.id
    ))
}

fn files_of_two_heads(host: &str, sites: &[&SiteConfig]) -> Option<String> {
    let heads = |site: &&SiteConfig| site.routes.head.as_ref().map(|head| head.as_str().to_owned());
    let mut all = sites.iter().filter_map(heads);
    let first = all.next()?;
    let differs = all.any(|head| head != first);
    (differs && !sites.iter().any(|site| site.is_default)).then(|| {
        format!(
            "{host}: its sites have different Heads, and a file outside every path_prefix comes from \
             that of only one of them; default_site = true selects it"
        )
    })
}

/// A further site of ECOM that is configured itself: the pages are served in its own session.
fn pages_of_two_sites(host: &str, sites: &[&SiteConfig]) -> Option<String> {
    let listed = sites.iter().find_map(|site| {
        let further = |id: &&SiteId| sites.iter().any(|other| other.id == **id);
        site.ecom.sites.iter().find(further).map(|id| (site, id))
    });
    let (site, id) = listed?;
    Some(format!(
        "{host}: {id} is a site of its own and in ecom.sites of {}; outside every path_prefix its pages \
         are served in its own session",
        site.id
    ))
}

fn one_dwsid(host: &str, sites: &[&SiteConfig]) -> Option<String> {
    let with_ecom: Vec<&str> = sites
        .iter()
        .filter(|site| site.policy.mode != BridgeMode::None)
        .map(|site| site.id.as_str())
        .collect();
    (with_ecom.len() > 1).then(|| {
        format!(
            "{host}: {} share the one cookie dwsid; a shopper who changes the site gets a new DW session \
             there, which costs the calls of a returning visitor",
            list(with_ecom.into_iter())
        )
    })
}

fn list<'t>(names: impl Iterator<Item = &'t str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
