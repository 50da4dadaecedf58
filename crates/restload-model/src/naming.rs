//! Names of tables and columns: dlt's `snake_case` convention in path mode, so that a dlt user's queries keep working.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};

/// Stands between the parts of a nested name.
pub const PATH_SEPARATOR: &str = "__";
/// The name of a key that is empty or blank.
pub const EMPTY_KEY: &str = "_empty";
/// The longest name that both destinations take: Postgres cuts at 63 bytes.
pub const MAX_LENGTH: usize = 63;

const TAG_LENGTH: usize = 6;

/// The name of a table or column for a name of any spelling, which may itself be a `__` path.
///
/// A name without a single usable character, such as one in a script that the convention drops, becomes `x`; the
/// caller keeps apart the names that come out alike.
pub fn normalize(raw: &str, max_length: usize) -> String {
    let raw = raw.trim();
    let parts: Vec<String> = raw
        .split(PATH_SEPARATOR)
        .filter(|part| !part.trim().is_empty())
        .map(|part| shorten(&normalize_part(part), part.trim(), max_length).into_owned())
        .collect();
    if parts.is_empty() {
        return EMPTY_KEY.to_owned();
    }
    shorten(&parts.join(PATH_SEPARATOR), raw, max_length).into_owned()
}

/// Joins a normalised name to the path above it.
pub fn join(parent: &str, name: &str, max_length: usize) -> String {
    let path = format!("{parent}{PATH_SEPARATOR}{name}");
    shorten(&path, &path, max_length).into_owned()
}

/// Six characters that stand for a name.
pub fn tag(raw: &str) -> String {
    let mut digest = [0; 4];
    let mut hasher = Shake128::default();
    hasher.update(raw.as_bytes());
    hasher.finalize_xof().read(&mut digest);
    STANDARD_NO_PAD
        .encode(digest)
        .to_lowercase()
        .replace('/', "a")
        .replace('+', "b")
}

/// Cuts a name to the limit: its start, the tag of the raw name, its end.
fn shorten<'a>(name: &'a str, raw: &str, max_length: usize) -> Cow<'a, str> {
    let length = name.chars().count();
    if length <= max_length {
        return Cow::Borrowed(name);
    }
    let kept = max_length.saturating_sub(TAG_LENGTH);
    let head: String = name.chars().take(kept.div_ceil(2)).collect();
    let tail: String = name.chars().skip(length - kept / 2).collect();
    Cow::Owned(format!("{head}{}{tail}", tag(raw)))
}

fn normalize_part(raw: &str) -> String {
    let mapped = map_characters(raw.trim());
    let broken = break_cases(&mapped);
    let lower = broken.to_lowercase();
    let mut name = String::with_capacity(lower.len() + 1);
    if lower.starts_with(char::is_numeric) {
        name.push('_');
    }
    let body = lower.trim_end_matches('_');
    name.push_str(body);
    name.extend(std::iter::repeat_n('x', lower.len() - body.len()));
    collapse_underscores(&name)
}

/// Replaces the five mapped characters, then every run of characters outside letters, digits and `_` by one `_`.
fn map_characters(raw: &str) -> String {
    let mut mapped = String::with_capacity(raw.len());
    let mut in_run = false;
    for character in raw.chars() {
        let kept = match character {
            '+' | '*' => Some('x'),
            '-' => Some('_'),
            '@' => Some('a'),
            '|' => Some('l'),
            'A'..='Z' | 'a'..='z' | '_' => Some(character),
            // The digit class is Unicode-aware, as Python's `\d` is: decimal digits only.
            _ if is_decimal_digit(character) => Some(character),
            _ => None,
        };
        match kept {
            Some(character) => mapped.push(character),
            None if !in_run => mapped.push('_'),
            None => {}
        }
        in_run = kept.is_none();
    }
    mapped
}

/// Unicode's decimal digits stand in blocks of ten; `is_numeric` alone would also take fractions and numerals.
fn is_decimal_digit(character: char) -> bool {
    character.is_ascii_digit()
        || (character.is_numeric()
            && matches!(character,
                '\u{0660}'..='\u{0669}' | '\u{06F0}'..='\u{06F9}' | '\u{07C0}'..='\u{07C9}' | '\u{0966}'..='\u{096F}'
                | '\u{09E6}'..='\u{09EF}' | '\u{0A66}'..='\u{0A6F}' | '\u{0AE6}'..='\u{0AEF}' | '\u{0B66}'..='\u{0B6F}'
                | '\u{0BE6}'..='\u{0BEF}' | '\u{0C66}'..='\u{0C6F}' | '\u{0CE6}'..='\u{0CEF}' | '\u{0D66}'..='\u{0D6F}'
                | '\u{0E50}'..='\u{0E59}' | '\u{0ED0}'..='\u{0ED9}' | '\u{0F20}'..='\u{0F29}' | '\u{1040}'..='\u{1049}'
                | '\u{17E0}'..='\u{17E9}' | '\u{1810}'..='\u{1819}' | '\u{FF10}'..='\u{FF19}'))
}

/// Inserts `_` before an upper-case letter followed by lower-case ones, then between a lower-case letter or digit and
/// an upper-case letter.
fn break_cases(mapped: &str) -> String {
    let characters: Vec<char> = mapped.chars().collect();
    let mut words = Vec::with_capacity(characters.len() + 8);
    let mut index = 0;
    while index < characters.len() {
        let starts_word = index > 0
            && characters[index].is_ascii_uppercase()
            && characters.get(index + 1).is_some_and(char::is_ascii_lowercase)
            && characters[index - 1] != '_';
        if starts_word {
            words.push('_');
        }
        words.push(characters[index]);
        index += 1;
    }
    let mut broken = String::with_capacity(words.len() + 4);
    for (index, character) in words.iter().enumerate() {
        let after_small = index > 0 && (words[index - 1].is_ascii_lowercase() || words[index - 1].is_ascii_digit());
        if after_small && character.is_ascii_uppercase() {
            broken.push('_');
        }
        broken.push(*character);
    }
    broken
}

fn collapse_underscores(name: &str) -> String {
    let mut collapsed = String::with_capacity(name.len());
    for character in name.chars() {
        if character != '_' || !collapsed.ends_with('_') {
            collapsed.push(character);
        }
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n1_gives_dlts_names() {
        for (raw, name) in [
            ("camelCase", "camel_case"),
            ("HTTPServerError", "http_server_error"),
            ("getHTTPResponse", "get_http_response"),
            ("userID", "user_id"),
            ("UserIDs", "user_i_ds"),
            ("iPhone", "i_phone"),
            ("XMLHttpRequest", "xml_http_request"),
            ("ABc", "a_bc"),
            ("OAuth2Token", "o_auth2_token"),
            ("v1Beta2", "v1_beta2"),
            ("s3Key", "s3_key"),
            ("BANaNA", "ba_na_na"),
            ("LIST+ident:1", "lis_txident_1"),
            ("Event(Value)", "event_valuex"),
            ("trailing_", "trailingx"),
            ("trailing__", "trailing"),
            ("trailing___", "trailing__x"),
            ("__leading", "leading"),
            ("a__b", "a__b"),
            ("a___b", "a___b"),
            ("a____b", "a__b"),
            ("Small___Love____Potion_____x", "small___love__potion___x"),
            ("_", "x"),
            ("$", "x"),
            ("$$", "x"),
            ("X-Request-ID", "x_request_id"),
            ("2ndField", "_2nd_field"),
            ("123BaNaNa", "_123_ba_na_na"),
            ("100%", "_100x"),
            ("+1", "x1"),
            ("-1", "_1"),
            ("C++", "cxx"),
            ("@type", "atype"),
            ("#tag", "_tag"),
            ("a|b", "alb"),
            ("event-.!:*<>value", "event_x_value"),
            ("+-!$*@#=|:", "x_xa_lx"),
            ("event_n'", "event_nx"),
            ("f*6", "fx6"),
            ("children's-1", "children_s_1"),
            ("émail", "_mail"),
            ("über", "_ber"),
            ("naïve café", "na_ve_cafx"),
            ("ŁÓDŹ", "_dx"),
            ("日本語", "x"),
            ("😀", "x"),
            ("ß", "x"),
            ("α", "x"),
            ("id日本", "idx"),
            ("٣abc", "_٣abc"),
            ("--", "xx"),
            ("a--", "axx"),
            ("e_vent__value_value2___", "e_vent__value_value2__x"),
            ("__", "_empty"),
            ("", "_empty"),
            ("  ", "_empty"),
            ("Tricky Items", "tricky_items"),
            (" User Name\n", "user_name"),
        ] {
            assert_eq!(normalize(raw, usize::MAX), name, "{raw}");
        }
    }

    #[test]
    fn n1_tags_and_shortening_equal_dlts() {
        for (raw, expected) in [("identifier", "y57vbq"), ("tag_test", "xye0yw"), ("日本語", "2nmetg")] {
            assert_eq!(tag(raw), expected);
        }
        assert_eq!(
            normalize("SOMEThing very long identifier that exceeds", 20),
            "some_thso9azqexceeds"
        );
        assert_eq!(
            normalize(
                "a_very_long_column_name_that_goes_way_over_the_sixty_three_char_limit_of_postgres",
                63
            ),
            "a_very_long_column_name_that_rtaymqthree_char_limit_of_postgres"
        );
        assert_eq!(
            join(
                "table__nested_list_name__deep_nested_list_name",
                "another_really_long_nested_segment",
                63
            ),
            "table__nested_list_name__deeppgakvwr_really_long_nested_segment"
        );
        assert_eq!(normalize("Small___Love____Potion_____x", 16), "smallqxmw1an___x");
        assert_eq!(
            shorten("she played cello well", "she played cello well", 20),
            "she plauanpualo well"
        );
    }

    #[test]
    fn n2_blanks_around_a_name_do_not_count() {
        for raw in ["userID", " userID", "userID\t", "\n userID \r\n"] {
            assert_eq!(normalize(raw, usize::MAX), "user_id", "{raw:?}");
        }
        // dlt fails here, its flattener says `_empty` (J20); so does every name of ours.
        for raw in ["", " ", "\t\n"] {
            assert_eq!(normalize(raw, usize::MAX), EMPTY_KEY, "{raw:?}");
        }
    }

    #[test]
    fn n3_tags_are_six_characters_that_hardly_ever_meet() {
        let tags: std::collections::HashSet<String> = (0..100_000)
            .map(|number| {
                let tag = tag(&format!("column {number} of a table"));
                assert!(
                    tag.chars().count() == TAG_LENGTH && !tag.contains(['+', '/', '=']),
                    "{tag}"
                );
                tag
            })
            .collect();
        assert!(tags.len() > 99_900, "{}", tags.len());
        assert_eq!(tag("identifier"), tag("identifier"));
    }

    #[test]
    fn n4_a_tag_stands_in_the_middle_of_what_is_left() {
        for (limit, name) in [
            (6, "y57vbq"),
            (7, "iy57vbq"),
            (8, "iy57vbqr"),
            (9, "idy57vbqr"),
            (10, "identifier"),
        ] {
            assert_eq!(shorten("identifier", "identifier", limit), name);
        }
    }

    #[test]
    fn n5_the_tag_is_of_the_name_as_it_was_written() {
        let raw = " Small___Love____Potion_____x ";
        assert!(normalize(raw, 16).contains(&tag(raw.trim())));
        // A part that is too long by itself is cut by itself, and then the whole.
        let cut = normalize("a__ SomeThing Much Longer", 20);
        let part = format!("somethi{}_longer", tag("SomeThing Much Longer"));
        assert_eq!(cut, shorten(&format!("a__{part}"), "a__ SomeThing Much Longer", 20));
        let joined = join("some_table", "some_column", 16);
        assert!(joined.contains(&tag("some_table__some_column")), "{joined}");
    }

    #[test]
    fn n6_what_is_cut_has_the_limits_length() {
        let path = "a_table__with_a_list__and_another__and_a_column";
        let length = path.chars().count();
        for limit in length / 2..=length * 11 / 10 {
            let cut = normalize(path, limit);
            assert_eq!(cut.chars().count(), limit.min(length), "{limit}: {cut}");
            assert_eq!(cut == path, limit >= length);
        }
    }

    #[test]
    fn n8_n9_a_path_has_the_parts_that_are_not_blank() {
        for (raw, name) in [
            ("A__B__C", "a__b__c"),
            ("_a___b__C___D", "_a___b__c___d"),
            ("_a_____b", "_a___b"),
            ("_a____b", "_a__b"),
            ("_A__ ___B", "_a___b"),
            ("__ __a", "a"),
        ] {
            assert_eq!(normalize(raw, usize::MAX), name, "{raw}");
        }
    }

    #[test]
    fn n10_a_run_of_other_characters_is_one_underscore() {
        for (raw, name) in [
            ("a-=!*b", "a_xb"),
            ("-=!*", "_x"),
            ("1-=!0*-", "_1_0xx"),
            ("a!=$#b", "a_b"),
            ("a.b.c", "a_b_c"),
        ] {
            assert_eq!(normalize(raw, usize::MAX), name, "{raw}");
        }
    }

    #[test]
    fn n11_n12_n14_names_that_have_a_form_keep_it() {
        for (raw, name) in [
            ("_ids", "_ids"),
            ("_id", "_id"),
            ("example_custom_field__c", "example_custom_field__c"),
            ("custom__path", "custom__path"),
            ("🦆 ducks", "_ducks"),
        ] {
            assert_eq!(normalize(raw, usize::MAX), name, "{raw}");
        }
    }

    #[test]
    fn n7_normalising_again_changes_nothing() {
        for raw in [
            "camelCase",
            "a___b",
            "100%",
            "日本語",
            "Small___Love____Potion_____x",
            "2ndField",
            "__leading",
            "SOMEThing very long identifier that exceeds",
            "a_table__with_a_list__and_another",
        ] {
            for limit in [63, 16, 10] {
                let once = normalize(raw, limit);
                assert_eq!(normalize(&once, limit), once);
                assert_eq!(normalize(&normalize(&once, limit), limit), once);
            }
        }
    }
}
