//! HTTP proxies: what AKS takes as one, and what it reaches without it.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::{
    HttpProxyConfig, HttpProxyServer, SubnetIndex, VirtualNetwork, agent_pool::Draft, derived_name,
    network_profile::Network,
};
use crate::spec::{http_proxy as spec, problem::Problem, suggest::quoted, tree::At};

/// The usual port of a proxy, squid's and that of AKS' own examples.
const PORT: u16 = 3128;

/// Longest DNS name, and a port or a prefix length behind it.
const ENTRY_MAX: usize = 260;

/// Bytes of all entries of `noProxy` together: they are in each program's environment twice.
const NO_PROXY_MAX: usize = 16 * 1024;

/// What `-----BEGIN CERTIFICATE-----` is in base64: 27 bytes, so without a rest.
const BEGIN_CERTIFICATE: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t";

/// What a cluster is made of, as far as it is reached without the proxy.
pub(super) struct Surroundings<'a> {
    pub lab: &'a str,
    pub cluster: &'a str,
    pub network: &'a Network,
    pub networks: &'a [VirtualNetwork],
    pub drafts: &'a [Draft<'a>],
    /// The subnet that AKS made, where the file has no VNet.
    pub managed_subnet: Option<SubnetIndex>,
}

impl Surroundings<'_> {
    /// Checks what is written, and adds what AKS adds. `at` is the `httpProxyConfig`.
    pub fn resolve(
        &self,
        config: &spec::HttpProxyConfig,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) -> HttpProxyConfig {
        let mut proxy = |key: &str, url: &Option<String>, schemes: &[&str]| {
            let url = url.as_ref()?;
            if let Err((message, help)) = check_url(url, schemes) {
                problems.push(Problem::new(at.key(key).span(), message).help(help));
            }
            Some(url.clone())
        };
        let http_proxy = proxy("httpProxy", &config.http_proxy, &["http"]);
        let https_proxy = proxy("httpsProxy", &config.https_proxy, &["http", "https"]);
        let lost = at.key("httpProxy").is_lost() || at.key("httpsProxy").is_lost();
        if http_proxy.is_none() && https_proxy.is_none() && !lost {
            let message = "`httpProxyConfig` names no proxy";
            problems.push(
                Problem::new(at.span(), message).help("such as `httpProxy: http://10.224.0.100:3128/`"),
            );
        }
        check_no_proxy(&config.no_proxy, at.key("noProxy"), problems);
        if let Some(certificate) = &config.trusted_ca {
            check_certificate(certificate, at.key("trustedCa"), problems);
        }
        HttpProxyConfig {
            // AKS "HTTP proxy support": without `httpsProxy` the other one serves both.
            https_proxy: https_proxy.or_else(|| http_proxy.clone()),
            http_proxy,
            effective_no_proxy: self.effective_no_proxy(&config.no_proxy),
            no_proxy: config.no_proxy.clone(),
            trusted_ca: config.trusted_ca.clone(),
        }
    }

    /// What AKS adds, then what is written, nothing twice. AKS gives no order: it is another one each time.
    ///
    /// Source: `az aks show --query httpProxyConfig` of five clusters: a managed VNet is there with its address
    /// space only, one of the user's with the nodes' subnets too; `.svc` and `.cluster.local` are not.
    fn effective_no_proxy(&self, written: &[String]) -> Vec<String> {
        let mut entries = ["localhost", "127.0.0.1", "169.254.169.254", "168.63.129.16", "konnectivity"]
            .map(str::to_owned)
            .to_vec();
        entries.push(self.api_server());
        let subnets: BTreeSet<SubnetIndex> = self.drafts.iter().filter_map(|draft| draft.subnet).collect();
        let used: BTreeSet<usize> = subnets.iter().map(|subnet| subnet.virtual_network).collect();
        let prefixes = used.into_iter().flat_map(|index| &self.networks[index].address_prefixes);
        entries.extend(prefixes.map(ToString::to_string));
        if self.managed_subnet.is_none() {
            let prefix =
                |it: &SubnetIndex| self.networks[it.virtual_network].subnets[it.subnet].address_prefix;
            entries.extend(subnets.iter().map(|subnet| prefix(subnet).to_string()));
        }
        entries.extend(self.network.pod_cidr.map(|cidr| cidr.to_string()));
        entries.push(self.network.service_cidr.to_string());
        entries.extend_from_slice(written);
        let mut seen = BTreeSet::new();
        entries.retain(|entry| seen.insert(entry.clone()));
        entries
    }

    /// `PREFIX-HASH.hcp.REGION.azmk8s.io` (aks-facts 4.6). A lab is in no region, so it is always the same one.
    fn api_server(&self) -> String {
        let hash = derived_name::letters_and_digits(&[self.lab, self.cluster]);
        format!("{}-{hash}.hcp.westeurope.azmk8s.io", self.cluster)
    }
}

/// Checks the proxy of a VM.
pub(super) fn server(config: &spec::HttpProxy, at: At<'_>, problems: &mut Vec<Problem>) -> HttpProxyServer {
    let port = config.port.map_or(Some(PORT), |port| u16::try_from(port).ok().filter(|port| *port > 0));
    if port.is_none() {
        let message = format!("a proxy cannot listen on port {}", config.port.unwrap_or_default());
        problems.push(Problem::new(at.key("port").span(), message).help("take one of 1 to 65535"));
    }
    HttpProxyServer { port: port.unwrap_or(PORT) }
}

/// What is wrong with a proxy's URL, and what to do about it.
fn check_url(url: &str, schemes: &[&str]) -> Result<(), (String, String)> {
    let example = "write it like http://10.224.0.100:3128/".to_owned();
    let wrong = |what: &str| (format!("{} {what}", quoted(url)), example.clone());
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("is not a URL"))?;
    if !schemes.contains(&scheme) {
        let known = schemes.iter().map(|scheme| format!("`{scheme}`")).collect::<Vec<_>>().join(" or ");
        return Err(wrong(&format!("has the scheme {}; AKS wants {known} here", quoted(scheme))));
    }
    if rest.contains('@') {
        let message = format!("{} has a user in it", quoted(url));
        return Err((message, "AKS takes proxies without user and password only".to_owned()));
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(wrong("has more than host and port"));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if !is_host(host) {
        return Err(wrong("has no host that could be one"));
    }
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    match port.map(|port| port.parse::<u16>().ok().filter(|number| *number > 0 && digits(port))) {
        None => {
            // curl would take 1080, Go 80.
            Err(wrong("has no port, and programs do not agree which one that means"))
        }
        Some(None) => Err(wrong("has no port of 1 to 65535")),
        Some(Some(_)) => Ok(()),
    }
}

/// An IPv4 address or a DNS name.
fn is_host(host: &str) -> bool {
    let numbers = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numbers {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(inner)
    };
    host.len() <= 253 && host.split('.').all(label)
}

fn check_no_proxy(entries: &[String], at: At<'_>, problems: &mut Vec<Problem>) {
    for (index, entry) in entries.iter().enumerate() {
        let span = at.item(index).span();
        if entry.contains('*') {
            // AKS "HTTP proxy support", limitations.
            let domain = entry.replace('*', "");
            let help = if domain.is_empty() {
                "remove `httpProxyConfig` to use no proxy at all".to_owned()
            } else {
                format!("a domain with all names in it is written {}", quoted(&domain))
            };
            problems.push(Problem::new(span, "AKS takes no `*` in `noProxy`").help(help));
        } else if !is_entry(entry) {
            let message = format!("{} is no name, domain, address or CIDR block", quoted(entry));
            let help = "write each entry like `www.example.com`, `.example.com`, 10.1.0.4 or 10.1.0.0/16";
            problems.push(Problem::new(span, message).help(help));
        }
    }
    if entries.iter().map(|entry| entry.len() + 1).sum::<usize>() > NO_PROXY_MAX {
        let message = format!("`noProxy` has more than {} KiB", NO_PROXY_MAX / 1024);
        problems.push(Problem::new(at.span(), message).help("name domains and CIDR blocks instead"));
    }
}

/// Nothing that would end an entry of a comma separated list, or the variable.
fn is_entry(entry: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:/[]".contains(&byte);
    (1..=ENTRY_MAX).contains(&entry.len()) && entry.bytes().all(part)
}

fn check_certificate(text: &str, at: At<'_>, problems: &mut Vec<Problem>) {
    let text = text.trim_ascii_end();
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let is_base64 =
        text.len().is_multiple_of(4) && text.len() - digits.len() <= 2 && digits.bytes().all(is_digit);
    let what = if text.starts_with("-----BEGIN") {
        "`trustedCa` is not in base64"
    } else if !is_base64 {
        "`trustedCa` is not base64"
    } else if !text.starts_with(BEGIN_CERTIFICATE) {
        "`trustedCa` is no certificate in PEM format"
    } else {
        return;
    };
    problems.push(Problem::new(at.span(), what).help("write what `base64 -w0 ca.pem` prints"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_that_aks_takes() {
        let good = |url: &str| check_url(url, &["http"]).is_ok();
        for url in ["http://10.0.0.4:3128", "http://10.0.0.4:3128/", "http://proxy.corp.example:8080/"] {
            assert!(good(url), "{url}");
        }
        for url in [
            "",
            "10.0.0.4:3128",
            "http://",
            "http://:3128",
            "https://10.0.0.4:3128",
            "socks5://10.0.0.4:1080",
            "http://user:secret@10.0.0.4:3128",
            "http://10.0.0.4",
            "http://10.0.0.4:0",
            "http://10.0.0.4:+80",
            "http://10.0.0.4:65536",
            "http://10.0.0.256:3128",
            "http://pro xy:3128",
            "http://proxy\n:3128",
            "http://proxy:3128/path",
            "http://proxy:3128?a",
        ] {
            assert!(!good(url), "{url}");
        }
        assert!(check_url("https://proxy:3129", &["http", "https"]).is_ok());
    }
}
