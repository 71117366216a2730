//! The command line's grammar. What each verb takes stands in the verb's own file.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::{
    exit,
    verb::{
        apply, compare, completion, connections, conntrack, curl, daemon, delete, describe, diff, doctor,
        effective_routes, events, exec, expect, expose, firewall, get, graph, learn, link, logs, next_hop,
        node, nodes, ping, plan, pod, run, scale, snat, tcpdump, validate, verify, version,
    },
};

/// Make small Azure networks out of real network namespaces, and look into them.
#[derive(Debug, Parser)]
#[command(name = "fabctl", version, after_help = "See `fabctl --help` for examples and exit codes.")]
#[command(after_long_help = format!("{EXAMPLES}\n\n{}", exit::HELP))]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  fabctl apply -f labs/kubenet/lab.yaml     make the lab, or change it into this
  fabctl get pods -o wide                   what is in it
  fabctl next-hop a c                       where Azure sends packets from a to c
  fabctl ping a c -c 3                      real packets from pod a to pod c
  fabctl curl a http://web --count 100      which pods of a Service answer
  fabctl tcpdump pod/a -ne -- icmp          look at them
  fabctl exec -it node/NAME -- bash         look around
  fabctl conntrack node/NAME                what it translates
  fabctl snat                               who has used up its SNAT ports
  fabctl link down pod/a                    break something on purpose
  fabctl delete lab kubenet                 take it away";

/// What every verb takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The daemon's socket [default: the system daemon's if there is one, else your own]
    #[arg(long, global = true, value_name = "PATH", env = "FABRIC_SOCKET", hide_env = true)]
    pub socket: Option<PathBuf>,
    /// The lab; needed only if there are several
    #[arg(long, global = true, value_name = "NAME", env = "FABRIC_LAB", hide_env = true)]
    pub lab: Option<String>,
    /// The Kubernetes namespace [default: default]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Say which daemon is asked
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

impl Global {
    /// The lab's name, or nothing for the only lab.
    pub fn lab(&self) -> String {
        self.lab.clone().unwrap_or_default()
    }

    /// The namespace that was named, or nothing for the default.
    pub fn namespace(&self) -> String {
        self.namespace.clone().unwrap_or_default()
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    Apply(apply::Apply),
    Diff(diff::Diff),
    Validate(validate::Validate),
    Verify(verify::Verify),
    Plan(plan::Plan),
    Delete(delete::Delete),
    Get(get::Get),
    Describe(describe::Describe),
    Graph(graph::Graph),
    Events(events::Events),
    Scale(scale::Scale),
    Expose(expose::Expose),
    Pod(pod::Pod),
    Upgrade(nodes::Upgrade),
    Restart(nodes::Restart),
    EffectiveRoutes(effective_routes::EffectiveRoutes),
    NextHop(next_hop::NextHop),
    Conntrack(conntrack::Conntrack),
    Snat(snat::Snat),
    Connections(connections::Connections),
    Ping(ping::Ping),
    Curl(curl::Curl),
    Tcpdump(tcpdump::Tcpdump),
    Exec(exec::Exec),
    Logs(logs::Logs),
    Firewall(firewall::Firewall),
    Link(link::Link),
    Node(node::Node),
    Expect(expect::Expect),
    Compare(compare::Compare),
    Run(run::Run),
    Learn(learn::Learn),
    Doctor(doctor::Doctor),
    Daemon(daemon::Daemon),
    Completion(completion::Completion),
    Version(version::Version),
}

impl Cli {
    /// Does what was asked for, and gives the exit code.
    pub async fn run(self) -> anyhow::Result<u8> {
        let global = &self.global;
        match self.verb {
            Verb::Apply(verb) => verb.run(global).await,
            Verb::Diff(verb) => verb.run(global).await,
            Verb::Validate(verb) => verb.run(),
            Verb::Verify(verb) => verb.run(global).await,
            Verb::Plan(verb) => verb.run(),
            Verb::Delete(verb) => verb.run(global).await,
            Verb::Get(verb) => verb.run(global).await,
            Verb::Describe(verb) => verb.run(global).await,
            Verb::Graph(verb) => verb.run(global).await,
            Verb::Events(verb) => verb.run(global).await,
            Verb::Scale(verb) => verb.run(global).await,
            Verb::Expose(verb) => verb.run(global).await,
            Verb::Pod(verb) => verb.run(global).await,
            Verb::Upgrade(verb) => verb.run(global).await,
            Verb::Restart(verb) => verb.run(global).await,
            Verb::EffectiveRoutes(verb) => verb.run(global).await,
            Verb::NextHop(verb) => verb.run(global).await,
            Verb::Conntrack(verb) => verb.run(global).await,
            Verb::Snat(verb) => verb.run(global).await,
            Verb::Connections(verb) => verb.run(global).await,
            Verb::Ping(verb) => verb.run(global).await,
            Verb::Curl(verb) => verb.run(global).await,
            Verb::Tcpdump(verb) => verb.run(global).await,
            Verb::Exec(verb) => verb.run(global).await,
            Verb::Logs(verb) => verb.run(global).await,
            Verb::Firewall(verb) => verb.run(global).await,
            Verb::Link(verb) => verb.run(global).await,
            Verb::Node(verb) => verb.run(global).await,
            Verb::Expect(verb) => verb.run(global).await,
            Verb::Compare(verb) => verb.run(global).await,
            Verb::Run(verb) => verb.run().await,
            Verb::Learn(verb) => verb.run().await,
            Verb::Doctor(verb) => verb.run(global).await,
            Verb::Daemon(verb) => verb.run(global).await,
            Verb::Completion(verb) => verb.run(),
            Verb::Version(verb) => verb.run(global).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }
}
