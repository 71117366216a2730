//! Lab documents pass on a whole product, and show what is wrong on a broken one.

use std::{fs, path::Path};

use fabric_tests::{Session, labs};

pub const TESTS: [(&str, fn()); 4] = [
    ("every_lab_document_passes", every_lab_document_passes),
    ("without_proxy_arp_the_kubenet_document_fails", without_proxy_arp),
    ("without_the_snat_rule_the_kubenet_document_fails", without_the_snat_rule),
    ("with_a_wrong_route_the_kubenet_document_fails", with_a_wrong_route),
];

const NODE_0: &str = "aks-nodepool1-11743156-vmss000000";
const NODE_1: &str = "aks-pool2-13111960-vmss000000";

fn every_lab_document_passes() {
    let session = Session::new();
    let folder = labs();
    let mut documents: Vec<String> = fs::read_dir(&folder)
        .expect("the labs")
        .flatten()
        .filter(|entry| entry.path().join("README.md").is_file())
        .map(|entry| entry.path().display().to_string())
        .collect();
    documents.sort_unstable();
    assert!(documents.len() >= 2, "{documents:?}");
    let junit = session.folder().join("report.xml");
    let junit = junit.to_str().expect("UTF-8");
    let mut run = vec!["run", "--junit", junit];
    run.extend(documents.iter().map(String::as_str));
    let output = session.fabctl(&run);
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains(" passed, 0 failed"), "{stdout}");
    assert!(fs::read_to_string(junit).expect("a report").contains("<testsuite"));
}

/// A copy of the kubenet lab in which `commands` break something right after the lab is there.
fn mutated(folder: &Path, commands: &str) {
    let from = labs().join("kubenet");
    let text = fs::read_to_string(from.join("README.md")).expect("the document");
    let apply = text.find("fabctl apply").expect("it applies its lab");
    let fence = apply + text[apply..].find("\n```\n").expect("the block ends") + "\n```\n".len();
    let block: String = commands.lines().map(|line| format!("$ {line}\n")).collect();
    let text = format!("{}\n<!--\n```console hidden\n{block}```\n-->\n{}", &text[..fence], &text[fence..]);
    fs::write(folder.join("README.md"), text).expect("a copy");
    fs::copy(from.join("lab.yaml"), folder.join("lab.yaml")).expect("a copy");
}

/// The document fails, and says so with a difference that holds `words`.
fn fails_with(commands: &str, words: &[&str]) {
    let session = Session::new();
    let folder = session.folder().join("mutated");
    fs::create_dir(&folder).expect("a folder");
    mutated(&folder, commands);
    let output = session.fabctl(&["run", folder.to_str().expect("UTF-8")]);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in\n{text}");
    }
}

fn without_proxy_arp() {
    let commands = format!(
        "fabctl exec host/{NODE_0} -- sysctl -qw net.ipv4.conf.vm0.proxy_arp=0\nfabctl exec node/{NODE_0} -- ip neigh flush dev eth0"
    );
    fails_with(&commands, &["README.md:", "12:34:56:78:9a:bc"]);
}

fn without_the_snat_rule() {
    let commands = format!("fabctl exec node/{NODE_1} -- iptables -t nat -D POSTROUTING 2");
    fails_with(&commands, &["README.md:", "10.224.0.5"]);
}

fn with_a_wrong_route() {
    let commands =
        format!("fabctl exec host/{NODE_0} -- ip route replace 10.244.1.0/24 via 10.224.0.4 dev vm0 onlink");
    fails_with(&commands, &["README.md:", "10.244.1.27"]);
}
