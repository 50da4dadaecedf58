//! Which resources depend on which.

use std::sync::Arc;

use restload_source::plan::ResourcePlan;

/// The resources that a resource depends on, itself not among them.
pub(crate) fn ancestors<'p>(plan: &ResourcePlan, all: &'p [Arc<ResourcePlan>]) -> Vec<&'p Arc<ResourcePlan>> {
    // Parents stand before their children, so that one pass backwards finds all of them.
    let mut wanted: Vec<&str> = plan.parents.iter().map(|link| link.resource.as_str()).collect();
    let mut found = Vec::new();
    for other in all.iter().rev() {
        if wanted.contains(&&*other.name) {
            wanted.extend(other.parents.iter().map(|link| link.resource.as_str()));
            found.push(other);
        }
    }
    found
}
