//! Whether a backup lies outside the node's own disk: told only where machines tell it.

use wuji_proto::stored::DiskPlace;
use wuji_proto::stored::backup_taken::Place;

/// What is known of a destination, seen from where the node's data is. The operator's word
/// counts where the machines do not tell.
pub fn judge(data: &DiskPlace, destination: &DiskPlace, stated_outside: bool) -> Place {
    let told = told(data, destination);
    if told == Place::Unknown && stated_outside { Place::StatedOutside } else { told }
}

fn told(data: &DiskPlace, destination: &DiskPlace) -> Place {
    if data.machine.is_empty() || destination.machine.is_empty() {
        return Place::Unknown;
    }
    if data.machine != destination.machine {
        // A share of this very machine, mounted over there, would be called so as well.
        let own = destination.disk.starts_with("disk:") || destination.disk.starts_with("volume:");
        return if own { Place::OtherMachine } else { Place::Unknown };
    }
    if data.disk.is_empty() || destination.disk.is_empty() {
        return Place::Unknown;
    }
    match (data.disk == destination.disk, data.disk.starts_with("disk:") && destination.disk.starts_with("disk:")) {
        (true, _) => Place::SameDisk,
        (false, true) => Place::OtherDisk,
        // Two volumes, or a share, may lie on one disk.
        (false, false) => Place::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_called_outside_only_where_that_is_known() {
        let place = |machine: &str, disk: &str| DiskPlace { machine: machine.to_owned(), disk: disk.to_owned() };
        let data = place("a", "disk:vda");
        for (destination, stated, wanted) in [
            (place("a", "disk:vda"), false, Place::SameDisk),
            (place("a", "disk:vda"), true, Place::SameDisk),
            (place("a", "disk:vdb"), false, Place::OtherDisk),
            (place("a", "volume:dm-0"), false, Place::Unknown),
            (place("a", "mount:0:45"), true, Place::StatedOutside),
            (place("b", "disk:vda"), false, Place::OtherMachine),
            (place("b", "mount:0:45"), false, Place::Unknown),
            (place("", ""), false, Place::Unknown),
            (place("", ""), true, Place::StatedOutside),
        ] {
            assert_eq!(judge(&data, &destination, stated), wanted, "{destination:?} {stated}");
        }
        let volume = place("a", "volume:dm-0");
        assert_eq!(judge(&volume, &volume, true), Place::SameDisk);
        assert_eq!(judge(&volume, &place("a", "disk:vdb"), false), Place::Unknown);
    }
}
