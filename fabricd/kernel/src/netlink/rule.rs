//! Routing policy rules.

use fabric_core::{name::IfName, object::Rule};
use ipnet::IpNet;
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::RouteHeader,
    rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage},
};

use super::{Request, address};

/// Makes the rule.
pub(crate) fn create(rule: &Rule) -> Request {
    Request::create(RouteNetlinkMessage::NewRule(message(rule)))
}

/// Removes the rule.
pub(crate) fn remove(rule: &Rule) -> Request {
    Request::change(RouteNetlinkMessage::DelRule(message(rule)))
}

fn message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = rule.from.map_or(AddressFamily::Inet, |from| address::family(from.addr()));
    message.header.action = RuleAction::ToTable;
    // The header's field has 8 bits; the attribute counts.
    message.header.table = RouteHeader::RT_TABLE_UNSPEC;
    message.attributes = vec![RuleAttribute::Priority(rule.priority), RuleAttribute::Table(rule.table)];
    if let Some(input) = &rule.input {
        message.attributes.push(RuleAttribute::Iifname(input.as_str().to_owned()));
    }
    if let Some(from) = rule.from {
        message.header.src_len = from.prefix_len();
        message.attributes.push(RuleAttribute::Source(from.network()));
    }
    if let Some(mark) = rule.mark {
        message.attributes.extend([RuleAttribute::FwMark(mark), RuleAttribute::FwMask(u32::MAX)]);
    }
    message
}

/// Asks for all rules.
pub(crate) fn question() -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetRule(RuleMessage::default())
}

/// Reads a rule back. `None` for the kernel's own three and for rules with other conditions.
pub(crate) fn read(message: RuleMessage) -> Option<Rule> {
    let RuleMessage { header, attributes, .. } = message;
    let is_ipv6 = match header.family {
        AddressFamily::Inet => false,
        AddressFamily::Inet6 => true,
        _ => return None,
    };
    let plain = header.action == RuleAction::ToTable
        && header.dst_len == 0
        && header.tos == 0
        && !header.flags.contains(RuleFlags::Invert);
    // The kernel leaves the priority out where it is 0.
    let (mut priority, mut table, mut input, mut source, mut mark) =
        (0, u32::from(header.table), None, None, None);
    for attribute in attributes {
        match attribute {
            RuleAttribute::Priority(number) => priority = number,
            RuleAttribute::Table(number) => table = number,
            RuleAttribute::Iifname(name) => input = Some(name),
            RuleAttribute::Source(address) => source = Some(address),
            RuleAttribute::FwMark(number) => mark = Some(number),
            // Beside a mark, all of its bits.
            RuleAttribute::FwMask(u32::MAX) => {}
            // Always there, and no condition.
            RuleAttribute::SuppressPrefixLen(u32::MAX) | RuleAttribute::Protocol(_) => {}
            _ => return None,
        }
    }
    if !plain || [0, 32766, 32767].contains(&priority) {
        return None;
    }
    let input = input.map(IfName::new).transpose().ok()?;
    let from = source.map(|source| IpNet::new(source, header.src_len)).transpose().ok()?;
    // A rule of the blueprint without a source is an IPv4 rule.
    if from.is_none() && is_ipv6 {
        return None;
    }
    Some(Rule { priority, input, from, mark, table })
}
