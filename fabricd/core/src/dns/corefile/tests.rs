//! What is read of a Corefile, and what is refused.

use super::*;
use crate::dns::block::Policy;

#[test]
fn server_blocks_are_read() {
    let text = "\
# one's own
corp.example:53, Other.Example. {
    errors
    cache 30
    forward . 10.0.0.4 10.0.0.5:5353 {
        policy sequential
        max_concurrent 1000
    }
}
stub.example {
    hosts {
        10.1.0.1 api.stub.example www.stub.example
        ttl 60
        fallthrough
    }
    rewrite stop name suffix .stub.example .default.svc.cluster.local answer auto
    forward . /etc/resolv.conf
}
";
    let stanzas = server_blocks(text).expect("it is right");
    assert_eq!(stanzas[0].zones, ["corp.example", "other.example"]);
    let forward = &stanzas[0].plugins.forwards[0];
    assert_eq!(
        forward.to.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10.0.0.4:53", "10.0.0.5:5353"]
    );
    assert_eq!((forward.policy, forward.node_servers), (Policy::Sequential, false));
    let plugins = &stanzas[1].plugins;
    let hosts = plugins.hosts.as_ref().expect("hosts");
    assert_eq!((hosts.names.len(), hosts.ttl, hosts.fallthrough), (2, 60, true));
    assert!(plugins.forwards[0].node_servers);
    assert_eq!(
        plugins.rewrites[0].apply("web.stub.example").as_deref(),
        Some("web.default.svc.cluster.local")
    );
}

#[test]
fn the_rest_is_refused_by_name_and_line() {
    let of = |text: &str| {
        let Mistake { line, message, .. } = server_blocks(text).expect_err(text);
        format!("{line}: {message}")
    };
    let mistakes = [
        "a.example {\n  forward . tls://1.1.1.1\n}\n",
        "a.example {\n  kubernetes\n}\n",
        "a.example {\n  forward .\n}\n",
        "a.example:5353 {\n}\n",
        ". {\n}\n",
        "a.example {\n",
        "a.example {\n}\n}\n",
        "forward . 10.0.0.4\n",
        "a.example {\n  hosts /etc/hosts\n}\n",
        "a.example {\n  rewrite name regex a b\n}\n",
        "a.example {\n  forward . 10.0.0.4 {\n    tls\n  }\n}\n",
        "a.example {\n}\na.example {\n}\n",
        "a..example {\n}\n",
    ];
    insta::assert_snapshot!(mistakes.map(of).join("\n"), @"
    2: `tls://1.1.1.1` is not the IPv4 address of a DNS server
    2: the plugin `kubernetes` is not built
    2: `forward` needs 1 to 15 servers
    1: a server block for the port 5353
    1: `.` is AKS' own server block
    1: the `{` has no `}`
    3: there is nothing to close
    1: a server block begins with its zones and `{`, not with `forward . 10.0.0.4`
    2: `hosts /etc/hosts`: files and zones are not built
    2: `rewrite name regex a b` is not built
    3: `tls` in `forward` is not built
    3: a second server block for `a.example`
    1: `a..example` is not a domain
    ");
    assert_eq!(overrides("log\nforward . 10.0.0.4\n").expect_err("a second one").line, 1);
    assert!(overrides("log\nforward corp.example 10.0.0.4\n").is_ok());
    assert!(server_blocks(&"# long\n".repeat(10_000)).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_it(text in "\\PC{0,200}") {
        let _ = (server_blocks(&text), overrides(&text));
    }

    #[test]
    fn nearly_right_texts_break_nothing(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "a.example", ".", "{", "}", "\n", "forward", "hosts", "rewrite", "name", "suffix", "10.0.0.4",
                "policy", "random", "ttl", "0", "\"", "#", "fallthrough", "stop", "é", "/etc/resolv.conf",
            ]),
            0..60,
        )
    ) {
        let text = words.join(" ");
        if let Ok(stanzas) = server_blocks(&text) {
            proptest::prop_assert!(stanzas.iter().all(|stanza| !stanza.zones.is_empty()));
        }
        let _ = overrides(&text);
    }
}
