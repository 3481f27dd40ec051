//! Checks that must hold for any bytes.

use super::{beside, forward::forward, message::Message, pieces::Cuts, relay::relay};
use http::Method;

/// Requests whose responses are framed in different ways.
const REQUESTS: [(&[u8], Method); 3] = [
    (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", Method::GET),
    (b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n", Method::HEAD),
    (b"GET / HTTP/1.0\r\n\r\n", Method::GET),
];

/// The reading of requests, and the bytes passed on, do not depend on how the bytes come.
pub fn requests(bytes: &[u8], cuts: &Cuts) {
    let [at_once, cut] = [&Cuts::none(), cuts].map(|cuts| forward(bytes, cuts));
    assert_eq!((&at_once.messages, &at_once.end), (&cut.messages, &cut.end), "{cuts:?} make a difference");
    // Chunks are forwarded as they come: what they add up to is the same.
    let [at_once, cut] = [at_once, cut].map(|ours| whole(&forward(&ours.upstream, &Cuts::none()).messages));
    assert_eq!(at_once, cut, "{cuts:?} make a difference upstream");
}

/// hyper reads every request that the engine reads, and no other; and exactly these in the bytes passed on.
pub fn requests_beside_hyper(bytes: &[u8]) {
    let ours = forward(bytes, &Cuts::none());
    let theirs = beside::requests(bytes);
    for (at, message) in ours.messages.iter().enumerate().filter(|(_, message)| message.whole) {
        assert_eq!(Some(message), theirs.get(at), "the engine and hyper read request {at} differently");
    }
    if matches!(ours.end.as_str(), "end" | "close") {
        assert_eq!(ours.messages.len(), theirs.len(), "hyper reads another number of requests: {theirs:?}");
    }
    let got = whole(&beside::requests(&ours.upstream));
    assert_eq!(whole(&ours.messages), got, "an upstream reads other requests than were forwarded");
}

/// The reading of a response, and the bytes passed on, do not depend on how the bytes come.
pub fn responses(bytes: &[u8], cuts: &Cuts) {
    for (request, _) in REQUESTS {
        let [at_once, cut] = [&Cuts::none(), cuts].map(|cuts| relay(bytes, request, cuts));
        assert_eq!((&at_once.message, &at_once.end), (&cut.message, &cut.end), "{cuts:?} make a difference");
        if at_once.end == "whole" {
            let [at_once, cut] = [at_once, cut].map(|ours| {
                let read = relay(&ours.downstream, request, &Cuts::none()).message;
                read.map(|message| message.end_to_end())
            });
            assert_eq!(at_once, cut, "{cuts:?} make a difference downstream");
        }
    }
}

/// hyper reads every whole response as the engine does; and the client gets it whole, or an error.
pub fn responses_beside_hyper(bytes: &[u8]) {
    for (request, method) in REQUESTS {
        let ours = relay(bytes, request, &Cuts::none());
        let Some(message) = &ours.message else {
            assert!(ours.downstream.is_empty(), "a refused response was passed on");
            continue;
        };
        let got = beside::response(&ours.downstream, method.clone());
        if ours.end == "whole" {
            assert!(message.whole && !ours.reset);
            let theirs = beside::response(bytes, method);
            assert_eq!(Some(message), theirs.as_ref(), "the engine and hyper read the response differently");
            let mut sent = message.end_to_end();
            if request.windows(8).any(|version| version == b"HTTP/1.0") {
                // Its clients know no trailers.
                sent.trailers.clear();
            }
            assert_eq!(
                Some(sent),
                got.map(|got| got.end_to_end()),
                "the client reads another response than was relayed"
            );
        } else {
            assert!(!message.whole, "an error after the end: {}", ours.end);
            let taken_for_whole = got.is_some_and(|got| got.whole) && !ours.reset;
            assert!(!taken_for_whole, "the client takes a broken response for whole: {}", ours.end);
        }
    }
}

/// The messages that were read to their end, without what each hop writes for itself.
fn whole(messages: &[Message]) -> Vec<Message> {
    messages.iter().filter(|message| message.whole).map(Message::end_to_end).collect()
}
