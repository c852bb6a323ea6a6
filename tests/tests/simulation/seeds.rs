//! Seeds that once failed, kept as regressions, each with what it was.

/// A seed, and what it found.
pub const KEPT: &[(u64, &str)] = &[
    (83, "the simulation had more written than its narrowest line could carry"),
    (104, "the simulation decided about a replaced workroom before its parent held it"),
    (109, "the simulation expected kept history above a cut line at once"),
    (113, "the simulation took a stop that a failing disk spoiled for a fault of the node"),
    (180, "the simulation waited without end for a line that had nothing to carry"),
    (247, "the simulation damaged a copy into just what its child had next"),
    (417, "the same, seen as a month of a workroom"),
    (1140, "the simulation's operator did not wait until the parent had noticed that a machine was gone"),
    (2149, "a node whose clock was set back by years panicked over days that had not come yet"),
    (2543, "the same"),
    (1375, "a township that lacked what a workroom had sent last told older figures once another life was accepted"),
    (1641, "the same"),
    (1256, "the simulation expected no total to be made of a damaged part while a walk replaces it"),
];
