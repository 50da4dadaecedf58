//! Receipts of emergency messages. Their life is computed from the clock at the moment they are read.

use serde_json::{Map, Value, json};

use crate::clock::SECONDS_PER_DAY;

/// Pushover repeats an emergency message no more often than this, however long it lives.
const MAX_DELIVERIES: i64 = 50;
const KEPT_SECONDS: i64 = 7 * SECONDS_PER_DAY;

#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    pub(crate) app: usize,
    pub(crate) recipients: Vec<usize>,
    pub(crate) created: i64,
    pub(crate) retry: i64,
    pub(crate) expire: i64,
    pub(crate) tags: Vec<String>,
    pub(crate) callback: Option<String>,
    pub(crate) acknowledgement: Option<Acknowledgement>,
    pub(crate) canceled_at: Option<i64>,
    /// 0 when no callback was made.
    pub(crate) called_back_at: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Acknowledgement {
    pub(crate) at: i64,
    pub(crate) user_key: String,
    pub(crate) device: String,
}

impl Receipt {
    /// Pushover forgets a receipt after a week.
    pub(crate) fn is_kept(&self, now: i64) -> bool {
        now <= self.created + KEPT_SECONDS
    }

    /// Whether the message is still being repeated.
    pub(crate) fn is_active(&self, now: i64) -> bool {
        self.acknowledgement.is_none() && self.canceled_at.is_none() && now < self.created + self.expire
    }

    /// The nine documented fields. The receipt's own id is not among them.
    pub(crate) fn fields(&self, now: i64, cancel_sets_expired: bool) -> Map<String, Value> {
        let acknowledgement = self.acknowledgement.as_ref();
        let expires_at = self.expires_at(cancel_sets_expired);
        let fields = json!({
            "acknowledged": i64::from(acknowledgement.is_some()),
            "acknowledged_at": acknowledgement.map_or(0, |first| first.at),
            "acknowledged_by": acknowledgement.map_or("", |first| &first.user_key),
            "acknowledged_by_device": acknowledgement.map_or("", |first| &first.device),
            "last_delivered_at": self.last_delivered_at(now),
            // Also 1 for an acknowledged receipt whose time has passed: a recorded answer has both.
            "expired": i64::from(now >= expires_at),
            "expires_at": expires_at,
            "called_back": i64::from(self.called_back_at != 0),
            "called_back_at": self.called_back_at,
        });
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    fn expires_at(&self, cancel_sets_expired: bool) -> i64 {
        match self.canceled_at {
            Some(canceled_at) if cancel_sets_expired => canceled_at,
            _ => self.created + self.expire,
        }
    }

    fn last_delivered_at(&self, now: i64) -> i64 {
        let mut end = self.created + self.expire;
        if let Some(first) = &self.acknowledgement {
            end = end.min(first.at);
        }
        if let Some(canceled_at) = self.canceled_at {
            end = end.min(canceled_at);
        }
        let repeats = (now.min(end) - self.created) / self.retry.max(1);
        self.created + repeats.clamp(0, MAX_DELIVERIES - 1) * self.retry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt {
            id: "rFake".to_owned(),
            app: 0,
            recipients: vec![0],
            created: 1000,
            retry: 60,
            expire: 600,
            tags: Vec::new(),
            callback: None,
            acknowledgement: None,
            canceled_at: None,
            called_back_at: 0,
        }
    }

    fn acknowledged_at(at: i64) -> Receipt {
        let acknowledgement = Acknowledgement {
            at,
            user_key: "uFake".to_owned(),
            device: "phone".to_owned(),
        };
        Receipt {
            acknowledgement: Some(acknowledgement),
            ..receipt()
        }
    }

    #[test]
    fn a_receipt_is_computed_when_it_is_read() {
        let canceled = Receipt {
            canceled_at: Some(1130),
            ..receipt()
        };
        let patient = Receipt {
            retry: 30,
            expire: 10_800,
            ..receipt()
        };
        // (case, receipt, now, [acknowledged, last_delivered_at, expired, expires_at])
        let cases = [
            ("just sent", receipt(), 1000, [0, 1000, 0, 1600]),
            ("before the first repeat", receipt(), 1059, [0, 1000, 0, 1600]),
            ("after three repeats", receipt(), 1185, [0, 1180, 0, 1600]),
            ("expired", receipt(), 1600, [0, 1600, 1, 1600]),
            ("long expired", receipt(), 9999, [0, 1600, 1, 1600]),
            ("acknowledged", acknowledged_at(1130), 1400, [1, 1120, 0, 1600]),
            (
                "acknowledged, then past expiry",
                acknowledged_at(1130),
                1700,
                [1, 1120, 1, 1600],
            ),
            ("canceled", canceled, 1400, [0, 1120, 1, 1130]),
            (
                "after fifty deliveries",
                patient,
                11_000,
                [0, 1000 + 49 * 30, 0, 11_800],
            ),
        ];
        for (case, receipt, now, expected) in cases {
            let fields = receipt.fields(now, true);
            let names = ["acknowledged", "last_delivered_at", "expired", "expires_at"];
            assert_eq!(names.map(|name| fields[name].as_i64().unwrap()), expected, "{case}");
            assert_eq!(fields.len(), 9, "{case}");
        }
    }
}
