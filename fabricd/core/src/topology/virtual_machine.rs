//! VMs that are no AKS nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{
    DnsServer, HttpProxyServer, NetworkInterface, Standing, SubnetIndex, VirtualMachine, VirtualNetwork,
    address_book::{AddressBook, Refusal, usable},
    dns, http_proxy, resource_name,
    unique::Names,
    virtual_network::find_subnet,
};
use crate::spec::{LabSpec, problem::Problem, suggest::quoted, tree::At};

/// A VM of which perhaps the address is still open.
pub(super) struct Draft<'a> {
    name: String,
    at: At<'a>,
    pub subnet: SubnetIndex,
    pub address: Option<Ipv4Addr>,
    enable_ip_forwarding: bool,
    ip_forward: bool,
    http_proxy: Option<HttpProxyServer>,
    dns_server: Option<DnsServer>,
}

/// The only parameter of a VM's kernel that a lab file can set.
const IP_FORWARD: &str = "net.ipv4.ip_forward";

impl Draft<'_> {
    /// Takes the address that the VM has in the running lab, unless the file gives it one.
    pub fn keep(&mut self, standing: &Standing, book: &mut AddressBook) {
        let Some(address) = standing.virtual_machines.get(&self.name).filter(|_| self.address.is_none())
        else {
            return;
        };
        let owner = format!("the VM `{}`", self.name);
        self.address = book.take(self.subnet, *address, &owner).is_ok().then_some(*address);
    }
}

/// Checks the VMs and takes the addresses that are written; the other addresses come after those of nodes.
pub(super) fn draft<'a>(
    spec: &'a LabSpec,
    networks: &[VirtualNetwork],
    book: &mut AddressBook,
    problems: &mut Vec<Problem>,
) -> Vec<Draft<'a>> {
    let mut names = Names::of("a VM");
    let mut drafts = vec![];
    for (index, vm) in spec.lab.value.virtual_machines.iter().enumerate() {
        let at = spec.lab.at().key("virtualMachines").item(index);
        names.claim(&vm.name, at.key("name").span(), problems);
        resource_name::check(&vm.name, 64, at.key("name"), problems);
        let Some(subnet) = find_subnet(spec, networks, &vm.subnet, at.key("subnet"), problems) else {
            continue;
        };
        let address = vm.private_ip_address.map(|address| address.0);
        if let Some(address) = address {
            let written = at.key("privateIPAddress");
            let owner = format!("the VM `{}`", vm.name);
            if let Err(refusal) = book.take(subnet, address, &owner) {
                problems.push(refused(networks, subnet, address, refusal, written));
                continue;
            }
        }
        drafts.push(Draft {
            name: vm.name.clone(),
            at,
            subnet,
            address,
            enable_ip_forwarding: vm.enable_ip_forwarding,
            ip_forward: ip_forward(&vm.sysctls, at.key("sysctls"), problems),
            http_proxy: vm
                .http_proxy
                .as_ref()
                .map(|config| http_proxy::server(config, at.key("httpProxy"), problems)),
            dns_server: vm
                .dns_server
                .as_ref()
                .map(|config| dns::server(config, at.key("dnsServer"), problems)),
        });
    }
    drafts
}

fn ip_forward(sysctls: &BTreeMap<String, String>, at: At<'_>, problems: &mut Vec<Problem>) -> bool {
    for (name, value) in sysctls {
        let span = at.key(name).span();
        if name != IP_FORWARD {
            let message = format!("the parameter {} cannot be set", quoted(name));
            problems.push(
                Problem::new(span, message).help(format!(
                    "only `{IP_FORWARD}` can; for others: `fabctl exec vm/NAME -- sysctl -w …`"
                )),
            );
        } else if !matches!(value.as_str(), "0" | "1") {
            let message = format!("`{IP_FORWARD}` cannot be {}", quoted(value));
            problems.push(Problem::new(span, message).help("write \"0\" or \"1\""));
        }
    }
    sysctls.get(IP_FORWARD).is_some_and(|value| value == "1")
}

/// Gives the open addresses, and keeps the names of nodes and VMs apart.
pub(super) fn settle(
    drafts: Vec<Draft<'_>>,
    networks: &[VirtualNetwork],
    is_node: impl Fn(&str) -> bool,
    pod_subnets: &BTreeSet<SubnetIndex>,
    book: &mut AddressBook,
    problems: &mut Vec<Problem>,
) -> Vec<VirtualMachine> {
    let mut vms = vec![];
    for Draft { name, at, subnet, address, enable_ip_forwarding, ip_forward, http_proxy, dns_server } in
        drafts
    {
        if is_node(&name) {
            let message = format!("an AKS node called `{name}` exists already");
            problems.push(Problem::new(at.key("name").span(), message).help("give the VM another name"));
        }
        if pod_subnets.contains(&subnet) {
            let message = format!("the VM `{name}` is in a pod subnet");
            problems.push(
                Problem::new(at.key("subnet").span(), message).help(
                    "AKS delegates a pod subnet to itself, and no VM can be in it; take another subnet",
                ),
            );
            continue;
        }
        let address = address.or_else(|| book.take_next(subnet, &format!("the VM `{name}`")));
        let Some(private_ip_address) = address else {
            problems.push(full(networks, subnet, at.key("subnet")));
            continue;
        };
        vms.push(VirtualMachine {
            name,
            nic: NetworkInterface {
                subnet,
                private_ip_address,
                enable_ip_forwarding,
                secondary_addresses: vec![],
                secondary_blocks: vec![],
                overlay: None,
                public_address: None,
            },
            ip_forward,
            http_proxy,
            dns_server,
        });
    }
    vms
}

/// The problem of a subnet without a free address.
pub(super) fn full(networks: &[VirtualNetwork], subnet: SubnetIndex, at: At<'_>) -> Problem {
    let it = &networks[subnet.virtual_network].subnets[subnet.subnet];
    let prefix = it.address_prefix;
    let message =
        format!("the subnet `{}` {prefix} is full: it has {} usable addresses", it.name, usable(prefix));
    Problem::new(at.span(), message)
        .help("Azure keeps the first four and the last address of each subnet; take a larger subnet")
}

pub(super) fn refused(
    networks: &[VirtualNetwork],
    subnet: SubnetIndex,
    address: Ipv4Addr,
    refusal: Refusal,
    at: At<'_>,
) -> Problem {
    let it = &networks[subnet.virtual_network].subnets[subnet.subnet];
    let prefix = it.address_prefix;
    match refusal {
        Refusal::Outside => {
            let message = format!("{address} is not in the subnet `{}`", it.name);
            Problem::new(at.span(), message).help(format!("which is {prefix}"))
        }
        Refusal::Reserved => {
            let first = Ipv4Addr::from(u32::from(prefix.network()).saturating_add(4));
            Problem::new(at.span(), format!("{address} is kept by Azure in the subnet `{}`", it.name)).help(
                format!("the first four addresses and the last are reserved; the first that can be used is {first}"),
            )
        }
        Refusal::Kept(range) => {
            Problem::new(at.span(), format!("{address} is kept: {range} is for one node pool"))
                .help("choose another address, or change the pool's range")
        }
        Refusal::Taken(owner) => Problem::new(at.span(), format!("{address} is taken by {owner}"))
            .help("choose another address, or leave it out to get the next free one"),
    }
}
