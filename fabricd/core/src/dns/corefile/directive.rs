//! One directive of a server block.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use super::{Mistake, clipped, domain, line::Line};
use crate::dns::{
    PORT,
    block::{Forward, Hosts, Policy, Rewrite},
};

/// What a directive does.
pub enum Directive {
    /// Names with addresses.
    Hosts(Hosts),
    /// Whom to ask.
    Forward(Forward),
    /// A name that is taken for another.
    Rewrite(Rewrite),
    /// Nothing that anybody here could notice.
    NoEffect,
}

/// Directives without an effect here: nothing is cached, logged, measured or reloaded.
const NO_EFFECT: [&str; 10] =
    ["errors", "log", "cache", "loop", "reload", "loadbalance", "ready", "health", "prometheus", "minimal"];

/// How long names of `hosts` hold, in seconds (`plugin/hosts`).
const HOSTS_TTL: u32 = 3600;

/// Servers of one `forward` (`plugin/forward`).
const UPSTREAMS_MAX: usize = 15;

/// Reads a directive, of which `inside` is what stands in its braces.
pub fn directive(line: &Line, inside: &[Line]) -> Result<Directive, Mistake> {
    let Some((name, arguments)) = line.words.split_first() else {
        return Err(Mistake::new(line.number, "there is nothing to close"));
    };
    match name.as_str() {
        "forward" => forward(line, arguments, inside).map(Directive::Forward),
        "hosts" => hosts(line, arguments, inside).map(Directive::Hosts),
        "rewrite" => rewrite(line, arguments).map(Directive::Rewrite),
        name if NO_EFFECT.contains(&name) => Ok(Directive::NoEffect),
        name => Err(Mistake::new(line.number, format!("the plugin `{}` is not built", clipped(name)))
            .help("`forward`, `hosts` and `rewrite name` are")),
    }
}

fn forward(line: &Line, arguments: &[String], inside: &[Line]) -> Result<Forward, Mistake> {
    let wrong = |message: String| Mistake::new(line.number, message).help("such as `forward . 10.0.0.4`");
    let [from, to @ ..] = arguments else { return Err(wrong("`forward` needs a domain".to_owned())) };
    if to.is_empty() || to.len() > UPSTREAMS_MAX {
        return Err(wrong(format!("`forward` needs 1 to {UPSTREAMS_MAX} servers")));
    }
    let from = domain(from, line.number)?;
    let mut forward = Forward { from, to: vec![], node_servers: false, policy: Policy::RoundRobin };
    for server in to {
        if server == "/etc/resolv.conf" {
            forward.node_servers = true;
        } else {
            let address = server.strip_prefix("dns://").unwrap_or(server);
            forward.to.push(upstream(address).ok_or_else(|| {
                wrong(format!("`{}` is not the IPv4 address of a DNS server", clipped(server)))
            })?);
        }
    }
    for option in inside {
        match option.words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["policy", "random" | "round_robin"] => forward.policy = Policy::RoundRobin,
            ["policy", "sequential"] => forward.policy = Policy::Sequential,
            ["max_concurrent" | "expire" | "max_fails" | "health_check", _] | ["prefer_udp"] => {}
            _ => {
                let message = format!("`{}` in `forward` is not built", option.text());
                return Err(Mistake::new(option.number, message).help("`policy` is"));
            }
        }
    }
    Ok(forward)
}

fn upstream(written: &str) -> Option<SocketAddrV4> {
    match written.parse::<Ipv4Addr>() {
        Ok(address) => Some(SocketAddrV4::new(address, PORT)),
        Err(_) => written.parse().ok().filter(|it: &SocketAddrV4| it.port() != 0),
    }
}

fn hosts(line: &Line, arguments: &[String], inside: &[Line]) -> Result<Hosts, Mistake> {
    if let Some(argument) = arguments.first() {
        let message = format!("`hosts {}`: files and zones are not built", clipped(argument));
        return Err(Mistake::new(line.number, message).help("write the names between `hosts {` and `}`"));
    }
    let mut hosts = Hosts { ttl: HOSTS_TTL, reverse: true, ..Hosts::default() };
    for entry in inside {
        match entry.words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["fallthrough"] => hosts.fallthrough = true,
            ["no_reverse"] => hosts.reverse = false,
            ["reload", _] => {}
            ["ttl", seconds] => {
                hosts.ttl =
                    seconds.parse().ok().filter(|ttl| (1..=65_535).contains(ttl)).ok_or_else(|| {
                        Mistake::new(entry.number, format!("`{}` is not a TTL", clipped(seconds)))
                            .help("take 1 to 65535 seconds")
                    })?;
            }
            [address, ref names @ ..] => {
                let address = match address.parse::<IpAddr>() {
                    Ok(IpAddr::V4(address)) => address,
                    Ok(IpAddr::V6(_)) => {
                        return Err(Mistake::new(
                            entry.number,
                            format!("IPv6 is not built yet: `{address}`"),
                        ));
                    }
                    Err(_) => {
                        let message = format!("`{}` is not an IPv4 address", clipped(address));
                        return Err(
                            Mistake::new(entry.number, message).help("such as `10.0.0.4 db.example.com`")
                        );
                    }
                };
                for name in names {
                    let addresses = hosts.names.entry(domain(name, entry.number)?).or_default();
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
            }
            [] => return Err(Mistake::new(entry.number, "there is nothing to close")),
        }
    }
    Ok(hosts)
}

fn rewrite(line: &Line, arguments: &[String]) -> Result<Rewrite, Mistake> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let words = words.strip_prefix(&["stop"]).unwrap_or(&words);
    let (suffix, from, to) = match *words {
        ["name", "exact", from, to] => (false, from, to),
        ["name", "suffix", from, to, ref rest @ ..] if matches!(rest, [] | ["answer", "auto"]) => {
            (true, from, to)
        }
        ["name", from, to] if !matches!(from, "prefix" | "substring" | "regex") => (false, from, to),
        _ => {
            let message = format!("`{}` is not built", line.text());
            return Err(Mistake::new(line.number, message)
                .help("`rewrite name FROM TO` and `rewrite name suffix FROM TO` are"));
        }
    };
    let end = |written: &str| -> Result<String, Mistake> {
        let dot = if suffix && written.starts_with('.') { "." } else { "" };
        Ok(format!("{dot}{}", domain(&written[dot.len()..], line.number)?))
    };
    Ok(Rewrite { suffix, from: end(from)?, to: end(to)? })
}
