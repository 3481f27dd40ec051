//! Senders and a receiver that are polled, dropped and woken in any order, against a list.

use crate::queue::{Receiver, Sender, TrySendError, bounded};
use futures_util::task::noop_waker;
use proptest::prelude::*;
use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

#[derive(Debug, Clone)]
enum Step {
    TrySend,
    /// Begins a send and keeps it under way if it has to wait.
    Send,
    /// Polls a send under way.
    Poll(usize),
    /// Drops a send under way.
    Cancel(usize),
    /// Reserves a place, and uses it or not.
    Reserve(bool),
    TryRecv,
    /// Polls `recv` once and drops it.
    Recv,
    RecvMany(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::TrySend),
        5 => Just(Step::Send),
        4 => (0_usize..8).prop_map(Step::Poll),
        2 => (0_usize..8).prop_map(Step::Cancel),
        2 => any::<bool>().prop_map(Step::Reserve),
        3 => Just(Step::TryRecv),
        3 => Just(Step::Recv),
        2 => (0_usize..4).prop_map(Step::RecvMany),
        1 => Just(Step::Close),
    ]
}

type Sending = Pin<Box<dyn Future<Output = bool>>>;

fn send(sender: &Sender<u32>, item: u32) -> Sending {
    let sender = sender.clone();
    Box::pin(async move { sender.send(item).await.is_ok() })
}

fn once<F: Future>(future: F) -> Poll<F::Output> {
    std::pin::pin!(future).poll(&mut Context::from_waker(&noop_waker()))
}

struct Model {
    sender: Sender<u32>,
    receiver: Receiver<u32>,
    /// The items in the queue, in the order in which the sends ended.
    inside: VecDeque<u32>,
    under_way: Vec<(u32, Sending)>,
    next: u32,
    taken: u64,
}

impl Model {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = bounded("queue: model", capacity);
        Self { sender, receiver, inside: VecDeque::new(), under_way: Vec::new(), next: 0, taken: 0 }
    }

    fn item(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn sent(&mut self, item: u32, sent: bool) {
        if sent {
            self.inside.push_back(item);
        }
    }

    fn took(&mut self, item: Option<u32>) {
        assert_eq!(item, self.inside.pop_front());
        self.taken += u64::from(item.is_some());
    }

    fn poll(&mut self, at: usize) {
        let Some(at) = at.checked_rem(self.under_way.len()) else { return };
        if let Poll::Ready(sent) = once(self.under_way[at].1.as_mut()) {
            let (item, _) = self.under_way.remove(at);
            self.sent(item, sent);
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::TrySend => {
                let item = self.item();
                let sent = self.sender.try_send(item);
                if let Err(TrySendError::Full(back) | TrySendError::Closed(back)) = sent {
                    assert_eq!(back, item);
                }
                self.sent(item, sent.is_ok());
            }
            Step::Send => {
                let item = self.item();
                self.under_way.push((item, send(&self.sender, item)));
                self.poll(self.under_way.len() - 1);
            }
            Step::Poll(at) => self.poll(at),
            Step::Cancel(at) => {
                if let Some(at) = at.checked_rem(self.under_way.len()) {
                    drop(self.under_way.remove(at));
                }
            }
            Step::Reserve(used) => {
                let item = self.item();
                let sender = self.sender.clone();
                if let Ok(place) = sender.try_reserve() {
                    if used {
                        place.send(item);
                    }
                    self.sent(item, used);
                }
            }
            Step::TryRecv => {
                let item = self.receiver.try_recv().ok();
                self.took(item);
            }
            Step::Recv => match once(self.receiver.recv()) {
                Poll::Ready(item) => self.took(item),
                Poll::Pending => assert!(self.inside.is_empty()),
            },
            Step::RecvMany(most) => {
                let mut items = Vec::new();
                if let Poll::Ready(count) = once(self.receiver.recv_many(&mut items, most)) {
                    assert!(count == items.len() && count <= most);
                }
                for item in items {
                    self.took(Some(item));
                }
            }
            Step::Close => self.receiver.close(),
        }
        let stats = self.sender.stats();
        assert_eq!((stats.depth, stats.taken), (self.inside.len(), self.taken));
        assert_eq!(stats.waiting as usize, self.under_way.len());
    }
}

proptest! {
    /// First in first out, nothing lost, nothing twice, whoever gives up meanwhile.
    #[test]
    fn a_queue_is_a_list(capacity in 1_usize..5, steps in proptest::collection::vec(step(), 1..200)) {
        let mut model = Model::new(capacity);
        for step in steps {
            model.apply(step);
        }
        model.under_way.clear();
        while let Ok(item) = model.receiver.try_recv() {
            model.took(Some(item));
        }
        prop_assert!(model.inside.is_empty());
    }
}
