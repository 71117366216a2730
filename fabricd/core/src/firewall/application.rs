//! What application rules decide.

use std::net::Ipv4Addr;

use super::{Action, ApplicationRule, Collection, Fqdns, Scheme};

/// The names behind the tag `AzureKubernetesService`, for all regions: what AKS nodes need (aks-facts 4.5).
const AZURE_KUBERNETES_SERVICE: [&str; 9] = [
    "*.azmk8s.io",
    "mcr.microsoft.com",
    "*.data.mcr.microsoft.com",
    "mcr-0001.mcr-msedge.net",
    "management.azure.com",
    "login.microsoftonline.com",
    "packages.microsoft.com",
    "acs-mirror.azureedge.net",
    "packages.aks.azure.com",
];

/// What somebody asks for, as far as a firewall sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who.
    pub source: Ipv4Addr,
    /// How.
    pub scheme: Scheme,
    /// The name, in any case; `None` if none was said.
    pub fqdn: Option<&'a str>,
    /// The port that it was sent to.
    pub port: u16,
}

/// What is decided, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Whether it passes.
    pub action: Action,
    /// The names of the collection and its rule; `None` if none matched, which denies.
    pub rule: Option<(&'a str, &'a str)>,
}

/// Decides on `request`: the first rule that matches, in the order of `collections`.
pub fn decide<'a>(collections: &'a [Collection<ApplicationRule>], request: &Request<'_>) -> Verdict<'a> {
    let all =
        collections.iter().flat_map(|collection| collection.rules.iter().map(move |rule| (collection, rule)));
    let found = all.into_iter().find(|(_, rule)| matches(rule, request));
    match found {
        Some((collection, rule)) => {
            Verdict { action: collection.action, rule: Some((&collection.name, &rule.name)) }
        }
        None => Verdict { action: Action::Deny, rule: None },
    }
}

fn matches(rule: &ApplicationRule, request: &Request<'_>) -> bool {
    let Some(fqdn) = request.fqdn else { return false };
    // A name may be written with the dot of the root behind it.
    let fqdn = fqdn.strip_suffix('.').unwrap_or(fqdn).to_ascii_lowercase();
    rule.protocols.iter().any(|it| it.scheme == request.scheme && it.port == request.port)
        && rule.sources.iter().any(|it| it.contains(request.source))
        && match &rule.fqdns {
            Fqdns::Targets(targets) => targets.iter().any(|target| names(target, &fqdn)),
            Fqdns::AzureKubernetesService => {
                AZURE_KUBERNETES_SERVICE.iter().any(|target| names(target, &fqdn))
            }
        }
}

/// Whether `target` stands for `fqdn`. `*.example.com` is every name below `example.com`, and not that itself.
fn names(target: &str, fqdn: &str) -> bool {
    match target.strip_prefix('*') {
        Some(end) => fqdn.len() > end.len() && fqdn.ends_with(end),
        None => target == fqdn,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::firewall::{Addresses, ApplicationProtocol};

    fn rule(name: &str, targets: &[&str]) -> ApplicationRule {
        ApplicationRule {
            name: name.into(),
            sources: vec!["10.0.0.0/8".parse().unwrap()],
            protocols: vec![
                ApplicationProtocol { scheme: Scheme::Http, port: 80 },
                ApplicationProtocol { scheme: Scheme::Https, port: 443 },
            ],
            fqdns: Fqdns::Targets(targets.iter().map(|&it| it.to_owned()).collect()),
        }
    }

    fn collection(name: &str, action: Action, rules: Vec<ApplicationRule>) -> Collection<ApplicationRule> {
        Collection { name: name.into(), priority: 100, action, rules }
    }

    fn request(fqdn: &str) -> Request<'_> {
        let source = Ipv4Addr::new(10, 1, 0, 4);
        Request { source, scheme: Scheme::Https, fqdn: Some(fqdn), port: 443 }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = [
            collection("no", Action::Deny, vec![rule("bad", &["bad.example.com"])]),
            collection("yes", Action::Allow, vec![rule("all", &["*.example.com"]), rule("any", &["*"])]),
        ];
        let told = |request: &Request<'_>| {
            let Verdict { action, rule } = decide(&rules, request);
            format!("{action} {rule:?}")
        };
        assert_eq!(told(&request("bad.example.com")), r#"Deny Some(("no", "bad"))"#);
        assert_eq!(told(&request("BAD.Example.com.")), r#"Deny Some(("no", "bad"))"#);
        assert_eq!(told(&request("www.example.com")), r#"Allow Some(("yes", "all"))"#);
        assert_eq!(told(&request("a.b.example.com")), r#"Allow Some(("yes", "all"))"#);
        assert_eq!(told(&request("example.com")), r#"Allow Some(("yes", "any"))"#);
        assert_eq!(told(&request("badexample.com")), r#"Allow Some(("yes", "any"))"#);
        assert_eq!(told(&Request { fqdn: None, ..request("") }), "Deny None");
        assert_eq!(told(&Request { port: 8443, ..request("example.com") }), "Deny None");
        assert_eq!(told(&Request { scheme: Scheme::Http, ..request("example.com") }), "Deny None");
        let source = Ipv4Addr::new(192, 168, 0, 4);
        assert_eq!(told(&Request { source, ..request("www.example.com") }), "Deny None");
    }

    #[test]
    fn the_tag_stands_for_what_aks_needs() {
        let tag = ApplicationRule { fqdns: Fqdns::AzureKubernetesService, ..rule("aks", &[]) };
        let rules = [collection("aks", Action::Allow, vec![tag])];
        let allowed = |fqdn| decide(&rules, &request(fqdn)).action == Action::Allow;
        assert!(allowed("mcr.microsoft.com") && allowed("a-1234.hcp.westeurope.azmk8s.io"));
        assert!(!allowed("azmk8s.io") && !allowed("www.example.com"));
    }

    proptest! {
        #[test]
        fn a_wildcard_stands_for_all_below_and_nothing_else(
            domain in "[a-z]{1,5}\\.[a-z]{1,3}", below in "[a-z0-9-]{1,8}(\\.[a-z]{1,4}){0,2}",
            other in "[a-z]{1,5}(\\.[a-z]{1,4}){0,3}",
        ) {
            let target = format!("*.{domain}");
            let full = format!("{}.{}", below, domain);
            prop_assert!(names(&target, &full));
            prop_assert!(!names(&target, &domain));
            let glued = format!("x{domain}");
            prop_assert!(!names(&target, &glued));
            prop_assert_eq!(names(&target, &other), other.ends_with(&target[1..]));
        }

        #[test]
        fn what_comes_behind_the_match_has_no_say(
            ahead in proptest::collection::vec(("[a-f]", any::<bool>()), 0..8),
            behind in proptest::collection::vec(("[a-f]", any::<bool>()), 0..8), fqdn in "[a-f]",
        ) {
            let make = |all: &[(String, bool)]| -> Vec<Collection<ApplicationRule>> {
                all.iter().enumerate().map(|(number, (target, allow))| {
                    let action = if *allow { Action::Allow } else { Action::Deny };
                    collection(&format!("c{number}"), action, vec![rule("r", &[target.as_str()])])
                }).collect()
            };
            let first = make(&ahead);
            let whole: Vec<_> = first.iter().cloned().chain(make(&behind)).collect();
            let alone = decide(&first, &request(&fqdn));
            let all = decide(&whole, &request(&fqdn));
            match ahead.iter().find(|(target, _)| *target == fqdn) {
                Some((_, allow)) => {
                    prop_assert_eq!(alone.action == Action::Allow, *allow);
                    prop_assert_eq!(alone, all);
                }
                None => prop_assert_eq!(alone.rule, None),
            }
        }

        #[test]
        fn addresses_and_ports_read_back(first: u32, more in 1u32..1000, length in 0u8..=32, port in 1u16..) {
            let start = Ipv4Addr::from(first);
            let mut all = vec![Addresses::Any];
            all.extend(first.checked_add(more).map(|last| Addresses::Range(start, last.into())));
            all.push(Addresses::Network(ipnet::Ipv4Net::new(start, length).unwrap().trunc()));
            for one in all {
                prop_assert_eq!(one.to_string().parse(), Ok(one));
            }
            let ports = [crate::firewall::Ports { first: port, last: u16::MAX }, crate::firewall::Ports::ALL];
            for one in ports {
                prop_assert_eq!(one.to_string().parse(), Ok(one));
            }
        }
    }
}
