//! The server side over real sockets, and over pipes where time is an argument.

mod requests;
mod responses;
mod slow;
mod support;
