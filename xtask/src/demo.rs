//! The kubenet lab in a minute: what a learner would type, and what comes of it.

use std::{
    io::IsTerminal,
    process::{Command, Stdio},
};

use crate::{
    packages,
    run::{Result, cargo, output, root, run},
    test::target,
};

const NODE_0: &str = "node/aks-nodepool1-11743156-vmss000000";
const NODE_1: &str = "node/aks-pool2-13111960-vmss000000";
const HOST_1: &str = "host/aks-pool2-13111960-vmss000000";

pub fn demo() -> Result {
    packages::ensure()?;
    println!("Building fabricd and fabctl …");
    run(cargo().args([
        "build",
        "--release",
        "--bins",
        "--locked",
        "--quiet",
        "-p",
        "fabricd",
        "-p",
        "fabctl",
    ]))?;
    let folder = output(Command::new("mktemp").args(["-d", "/tmp/fabric-demo.XXXXXX"]))?;
    let demo = Demo { folder: folder.trim().to_owned() };
    demo.show()
}

/// A daemon of its own, in a folder that goes with the value.
struct Demo {
    folder: String,
}

impl Demo {
    fn show(&self) -> Result {
        say("Two AKS nodes, three pods, a device in the VNet, a server on premises:");
        self.fabctl(&["apply", "-f", "labs/kubenet"])?;
        self.fabctl(&["get", "pods", "-o", "wide"])?;

        say("Inside the first node it looks as on AKS:");
        self.fabctl(&["exec", NODE_0, "--", "ip", "route", "show"])?;
        self.fabctl(&["exec", NODE_0, "--", "arp", "-an"])?;

        say("Pod a pings pod c on the other node. The route table of the subnet takes it there:");
        self.fabctl(&["ping", "a", "c", "-c", "2"])?;
        self.fabctl(&["exec", "a", "--", "traceroute", "-n", "10.244.1.27"])?;

        say("Pod c pings the device. Where does its address change? Two packets, seen at four places:");
        let cbr0 = format!("{NODE_1}:cbr0");
        let ping = "fabctl ping c device -c 1";
        self.fabctl(&[
            "tcpdump",
            "c",
            &cbr0,
            NODE_1,
            "vm/device",
            "-n",
            "-t",
            "--while",
            ping,
            "--",
            "icmp",
        ])?;

        say("And between two Azure hosts the same packets travel in VXLAN:");
        let (ping, filter) = ("fabctl ping a c -c 1", "udp port 4789 and greater 100");
        self.fabctl(&["tcpdump", HOST_1, "-n", "-t", "--while", ping, "--", filter])?;

        say("Gone again, and nothing is left:");
        self.fabctl(&["delete", "lab", "kubenet"])?;
        println!(
            "\nYour turn:\n  export PATH={}:$PATH\n  fabctl apply -f labs/kubenet\n  fabctl ping a c",
            target().join("release").display()
        );
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(target().join("release/fabctl"));
        command.args(arguments).current_dir(root());
        let mut path = target().join("release").into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        command.env("PATH", path);
        // Its own runtime folder, so its own daemon.
        command.env("XDG_RUNTIME_DIR", &self.folder).env_remove("FABRIC_SOCKET");
        command
    }

    fn fabctl(&self, arguments: &[&str]) -> Result {
        prompt(arguments);
        run(&mut self.command(arguments))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.command(&["daemon", "stop"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn say(text: &str) {
    println!("\n{}", styled("1", &format!("# {text}")));
}

fn prompt(arguments: &[&str]) {
    let quoted = arguments
        .iter()
        .map(|word| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() });
    println!("\n{}", styled("32", &format!("$ fabctl {}", quoted.collect::<Vec<_>>().join(" "))));
}

/// `text` in a style of the terminal's, if there is one.
fn styled(style: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}
