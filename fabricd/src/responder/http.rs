//! HTTP/1.1: each request is answered with what the server has seen of it.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use fabric_core::listener::{Listener, answer};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes},
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::{IDLE, Live, client::Client, tls::Certificate};

/// Most bytes of a request's line and headers.
const HEAD_MAX: usize = 16 * 1024;

/// Most bytes of a request's body, which is read and thrown away.
const BODY_MAX: usize = 1024 * 1024;

/// Between whom a connection is.
struct Ends {
    listener: Arc<Listener>,
    live: Live,
    server: SocketAddr,
    client: SocketAddr,
    tls_server_name: Option<String>,
}

/// Answers one client until it ends, or nothing has moved for [`IDLE`].
///
/// # Errors
/// If the connection fails.
pub async fn plain(listener: Arc<Listener>, live: Live, client: Client) -> io::Result<()> {
    let ends = Ends { listener, live, server: client.server, client: client.address, tls_server_name: None };
    serve(client, ends).await
}

/// The same inside TLS.
///
/// # Errors
/// If the connection fails, or the client will have no TLS.
pub async fn encrypted(
    listener: Arc<Listener>,
    live: Live,
    certificate: Arc<Certificate>,
    client: Client,
) -> io::Result<()> {
    let acceptor = certificate.acceptor(&listener).map_err(|error| {
        tracing::warn!(%listener, %error, "no TLS");
        io::Error::other(error)
    })?;
    let (server, address) = (client.server, client.address);
    let stream = timeout(IDLE, acceptor.accept(client)).await??;
    let tls_server_name = stream.get_ref().1.server_name().map(str::to_owned);
    serve(stream, Ends { listener, live, server, client: address, tls_server_name }).await
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, ends: Ends) -> io::Result<()> {
    let ends = &ends;
    let answer = service_fn(|request| async move { Ok::<_, Infallible>(respond(ends, request).await) });
    let mut http = http1::Builder::new();
    // The time between requests counts too.
    http.timer(TokioTimer::new()).header_read_timeout(IDLE);
    http.max_buf_size(HEAD_MAX).half_close(true);
    http.serve_connection(TokioIo::new(stream), answer).await.map_err(io::Error::other)
}

async fn respond<B: Body + Unpin>(ends: &Ends, request: Request<B>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    // Only a proxy makes tunnels.
    if head.method == Method::CONNECT {
        return refusal(StatusCode::METHOD_NOT_ALLOWED);
    }
    match timeout(IDLE, read(body)).await {
        Ok(true) => {}
        Ok(false) => return refusal(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return refusal(StatusCode::REQUEST_TIMEOUT),
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let host = head.headers.get(HOST).map(text);
    let request = format!("{} {} {:?}", head.method, head.uri, head.version);
    let headers: Vec<(String, String)> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let seen = answer::Seen {
        name: &ends.listener.name,
        server: ends.server,
        client: ends.client,
        request: &request,
        host: host.as_deref().or(head.uri.host()),
        tls_server_name: ends.tls_server_name.as_deref(),
        headers: &headers,
    };
    let accept: Vec<String> = head.headers.get_all(ACCEPT).iter().map(text).collect();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let live = ends.live.topology();
    let answer::Answer { status, content_type, body } =
        answer::answer(&ends.listener, live.as_deref(), &seen, target, accept.iter().map(String::as_str));
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Reads a request's body to its end; says whether it had one within [`BODY_MAX`].
async fn read(mut body: impl Body + Unpin) -> bool {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        length += frame.data_ref().map_or(0, hyper::body::Buf::remaining);
        if length > BODY_MAX {
            return false;
        }
    }
    true
}

/// An answer without text, and the end of the connection.
fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    response
}
