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
        let capture = ["tcpdump", "c", &cbr0, NODE_1, "vm/device", "-n", "-t", "-c", "8", "--", "icmp"];
        self.watch(&capture, &["ping", "c", "device", "-c", "1"])?;

        say("And between two Azure hosts the same packets travel in VXLAN:");
        let capture =
            ["tcpdump", HOST_1, "-n", "-t", "-c", "2", "--", "udp", "port", "4789", "and", "greater", "100"];
        self.watch(&capture, &["ping", "a", "c", "-c", "1"])?;

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
        // Its own runtime folder, so its own daemon.
        command.env("XDG_RUNTIME_DIR", &self.folder).env_remove("FABRIC_SOCKET");
        command
    }

    fn fabctl(&self, arguments: &[&str]) -> Result {
        prompt(arguments);
        run(&mut self.command(arguments))
    }

    /// Captures while `action` runs. The capture ends by its own count.
    fn watch(&self, capture: &[&str], action: &[&str]) -> Result {
        prompt(capture);
        let mut child = self.command(capture);
        let mut child = child.stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let stderr = child.stderr.take().ok_or("the capture has no standard error")?;
        let places = capture[1..].iter().take_while(|word| !word.starts_with('-')).count();
        wait_for_listening(stderr, places)?;
        let quiet = self.command(action).stdout(Stdio::null()).status();
        if !quiet.map_err(|error| error.to_string())?.success() {
            let _ = child.kill();
            return Err(format!("fabctl {} failed", action.join(" ")));
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the capture failed ({status})")) }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.command(&["daemon", "stop"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Reads the capture's messages until all its places listen, and the rest in the background.
fn wait_for_listening(stderr: std::process::ChildStderr, places: usize) -> Result {
    use std::io::{BufRead, BufReader};
    let mut lines = BufReader::new(stderr).lines();
    let mut listening = 0;
    while listening < places {
        let line =
            lines.next().ok_or("the capture ended before it began")?.map_err(|error| error.to_string())?;
        listening += usize::from(line.contains("listening on"));
    }
    std::thread::spawn(move || lines.for_each(drop));
    Ok(())
}

fn say(text: &str) {
    println!("\n{}", styled("1", &format!("# {text}")));
}

fn prompt(arguments: &[&str]) {
    println!("\n{}", styled("32", &format!("$ fabctl {}", arguments.join(" "))));
}

/// `text` in a style of the terminal's, if there is one.
fn styled(style: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}
