//! Contract probes for tower layers, a manual clock and a faulty upstream, for our tests and yours.
