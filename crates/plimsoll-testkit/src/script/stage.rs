//! The stage: time that jumps from one thing that happens to the next, and the calls as tasks of one thread.

use super::{Act, Script};
use crate::VirtualTime;
use plimsoll_driver::TimeSource;
use plimsoll_policy::Instant;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

/// A call under way: ready when it has ended, its body included.
pub type CallFuture = Pin<Box<dyn Future<Output = ()>>>;

/// A driver under test.
pub trait ScriptDriver {
    /// This call begins.
    fn start(&mut self, call: usize) -> CallFuture;

    /// The caller of this call has just left: its scene was dropped before its end.
    fn left(&mut self, call: usize);

    /// This is done by hand.
    fn act(&mut self, act: &Act);
}

/// Something that comes from outside.
#[derive(Clone, Copy)]
pub(super) enum Cue<'a> {
    Act(&'a Act),
    Leave(usize),
    Start(usize),
}

/// All that comes from outside, in order. In one instant, what is done by hand comes first, then who leaves.
pub(super) fn cues(script: &Script) -> Vec<(Duration, Cue<'_>)> {
    let acts = script.acts.iter().map(|(at, act)| (*at, Cue::Act(act)));
    let calls = script.calls.iter().enumerate();
    let leave = calls.clone().map(|(call, plan)| (plan.leaves, Cue::Leave(call)));
    let start = calls.map(|(call, plan)| (plan.starts, Cue::Start(call)));
    let mut cues: Vec<_> = acts.chain(leave).chain(start).collect();
    cues.sort_by_key(|(at, _)| *at);
    cues.reverse();
    cues
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// Plays the script to its end. What is woken in one instant is polled by its number, round by round. The seeds of `time`
/// begin anew.
pub fn play(script: &Script, time: &VirtualTime, cast: &mut impl ScriptDriver) {
    time.reseed(script.seed);
    let start = time.now();
    let mut cues = cues(script);
    let flags: Vec<Arc<Flag>> = script.calls.iter().map(|_| Arc::default()).collect();
    let mut scenes: Vec<Option<CallFuture>> = script.calls.iter().map(|_| None).collect();
    while !cues.is_empty() || scenes.iter().any(Option::is_some) {
        let cue = cues.last().map_or(Instant::FAR, |(at, _)| start + *at);
        let now = cue.earliest(time.next_timer().unwrap_or(Instant::FAR));
        assert_ne!(now, Instant::FAR, "a call waits for nothing that could come");
        time.advance_to(now);
        while let Some((_, cue)) = cues.pop_if(|(at, _)| start + *at <= now) {
            match cue {
                Cue::Act(act) => cast.act(act),
                Cue::Leave(call) => {
                    if scenes[call].take().is_some() {
                        cast.left(call);
                    }
                }
                Cue::Start(call) => {
                    scenes[call] = Some(cast.start(call));
                    flags[call].0.store(true, SeqCst);
                }
            }
        }
        while flags.iter().any(|flag| flag.0.load(SeqCst)) {
            for (flag, scene) in flags.iter().zip(&mut scenes) {
                if flag.0.swap(false, SeqCst)
                    && let Some(running) = scene
                {
                    let waker = Waker::from(Arc::clone(flag));
                    if running.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                        *scene = None;
                    }
                }
            }
        }
    }
}
