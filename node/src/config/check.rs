use std::ops::RangeInclusive;

use wuji_proto::Tier;

use super::{Config, ParentConfig};

/// The longest name of a unit, in characters.
pub const NAME_CHARACTERS_MAX: usize = 64;

/// The key that is wrong, and what to write.
type Problem = (&'static str, String);

/// What the types alone do not say.
pub fn check(config: &Config) -> Result<(), Problem> {
    name(config)?;
    parent(config)?;
    numbers(config)?;
    if let Err(error) = crate::telemetry::parse_level(&config.log.level) {
        return Err(("log.level", error.to_string()));
    }
    match config.metrics.listen {
        Some(address) if !address.ip().is_loopback() => Err((
            "metrics.listen",
            format!("{address} can be reached from outside and the page asks nobody who he is: write 127.0.0.1:PORT"),
        )),
        _ => Ok(()),
    }
}

fn name(config: &Config) -> Result<(), Problem> {
    let characters = config.name.chars().count();
    if config.name.trim().is_empty() || characters > NAME_CHARACTERS_MAX || config.name.contains(char::is_control) {
        let problem = format!("write the unit's name in 1 to {NAME_CHARACTERS_MAX} characters, without line breaks");
        return Err(("name", problem));
    }
    Ok(())
}

fn parent(config: &Config) -> Result<(), Problem> {
    let Some(parent) = &config.parent else {
        return if config.tier() == Tier::Province {
            Ok(())
        } else {
            let tier = config.tier();
            Err(("parent", format!("a {tier} ({}) has a parent: write its code and address", tier.title())))
        };
    };
    if config.tier() == Tier::Province {
        return Err(("parent", "a province has no parent: remove it, or correct `code`".to_owned()));
    }
    if !parent.code.can_parent(config.code) {
        return Err((
            "parent.code",
            format!(
                "{} is a {} and {} a {}: the parent's tier must be higher, so its code shorter",
                parent.code,
                parent.code.tier(),
                config.code,
                config.tier()
            ),
        ));
    }
    address(parent)
}

/// `https://HOST:PORT`, nothing after it: links are always encrypted.
fn address(parent: &ParentConfig) -> Result<(), Problem> {
    let refuse = |why: &str| Err(("parent.address", format!("{why}; write https://HOST:PORT")));
    let uri = match parent.address.parse::<tonic::transport::Uri>() {
        Ok(uri) => uri,
        Err(error) => return refuse(&format!("{:?}: {error}", parent.address)),
    };
    if uri.scheme_str() != Some("https") {
        return refuse(&format!("{:?} does not begin with https://", parent.address));
    }
    if uri.host().is_none_or(str::is_empty) || uri.port_u16().is_none_or(|port| port == 0) {
        return refuse(&format!("{:?} lacks a host or a port", parent.address));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return refuse(&format!("{:?} has something after the port", parent.address));
    }
    Ok(())
}

fn numbers(config: &Config) -> Result<(), Problem> {
    let (journal, index, link) = (&config.journal, &config.index, &config.link);
    let ranges: [(&str, u32, RangeInclusive<u32>, &str); 11] = [
        ("journal.segment_mib", journal.segment_mib, 1..=256, "MiB"),
        ("index.cache_mib", index.cache_mib, 1..=65_536, "MiB"),
        ("index.checkpoint_seconds", index.checkpoint_seconds, 1..=3_600, "seconds"),
        ("index.snapshot_hours", index.snapshot_hours, 0..=8_760, "hours"),
        ("link.reconnect_min_ms", link.reconnect_min_ms, 10..=60_000, "milliseconds"),
        ("link.reconnect_max_ms", link.reconnect_max_ms, link.reconnect_min_ms..=3_600_000, "milliseconds"),
        ("link.keepalive_seconds", link.keepalive_seconds, 1..=600, "seconds"),
        ("link.heard_seconds", link.heard_seconds, 1..=3_600, "seconds"),
        ("link.window_frames", link.window_frames, 1..=crate::link::WINDOW_FRAMES_MAX, "frames"),
        ("link.frame_items", link.frame_items, 1..=crate::link::FRAME_ITEMS_MAX, "items"),
        ("link.hold_seconds", link.hold_seconds, 0..=3_600, "seconds"),
    ];
    for (key, value, range, unit) in ranges {
        if !range.contains(&value) {
            let (low, high) = (range.start(), range.end());
            return Err((key, format!("{value} is out of range; write {low} to {high} {unit}")));
        }
    }
    Ok(())
}
