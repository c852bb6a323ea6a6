//! What no simulation shows: real processes killed with SIGKILL at any instant, real files cut and
//! flipped as a power cut leaves them, a real disk that is full, a million items at once.
//!
//! * [`rounds`]: SIGKILL at all tiers under load; [`clerk`] writes, and keeps a list of its own of what
//!   was acknowledged; [`plan`] says how many rounds, and of which seed.
//! * [`power`]: a copied data directory, cut and flipped at every place of its end; [`frames`] reads its
//!   journal with code of its own. [`power_processes`]: the same with real processes.
//!
//! `WUJI_CRASH_ROUNDS` asks for more rounds, `WUJI_CRASH_SEED` for the plan of an earlier run.

mod clerk;
mod frames;
mod plan;
mod power;
//mod power_processes;
mod rounds;
