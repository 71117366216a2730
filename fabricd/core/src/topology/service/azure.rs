//! What a Service asks of the Azure Load Balancer, by annotations and fields of its manifest.
//!
//! Source: aks-facts 3.6 (AKS "Use a public standard load balancer", "Use an internal load balancer").

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::{Service as Manifest, ServiceSpec};

use crate::spec::{
    problem::Problem,
    suggest::{nearest, quoted},
    tree::At,
};

/// How all of the cloud provider's annotations begin.
const PREFIX: &str = "service.beta.kubernetes.io/";
const INTERNAL: &str = "azure-load-balancer-internal";
const INTERNAL_SUBNET: &str = "azure-load-balancer-internal-subnet";
const ADDRESS: &str = "azure-load-balancer-ipv4";
const PUBLIC_NAME: &str = "azure-pip-name";
const IDLE_TIMEOUT: &str = "azure-load-balancer-tcp-idle-timeout";
const NO_FLOATING_IP: &str = "azure-disable-load-balancer-floating-ip";
const ALLOWED_RANGES: &str = "azure-allowed-ip-ranges";

const BUILT: [&str; 7] =
    [INTERNAL, INTERNAL_SUBNET, ADDRESS, PUBLIC_NAME, IDLE_TIMEOUT, NO_FLOATING_IP, ALLOWED_RANGES];

/// Source ranges of a Service.
const RANGES_MAX: usize = 256;

/// What a Service asks of the load balancer.
pub(in crate::topology) struct Wish<'a> {
    /// Whether its address is one of the VNet.
    pub internal: bool,
    /// The subnet of an internal one, and where it is written.
    pub subnet: Option<(String, At<'a>)>,
    /// Its address, and where it is written.
    pub address: Option<(Ipv4Addr, At<'a>)>,
    /// The name of a public IP address of the lab file, and where it is written.
    pub public_name: Option<(String, At<'a>)>,
    pub source_ranges: Vec<Ipv4Net>,
    pub idle_timeout_minutes: u32,
    pub floating_ip: bool,
}

/// Reads what `manifest`, of `type: LoadBalancer`, asks for. `at` is the document.
pub(super) fn wish<'a>(
    manifest: &Manifest,
    spec: &ServiceSpec,
    at: At<'a>,
    problems: &mut Vec<Problem>,
) -> Wish<'a> {
    let annotations = Annotations { manifest, at: at.key("metadata").key("annotations") };
    annotations.check(problems);
    let internal = annotations.flag(INTERNAL, problems);
    let (subnet, subnet_at) = annotations.get(INTERNAL_SUBNET);
    if let Some(subnet) = subnet.filter(|_| !internal) {
        let message = format!("the subnet {} is for an internal load balancer", quoted(subnet));
        let help = format!("add the annotation `{PREFIX}{INTERNAL}: \"true\"`");
        problems.push(Problem::new(subnet_at.span(), message).help(help));
    }
    let (public_name, public_at) = annotations.get(PUBLIC_NAME);
    if public_name.is_some() && internal {
        let message = "an internal load balancer has no public IP address";
        problems.push(Problem::new(public_at.span(), message).help("remove one of both annotations"));
    }
    let (annotated, annotated_at) = annotations.get(ADDRESS);
    let field = spec.load_balancer_ip.as_deref().filter(|it| !it.is_empty());
    let written = match annotated {
        Some(text) => Some((text, annotated_at)),
        None => field.map(|text| (text, at.key("spec").key("loadBalancerIP"))),
    };
    let address = written.and_then(|(text, at)| match text.parse() {
        Ok(address) => Some((address, at)),
        Err(_) => {
            problems.push(Problem::new(at.span(), format!("{} is not an IPv4 address", quoted(text))));
            None
        }
    });
    Wish {
        internal,
        subnet: subnet.map(|subnet| (subnet.to_owned(), subnet_at)).filter(|_| internal),
        address,
        public_name: public_name.map(|name| (name.to_owned(), public_at)).filter(|_| !internal),
        source_ranges: source_ranges(spec, &annotations, at, problems),
        idle_timeout_minutes: annotations.idle_timeout(problems),
        floating_ip: !annotations.flag(NO_FLOATING_IP, problems),
    }
}

struct Annotations<'m, 'a> {
    manifest: &'m Manifest,
    at: At<'a>,
}

impl<'m, 'a> Annotations<'m, 'a> {
    fn get(&self, name: &str) -> (Option<&'m str>, At<'a>) {
        let key = format!("{PREFIX}{name}");
        let all = self.manifest.metadata.annotations.as_ref();
        (all.and_then(|all| all.get(&key)).map(String::as_str), self.at.key(&key))
    }

    /// Refuses those of the cloud provider that would have no effect.
    fn check(&self, problems: &mut Vec<Problem>) {
        let all = self.manifest.metadata.annotations.iter().flatten();
        for (key, _) in all {
            let Some(name) = key.strip_prefix(PREFIX) else { continue };
            if BUILT.contains(&name) || is_probe(name) {
                continue;
            }
            let help = match nearest(name, BUILT) {
                Some(near) => format!("did you mean `{PREFIX}{near}`?"),
                None => "remove it".to_owned(),
            };
            let message = format!("the annotation {} is not built yet", quoted(key));
            problems.push(Problem::new(self.at.key(key).span(), message).help(help));
        }
    }

    fn flag(&self, name: &str, problems: &mut Vec<Problem>) -> bool {
        let (value, at) = self.get(name);
        match value {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                let message = format!("{} is neither \"true\" nor \"false\"", quoted(other));
                problems.push(Problem::new(at.span(), message));
                false
            }
        }
    }

    fn idle_timeout(&self, problems: &mut Vec<Problem>) -> u32 {
        let (value, at) = self.get(IDLE_TIMEOUT);
        let Some(value) = value else { return 4 };
        let minutes = value.parse().ok().filter(|minutes| (4..=100).contains(minutes));
        minutes.unwrap_or_else(|| {
            let message = format!("{} cannot be an idle timeout", quoted(value));
            problems.push(Problem::new(at.span(), message).help("4 to 100 minutes, in quotes"));
            4
        })
    }
}

/// `port_80_health-probe_interval` and the like: the health probes read them.
fn is_probe(name: &str) -> bool {
    let Some((port, what)) = name.strip_prefix("port_").and_then(|rest| rest.split_once('_')) else {
        return false;
    };
    let known = ["protocol", "port", "interval", "num-of-probe", "request-path"];
    port.parse::<u16>().is_ok() && what.strip_prefix("health-probe_").is_some_and(|it| known.contains(&it))
}

fn source_ranges(
    spec: &ServiceSpec,
    annotations: &Annotations<'_, '_>,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Ipv4Net> {
    let at = at.key("spec").key("loadBalancerSourceRanges");
    let fields = spec.load_balancer_source_ranges.iter().flatten().enumerate();
    let mut written: Vec<(&str, At<'_>)> =
        fields.map(|(index, text)| (text.as_str(), at.item(index))).collect();
    if let (Some(text), at) = annotations.get(ALLOWED_RANGES) {
        written.extend(text.split(',').map(|text| (text, at)));
    }
    if written.len() > RANGES_MAX {
        let message = format!("{} source ranges; a Service has at most {RANGES_MAX}", written.len());
        problems.push(Problem::new(at.span(), message));
        return vec![];
    }
    let mut ranges = vec![];
    for (text, at) in written {
        match text.trim().parse::<Ipv4Net>() {
            Ok(range) => ranges.push(range.trunc()),
            Err(_) => {
                let message = format!("{} is not a CIDR block", quoted(text));
                problems.push(Problem::new(at.span(), message).help("write it like 203.0.113.0/24"));
            }
        }
    }
    // Everybody is nobody in particular.
    if ranges.iter().any(|range| range.prefix_len() == 0) { vec![] } else { ranges }
}
