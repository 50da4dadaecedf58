//! What one page of a resource shows: whether the API can be reached, lets one in, and answers as the config expects.

use restload_model::Value;
use restload_source::examination::{Finding, cursor, primary_key};
use restload_source::plan::{RecordSource, ResourcePlan};

use super::{Asked, Failure, Stage};

/// What was found out of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Whether the API answered.
    pub reachable: Finding,
    /// Whether it took the credentials.
    pub authorised: Finding,
    /// Whether the answer has records where the config has them.
    pub records: Finding,
    /// Whether they have the primary key.
    pub primary_key: Finding,
    /// Whether they have the incremental cursor.
    pub cursor: Finding,
}

impl Probe {
    /// Looks at what came of asking for a page of the resource.
    pub fn of(plan: &ResourcePlan, asked: &Asked) -> Self {
        let records: Vec<Value<'_>> = asked.records().cloned().collect();
        let mut probe = match (&plan.source, &asked.not_asked, &asked.failure) {
            (RecordSource::Given(_), Some(reason), None) => Self {
                records: Finding::good(counted(records.len() as u64)),
                ..Self::all(&Finding::absent(reason.as_str()))
            },
            (_, Some(reason), _) => return Self::all(&Finding::unknown(reason.as_str())),
            (_, None, Some(failure)) => Self::failed(asked, failure),
            (_, None, None) => Self::answered(plan, asked),
        };
        // A page of which nobody can tell what follows has records all the same.
        if asked.failure.is_none() || !records.is_empty() {
            probe.primary_key = primary_key(plan, &records);
            probe.cursor = cursor(plan, &records);
        }
        probe
    }

    /// Everything that was looked at, with its name.
    pub fn findings(&self) -> [(&'static str, &Finding); 5] {
        [
            ("reachable", &self.reachable),
            ("authorised", &self.authorised),
            ("records", &self.records),
            ("primary key", &self.primary_key),
            ("cursor", &self.cursor),
        ]
    }

    fn all(finding: &Finding) -> Self {
        Self {
            reachable: finding.clone(),
            authorised: finding.clone(),
            records: finding.clone(),
            primary_key: finding.clone(),
            cursor: finding.clone(),
        }
    }

    fn answered(plan: &ResourcePlan, asked: &Asked) -> Self {
        let count: u64 = asked.exchanges.iter().filter_map(|exchange| exchange.records).sum();
        let endpoint = plan.endpoint();
        let selector = endpoint.and_then(|endpoint| endpoint.selector.as_ref());
        let selector = selector.or_else(|| plan.found_selector.get());
        let place = selector.map(|selector| format!(" at `{}`", selector.as_str()));
        Self {
            reachable: reached(asked),
            authorised: Finding::good(TAKEN),
            records: Finding::good(format!("{}{}", counted(count), place.unwrap_or_default())),
            ..Self::all(&Finding::unknown("there is no page to look at"))
        }
    }

    fn failed(asked: &Asked, failure: &Failure) -> Self {
        let bad = Finding::bad(failure.error.as_str(), failure.help.clone());
        let unknown = |reason: &str| Self::all(&Finding::unknown(reason));
        match failure.stage {
            Stage::Connection | Stage::Cancelled => Self {
                reachable: bad,
                ..unknown("nobody has answered")
            },
            Stage::Login => Self {
                authorised: bad,
                ..unknown("nothing is requested without credentials")
            },
            Stage::Request => Self {
                records: bad,
                ..unknown("no request could be made")
            },
            Stage::Status(401 | 403 | 407) => Self {
                reachable: reached(asked),
                authorised: bad,
                ..unknown("the request was refused")
            },
            Stage::Status(_) => Self {
                reachable: reached(asked),
                records: bad,
                ..unknown("the answer does not tell")
            },
            Stage::Content | Stage::Records => Self {
                reachable: reached(asked),
                authorised: Finding::good(TAKEN),
                records: bad,
                ..unknown("there are no records to look at")
            },
        }
    }
}

/// What is said of credentials that were not refused. Whether the API has looked at them is its own affair.
const TAKEN: &str = "the request was not refused";

fn counted(records: u64) -> String {
    match records {
        0 => "an empty page".to_owned(),
        1 => "1 record".to_owned(),
        count => format!("{count} records"),
    }
}

fn reached(asked: &Asked) -> Finding {
    let answered = asked.exchanges.iter().rev();
    let mut answered = answered.filter_map(|exchange| Some((exchange.status?, exchange.millis)));
    match answered.next() {
        Some((status, millis)) => Finding::good(format!("it answered {status} in {millis} ms")),
        None => Finding::unknown("nothing was requested"),
    }
}
