//! What no simulation shows: real processes killed with SIGKILL at any instant, real files cut and
//! flipped as a power cut leaves them, a real disk that is full, a million items at once.
//!
//! * [`rounds`]: SIGKILL at all tiers under load; [`clerk`] writes, and keeps a list of its own of what
//!   was acknowledged; [`plan`] says how many rounds, and of which seed.
//! * [`power`]: a copied data directory, cut and flipped at every place of its end; [`frames`] reads its
//!   journal with code of its own. [`power_processes`]: the same with real processes.
//! * [`full_disk`]: a small disk that fills up, mounted for real processes; [`small_disk`]: one that is
//!   injected, which needs no right to mount.
//! * [`catch_up`]: the memory of a node that takes a great many items; [`many_items`] has them.
//!
//! `WUJI_CRASH_ROUNDS` asks for more rounds, `WUJI_CRASH_SEED` for the plan of an earlier run,
//! `WUJI_CRASH_ITEMS` for more items.

mod catch_up;
mod clerk;
mod frames;
mod full_disk;
mod many_items;
mod plan;
mod power;
mod power_processes;
mod rounds;
mod small_disk;
