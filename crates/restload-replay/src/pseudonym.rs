//! What stands in a recording in the place of secrets.

use restload_model::secret::Secret;

/// The name of whatever was obtained on the way.
pub const SESSION: &str = "session";

/// The value that takes a secret's place, made from its name. It is of the same kind: an address stays an address, and
/// digits stay digits, because a number in JSON must stay one.
pub fn pseudonym(name: &str, value: &Secret) -> String {
    let value = value.expose();
    let name: String = name
        .chars()
        .map(|character| match character.to_ascii_lowercase() {
            plain if plain.is_ascii_alphanumeric() => plain,
            _ => '-',
        })
        .collect();
    let name = name.trim_matches('-');
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        // FNV-1a: the same name gives the same digits, in every version.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        return format!("9{:08}", hash % 100_000_000);
    }
    for scheme in ["https://", "http://"] {
        if value.starts_with(scheme) {
            return format!("{scheme}secret-{name}.invalid");
        }
    }
    format!("secret-{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_of_the_kind_of_the_secret_and_is_its_own() {
        for (name, value, expected) in [
            ("shop_token", "s3cr3t", "secret-shop-token"),
            ("shop.Key", "s3cr3t", "secret-shop-key"),
            ("pin", "123456", "933184084"),
            ("base", "https://a.test/x", "https://secret-base.invalid"),
        ] {
            assert_eq!(pseudonym(name, &Secret::new(value)), expected);
            assert_eq!(pseudonym(name, &Secret::new(expected)), expected);
        }
    }
}
