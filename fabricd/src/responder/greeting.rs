//! What a client says first: whom it wants to speak with, in HTTP or TLS.

use std::io;

use fabric_core::firewall::Scheme;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_rustls::rustls::server::Acceptor;

/// Most bytes that are read before a client has said whom it wants.
const LENGTH_MAX: usize = 16 * 1024;

/// Most headers of a request.
const HEADERS_MAX: usize = 100;

/// The first byte of TLS: a record of the handshake.
const HANDSHAKE: u8 = 22;

/// The beginning of a connection.
#[derive(Debug)]
pub struct Greeting {
    /// What is spoken. What is no TLS counts as HTTP.
    pub scheme: Scheme,
    /// The name that is asked for, without a port; `None` if none is said, or nothing that can be understood.
    pub fqdn: Option<String>,
    /// All that was read.
    pub bytes: Vec<u8>,
}

/// Reads until the client has said whom it wants. `None` if it says nothing at all and goes.
///
/// # Errors
/// If the connection fails.
pub async fn read(client: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Greeting>> {
    let mut bytes = Vec::with_capacity(2048);
    loop {
        let begun = bytes.len();
        let ended = (&mut *client).take((LENGTH_MAX - begun) as u64).read_buf(&mut bytes).await? == 0;
        let Some(first) = bytes.first() else { return Ok(None) };
        let (scheme, said) = match *first {
            HANDSHAKE => (Scheme::Https, server_name(&bytes)),
            _ => (Scheme::Http, host(&bytes)),
        };
        match said {
            Said::NotYet if !ended && bytes.len() < LENGTH_MAX => {}
            Said::Name(fqdn) => return Ok(Some(Greeting { scheme, fqdn: Some(fqdn), bytes })),
            Said::Nothing | Said::NotYet => return Ok(Some(Greeting { scheme, fqdn: None, bytes })),
        }
    }
}

enum Said {
    NotYet,
    Nothing,
    Name(String),
}

/// TLS' server name (RFC 6066).
fn server_name(bytes: &[u8]) -> Said {
    let mut acceptor = Acceptor::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        if acceptor.read_tls(&mut rest).is_err() {
            return Said::Nothing;
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let name = accepted.client_hello().server_name().map(str::to_owned);
                return name.map_or(Said::Nothing, Said::Name);
            }
            Err(_) => return Said::Nothing,
        }
    }
    Said::NotYet
}

/// The header `Host` of HTTP/1 (RFC 9112).
fn host(bytes: &[u8]) -> Said {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => Said::NotYet,
        Ok(httparse::Status::Complete(_)) => {
            let mut hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
            // Of two the server could take the other one.
            let (Some(host), None) = (hosts.next(), hosts.next()) else { return Said::Nothing };
            let Ok(host) = std::str::from_utf8(host.value) else { return Said::Nothing };
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            if name.is_empty() || name.len() > 253 || !name.bytes().all(plain) {
                return Said::Nothing;
            }
            Said::Name(name.to_owned())
        }
        Err(_) => Said::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use tokio_rustls::rustls::{
        ClientConfig, ClientConnection, RootCertStore, crypto::ring, pki_types::ServerName,
    };

    use super::*;

    /// The first bytes of a real client.
    fn client_hello(name: &str) -> Vec<u8> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut bytes = vec![];
        client.write_tls(&mut bytes).expect("written");
        bytes
    }

    fn said(bytes: &[u8]) -> Option<(Scheme, Option<String>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let greeting = runtime.block_on(read(&mut &*bytes)).expect("memory does not fail");
        let greeting = greeting?;
        assert_eq!(greeting.bytes, bytes[..greeting.bytes.len()]);
        Some((greeting.scheme, greeting.fqdn))
    }

    #[test]
    fn names_are_found() {
        let http = |text: &str| said(text.as_bytes()).expect("something");
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(
            http("GET / HTTP/1.1\r\nUser-Agent: x\r\nhost: www.example.com:80\r\n\r\nbody"),
            (Scheme::Http, name("www.example.com"))
        );
        assert_eq!(http("GET / HTTP/1.0\r\n\r\n"), (Scheme::Http, None));
        assert_eq!(http("GET / HTTP/1.1\r\nHost: a.com\r\nHost: b.com\r\n\r\n"), (Scheme::Http, None));
        assert_eq!(http("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), (Scheme::Http, None));
        assert_eq!(http("SSH-2.0-OpenSSH_9.2\r\n"), (Scheme::Http, None));
        assert_eq!(said(&client_hello("www.example.com")), Some((Scheme::Https, name("www.example.com"))));
        assert_eq!(said(&client_hello("203.0.113.10")), Some((Scheme::Https, None)));
        assert_eq!(said(b""), None);
    }

    #[test]
    fn a_name_is_found_however_the_bytes_come() {
        let hello = client_hello("www.example.com");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for size in [1, 3, 100] {
            let mut pieces = tokio_test_pieces(&hello, size);
            let greeting = runtime.block_on(read(&mut pieces)).expect("read").expect("something");
            assert_eq!(greeting.fqdn.as_deref(), Some("www.example.com"));
        }
    }

    /// A reader that gives at most `size` bytes at once.
    fn tokio_test_pieces(bytes: &[u8], size: usize) -> impl AsyncRead + Unpin {
        struct Pieces(Vec<u8>, usize);
        impl AsyncRead for Pieces {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                buffer: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                let length = self.1.min(self.0.len()).min(buffer.remaining());
                let piece: Vec<u8> = self.0.drain(..length).collect();
                buffer.put_slice(&piece);
                std::task::Poll::Ready(Ok(()))
            }
        }
        Pieces(bytes.to_vec(), size)
    }

    proptest! {
        #[test]
        fn nothing_is_too_strange(first in prop_oneof![Just(HANDSHAKE), any::<u8>()],
            rest in proptest::collection::vec(any::<u8>(), 0..300)) {
            let bytes: Vec<u8> = std::iter::once(first).chain(rest).collect();
            prop_assert!(said(&bytes).is_some());
        }

        #[test]
        fn a_changed_hello_is_no_danger(at in 0usize..250, value: u8) {
            let mut hello = client_hello("www.example.com");
            if let Some(byte) = hello.get_mut(at) {
                *byte = value;
            }
            let _ = said(&hello);
        }

        #[test]
        fn no_more_is_read_than_allowed(extra in 0usize..5000) {
            let mut long = b"GET / HTTP/1.1\r\nX: ".to_vec();
            long.resize(LENGTH_MAX + extra, b'x');
            prop_assert_eq!(said(&long), Some((Scheme::Http, None)));
        }
    }
}
