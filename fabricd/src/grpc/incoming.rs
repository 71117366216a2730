//! What clients send: first messages, later ones, and names that may be left out.

use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::status::missing;

/// The first message of a call, which must have one.
pub async fn first<T>(requests: &mut Streaming<T>) -> Result<T, Status> {
    requests.message().await?.ok_or_else(|| missing("first message"))
}

/// Passes a client's later messages on, until either side ends. Messages without meaning are skipped.
pub async fn forward<T, C>(mut requests: Streaming<T>, to: mpsc::Sender<C>, convert: fn(T) -> Option<C>) {
    loop {
        tokio::select! {
            request = requests.message() => match request {
                Ok(Some(request)) => if let Some(command) = convert(request)
                    && to.send(command).await.is_err() { return },
                Ok(None) | Err(_) => return,
            },
            () = to.closed() => return,
        }
    }
}

/// The Kubernetes namespace that is meant.
pub fn or_default(namespace: &str) -> &str {
    if namespace.is_empty() { "default" } else { namespace }
}
