//! However the daemon or its supervisor ends, nothing stays.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStdout, Command, Stdio},
};

use fabric_core::kernel::Kernel;
use nix::{
    sys::signal::{Signal, kill, raise},
    unistd::{Pid, getpid, pause},
};

crate::tests!(
    terminated,
    daemon_killed,
    supervisor_killed,
    exit_codes,
    orphans_are_reaped,
    everything_is_its_own
);

const PROBE: &str = "FABRIC_KERNEL_PROBE";

/// Acts as a daemon that ends in a certain way, after it has isolated itself and started something.
pub fn probe_if_asked() {
    let Ok(how) = std::env::var(PROBE) else { return };
    let cleanup = || println!("cleaned up");
    let isolated = fabric_kernel::isolation::enter(cleanup).unwrap();
    let kernel = fabric_kernel::LinuxKernel::open("/run/netns".into()).unwrap();
    Command::new("sleep").arg("918273").spawn().unwrap();
    println!("ready {} {:?} {:?}", getpid(), isolated.user_namespace, kernel.machine());
    match how.as_str() {
        "wait" => pause(),
        "kill" => raise(Signal::SIGKILL).unwrap(),
        "orphan" => {
            // The shell ends at once; its child becomes init's, and must not stay a zombie.
            let mut shell =
                Command::new("sh").args(["-c", "true & echo $!"]).stdout(Stdio::piped()).spawn().unwrap();
            let mut number = String::new();
            shell.stdout.take().unwrap().read_to_string(&mut number).unwrap();
            shell.wait().unwrap();
            while std::path::Path::new(&format!("/proc/{}", number.trim())).exists() {
                std::thread::yield_now();
            }
        }
        "look" => {
            let links = std::fs::read_to_string("/proc/net/dev").unwrap().lines().count();
            let run = std::fs::read_dir("/run").unwrap().count();
            println!("{} links, {run} in /run", links - 2);
        }
        _ => {}
    }
    std::process::exit(3);
}

/// Starts a probe, and waits until it is isolated.
fn probe(how: &str) -> (Child, BufReader<ChildStdout>, String) {
    let mut command = Command::new("/proc/self/exe");
    let mut child = command.env(PROBE, how).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("ready 2 "), "the daemon is process 2: {line}");
    (child, output, line)
}

/// Everything that the probe has started shares its standard output: its end is the end of all.
fn rest(mut output: BufReader<ChildStdout>) -> String {
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    text
}

fn terminated() {
    let (mut child, output, _) = probe("wait");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(rest(output), "cleaned up\n");
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
}

fn daemon_killed() {
    let (mut child, output, _) = probe("kill");
    assert_eq!(rest(output), "cleaned up\n");
    assert_eq!(child.wait().unwrap().code(), Some(128 + 9));
}

fn supervisor_killed() {
    let (mut child, output, _) = probe("wait");
    child.kill().unwrap();
    assert_eq!(rest(output), "");
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

fn exit_codes() {
    let (mut child, output, _) = probe("exit");
    assert_eq!(rest(output), "cleaned up\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

fn orphans_are_reaped() {
    let (mut child, output, _) = probe("orphan");
    assert_eq!(rest(output), "cleaned up\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

fn everything_is_its_own() {
    let (mut child, output, _) = probe("look");
    assert_eq!(rest(output), "1 links, 1 in /run\ncleaned up\n");
    child.wait().unwrap();
    std::io::stdout().flush().unwrap();
}
