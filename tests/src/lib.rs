//! The harness of the federation tests: real `wuji-node` processes over real mutual TLS.
//!
//! * [`Federation`]: some units, each with a node; started in one line, killed, stopped,
//!   started again, cut off.
//! * [`node`]: one process; [`link`]: a line that can be cut; [`program`]: where the binary is.
//! * [`client`]: the calls of an operator; [`wait`]: bounded waits.
//! * [`records`]: entries to write; [`recount`]: what all of them must add up to.
//! * [`mod@bench`]: the scenarios of the program `wuji-bench`.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use wuji_tests::{Federation, TIERS, WORKROOM, records};
//!
//! let federation = Federation::start(&TIERS).await?;
//! federation.client(WORKROOM)?.submit(&records::case(1, "2025-03-04")).await?;
//! federation.exact().await?; // every tier equals a recount of all raw records
//! federation.finish().await
//! # }
//! ```

pub mod bench;
pub mod client;
pub mod federation;
pub mod link;
pub mod node;
pub mod program;
pub mod quiet;
pub mod records;
pub mod recount;
pub mod wait;

pub use federation::{CITY, COUNTY, Federation, PROVINCE, Setup, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2};
