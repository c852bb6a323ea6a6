//! x
/// Frames that may ever be unanswered on one stream.
pub const WINDOW_FRAMES_MAX: u32 = 256;
