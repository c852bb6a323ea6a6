//! Both ends of a link against each other, over real sockets with TLS. The state behind
//! them is small: a feed of a few amounts, and a writer that keeps what it is told.

mod answer;
mod convergence;
mod feed;
mod hostile;
mod refusals;
mod world;
mod writer;
