//! The little of CoreDNS' Corefile that `coredns-custom` may hold: server blocks with `forward`, `hosts` and
//! `rewrite name`. The rest is refused by name. Source: the manuals of CoreDNS 1.11; aks-facts 5.2.

mod directive;
mod line;
#[cfg(test)]
mod tests;

use self::{
    directive::{Directive, directive},
    line::{Line, lines},
};
use super::{
    block::{Block, Forward, Hosts, Rewrite},
    record::NAME_MAX,
};
use crate::name::check_label;

/// Bytes of one entry. etcd takes 1 MiB for a whole ConfigMap.
const TEXT_MAX: usize = 64 * 1024;

/// Server blocks of one entry.
const BLOCKS_MAX: usize = 100;

/// What `coredns-custom` adds to CoreDNS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custom {
    /// Server blocks of the entries `*.server`.
    pub servers: Vec<Stanza>,
    /// Directives of the entries `*.override`, for `.:53`.
    pub overrides: Plugins,
}

/// A server block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stanza {
    /// Zones that it answers for, in lower case; the root is empty.
    pub zones: Vec<String>,
    /// What it does.
    pub plugins: Plugins,
}

/// Directives that have an effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plugins {
    /// In their order.
    pub rewrites: Vec<Rewrite>,
    /// Names with addresses.
    pub hosts: Option<Hosts>,
    /// Whom to ask.
    pub forwards: Vec<Forward>,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line of the entry, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Mistake {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl Plugins {
    /// Lets a block do this too.
    pub fn add_to(&self, block: &mut Block) {
        block.rewrites.extend(self.rewrites.iter().cloned());
        block.hosts = block.hosts.take().or_else(|| self.hosts.clone());
        block.forwards.extend(self.forwards.iter().cloned());
    }

    /// Takes in those of another entry.
    ///
    /// # Errors
    /// Text about a directive that may be there once only.
    pub fn join(&mut self, other: Self) -> Result<(), String> {
        if self.hosts.is_some() && other.hosts.is_some() {
            return Err("`hosts` can be there once only".to_owned());
        }
        self.rewrites.extend(other.rewrites);
        self.hosts = self.hosts.take().or(other.hosts);
        for forward in other.forwards {
            if self.forwards.iter().any(|known| known.from == forward.from) {
                return Err(format!("a second `forward` for `{}`", shown(&forward.from)));
            }
            self.forwards.push(forward);
        }
        Ok(())
    }
}

/// Reads an entry `*.server`.
///
/// # Errors
/// The first mistake.
pub fn server_blocks(text: &str) -> Result<Vec<Stanza>, Mistake> {
    let lines = lines(sized(text)?)?;
    let mut rest = &lines[..];
    let mut stanzas: Vec<Stanza> = vec![];
    while let Some((first, after)) = rest.split_first() {
        if !first.opens {
            let message =
                format!("a server block begins with its zones and `{{`, not with `{}`", first.text());
            return Err(Mistake::new(first.number, message).help("such as `example.com:53 {`"));
        }
        let mut stanza = Stanza::default();
        for word in &first.words {
            for zone in word.split(',').filter(|zone| !zone.is_empty()) {
                stanza.zones.push(zone_name(zone, first.number)?);
            }
        }
        if stanza.zones.is_empty() {
            return Err(Mistake::new(first.number, "a server block without a zone"));
        }
        if let Some(zone) = stanza.zones.iter().find(|zone| zone.is_empty()) {
            let message = format!("`{}` is AKS' own server block", shown(zone));
            return Err(
                Mistake::new(first.number, message).help("write into an entry `*.override` what it shall do")
            );
        }
        let taken = stanzas.iter().flat_map(|stanza| &stanza.zones);
        if let Some(zone) = taken.into_iter().find(|zone| stanza.zones.contains(zone)) {
            return Err(Mistake::new(first.number, format!("a second server block for `{zone}`")));
        }
        let (inside, after) = block(first, after)?;
        stanza.plugins = plugins(inside)?;
        stanzas.push(stanza);
        if stanzas.len() > BLOCKS_MAX {
            return Err(Mistake::new(first.number, format!("more than {BLOCKS_MAX} server blocks")));
        }
        rest = after;
    }
    Ok(stanzas)
}

/// Reads an entry `*.override`.
///
/// # Errors
/// The first mistake.
pub fn overrides(text: &str) -> Result<Plugins, Mistake> {
    let plugins = plugins(&lines(sized(text)?)?)?;
    match plugins.forwards.iter().find(|forward| forward.from.is_empty()) {
        // CoreDNS takes the first: that would be AKS' own or this one, by the order in the file.
        Some(_) => Err(Mistake::new(1, "AKS' own server block has a `forward .` already")
            .help("name the domain to forward, or give it a server block in an entry `*.server`")),
        None => Ok(plugins),
    }
}

fn sized(text: &str) -> Result<&str, Mistake> {
    if text.len() <= TEXT_MAX {
        return Ok(text);
    }
    Err(Mistake::new(1, format!("the entry has more than {} KiB", TEXT_MAX / 1024)))
}

fn plugins(lines: &[Line]) -> Result<Plugins, Mistake> {
    let mut plugins = Plugins::default();
    let mut rest = lines;
    while let Some((first, after)) = rest.split_first() {
        let (inside, after) = if first.opens { block(first, after)? } else { (&after[..0], after) };
        let once = |message: String| Mistake::new(first.number, message);
        match directive(first, inside)? {
            Directive::Hosts(hosts) => {
                plugins.join(Plugins { hosts: Some(hosts), ..Plugins::default() }).map_err(once)?;
            }
            Directive::Forward(forward) => {
                plugins.join(Plugins { forwards: vec![forward], ..Plugins::default() }).map_err(once)?;
            }
            Directive::Rewrite(rewrite) => plugins.rewrites.push(rewrite),
            Directive::NoEffect => {}
        }
        rest = after;
    }
    Ok(plugins)
}

/// The lines up to the `}` that belongs to `first`, and those after it.
fn block<'l>(first: &Line, lines: &'l [Line]) -> Result<(&'l [Line], &'l [Line]), Mistake> {
    let mut depth = 1_usize;
    for (index, line) in lines.iter().enumerate() {
        if line.opens {
            depth += 1;
        }
        if line.closes {
            depth -= 1;
        }
        if depth == 0 {
            return Ok((&lines[..index], &lines[index + 1..]));
        }
    }
    Err(Mistake::new(first.number, "the `{` has no `}`"))
}

/// A zone of a server block: a domain, perhaps with `:53` or `dns://`.
fn zone_name(written: &str, line: usize) -> Result<String, Mistake> {
    let name = match written.split_once("://") {
        None => written,
        Some(("dns", name)) => name,
        Some((scheme, _)) => {
            return Err(Mistake::new(
                line,
                format!("`{}://` is not built: only plain DNS is", clipped(scheme)),
            ));
        }
    };
    let name = match name.split_once(':') {
        None | Some((_, "53")) => name.split(':').next().unwrap_or_default(),
        Some((_, port)) => {
            let message = format!("a server block for the port {}", clipped(port));
            return Err(Mistake::new(line, message).help("Services lead to port 53 only: write `:53`"));
        }
    };
    domain(name, line)
}

/// A domain in lower case without the dot at its end.
fn domain(written: &str, line: usize) -> Result<String, Mistake> {
    let name = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
    let label = |label: &str| check_label(label.replace('_', "-").trim_matches('-'), 63).is_ok();
    if (name.is_empty() && written == ".") || (name.len() <= NAME_MAX && name.split('.').all(label)) {
        return Ok(name);
    }
    Err(Mistake::new(line, format!("`{}` is not a domain", clipped(written))))
}

fn shown(zone: &str) -> &str {
    if zone.is_empty() { "." } else { zone }
}

fn clipped(text: &str) -> String {
    text.chars().take(60).collect()
}
