//! People, their devices, and the sessions of their Open Clients.

use serde_json::{Map, Value, json};

use super::message::Message;

#[derive(Debug, Default)]
pub(crate) struct User {
    pub(crate) key: String,
    /// Keys this person got through subscriptions.
    pub(crate) subscribed_keys: Vec<String>,
    pub(crate) email: String,
    pub(crate) password: String,
    /// Set when logging in needs a second factor.
    pub(crate) two_factor_code: Option<String>,
    pub(crate) created: i64,
    pub(crate) licenses: Licenses,
    pub(crate) devices: Vec<Device>,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Licenses {
    pub(crate) android: bool,
    pub(crate) ios: bool,
    pub(crate) desktop: bool,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) is_active: bool,
    /// In ascending order of id.
    pub(crate) queue: Vec<Message>,
}

/// One login. A new login makes a new secret and leaves the older ones valid.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) secret: String,
    pub(crate) user: usize,
    /// The device registered with this secret, which an acknowledgement names.
    pub(crate) device_name: String,
}

impl User {
    pub(crate) fn active_device_names(&self) -> Vec<&str> {
        self.devices
            .iter()
            .filter(|device| device.is_active)
            .map(|device| device.name.as_str())
            .collect()
    }

    /// The active devices named, or all active ones when none of the names matches.
    pub(crate) fn devices_meant(&self, names: &[String]) -> Vec<usize> {
        let mut active: Vec<usize> = (0..self.devices.len())
            .filter(|&index| self.devices[index].is_active)
            .collect();
        let is_named = |index: &usize| names.contains(&self.devices[*index].name);
        if active.iter().any(is_named) {
            active.retain(is_named);
        }
        active
    }

    /// The undocumented `user` object of a download.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let fields = json!({
            "quiet_hours": false,
            "is_android_licensed": self.licenses.android,
            "is_ios_licensed": self.licenses.ios,
            "is_desktop_licensed": self.licenses.desktop,
            "email": self.email,
            "created_at": self.created,
            "first_email_alias": "abc123",
            "show_tipjar": "0",
            "show_team_ad": "1",
            "quick_quiet_until": null,
        });
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }
}

impl Licenses {
    pub(crate) fn names(self) -> Vec<&'static str> {
        let all = [(self.android, "Android"), (self.ios, "iOS"), (self.desktop, "Desktop")];
        all.into_iter()
            .filter(|(owned, _)| *owned)
            .map(|(_, name)| name)
            .collect()
    }
}

impl Device {
    pub(crate) fn new(id: String, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            is_active: true,
            queue: Vec::new(),
        }
    }

    /// Puts the message behind those with a lower id.
    pub(crate) fn enqueue(&mut self, message: Message) {
        let place = self.queue.partition_point(|earlier| earlier.id <= message.id);
        self.queue.insert(place, message);
    }

    /// Forgets the messages up to and including `id`.
    pub(crate) fn delete_up_to(&mut self, id: i64) {
        self.queue.retain(|message| message.id > id);
    }

    /// The undocumented `device` object of a download.
    pub(crate) fn fields(&self) -> Value {
        json!({
            "name": self.name,
            "encryption_enabled": false,
            "default_sound": "po",
            "always_use_default_sound": false,
            "default_high_priority_sound": "po",
            "always_use_default_high_priority_sound": false,
            "dismissal_sync_enabled": false,
        })
    }
}
