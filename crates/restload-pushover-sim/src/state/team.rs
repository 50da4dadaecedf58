//! Teams have a token of their own and hold personal data.

use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) token: String,
    pub(crate) name: String,
    pub(crate) users: Vec<TeamUser>,
    /// Mail addresses that were invited and have not answered.
    pub(crate) invitations: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct TeamUser {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) is_administrator: bool,
    pub(crate) devices: Vec<TeamDevice>,
}

#[derive(Debug)]
pub(crate) struct TeamDevice {
    pub(crate) name: String,
    pub(crate) os: &'static str,
    pub(crate) os_version: &'static str,
    pub(crate) is_enabled: bool,
}

impl TeamUser {
    pub(crate) fn fields(&self) -> Value {
        let devices: Vec<Value> = self.devices.iter().map(TeamDevice::fields).collect();
        json!({
            "id": self.key,
            "name": self.name,
            "email": self.email,
            "administrator": self.is_administrator,
            "devices": devices,
        })
    }
}

impl TeamDevice {
    fn fields(&self) -> Value {
        json!({
            "name": self.name,
            "os": self.os,
            "os_version": self.os_version,
            "enabled": self.is_enabled,
            "administratively_disabled": !self.is_enabled,
        })
    }
}
