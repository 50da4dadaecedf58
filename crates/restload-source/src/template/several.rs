//! One field of several records, for a request that is made for all of them.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::scalar_text;

/// A list that is a text with separators where only a text can stand: in a path, a parameter, a header.
#[derive(Debug)]
pub(crate) struct Several {
    values: Vec<Value>,
    separator: Option<String>,
}

impl Several {
    pub(crate) fn new(values: Vec<Value>, separator: Option<String>) -> Self {
        Self { values, separator }
    }

    /// The values in one text; none where they are not to be joined.
    pub(crate) fn joined(&self) -> Option<String> {
        let separator = self.separator.as_ref()?;
        let texts: Vec<String> = self.values.iter().filter_map(scalar_text).collect();
        Some(texts.join(separator))
    }
}

impl Object for Several {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.values.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.values.len())
    }
}
