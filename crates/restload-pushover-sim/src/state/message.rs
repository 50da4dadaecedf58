//! A message in a device's queue.

use serde_json::{Map, Value};

use crate::clock::SECONDS_PER_DAY;

const KEPT_SECONDS: i64 = 21 * SECONDS_PER_DAY;

#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// Belongs to this device's copy; `umid` is shared by all copies.
    pub(crate) id: i64,
    pub(crate) umid: i64,
    pub(crate) text: String,
    pub(crate) title: Option<String>,
    pub(crate) app: String,
    pub(crate) aid: i64,
    pub(crate) icon: String,
    pub(crate) date: i64,
    pub(crate) queued: i64,
    pub(crate) priority: i64,
    /// Absent in some recordings.
    pub(crate) acked: Option<i64>,
    pub(crate) sound: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) url_title: Option<String>,
    pub(crate) receipt: Option<String>,
    pub(crate) html: bool,
    pub(crate) encrypted: bool,
    pub(crate) ttl: Option<i64>,
    /// Fields that replace or extend the others, for shapes Pushover is not known to send.
    pub(crate) oddities: Map<String, Value>,
}

impl Message {
    pub(crate) fn is_kept(&self, now: i64) -> bool {
        now < self.queued + self.ttl.map_or(KEPT_SECONDS, |ttl| ttl.min(KEPT_SECONDS))
    }

    /// The message as an Open Client downloads it: optional fields are absent when unset, never null.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        insert_id(&mut fields, "id", self.id);
        insert_id(&mut fields, "umid", self.umid);
        insert_some(&mut fields, "title", self.title.as_deref());
        fields.insert("message".to_owned(), Value::from(self.text.as_str()));
        fields.insert("app".to_owned(), Value::from(self.app.as_str()));
        insert_id(&mut fields, "aid", self.aid);
        fields.insert("icon".to_owned(), Value::from(self.icon.as_str()));
        fields.insert("date".to_owned(), Value::from(self.date));
        fields.insert("queued_date".to_owned(), Value::from(self.queued));
        fields.insert("dispatched_date".to_owned(), Value::from(self.queued));
        fields.insert("priority".to_owned(), Value::from(self.priority));
        insert_some(&mut fields, "acked", self.acked);
        insert_some(&mut fields, "sound", self.sound.as_deref());
        insert_some(&mut fields, "url", self.url.as_deref());
        insert_some(&mut fields, "url_title", self.url_title.as_deref());
        insert_some(&mut fields, "receipt", self.receipt.as_deref());
        insert_some(&mut fields, "html", self.html.then_some(1));
        insert_some(&mut fields, "encrypted", self.encrypted.then_some(1));
        insert_some(&mut fields, "expiration_date", self.ttl.map(|ttl| self.queued + ttl));
        for (name, value) in &self.oddities {
            fields.insert(name.clone(), value.clone());
        }
        fields
    }
}

/// Ids come twice, as a number above 2^53 and as text.
fn insert_id(fields: &mut Map<String, Value>, name: &str, id: i64) {
    fields.insert(name.to_owned(), Value::from(id));
    fields.insert(format!("{name}_str"), Value::from(id.to_string()));
}

fn insert_some(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}
