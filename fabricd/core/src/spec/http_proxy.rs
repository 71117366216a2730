//! HTTP proxies in a lab file: clusters that use one, and VMs that are one.

use schemars::JsonSchema;
use serde::Deserialize;

/// The HTTP proxy that a cluster's nodes and pods use.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpProxyConfig {
    /// The proxy for HTTP: `http://HOST:PORT/`, where HOST is a name or an IPv4 address. Without user and
    /// password: AKS takes none.
    pub http_proxy: Option<String>,
    /// The proxy for HTTPS; `https://` is for a proxy that is itself asked by TLS. Default: `httpProxy`.
    pub https_proxy: Option<String>,
    /// Names, domains (`.example.com`), addresses and CIDR blocks that are reached without the proxy, beside
    /// those that AKS adds. Without `*`.
    #[serde(default)]
    pub no_proxy: Vec<String>,
    /// A CA certificate in PEM format, in base64. Checked, and without effect.
    pub trusted_ca: Option<String>,
}

/// A VM that is an HTTP proxy: tinyproxy runs on it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpProxy {
    /// The TCP port that it listens on. Default: 3128.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u32>,
}
