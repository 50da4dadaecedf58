//! What `check --connect` shows: a line of ticks for each resource, and the reasons of those that are none.

use std::fmt::Write as _;

use restload_engine::{Asked, Asker, Probe, Stage};
use restload_model::secret::Redactor;
use restload_source::examination::{Finding, Verdict};
use restload_source::plan::ResourcePlan;
use serde_json::{Value, json};

use crate::summary::count;
use crate::table::{Align, Table};
use crate::terminal::Terminal;

/// The probes of a config's resources.
pub(crate) struct Probes<'p> {
    probes: Vec<(&'p ResourcePlan, &'p Asked, Probe)>,
    /// Reasons quote what the API has answered.
    redactor: &'p Redactor,
}

impl<'p> Probes<'p> {
    /// `outcomes` is what came of the asker's resources, in their order, and `probes` what that shows.
    pub(crate) fn new(asker: &'p Asker, outcomes: &'p [Asked], probes: Vec<Probe>) -> Self {
        let all = asker.resources().iter().zip(outcomes).zip(probes);
        Self {
            probes: all.map(|((plan, asked), probe)| (&**plan, asked, probe)).collect(),
            redactor: asker.redactor(),
        }
    }

    /// Whether nothing is otherwise than the config says.
    pub(crate) fn are_good(&self) -> bool {
        self.probes.iter().all(|(_, _, probe)| is_good(probe))
    }

    pub(crate) fn as_text(&self, terminal: &Terminal) -> String {
        let mut table = Table::new(&[
            ("resource", Align::Left),
            ("reachable", Align::Left),
            ("authorised", Align::Left),
            ("records", Align::Left),
            ("primary key", Align::Left),
            ("cursor", Align::Left),
        ]);
        for (plan, _, probe) in &self.probes {
            let ticks = probe.findings().map(|(_, finding)| tick(finding).to_owned());
            let [reachable, authorised, records, primary_key, cursor] = ticks;
            let name = plan.name.to_string();
            table.row([name, reachable, authorised, records, primary_key, cursor]);
        }
        let mut text = table.render(terminal);
        for (plan, _, probe) in &self.probes {
            let reasons = reasons(probe, terminal);
            if !reasons.is_empty() {
                let _ = write!(text, "\n{}\n{reasons}", terminal.bold(&plan.name));
            }
        }
        let bad = self.probes.iter().filter(|(_, _, probe)| !is_good(probe)).count();
        let unknown = self
            .probes
            .iter()
            .filter(|(_, _, probe)| is_good(probe) && !is_known(probe))
            .count();
        let all = count(self.probes.len() as u64, "resource");
        let _ = match bad {
            0 => write!(text, "\n{all} looked at: nothing is wrong"),
            bad => write!(text, "\n{bad} of {all} failed"),
        };
        if unknown > 0 {
            let _ = write!(text, "; of {unknown} not everything is known");
        }
        text.push('\n');
        self.redactor.redact(&text)
    }

    /// The first resource whose records are not what the config says they are: an answer of the API would show how.
    pub(crate) fn to_discover(&self) -> Option<&str> {
        let mut probes = self.probes.iter();
        let is_about_records = |(name, finding): (&str, &Finding)| {
            matches!(name, "records" | "primary key" | "cursor") && matches!(finding.verdict, Verdict::Bad(_))
        };
        // Of an answer that could not be read `discover` would learn no more.
        let was_read = |asked: &Asked| match &asked.failure {
            None => true,
            Some(failure) => asked.lacks_records || failure.stage == Stage::Records,
        };
        let found =
            probes.find(|(_, asked, probe)| was_read(asked) && probe.findings().into_iter().any(is_about_records));
        found.map(|(plan, _, _)| &*plan.name)
    }

    pub(crate) fn as_json(&self) -> Value {
        let probes = self.probes.iter().map(|(plan, asked, probe)| {
            let findings = probe.findings().map(|(name, finding)| {
                let (verdict, help) = match &finding.verdict {
                    Verdict::Good => ("good", None),
                    Verdict::Bad(help) => ("bad", help.as_deref()),
                    Verdict::Unknown => ("unknown", None),
                    Verdict::Absent => ("absent", None),
                };
                let reason = self.redactor.redact(&finding.reason);
                let help = help.map(|help| self.redactor.redact(help));
                json!({ "about": name, "verdict": verdict, "reason": reason, "help": help })
            });
            json!({
                "resource": &*plan.name,
                "good": is_good(probe),
                "requests": asked.exchanges,
                "findings": findings,
            })
        });
        probes.collect()
    }
}

fn is_good(probe: &Probe) -> bool {
    let mut findings = probe.findings().into_iter();
    findings.all(|(_, finding)| !matches!(finding.verdict, Verdict::Bad(_)))
}

fn is_known(probe: &Probe) -> bool {
    let mut findings = probe.findings().into_iter();
    findings.all(|(_, finding)| finding.verdict != Verdict::Unknown)
}

fn tick(finding: &Finding) -> &'static str {
    match finding.verdict {
        Verdict::Good => "✓ yes",
        Verdict::Bad(_) => "✗ no",
        Verdict::Unknown => "? unknown",
        Verdict::Absent => "- none",
    }
}

/// Why something is not as it should be, or is not known; with `--verbose` why it is, too.
fn reasons(probe: &Probe, terminal: &Terminal) -> String {
    let mut text = String::new();
    let mut told = Vec::new();
    for (name, finding) in probe.findings() {
        let is_shown = match finding.verdict {
            Verdict::Bad(_) => true,
            // One reason is often that of several.
            Verdict::Unknown => !told.contains(&&finding.reason),
            Verdict::Good => terminal.verbosity > 0,
            Verdict::Absent => false,
        };
        if !is_shown {
            continue;
        }
        told.push(&finding.reason);
        let mark = match finding.verdict {
            Verdict::Bad(_) => terminal.red("✗"),
            Verdict::Good => "✓".to_owned(),
            Verdict::Unknown | Verdict::Absent => "?".to_owned(),
        };
        let _ = writeln!(text, "  {mark} {name}: {}", finding.reason);
        if let Verdict::Bad(Some(help)) = &finding.verdict {
            let _ = writeln!(text, "    help: {help}");
        }
    }
    text
}
