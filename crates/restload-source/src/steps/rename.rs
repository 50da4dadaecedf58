//! `rename`: gives fields other names.

use std::borrow::Cow;

use restload_model::Value;

/// The record with fields renamed; a field that already has the new name gives way.
pub(super) fn apply<'a>(names: &[(String, String)], mut record: Value<'a>) -> Value<'a> {
    if let Value::Object(members) = &mut record {
        for (old, new) in names {
            if members.get(old).is_some() && old != new {
                members.remove(new);
                for (name, _) in &mut members.0 {
                    if name == old {
                        *name = Cow::Owned(new.clone());
                    }
                }
            }
        }
    }
    record
}
