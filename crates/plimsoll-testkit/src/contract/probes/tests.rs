//! A probe must be able to fail: a layer that breaks the rule is caught by it.

use super::*;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

/// One call at a time, done wrong in one way.
#[derive(Clone)]
struct Wrong {
    inner: Inner,
    free: Arc<AtomicUsize>,
    fault: Fault,
    readied: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    TakesInReadiness,
    OwnStateForEachClone,
    CallsFreshClone,
    ForgetsWhenDropped,
    AlwaysReady,
}

struct Permit {
    free: Arc<AtomicUsize>,
    forgets: bool,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.forgets {
            self.free.fetch_add(1, SeqCst);
        }
    }
}

impl Service<u32> for Wrong {
    type Response = u32;
    type Error = Option<BrokenError>;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<u32, Self::Error>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.fault == Fault::TakesInReadiness && !self.readied {
            self.readied = true;
            self.free.fetch_update(SeqCst, SeqCst, |free| free.checked_sub(1)).ok();
        }
        if self.fault == Fault::AlwaysReady {
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_ready(cx).map_err(Some)
    }

    fn call(&mut self, request: u32) -> Self::Future {
        if self.fault == Fault::OwnStateForEachClone {
            self.free = Arc::new(AtomicUsize::new(1));
        }
        let inner =
            if self.fault == Fault::CallsFreshClone { &mut self.inner.clone() } else { &mut self.inner };
        let taken = self.free.fetch_update(SeqCst, SeqCst, |free| free.checked_sub(1)).is_ok();
        let permit = Permit {
            free: Arc::clone(&self.free),
            forgets: !taken || self.fault == Fault::ForgetsWhenDropped,
        };
        let call = taken.then(|| inner.call(request));
        Box::pin(async move {
            let _permit = permit;
            let Some(call) = call else { return Err(None) };
            call.await.map_err(Some)
        })
    }
}

type Apply = Box<dyn Fn(Inner) -> Wrong>;

fn contract(
    fault: Fault,
) -> Contract<impl Fn() -> Apply, impl Fn(&Option<BrokenError>) -> Option<BrokenError>> {
    let make = move || -> Apply {
        let free = Arc::new(AtomicUsize::new(1));
        Box::new(move |inner| Wrong { inner, free: Arc::clone(&free), fault, readied: false })
    };
    Contract::new(make).in_flight(1).errors(|error: &Option<BrokenError>| *error)
}

#[tokio::test]
async fn what_keeps_to_the_contract_passes() {
    contract(Fault::None).hold().await;
}

#[test]
fn each_fault_is_found_by_its_probe() {
    assert!(caught(|| contract(Fault::TakesInReadiness).readiness_carries_no_permit()));
    assert!(caught(|| contract(Fault::OwnStateForEachClone).clones_share()));
    assert!(caught(|| contract(Fault::CallsFreshClone).the_ready_instance_is_called()));
    assert!(caught(|| contract(Fault::ForgetsWhenDropped).cancelled_anywhere()));
    assert!(caught(|| contract(Fault::ForgetsWhenDropped).panics_settle()));
    assert!(caught(|| contract(Fault::AlwaysReady).readiness_is_the_inner_ones()));
}
