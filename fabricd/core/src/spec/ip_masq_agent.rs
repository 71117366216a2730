//! The configuration of azure-ip-masq-agent, as it is written in a ConfigMap.

use serde::Deserialize;

use super::{
    Source,
    network_value::Cidr,
    not_built::unknown_field,
    problem::{Problem, Span},
    typed, yaml,
};

/// `ip-masq-agent` in `azure-ip-masq-agent-config`. Source: aks-facts 4.1.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IpMasqAgent {
    /// Packets to these keep their source.
    #[serde(default, rename = "nonMasqueradeCIDRs")]
    pub non_masquerade_cidrs: Vec<Cidr>,
    /// Whether packets to 169.254.0.0/16 do not. AKS sets it, and what two configurations say is joined by
    /// "or": `false` changes nothing.
    #[serde(default)]
    pub masq_link_local: bool,
    /// The same for fe80::/10.
    #[serde(default, rename = "masqLinkLocalIPv6")]
    pub masq_link_local_ipv6: bool,
}

impl IpMasqAgent {
    /// Reads the text of a ConfigMap's entry, whose place in the lab file is `span`: the places of its own
    /// lines are not known.
    pub fn read(text: &str, span: Span, problems: &mut Vec<Problem>) -> Option<Self> {
        let source = Source { name: String::new(), text: text.to_owned() };
        let mut found = vec![];
        let documents = yaml::documents(&[source], &mut found);
        let read = match documents.into_iter().next() {
            Some(mut root) => typed::read::<Self>(&mut root, &unknown_field, &mut found),
            None if found.is_empty() => return Some(Self::default()),
            None => None,
        };
        problems.extend(found.into_iter().map(|problem| Problem { span, ..problem }));
        read.map(|read| read.value)
    }
}
