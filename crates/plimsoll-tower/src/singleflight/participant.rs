use super::group::{CallGroup, SharedCall};
use std::{
    sync::Arc,
    task::{Context, Poll},
};

/// A caller's part in a shared call. Dropping it withdraws the caller.
pub(super) struct Participant<T> {
    group: Arc<CallGroup<T>>,
    call: Arc<SharedCall<T>>,
    role: Role,
}

#[derive(Clone, Copy)]
enum Role {
    Leader,
    Follower(u64),
    Done,
}

impl<T> Participant<T> {
    pub(super) fn leader(group: Arc<CallGroup<T>>, call: Arc<SharedCall<T>>) -> Self {
        Self { group, call, role: Role::Leader }
    }

    pub(super) fn follower(group: Arc<CallGroup<T>>, call: Arc<SharedCall<T>>, number: u64) -> Self {
        Self { group, call, role: Role::Follower(number) }
    }

    pub(super) fn leads(&self) -> bool {
        matches!(self.role, Role::Leader)
    }

    /// Shares the leader's result with all followers.
    pub(super) fn complete(&mut self, result: T) {
        self.role = Role::Done;
        self.group.complete(&self.call, result);
    }
}

impl<T: Clone> Participant<T> {
    /// Waits as a follower for the result, or for becoming the leader (`None`).
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Role::Follower(number) = self.role else { return Poll::Ready(None) };
        let mut state = self.call.state();
        if let Some(result) = &state.result {
            let result = result.clone();
            state.followers -= 1;
            self.role = Role::Done;
            return Poll::Ready(Some(result));
        }
        if !state.led {
            state.led = true;
            state.followers -= 1;
            state.wakers.retain(|(known, _)| *known != number);
            self.role = Role::Leader;
            return Poll::Ready(None);
        }
        match state.wakers.iter_mut().find(|(known, _)| *known == number) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => state.wakers.push((number, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl<T> Drop for Participant<T> {
    fn drop(&mut self) {
        match self.role {
            Role::Leader => self.group.abandon(&self.call),
            Role::Follower(number) => self.group.leave(&self.call, number),
            Role::Done => {}
        }
    }
}
