//! Makes room for other programs' flags.
//!
//! What stands behind `ping` and `tcpdump` is theirs: `-n` and `-v` mean something else there than
//! they do to fabctl. Only `--socket`, `--lab`, `--namespace` and `--help` are still fabctl's.

use std::ffi::OsString;

const OURS: [&str; 3] = ["--socket", "--lab", "--namespace"];

/// The command line as clap must see it: fabctl's own flags first, then the verb, then `--` before
/// the words that are not fabctl's.
pub fn prepare(mut words: Vec<OsString>) -> Vec<OsString> {
    let Some(verb) = verb_position(&words) else { return words };
    if words[verb] == "scale" || words[verb] == "expose" {
        name_first(&mut words, verb + 1);
        return words;
    }
    if words[verb] != "ping" && words[verb] != "tcpdump" {
        return words;
    }
    let mut theirs = words.split_off(verb + 1).into_iter();
    let verb = words.split_off(verb);
    let (mut rest, mut help) = (vec![], false);
    while let Some(word) = theirs.next() {
        if word == "--" {
            rest.push(word);
            rest.extend(theirs.by_ref());
        } else if OURS.iter().any(|name| word == *name) {
            words.push(word);
            words.extend(theirs.next());
        } else if OURS
            .iter()
            .any(|name| word.to_str().is_some_and(|word| word.starts_with(&format!("{name}="))))
        {
            words.push(word);
        } else if word == "--help" {
            help = true;
        } else {
            rest.push(word);
        }
    }
    words.extend(verb);
    if help || rest == ["-h"] {
        words.push("--help".into());
    } else {
        words.push("--".into());
        words.extend(rest);
    }
    words
}

/// Flags of `scale` and `expose` with a value.
const WITH_VALUE: [&str; 12] = [
    "--replicas",
    "-r",
    "--count",
    "-c",
    "--cluster",
    "--port",
    "--target-port",
    "--name",
    "--type",
    "--protocol",
    "--namespace",
    "-n",
];

/// Makes `--replicas 3 deployment/web`, which kubectl takes too, `deployment web --replicas 3`.
fn name_first(words: &mut Vec<OsString>, begin: usize) {
    let mut at = begin;
    while let Some(word) = words.get(at) {
        let takes_value = WITH_VALUE.iter().chain(&OURS).any(|name| word == *name);
        if takes_value {
            at += 2;
        } else if word.to_str().is_some_and(|word| word.starts_with('-')) {
            at += 1;
        } else {
            break;
        }
    }
    if at >= words.len() {
        return;
    }
    let word = words.remove(at);
    match word.to_str().and_then(|word| word.split_once('/')) {
        Some((kind, name)) => {
            words.insert(begin, kind.into());
            words.insert(begin + 1, name.into());
        }
        None => {
            words.insert(begin, word);
            // The name follows its kind.
            if at > begin
                && words.get(at + 1).and_then(|next| next.to_str()).is_some_and(|next| !next.starts_with('-'))
            {
                let name = words.remove(at + 1);
                words.insert(begin + 1, name);
            }
        }
    }
}

/// Where the first word stands that is neither a flag of fabctl nor the value of one.
fn verb_position(words: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = words.get(at) {
        let takes_value = word == "-n" || OURS.iter().any(|name| word == *name);
        if takes_value {
            at += 2;
        } else if word.to_str().is_some_and(|word| word.starts_with('-')) {
            at += 1;
        } else {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let prepared = prepare(line.split(' ').map(OsString::from).collect());
        let prepared: Vec<_> = prepared.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(prepared.join(" "), expected);
    }

    #[test]
    fn other_programs_flags_are_fenced_off() {
        check("fabctl ping a b -c 3", "fabctl ping -- a b -c 3");
        check("fabctl -n kube-system -v tcpdump -nv a", "fabctl -n kube-system -v tcpdump -- -nv a");
        check("fabctl tcpdump -n a -- icmp", "fabctl tcpdump -- -n a -- icmp");
        check("fabctl get pods -n x", "fabctl get pods -n x");
        check("fabctl exec ping -- tcpdump -n", "fabctl exec ping -- tcpdump -n");
        check("fabctl", "fabctl");
        check("fabctl --help", "fabctl --help");
    }

    #[test]
    fn what_is_scaled_may_be_named_as_for_kubectl() {
        check("fabctl scale deployment web --replicas 3", "fabctl scale deployment web --replicas 3");
        check("fabctl scale deployment/web --replicas 3", "fabctl scale deployment web --replicas 3");
        check("fabctl scale --replicas=3 deploy/web -n x", "fabctl scale deploy web --replicas=3 -n x");
        check(
            "fabctl -n x scale --replicas 3 deployment web",
            "fabctl -n x scale deployment web --replicas 3",
        );
        check("fabctl scale nodepool aks/np --count 1", "fabctl scale nodepool aks/np --count 1");
        check("fabctl expose --port 80 pod/a --dry-run", "fabctl expose pod a --port 80 --dry-run");
        check("fabctl scale --help", "fabctl scale --help");
        check("fabctl scale --replicas", "fabctl scale --replicas");
    }

    #[test]
    fn fabctls_long_flags_and_help_stay_its_own() {
        check("fabctl ping a b --lab x -n --namespace=y", "fabctl --lab x --namespace=y ping -- a b -n");
        check("fabctl tcpdump a -- --lab x", "fabctl tcpdump -- a -- --lab x");
        check("fabctl ping --help", "fabctl ping --help");
        check("fabctl ping -h", "fabctl ping --help");
        check("fabctl ping a b -h", "fabctl ping -- a b -h");
    }
}
