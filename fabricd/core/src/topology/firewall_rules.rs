//! The rules of an Azure Firewall: what Azure checks of them, and their order.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{internet::is_fqdn, resource_name, unique::Names};
use crate::{
    firewall::{
        Action, Addresses, ApplicationProtocol, ApplicationRule, Collection, Fqdns, NAMES_MAX, NatRule,
        NetworkRule, Ports, Protocol, Rules, Scheme,
    },
    spec::{
        azure_firewall as spec,
        problem::{Problem, Span},
        suggest::{list, quoted},
        tree::At,
    },
};

/// Entries of a list in a rule, rules of a collection, collections of a kind.
const ENTRIES_MAX: usize = 1_000;

/// Rules of a firewall. Each is a chain in the kernel.
const RULES_MAX: usize = 5_000;

/// Checks the rules of a firewall and puts them in the order of their processing. `own` has its addresses, if
/// all are known.
pub(super) fn resolve(
    firewall: &spec::AzureFirewall,
    own: Option<&Vec<Ipv4Addr>>,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> Rules {
    let of_nat = at.key("natRuleCollections");
    let of_network = at.key("networkRuleCollections");
    let of_application = at.key("applicationRuleCollections");
    let lengths = [
        (
            of_nat,
            firewall.nat_rule_collections.len(),
            rules(&firewall.nat_rule_collections, |it| it.rules.len()),
        ),
        (
            of_network,
            firewall.network_rule_collections.len(),
            rules(&firewall.network_rule_collections, |it| it.rules.len()),
        ),
        (
            of_application,
            firewall.application_rule_collections.len(),
            rules(&firewall.application_rule_collections, |it| it.rules.len()),
        ),
    ];
    for (at, collections, rules) in lengths {
        if collections > ENTRIES_MAX || rules > RULES_MAX {
            let message = format!("{collections} collections with {rules} rules");
            let help =
                format!("a firewall has at most {ENTRIES_MAX} collections and {RULES_MAX} rules of a kind");
            problems.push(Problem::new(at.span(), message).help(help));
            return Rules::default();
        }
    }
    let mut check = Collections::of("a NAT rule collection");
    let nat = firewall.nat_rule_collections.iter().enumerate().map(|(number, it)| {
        let at = of_nat.item(number);
        let named = Named { name: &it.name, priority: it.priority, action: Action::Allow };
        let rules = check.rules(&named, at, it.rules.iter().map(|rule| rule.name.as_str()), problems);
        let rules =
            rules.into_iter().zip(&it.rules).map(|(at, rule)| nat_rule(rule, own, at, problems)).collect();
        named.with(rules)
    });
    let nat = in_order(nat.collect());
    let mut check = Collections::of("a network rule collection");
    let network = firewall.network_rule_collections.iter().enumerate().map(|(number, it)| {
        let at = of_network.item(number);
        let named = Named { name: &it.name, priority: it.priority, action: action(it.action) };
        let rules = check.rules(&named, at, it.rules.iter().map(|rule| rule.name.as_str()), problems);
        let rules =
            rules.into_iter().zip(&it.rules).map(|(at, rule)| network_rule(rule, at, problems)).collect();
        named.with(rules)
    });
    let network = in_order(network.collect());
    let mut check = Collections::of("an application rule collection");
    let application = firewall.application_rule_collections.iter().enumerate().map(|(number, it)| {
        let at = of_application.item(number);
        let named = Named { name: &it.name, priority: it.priority, action: action(it.action) };
        let rules = check.rules(&named, at, it.rules.iter().map(|rule| rule.name.as_str()), problems);
        let rules =
            rules.into_iter().zip(&it.rules).map(|(at, rule)| application_rule(rule, at, problems)).collect();
        named.with(rules)
    });
    let application = in_order(application.collect());
    Rules { nat, network, application }
}

fn rules<C>(collections: &[C], rules: impl Fn(&C) -> usize) -> usize {
    collections.iter().map(rules).sum()
}

fn in_order<R>(mut collections: Vec<Collection<R>>) -> Vec<Collection<R>> {
    collections.sort_by_key(|collection| collection.priority);
    collections
}

fn action(written: spec::Action) -> Action {
    match written {
        spec::Action::Allow => Action::Allow,
        spec::Action::Deny => Action::Deny,
    }
}

/// What all collections have.
struct Named<'a> {
    name: &'a str,
    priority: u32,
    action: Action,
}

impl Named<'_> {
    fn with<R>(&self, rules: Vec<R>) -> Collection<R> {
        Collection { name: self.name.to_owned(), priority: self.priority, action: self.action, rules }
    }
}

/// The collections of one kind, while they are checked.
struct Collections {
    what: &'static str,
    names: Names,
    priorities: BTreeMap<u32, Span>,
}

impl Collections {
    fn of(what: &'static str) -> Self {
        Self { what, names: Names::of(what), priorities: BTreeMap::new() }
    }

    /// Checks the collection at `at` and the names of its rules; where those are comes back.
    fn rules<'a>(
        &mut self,
        named: &Named<'_>,
        at: At<'a>,
        names_of_rules: impl Iterator<Item = &'a str>,
        problems: &mut Vec<Problem>,
    ) -> Vec<At<'a>> {
        let Named { name, priority, .. } = *named;
        self.names.claim(name, at.key("name").span(), problems);
        resource_name::check(name, 80, at.key("name"), problems);
        let span = at.key("priority").span();
        if !(100..=65_000).contains(&priority) {
            let message = format!("{priority} is no priority of {}", self.what);
            problems.push(Problem::new(span, message).help("priorities are 100 to 65000; lower comes first"));
        } else if let Some(first) = self.priorities.insert(priority, span) {
            let message = format!("{} with the priority {priority} exists already", self.what);
            let help = format!("the first is in {}; which comes first would be open", first.seen_from(span));
            problems.push(Problem::new(span, message).help(help));
        }
        let at = at.key("rules");
        let mut names = Names::of("a rule in this collection");
        let mut count = 0;
        for (number, rule) in names_of_rules.enumerate() {
            let at = at.item(number).key("name");
            names.claim(rule, at.span(), problems);
            resource_name::check(rule, 80, at, problems);
            if name.len() + rule.len() > NAMES_MAX {
                let message = format!("`{name}` and `{rule}` have more than {NAMES_MAX} characters together");
                problems.push(Problem::new(at.span(), message).help("the firewall's log has no more room"));
            }
            count += 1;
        }
        if count == 0 && !at.is_lost() && !at.has_lost_any() {
            problems.push(Problem::new(at.span(), "a rule collection needs a rule"));
        }
        (0..count).map(|number| at.item(number)).collect()
    }
}

/// Checks the length of the list `key` of the rule at `at`: it must not be empty.
fn some(length: usize, at: At<'_>, key: &str, problems: &mut Vec<Problem>) {
    let at = at.key(key);
    if length == 0 && !at.is_lost() && !at.has_lost_any() {
        let message = format!("a rule needs something in `{key}`: it would match nothing");
        problems.push(Problem::new(at.span(), message));
    } else if length > ENTRIES_MAX {
        let message = format!("{length} entries; a rule has at most {ENTRIES_MAX} of them");
        problems.push(Problem::new(at.span(), message));
    }
}

fn protocols(written: &[spec::Protocol], at: At<'_>, problems: &mut Vec<Problem>) -> Vec<Protocol> {
    some(written.len(), at, "protocols", problems);
    let all = written.iter().map(|protocol| match protocol {
        spec::Protocol::Tcp => Protocol::Tcp,
        spec::Protocol::Udp => Protocol::Udp,
        spec::Protocol::Icmp => Protocol::Icmp,
        spec::Protocol::Any => Protocol::Any,
    });
    all.collect()
}

fn addresses(
    written: &[spec::Addresses],
    at: At<'_>,
    key: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Addresses> {
    some(written.len(), at, key, problems);
    written.iter().map(|it| it.0).collect()
}

fn nat_rule(
    rule: &spec::NatRule,
    own: Option<&Vec<Ipv4Addr>>,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> NatRule {
    let destinations_at = at.key("destinationAddresses");
    some(rule.destination_addresses.len(), at, "destinationAddresses", problems);
    some(rule.destination_ports.len(), at, "destinationPorts", problems);
    for (number, address) in rule.destination_addresses.iter().enumerate() {
        let Some(own) = own.filter(|own| !own.contains(&address.0)) else { continue };
        let message = format!("{} is no address of this firewall", address.0);
        let own: Vec<String> = own.iter().map(ToString::to_string).collect();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let help = format!("its addresses are {}", list(&own));
        problems.push(Problem::new(destinations_at.item(number).span(), message).help(help));
    }
    if own.is_some_and(|own| own.contains(&rule.translated_address.0)) {
        let message = format!("{} is an address of the firewall itself", rule.translated_address.0);
        let help = "name whom the traffic is for";
        problems.push(Problem::new(at.key("translatedAddress").span(), message).help(help));
    }
    if let Some(number) = rule.destination_ports.iter().position(|ports| ports.0 == Ports::ALL) {
        let at = at.key("destinationPorts").item(number);
        problems.push(Problem::new(at.span(), "a NAT rule needs ports").help("Azure takes no `*` here"));
    }
    let protocols = protocols(&rule.protocols, at, problems);
    if let Some(number) = protocols.iter().position(|it| matches!(it, Protocol::Icmp | Protocol::Any)) {
        let message = format!("a NAT rule cannot be for {}", protocols[number]);
        let at = at.key("protocols").item(number);
        problems.push(Problem::new(at.span(), message).help("it is for TCP, UDP or both"));
    }
    NatRule {
        name: rule.name.clone(),
        sources: addresses(&rule.source_addresses, at, "sourceAddresses", problems),
        destinations: rule.destination_addresses.iter().map(|it| it.0).collect(),
        ports: rule.destination_ports.iter().map(|it| it.0).collect(),
        protocols,
        translated_address: rule.translated_address.0,
        translated_port: rule.translated_port.0,
    }
}

fn network_rule(rule: &spec::NetworkRule, at: At<'_>, problems: &mut Vec<Problem>) -> NetworkRule {
    let ports: Vec<Ports> = rule.destination_ports.iter().map(|it| it.0).collect();
    some(ports.len(), at, "destinationPorts", problems);
    let protocols = protocols(&rule.protocols, at, problems);
    if protocols == [Protocol::Icmp] && ports.iter().any(|ports| *ports != Ports::ALL) {
        let at = at.key("destinationPorts");
        problems.push(Problem::new(at.span(), "ICMP has no ports").help("write `destinationPorts: [\"*\"]`"));
    }
    NetworkRule {
        name: rule.name.clone(),
        sources: addresses(&rule.source_addresses, at, "sourceAddresses", problems),
        destinations: addresses(&rule.destination_addresses, at, "destinationAddresses", problems),
        ports,
        protocols,
    }
}

fn application_rule(
    rule: &spec::ApplicationRule,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> ApplicationRule {
    let (targets_at, protocols_at) = (at.key("targetFqdns"), at.key("protocols"));
    let tagged = !rule.fqdn_tags.is_empty();
    let mut protocols: Vec<ApplicationProtocol> = rule.protocols.iter().map(protocol).collect();
    if tagged {
        for (at, written) in
            [(targets_at, !rule.target_fqdns.is_empty()), (protocols_at, !protocols.is_empty())]
        {
            if written {
                let message = "a rule with `fqdnTags` has no names and protocols of its own";
                problems.push(Problem::new(at.span(), message).help("write a rule for each"));
            }
        }
        let of_tag = [(Scheme::Http, 80), (Scheme::Https, 443)];
        protocols = of_tag.map(|(scheme, port)| ApplicationProtocol { scheme, port }).into();
    } else if !at.key("fqdnTags").is_lost() && !at.key("fqdnTags").has_lost_any() {
        some(rule.target_fqdns.len(), at, "targetFqdns", problems);
        some(protocols.len(), at, "protocols", problems);
    }
    for (number, target) in rule.target_fqdns.iter().enumerate() {
        let name = target.strip_prefix("*.").unwrap_or(target);
        if target != "*" && !is_fqdn(name) {
            let message = format!("{} is no name that a rule can have", quoted(target));
            let help = "write www.example.com, *.example.com for all below it, or *";
            problems.push(Problem::new(targets_at.item(number).span(), message).help(help));
        }
    }
    let targets = rule.target_fqdns.iter().map(|target| target.to_ascii_lowercase()).collect();
    ApplicationRule {
        name: rule.name.clone(),
        sources: addresses(&rule.source_addresses, at, "sourceAddresses", problems),
        protocols,
        fqdns: if tagged { Fqdns::AzureKubernetesService } else { Fqdns::Targets(targets) },
    }
}

fn protocol(written: &spec::ApplicationProtocol) -> ApplicationProtocol {
    let scheme = match written.protocol_type {
        spec::ProtocolType::Http => Scheme::Http,
        spec::ProtocolType::Https => Scheme::Https,
    };
    ApplicationProtocol { scheme, port: written.port.0 }
}
