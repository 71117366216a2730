//! Certificates of servers: each signs its own.

use std::sync::{Arc, OnceLock};

use fabric_core::listener::Listener;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// Why a server has no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// It cannot be used.
    #[error("cannot use the certificate")]
    Config(#[from] rustls::Error),
}

/// The certificate of one server. It is made when the first client comes, and lives as long as its socket.
#[derive(Debug, Default)]
pub struct Certificate {
    config: OnceLock<Arc<ServerConfig>>,
}

impl Certificate {
    /// What takes the clients of `listener`.
    ///
    /// # Errors
    /// If a name of the server can be in no certificate.
    pub fn acceptor(&self, listener: &Listener) -> Result<TlsAcceptor, TlsError> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone().into());
        }
        let made = Arc::new(config(listener)?);
        // Of two that come first, one's is used by both.
        Ok(self.config.get_or_init(|| made).clone().into())
    }
}

fn config(listener: &Listener) -> Result<ServerConfig, TlsError> {
    let mut names = listener.fqdns.clone();
    names.extend(listener.address.map(|address| address.to_string()));
    let mut parameters = CertificateParams::new(names)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, listener.fqdns.first().unwrap_or(&listener.name).as_str());
    parameters.distinguished_name = subject;
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
