//! Everything that looks random: a small seeded generator, and the fingerprints that keep secrets out of logs.

const ALPHANUMERICS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX_DIGITS: &[u8] = b"0123456789abcdef";

/// The splitmix64 generator: the same seed gives the same sequence on every platform.
#[derive(Debug, Clone)]
pub(crate) struct Generator {
    state: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; the bias of the remainder does not matter for invented data.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        (self.next() >> 11) as f64 / ((1_u64 << 53) as f64) < probability
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last as u64 + 1) as usize;
            items.swap(last, chosen);
        }
    }

    /// An identifier of `length` characters that begins with `prefix`, so that a reader sees it was invented.
    pub(crate) fn identifier(&mut self, prefix: &str, length: usize) -> String {
        let mut text = prefix.to_owned();
        while text.len() < length {
            text.push(self.pick(ALPHANUMERICS));
        }
        text
    }

    pub(crate) fn hex(&mut self, length: usize) -> String {
        (0..length).map(|_| self.pick(HEX_DIGITS)).collect()
    }

    pub(crate) fn uuid(&mut self) -> String {
        let digits = self.hex(30);
        let (first, rest) = digits.split_at(8);
        let (second, rest) = rest.split_at(4);
        let (third, rest) = rest.split_at(3);
        let (fourth, fifth) = rest.split_at(3);
        format!("{first}-{second}-4{third}-a{fourth}-{fifth}")
    }

    fn pick(&mut self, characters: &[u8]) -> char {
        char::from(characters[self.below(characters.len() as u64) as usize])
    }
}

/// The 64-bit FNV-1a hash of the parts, with a boundary between them so that `ab|c` differs from `a|bc`.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for part in parts {
        for byte in part.iter().chain(&[0xFF]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_identifiers() {
        let identifier = |seed| Generator::new(seed).identifier("rFake", 30);
        assert_eq!(identifier(1), identifier(1));
        assert_ne!(identifier(1), identifier(2));
        assert_eq!(identifier(1).len(), 30);
    }

    #[test]
    fn request_ids_have_the_shape_of_a_uuid() {
        let uuid = Generator::new(7).uuid();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }

    #[test]
    fn fingerprints_keep_the_boundary_between_parts() {
        assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
    }
}
