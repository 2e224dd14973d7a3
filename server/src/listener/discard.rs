//! What a client still sends once it has its answer.
//!
//! A refusal is written before a large body has come in. On HTTP/2 a server that then drops the body resets the stream (RFC 9113,
//! section 8.1), and widespread clients report the reset instead of the answer that came before it; on HTTP/1.1 it closes the connection on
//! bytes that nobody read, which resets it as well. So what remains of the body is read and thrown away, within bounds; whoever sends more
//! than that is reset after all, on HTTP/2 with `NO_ERROR`.

use axum::body::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Bytes that are thrown away for one request: more than the largest body that any route takes.
const BYTES: u64 = 64 << 20;

/// How long that may take.
const TIME: Duration = Duration::from_secs(30);

/// A body whose rest is thrown away, not cut off, when its reader has had enough.
pub struct Discarding<B: Body<Data = Bytes> + Unpin + Send + 'static>(Option<B>);

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Discarding<B> {
    /// Of a request that begins.
    pub fn new(body: B) -> Self {
        Self(Some(body))
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Body for Discarding<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Drop for Discarding<B> {
    fn drop(&mut self) {
        let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) else { return };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(TIME, discard(body)));
        }
    }
}

async fn discard<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let mut left = BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body as AxumBody;
    use futures_util::StreamExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::Notify;

    /// A body of so many megabytes that counts what is taken of it, and says when it is let go.
    fn body(megabytes: u64) -> (AxumBody, Arc<AtomicU64>, Arc<Notify>) {
        struct Gone(Arc<Notify>);
        impl Drop for Gone {
            fn drop(&mut self) {
                self.0.notify_one();
            }
        }
        let (taken, gone) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let (count, guard) = (Arc::clone(&taken), Gone(Arc::clone(&gone)));
        let pieces = futures_util::stream::iter(0..megabytes).map(move |_| {
            let _held = &guard;
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1 << 20]))
        });
        (AxumBody::from_stream(pieces), taken, gone)
    }

    async fn check(megabytes: u64, expected: u64) {
        let (body, taken, gone) = body(megabytes);
        let mut reader = Discarding::new(body);
        assert!(reader.frame().await.is_some());
        drop(reader);
        gone.notified().await;
        assert_eq!(taken.load(Ordering::SeqCst), expected);
    }

    #[tokio::test]
    async fn the_rest_of_a_body_is_read_within_bounds() {
        check(3, 3).await;
        check(65, 65).await;
        check(1_000, 66).await;
    }
}
