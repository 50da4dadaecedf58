//! Delivery groups of an account.

use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) account: usize,
    pub(crate) members: Vec<Member>,
}

/// One membership: the same person may be in a group several times, with different devices.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) user: usize,
    pub(crate) user_key: String,
    /// `None` means all devices.
    pub(crate) device: Option<String>,
    pub(crate) memo: String,
    pub(crate) is_disabled: bool,
}

impl Group {
    pub(crate) fn member(&self, user: usize, device: Option<&str>) -> Option<usize> {
        self.members
            .iter()
            .position(|member| member.user == user && member.device.as_deref() == device)
    }

    /// Indices of the memberships meant: those of the device named, or all of the person's.
    pub(crate) fn members_meant(&self, user: usize, device: Option<&str>) -> Vec<usize> {
        let is_meant =
            |member: &Member| member.user == user && (device.is_none() || member.device.as_deref() == device);
        (0..self.members.len())
            .filter(|&index| is_meant(&self.members[index]))
            .collect()
    }
}

impl Member {
    pub(crate) fn fields(&self) -> Value {
        json!({ "user": self.user_key, "device": self.device, "memo": self.memo, "disabled": self.is_disabled })
    }
}
