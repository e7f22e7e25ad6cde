//! The thread a registry lives on: listeners, connections, TLS, the proxy's tunnels. It hands requests to `service` and
//! knows nothing of what is in them. When the thread ends its runtime goes with it, and every socket with that.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::service;
use crate::state::State;

/// How a request came here.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// Over TLS.
    pub(crate) secure: bool,
    /// Through the proxy, or its tunnel.
    pub(crate) proxied: bool,
    /// On the second listener, which plays a blob store.
    pub(crate) cdn: bool,
}

/// The sockets of a registry.
pub(crate) struct Listeners {
    pub(crate) registry: TcpListener,
    pub(crate) cdn: Option<TcpListener>,
    pub(crate) proxy: Option<TcpListener>,
}

/// Serves until `stop` is sent or dropped. `started` learns whether it could begin.
pub(crate) fn run(
    state: Arc<State>,
    listeners: Listeners,
    stop: oneshot::Receiver<()>,
    started: &std::sync::mpsc::Sender<io::Result<()>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        if let Err(error) = listen(&state, listeners) {
            let _ = started.send(Err(error));
            return;
        }
        let _ = started.send(Ok(()));
        let _ = stop.await;
    });
}

fn listen(state: &Arc<State>, listeners: Listeners) -> io::Result<()> {
    let secure = state.is_secure();
    let roles = [
        (Some(listeners.registry), Origin { secure, proxied: false, cdn: false }),
        (listeners.cdn, Origin { secure, proxied: false, cdn: true }),
        (listeners.proxy, Origin { secure: false, proxied: true, cdn: false }),
    ];
    for (listener, origin) in roles {
        let Some(listener) = listener else { continue };
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(accept(state.clone(), listener, origin));
    }
    Ok(())
}

async fn accept(state: Arc<State>, listener: tokio::net::TcpListener, origin: Origin) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: others of this process may give some back.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let state = state.clone();
        if origin.secure {
            tokio::spawn(serve_tls(state, stream, origin));
        } else {
            tokio::spawn(serve(state, stream, origin));
        }
    }
}

/// Serves one connection. How it ends is the client's affair.
async fn serve(
    state: Arc<State>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    origin: Origin,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    if !state.options.http2 {
        builder = builder.http1_only();
    }
    let service = service_fn(move |request| service::handle(state.clone(), origin, request));
    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

async fn serve_tls(
    state: Arc<State>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    origin: Origin,
) {
    let Some(certificates) = &state.certificates else { return };
    let acceptor = TlsAcceptor::from(certificates.server.clone());
    if let Ok(stream) = acceptor.accept(stream).await {
        serve(state, stream, origin).await;
    }
}

/// Turns the connection of a CONNECT that was answered 200 into one to the host it named.
pub(crate) fn tunnel(state: Arc<State>, request: hyper::Request<Incoming>) {
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            let origin = Origin { secure: true, proxied: true, cdn: false };
            // Boxed because a tunnel's service could open a tunnel: the type would contain itself.
            let served: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> =
                Box::pin(serve_tls(state, TokioIo::new(upgraded), origin));
            served.await;
        }
    });
}
