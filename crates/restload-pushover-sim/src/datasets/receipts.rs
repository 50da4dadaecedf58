//! 24 receipts, one in each state of its life for each of three retry intervals, and 4 ids that are not found.

use super::base;
use crate::clock::SECONDS_PER_DAY;
use crate::credentials::Credentials;
use crate::settings::AppSetting;
use crate::state::{Receipt, State};

const RETRIES: [i64; 3] = [30, 60, 600];
const MAX_EXPIRE: i64 = 10_800;

pub(super) fn fill(state: &mut State, credentials: &mut Credentials) {
    for retry in RETRIES {
        for receipt in life(state, retry) {
            credentials.receipts.push(receipt.id.clone());
            state.receipts.push(receipt);
        }
    }
    credentials.missing_receipts = missing(state, credentials);
}

fn life(state: &mut State, retry: i64) -> [Receipt; 8] {
    let now = state.now;
    // Short enough to expire before the fiftieth delivery.
    let expire = (40 * retry).min(MAX_EXPIRE);
    let mut sent_ago = |seconds| base::new_receipt(state, now - seconds, retry, expire);
    let just_sent = sent_ago(0);
    let three_retries = sent_ago(3 * retry);
    let near_expiry = sent_ago(expire - 10);
    let expired = sent_ago(expire + 100);
    let mut acknowledged = sent_ago(5 * retry);
    let mut acknowledged_then_expired = sent_ago(expire + 50);
    let mut canceled = sent_ago(5 * retry);
    let mut called_back = sent_ago(5 * retry);

    let reaction = 2 * retry + 5;
    for receipt in [&mut acknowledged, &mut acknowledged_then_expired, &mut called_back] {
        receipt.acknowledgement = Some(base::acknowledgement(state, receipt.created + reaction));
    }
    canceled.canceled_at = Some(canceled.created + reaction);
    called_back.callback = Some("https://hooks.example.com/pushover".to_owned());
    called_back.called_back_at = called_back.created + reaction;
    [
        just_sent,
        three_retries,
        near_expiry,
        expired,
        acknowledged,
        acknowledged_then_expired,
        canceled,
        called_back,
    ]
}

/// An unknown id, one of 29 characters, one of another account, and one that is 8 days old.
fn missing(state: &mut State, credentials: &mut Credentials) -> Vec<String> {
    let unknown = state.generator.identifier("rFakeUnknown", 30);
    let short = state.generator.identifier("rFakeShort", 29);
    let app = AppSetting {
        token: "aFakeOtherToken00000000000000B".to_owned(),
        name: "Elsewhere".to_owned(),
        account: "grace".to_owned(),
    };
    credentials.second_token = Some(app.token.clone());
    let app = base::add_app(state, &app);
    let foreign = Receipt {
        app,
        ..base::new_receipt(state, state.now, 60, 3600)
    };
    let old = base::new_receipt(state, state.now - 8 * SECONDS_PER_DAY, 60, 3600);
    let ids = vec![unknown, short, foreign.id.clone(), old.id.clone()];
    state.receipts.push(foreign);
    state.receipts.push(old);
    ids
}
