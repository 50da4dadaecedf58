//! Time zones by name, from the database of the system: `/usr/share/zoneinfo`, or where `TZDIR` says it is.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use restload_model::diagnostics::did_you_mean;
use restload_source::plan::NoTimeZone;

/// The time zone of a name, which has to be spelled as it is in the database.
#[expect(clippy::disallowed_methods, reason = "this is where the database is read")]
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, NoTimeZone> {
    look_up(name, jiff::tz::db())
}

fn look_up(name: &str, database: &TimeZoneDatabase) -> Result<TimeZone, NoTimeZone> {
    let found = database.get(name).ok().filter(|zone| !zone.is_unknown());
    if let Some(zone) = found.filter(|zone| zone.iana_name() == Some(name)) {
        return Ok(zone);
    }
    // Some names are known without a database.
    let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
    if !names.iter().any(|name| name.contains('/')) {
        return Err(NoTimeZone::NoDatabase);
    }
    Err(NoTimeZone::Unknown {
        near: near(name, &names),
    })
}

/// The name that was meant: a city alone is as near as its name with the continent.
fn near(name: &str, names: &[String]) -> Option<String> {
    let name = name.trim().replace(' ', "_");
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
    let of_city = names.iter().find(|known| city(known) == city(&name));
    let alike = did_you_mean(&name, names.iter().map(String::as_str));
    let is_alike = alike.filter(|alike| alike.to_lowercase() == name.to_lowercase());
    is_alike
        .or(of_city.map(String::as_str))
        .or(alike)
        .map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_database() {
        let folder = tempfile::tempdir().unwrap();
        // A zone without changes, one hour ahead of UTC: the least that a file of the database can hold.
        let mut file = Vec::new();
        for _ in 0..2 {
            file.extend(b"TZif2");
            file.extend([0; 15]);
            for count in [0_u32, 0, 0, 0, 1, 4] {
                file.extend(count.to_be_bytes());
            }
            file.extend(3600_i32.to_be_bytes());
            file.extend([0, 0]);
            file.extend(b"CET\0");
        }
        file.extend(b"\nCET-1\n");
        for name in ["Europe/Berlin", "America/New_York", "CET"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &file).unwrap();
        }
        let database = TimeZoneDatabase::from_dir(folder.path()).unwrap();
        let zone = look_up("Europe/Berlin", &database).unwrap();
        assert_eq!(zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds(), 3600);
        for (name, near) in [
            ("europe/berlin", Some("Europe/Berlin")),
            ("Europe/Berln", Some("Europe/Berlin")),
            (" Europe/Berlin", Some("Europe/Berlin")),
            ("Berlin", Some("Europe/Berlin")),
            ("new york", Some("America/New_York")),
            ("cet", Some("CET")),
            ("Atlantis", None),
            ("Etc/Unknown", None),
            ("../CET", Some("CET")),
        ] {
            let near = near.map(ToOwned::to_owned);
            assert_eq!(look_up(name, &database), Err(NoTimeZone::Unknown { near }), "{name}");
        }
        let empty = tempfile::tempdir().unwrap();
        for database in [
            TimeZoneDatabase::from_dir(empty.path()).unwrap_or_else(|_| TimeZoneDatabase::none()),
            TimeZoneDatabase::none(),
        ] {
            assert_eq!(look_up("Europe/Berlin", &database), Err(NoTimeZone::NoDatabase));
        }
    }
}
