//! Work inherits the trace of its starter, wherever it runs.

use super::{TraceContext, TraceIds};
use crate::{
    pool::Pool,
    queue::{WorkerPool, bounded},
    scope::{Scope, scope},
    supervise::{Supervised, Supervisor},
};
use parking_lot::Mutex;
use std::{
    cell::Cell,
    convert::Infallible,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tracing::{Instrument, Metadata, Span, span::Id, subscriber::DefaultGuard};
use tracing_subscriber::{Layer, layer::Context as LayerContext, prelude::*};

const IDS: TraceIds = TraceIds { trace: 0xABCD, span: 0x12, flags: 1 };

/// Spans are known to a subscriber of this thread alone.
fn spans() -> DefaultGuard {
    tracing_subscriber::registry().with(Enters).set_default()
}

/// Counts, on whichever thread it is, how many spans are entered.
struct Enters;

thread_local! {
    static ENTERED: Cell<usize> = const { Cell::new(0) };
}

impl<S: tracing::Subscriber> Layer<S> for Enters {
    fn on_enter(&self, _: &Id, _: LayerContext<'_, S>) {
        ENTERED.set(ENTERED.get() + 1);
    }
    fn on_exit(&self, _: &Id, _: LayerContext<'_, S>) {
        ENTERED.set(ENTERED.get() - 1);
    }
}

/// The ids and the span's name of the running work.
fn seen() -> (Option<TraceIds>, Option<&'static str>) {
    (TraceIds::current(), Span::current().metadata().map(Metadata::name))
}

const OURS: (Option<TraceIds>, Option<&str>) = (Some(IDS), Some("request"));
const NONE: (Option<TraceIds>, Option<&str>) = (None, None);

/// Runs `work` as a request's handler would: with ids, in a span.
async fn in_request<T>(work: impl Future<Output = T>) -> T {
    IDS.scope(work.instrument(tracing::info_span!("request"))).await
}

#[tokio::test]
async fn children_of_a_scope_and_theirs_have_it() {
    let _spans = spans();
    let both = in_request(scope(async |s: Scope<Infallible>| {
        let inner = s.clone();
        let child = s.spawn(async move {
            let grandchild = inner.spawn(async { Ok(seen()) });
            Ok((seen(), grandchild.await.unwrap()))
        });
        Ok(child.await.unwrap())
    }));
    assert_eq!(both.await.unwrap(), (OURS, OURS));
    assert_eq!(seen(), NONE, "nothing is left on this thread");
}

#[tokio::test]
async fn supervised_tasks_have_it() {
    let _spans = spans();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let looks = Supervised::new("looks", move |_| {
        let hears = Arc::clone(&hears);
        async move { hears.lock().push(seen()) }
    });
    let supervisor = Supervisor::new("traced").with(looks);
    in_request(supervisor.run()).await.unwrap();
    assert_eq!(*heard.lock(), [OURS]);
}

#[tokio::test]
async fn work_on_a_pool_has_it() {
    // The pool's thread asks the subscriber of the span, and that is told what was entered on that thread.
    let _spans = spans();
    let pool = Pool::cpu("traced", NonZeroUsize::MIN, 4);
    let work = || (TraceIds::current(), ENTERED.get());
    let (ids, entered) = in_request(pool.run(work)).await.unwrap();
    assert_eq!((ids, entered), (Some(IDS), 1));
    assert_eq!(pool.run(work).await.unwrap(), (None, 0), "the next work is not the same request's");
}

#[tokio::test]
async fn an_item_of_a_queue_is_worked_off_in_the_trace_of_its_sender() {
    let _spans = spans();
    for keyed in [false, true] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let handler = move |item: u32| {
            hears.lock().push((item, seen()));
            let hears = Arc::clone(&hears);
            async move {
                tokio::task::yield_now().await;
                hears.lock().push((item, seen()));
            }
        };
        let (sender, receiver) = bounded("traced", 4);
        let pool = WorkerPool::new("traced", NonZeroUsize::MIN);
        in_request(sender.send(1)).await.unwrap();
        in_request(async { sender.try_send(2) }).await.unwrap();
        sender.send(3).await.unwrap();
        drop(sender);
        if keyed {
            pool.run_keyed(receiver, 2, |item| item % 2, handler).await;
        } else {
            pool.run(receiver, handler).await;
        }
        let heard = heard.lock().clone();
        assert_eq!(
            heard,
            [(1, OURS), (1, OURS), (2, OURS), (2, OURS), (3, NONE), (3, NONE)],
            "keyed: {keyed}"
        );
    }
}

#[tokio::test]
async fn whoever_receives_by_hand_can_go_on_with_it() {
    let _spans = spans();
    let (sender, mut receiver) = bounded("traced", 4);
    in_request(sender.send(1)).await.unwrap();
    let (item, context) = receiver.recv_traced().await.unwrap();
    assert_eq!((item, seen()), (1, NONE));
    assert_eq!(context.scope(async { seen() }).await, OURS);
}

#[test]
fn a_panic_leaves_no_trace_behind() {
    let mut scoped = pin!(IDS.scope(async { TraceContext::current() }));
    let Poll::Ready(context) = scoped.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        unreachable!("nothing is awaited")
    };
    assert!(catch_unwind(AssertUnwindSafe(|| context.sync_scope(|| panic!("within")))).is_err());
    assert_eq!(TraceIds::current(), None);
}
