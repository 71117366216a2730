//! What the kernel offers, by trying it in a namespace that is thrown away.

use std::{io, os::fd::AsFd, path::Path};

use fabric_core::object::{Bridge, LinkRef, Mac, Program, Ruleset, Veth, VethPeer, Vxlan};
use fabric_core::place::Place;
use nix::{
    errno::Errno,
    sys::wait::{WaitStatus, waitpid},
    unistd::{ForkResult, fork},
};

use super::Check;
use crate::{
    isolation::exit_now,
    linux::in_new_namespace,
    namespace::Namespace,
    netlink::{Batch, Request, Socket, link, qdisc},
    ruleset::Loaders,
};

pub(super) fn checks() -> Vec<Check> {
    let loaders = Loaders::find();
    vec![
        user_namespaces(),
        links(),
        empty_namespaces(),
        rules("nft rules", &loaders, Program::Nft, NFT),
        rules("iptables rules", &loaders, Program::Iptables, IPTABLES),
        bridge_netfilter(),
        netem(),
        ipv6(),
    ]
}

/// Every match and target that node rules use.
const IPTABLES: &str = "\
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -m comment --comment doctor -m addrtype ! --dst-type LOCAL -j MASQUERADE
COMMIT
*mangle
:OUTPUT ACCEPT [0:0]
-A OUTPUT -m owner --uid-owner 0 -j MARK --set-xmark 0x4000/0x4000
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m mark --mark 0x4000/0x4000 -j ACCEPT
-A FORWARD -j REJECT --reject-with icmp-port-unreachable
COMMIT
";

const NFT: &str = "\
table inet doctor {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state established,related accept comment \"doctor\"
    ip daddr 192.0.2.0/24 drop
  }
}
table ip doctor {
  map addresses { type ipv4_addr : ipv4_addr; }
  chain post {
    type nat hook postrouting priority 100;
    snat to ip saddr map @addresses
  }
}
";

fn rules(name: &'static str, loaders: &Loaders, program: Program, text: &str) -> Check {
    let ruleset = Ruleset { program, text: text.into() };
    match in_new_namespace(|| loaders.load(&ruleset).map_err(io::Error::other)) {
        Ok(()) => Check::ok(name, "loaded"),
        Err(error) => {
            let modules = match program {
                Program::Nft => "nf_tables nft_ct nft_nat nft_chain_nat",
                Program::Iptables => "nft_compat xt_comment xt_conntrack xt_addrtype xt_mark xt_owner",
            };
            Check::failed(name, with_sources(&error), format!("modprobe -a {modules}"))
        }
    }
}

/// Needed by whoever is not root; and a process with threads can only try it in a child.
fn user_namespaces() -> Check {
    const NAME: &str = "user namespaces";
    const ADVICE: &str = "run fabricd as root, or: sysctl -w user.max_user_namespaces=10000 \
                          kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0";
    // SAFETY: the child calls nothing but unshare and _exit, which take no locks.
    let child = match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            // SAFETY: unshare takes a number. The network namespace shows whether the user namespace
            // is worth something: AppArmor can grant one without any rights in it.
            let refused = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) } < 0;
            exit_now(if refused { Errno::last_raw() } else { 0 })
        }
        Ok(ForkResult::Parent { child }) => child,
        Err(error) => return Check::warning(NAME, error.desc(), ADVICE),
    };
    match waitpid(child, None) {
        Ok(WaitStatus::Exited(_, 0)) => Check::ok(NAME, "can be made"),
        Ok(WaitStatus::Exited(_, errno)) => Check::warning(NAME, Errno::from_raw(errno).desc(), ADVICE),
        _ => Check::warning(NAME, "cannot be tried", ADVICE),
    }
}

fn links() -> Check {
    const NAME: &str = "veth, bridge and VXLAN";
    match in_new_namespace(make_links) {
        Ok(()) => Check::ok(NAME, "can be made"),
        Err(error) => Check::failed(NAME, error.to_string(), "modprobe -a veth bridge vxlan"),
    }
}

fn make_links() -> io::Result<()> {
    let here = Namespace::current()?;
    let link = |name, index| LinkRef::fixed(name, index);
    let bridge = Bridge { link: link("br0", 10), mac: Mac::local("a"), mtu: 1500, multicast_snooping: false };
    let peer = VethPeer { place: Place::Underlay, link: link("b0", 12), mac: Mac::local("b") };
    let veth = Veth { link: link("a0", 11), mac: Mac::local("c"), mtu: 1500, peer };
    let vxlan = Vxlan {
        link: link("vx0", 13),
        mac: Mac::local("d"),
        mtu: 1400,
        vni: 1,
        local: [192, 0, 2, 1].into(),
        group: [239, 0, 0, 1].into(),
        lower: veth.link.clone(),
    };
    let [birth, mtu] = link::create_bridge(&bridge);
    let requests: [(&str, Request); 4] = [
        ("bridge", birth),
        ("bridge", mtu),
        ("veth", link::create_veth(&veth, here.as_fd())),
        ("VXLAN", link::create_vxlan(&vxlan)),
    ];
    let socket = Socket::route()?;
    for (kind, request) in requests {
        let mut batch = Batch::default();
        batch.push(0, request);
        if let Some(refused) = batch.send(&socket)?.into_iter().next() {
            return Err(io::Error::other(format!("{kind}: {}", refused.refusal)));
        }
    }
    Ok(())
}

/// Blueprints choose the indexes of links, so a new namespace must have none but `lo`.
fn empty_namespaces() -> Check {
    const NAME: &str = "new namespaces";
    const ADVICE: &str = "sysctl -w net.core.fb_tunnels_only_for_init_net=2";
    let links = in_new_namespace(|| {
        let answers = Socket::route()?.dump(&link::question())?;
        Ok(answers.len())
    });
    match links {
        Ok(1) => Check::ok(NAME, "hold lo only"),
        Ok(more) => Check::failed(NAME, format!("hold {more} links, not only lo"), ADVICE),
        Err(error) => Check::failed(NAME, error.to_string(), "run fabricd as root"),
    }
}

fn bridge_netfilter() -> Check {
    const NAME: &str = "br_netfilter";
    let there = in_new_namespace(|| Ok(Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables").exists()));
    match there {
        Ok(true) => Check::ok(NAME, "loaded"),
        _ => Check::warning(
            NAME,
            "not loaded: packets between pods of one kubenet node do not pass iptables",
            "modprobe br_netfilter",
        ),
    }
}

fn netem() -> Check {
    match in_new_namespace(|| Ok(qdisc::is_there())) {
        Ok(true) => Check::ok("netem", "can be made"),
        _ => Check::warning(
            "netem",
            "not there: `fabctl link set` cannot delay, lose or hold back packets",
            "modprobe sch_netem, or a kernel with CONFIG_NET_SCH_NETEM",
        ),
    }
}

fn ipv6() -> Check {
    match in_new_namespace(|| std::fs::read_to_string("/proc/sys/net/ipv6/conf/all/disable_ipv6")) {
        Ok(value) if value.trim() == "0" => Check::ok("IPv6", "enabled"),
        Ok(_) => Check::warning("IPv6", "disabled", "sysctl -w net.ipv6.conf.default.disable_ipv6=0"),
        Err(_) => {
            Check::warning("IPv6", "not there: dual-stack labs will not work", "boot without ipv6.disable=1")
        }
    }
}

fn with_sources(error: &io::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
