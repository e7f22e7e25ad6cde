//! The body of an answer on its way out: whole, slow, cut or stuck, and counted in the log.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

use crate::lock;
use crate::log::Entry;

/// Counts the requests that are being handled.
#[derive(Default)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Gauge {
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(now, Ordering::SeqCst);
        InFlight(self.clone())
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
}

/// One request being handled.
pub(crate) struct InFlight(Arc<Gauge>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What comes after the last byte.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ending {
    Complete,
    /// The connection breaks.
    Abort,
    /// Nothing.
    Hang,
}

/// A body that is sent.
pub(crate) struct Body {
    segments: VecDeque<Bytes>,
    ending: Ending,
    /// Bytes per second.
    pace: Option<u64>,
    pause: Option<Pin<Box<Sleep>>>,
    entry: Entry,
    /// Given up with the last byte, not when hyper drops the body: the client may send its next request before that.
    in_flight: Option<InFlight>,
}

impl Body {
    pub(crate) fn new(segments: Vec<Bytes>, ending: Ending, entry: Entry, in_flight: InFlight) -> Self {
        let segments: VecDeque<Bytes> = segments.into_iter().filter(|part| !part.is_empty()).collect();
        let done = segments.is_empty() && ending == Ending::Complete;
        let in_flight = (!done).then_some(in_flight);
        Self { segments, ending, pace: None, pause: None, entry, in_flight }
    }

    pub(crate) fn paced(mut self, bytes_per_second: u64) -> Self {
        self.pace = Some(bytes_per_second.max(1));
        self
    }

    fn next_piece(&mut self) -> Option<Bytes> {
        // Small pieces, so that what was sent before an abort or a pause really leaves the process.
        let most = self.pace.map_or(64 * 1024, |pace| (pace / 20).max(1)) as usize;
        let first = self.segments.front_mut()?;
        let piece = first.split_to(most.min(first.len()));
        if !first.has_remaining() {
            self.segments.pop_front();
        }
        Some(piece)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(context));
            self.pause = None;
            if self.segments.is_empty() {
                self.in_flight = None;
                return Poll::Ready(match self.ending {
                    Ending::Abort => Some(Err(io::Error::other("a fault was asked for"))),
                    _ => None,
                });
            }
        }
        if let Some(piece) = self.next_piece() {
            lock(&self.entry).bytes_sent += piece.len() as u64;
            let last = self.segments.is_empty();
            if let (Some(pace), false) = (self.pace, last) {
                let nanoseconds = piece.len() as u128 * 1_000_000_000 / u128::from(pace);
                self.pause = Some(Box::pin(sleep(Duration::from_nanos(nanoseconds as u64))));
            } else if last && self.ending == Ending::Complete {
                self.in_flight = None;
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.ending {
            Ending::Complete => Poll::Ready(None),
            Ending::Hang => Poll::Pending,
            Ending::Abort => {
                // Without a pause hyper drops what it has not written yet, and fewer bytes arrive than were asked for.
                let mut pause = Box::pin(sleep(Duration::from_millis(20)));
                let polled = pause.as_mut().poll(context);
                self.pause = Some(pause);
                polled.map(|()| None)
            }
        }
    }

    /// hyper takes the length from the header, which a fault may have made a lie.
    fn is_end_stream(&self) -> bool {
        self.segments.is_empty() && self.ending == Ending::Complete
    }
}
