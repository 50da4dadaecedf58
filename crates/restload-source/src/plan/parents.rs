//! What a resource takes from other resources.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexSet;
use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};
use restload_model::schema::WriteDisposition;

use super::resource::{RecordSource, ResourcePlan};
use super::{Compiled, batches};
use crate::config::ResourceConfig;
use crate::incremental::IncrementalPlan;
use crate::parent_fields::Fields;
use crate::template::FieldStep;

/// What a child takes from one of its parents, or from an ancestor further up.
#[derive(Debug, Clone)]
pub struct ParentLink {
    /// The parent.
    pub resource: String,
    /// The fields that the child and what depends on it refer to.
    pub fields: Fields,
    /// Of these, those that its own requests name: they are what a partition's cursor belongs to.
    pub requested: Fields,
    /// The fields that records take along, each with the name it gets.
    pub included: Vec<(String, String)>,
    /// Whether the parent's records give rise to the child's partitions. What an ancestor further up has comes along
    /// with the records of a direct parent.
    pub is_direct: bool,
    /// Whether the endpoint names it; otherwise only `include_from_parent` does, or a descendant.
    pub(super) is_named: bool,
    /// Where in the config it is named.
    origin: KeyPath,
}

/// The names of a config's resources.
pub(super) struct Names<'n> {
    pub(super) known: IndexSet<&'n str>,
    /// Whether none of them is left out for a mistake.
    pub(super) is_whole: bool,
}

/// Whether a place that may name a parent is left out, so that nobody knows all of them. `endpoint` is the path of a
/// resource's endpoint.
pub(super) fn may_be_missing(endpoint: &KeyPath, diagnostics: &Diagnostics) -> bool {
    const PLACES: [&str; 7] = ["path", "params", "headers", "json", "data", "graphql", "auth"];
    PLACES.iter().any(|key| diagnostics.has_left_out(&endpoint.key(*key)))
}

/// The parents that placeholders name.
pub(super) fn compile_parents(
    source: &RecordSource,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<ParentLink> {
    let mut links: Vec<ParentLink> = Vec::new();
    let in_path = source.path_references();
    for template in source.own_templates() {
        for reference in template.references() {
            let parent = reference.resource.as_str();
            if !names.known.contains(parent) && !names.is_whole {
                continue;
            }
            if !names.known.contains(parent) {
                let help = match did_you_mean(parent, names.known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        let all: Vec<&str> = names.known.iter().copied().collect();
                        format!("the config has: {}", all.join(", "))
                    }
                };
                diagnostics.error_with_help(template.path(), format_args!("there is no resource `{parent}`"), help);
                continue;
            }
            let link = link_to(&mut links, parent, template.path());
            link.is_named = true;
            let is_filled = reference.is_required && in_path.contains(&reference);
            link.fields.add(&reference.steps, reference.is_required, is_filled);
            link.requested.add(&reference.steps, reference.is_required, is_filled);
        }
    }
    links
}

/// The fields that records take along. A bare name is a field of the parent; one of another ancestor names it.
fn include(
    config: &ResourceConfig,
    plan: &mut ResourcePlan,
    nearest: &[String],
    names: &IndexSet<&str>,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) {
    let may_have_parents = may_be_missing(&path.key("endpoint"), diagnostics);
    let path = path.key("include_from_parent");
    for (index, wanted) in config.include_from_parent.iter().flatten().enumerate() {
        let path = path.index(index);
        // A key may hold a dot of its own; what names a resource of the config does not.
        let qualified = wanted.split_once('.').filter(|(resource, _)| names.contains(*resource));
        let (parent, field) = match (qualified, nearest) {
            (Some((parent, field)), _) => (parent, field),
            (None, [parent]) => (parent.as_str(), wanted.as_str()),
            (None, []) => {
                // A parent that is misspelt is a mistake of its own.
                let templates = plan.own_templates();
                let mut references = templates.iter().flat_map(|template| template.references());
                if references.next().is_none() && !may_have_parents {
                    diagnostics.error_with_help(
                        &path,
                        format_args!("`{}` has no parent to include fields from", config.name),
                        "refer to the parent in the endpoint: `{resources.parent.field}`",
                    );
                }
                return;
            }
            (None, several) => {
                let choices: Vec<String> = several.iter().map(|parent| format!("`{parent}.{wanted}`")).collect();
                diagnostics.error_with_help(
                    &path,
                    format_args!("`{}` has several parents; say whose `{wanted}` it is", config.name),
                    format_args!("write {}", choices.join(" or ")),
                );
                continue;
            }
        };
        let link = link_to(&mut plan.parents, parent, &path);
        link.included.push((field.to_owned(), format!("_{parent}_{field}")));
        link.fields.add(&[FieldStep::Name(field.to_owned())], true, false);
    }
}

/// Rows that are appended for a parent's record are appended again when the record comes again.
pub(super) fn warn_of_repeated_children(
    compiled: &[Compiled<'_>],
    loaded: &BTreeSet<String>,
    diagnostics: &mut Diagnostics,
) {
    let places = places(compiled);
    for (path, resource, plan) in compiled {
        // Its own cursor tells what was appended before.
        let recognises_rows = plan.incremental.as_ref().is_some_and(IncrementalPlan::recognises_rows);
        let is_appended = plan.target.write_disposition == WriteDisposition::Append && !recognises_rows;
        if !is_appended || !loaded.contains(&resource.name) {
            continue;
        }
        for link in plan.direct_parents() {
            let parent = places.get(&*link.resource).map(|place| &compiled[*place].2);
            // One that is replaced is loaded whole in every load.
            let parent = parent.filter(|parent| parent.target.write_disposition != WriteDisposition::Replace);
            let incremental = parent.and_then(|parent| parent.incremental.as_ref());
            let is_stored = loaded.contains(&link.resource);
            if incremental.is_none_or(|incremental| !incremental.repeats_children(is_stored)) {
                continue;
            }
            let parent = &link.resource;
            diagnostics.warning(
                path,
                format_args!(
                    "the records of `{parent}` at the start of a load, or within its lag, come again in every load: what \
                     is appended for them is appended again"
                ),
                Some(format!("give `{}` a `primary_key` and `write_disposition: merge`", resource.name)),
            );
        }
    }
}

fn link_to<'l>(links: &'l mut Vec<ParentLink>, parent: &str, origin: &KeyPath) -> &'l mut ParentLink {
    let place = links.iter().position(|link| link.resource == parent);
    let place = place.unwrap_or_else(|| {
        links.push(ParentLink {
            resource: parent.to_owned(),
            fields: Fields::default(),
            requested: Fields::default(),
            included: Vec::new(),
            is_direct: true,
            is_named: false,
            origin: origin.clone(),
        });
        links.len() - 1
    });
    &mut links[place]
}

/// Where each resource stands, by its name.
fn places<'c>(all: &[Compiled<'c>]) -> BTreeMap<&'c str, usize> {
    let mut places = BTreeMap::new();
    for (place, (_, resource, _)) in all.iter().enumerate() {
        places.entry(resource.name.as_str()).or_insert(place);
    }
    places
}

/// The resources' names in an order in which parents come first.
pub(super) struct Order {
    pub(super) names: Vec<String>,
    /// Those that refer to each other in a circle, which has no such order.
    circular: BTreeSet<String>,
}

/// Puts parents before their children. Circles are noted.
pub(super) fn parents_first(all: &[Compiled<'_>], diagnostics: &mut Diagnostics) -> Order {
    let places = places(all);
    let plan_of = |name: &str| places.get(name).map(|place| &all[*place].2);
    let mut walk = Walk::default();
    for (_, resource, _) in all {
        walk.visit(&resource.name, &plan_of);
    }
    let mut circular: BTreeSet<String> = BTreeSet::new();
    for mut circle in walk.circles {
        // Told once, at the resource that comes first in the file.
        let first = circle
            .iter()
            .enumerate()
            .min_by_key(|(_, name)| places.get(name.as_str()));
        let Some((start, place)) = first.and_then(|(start, name)| Some((start, *places.get(name.as_str())?))) else {
            continue;
        };
        circle.rotate_left(start);
        circle.push(circle[0].clone());
        diagnostics.error(
            &all[place].0,
            format_args!("resources refer to each other in a circle: {}", circle.join(" -> ")),
        );
        circular.extend(circle);
    }
    Order {
        names: walk.order.into_iter().collect(),
        circular,
    }
}

/// A walk from resources to their parents.
#[derive(Default)]
struct Walk {
    /// Those on the way from where the walk began.
    chain: Vec<String>,
    order: IndexSet<String>,
    circles: Vec<Vec<String>>,
}

impl Walk {
    /// Puts a resource behind its parents.
    fn visit<'p>(&mut self, name: &str, plan_of: &impl Fn(&str) -> Option<&'p ResourcePlan>) {
        if let Some(start) = self.chain.iter().position(|known| known == name) {
            self.circles.push(self.chain[start..].to_vec());
            return;
        }
        if self.order.contains(name) {
            return;
        }
        self.chain.push(name.to_owned());
        for link in plan_of(name).iter().flat_map(|plan| &plan.parents) {
            self.visit(&link.resource, plan_of);
        }
        self.chain.pop();
        self.order.insert(name.to_owned());
    }
}

/// Tells direct parents from ancestors further up, and lets every resource carry what its descendants want of its own
/// ancestors.
pub(super) fn connect(order: &Order, all: &mut [Compiled<'_>], diagnostics: &mut Diagnostics) {
    let mut ancestors: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let names: IndexSet<&str> = all.iter().map(|(_, resource, _)| resource.name.as_str()).collect();
    let places = places(all);
    let place_of = |name: &str| places.get(name).copied();
    // Those of whose ancestors not all are known.
    let mut uncertain: BTreeSet<String> = BTreeSet::new();
    for name in &order.names {
        let compiled = place_of(name).map(|place| &mut all[place]);
        let Some((path, config, plan)) = compiled else {
            uncertain.insert(name.clone());
            continue;
        };
        let parents: Vec<String> = plan.parents.iter().map(|link| link.resource.clone()).collect();
        let is_above = |upper: &String| {
            let mut above = parents.iter().filter_map(|lower| ancestors.get(lower));
            above.any(|above| above.contains(upper))
        };
        let nearest: Vec<String> = parents.iter().filter(|name| !is_above(name)).cloned().collect();
        let is_uncertain = order.circular.contains(name)
            || may_be_missing(&path.key("endpoint"), diagnostics)
            || parents.iter().any(|parent| uncertain.contains(parent));
        if is_uncertain {
            uncertain.insert(name.clone());
        }
        include(config, plan, &nearest, &names, path, diagnostics);
        let mut own: BTreeSet<String> = parents.iter().cloned().collect();
        own.extend(
            parents
                .iter()
                .filter_map(|parent| ancestors.get(parent))
                .flatten()
                .cloned(),
        );
        ancestors.insert(name.clone(), own);
    }
    let is_above = |upper: &str, lower: &str| ancestors.get(lower).is_some_and(|above| above.contains(upper));
    for name in order.names.iter().rev() {
        let compiled = place_of(name).map(|place| &mut all[place]);
        let Some((path, config, plan)) = compiled else {
            continue;
        };
        let linked: Vec<String> = plan.parents.iter().map(|link| link.resource.clone()).collect();
        for link in &mut plan.parents {
            link.is_direct = !linked.iter().any(|other| is_above(&link.resource, other));
            if link.is_direct && !link.is_named && !uncertain.contains(name) {
                diagnostics.error_with_help(
                    &link.origin,
                    format_args!("`{}` is not among the parents of `{name}`", link.resource),
                    format_args!("refer to it in the endpoint: `{{resources.{}.field}}`", link.resource),
                );
            }
        }
        if !order.circular.contains(name) {
            batches::check(plan, config, path, diagnostics);
        }
        let direct: Vec<String> = plan.direct_parents().map(|link| link.resource.clone()).collect();
        let carried: Vec<(String, Fields, KeyPath)> = plan
            .parents
            .iter()
            .filter(|link| !link.is_direct)
            .map(|link| (link.resource.clone(), link.fields.clone(), link.origin.clone()))
            .collect();
        for (ancestor, fields, origin) in carried {
            for parent in direct.iter().filter(|parent| is_above(&ancestor, parent)) {
                let through = place_of(parent).map(|place| &mut all[place]);
                if let Some((_, _, plan)) = through {
                    if plan.batch.is_some() {
                        diagnostics.error_with_help(
                            &origin,
                            format_args!(
                                "a record of `{parent}` comes of a request for several records of `{ancestor}`, so that \
                                 nobody knows whose fields these are"
                            ),
                            format_args!("take what you need out of `{parent}`, or leave `parents_per_request` out there"),
                        );
                        continue;
                    }
                    link_to(&mut plan.parents, &ancestor, &origin).fields.carry(&fields);
                }
            }
        }
    }
}
