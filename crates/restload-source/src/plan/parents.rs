//! What a resource takes from other resources.

use std::collections::BTreeSet;

use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};

use super::resource::RecordSource;
use crate::config::ResourceConfig;

/// What a child takes from its parent.
#[derive(Debug, Clone)]
pub struct ParentLink {
    /// The parent.
    pub resource: String,
    /// The top-level fields that requests refer to; `None` when all may be.
    pub fields: Option<BTreeSet<String>>,
    /// The fields that records take along, each with the name it gets.
    pub included: Vec<(String, String)>,
}

/// The parent that placeholders name; there is one at most.
pub(super) fn compile_parent(
    config: &ResourceConfig,
    source: &RecordSource,
    names: &[&str],
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<ParentLink> {
    let mut link: Option<ParentLink> = None;
    let mut is_sound = true;
    for template in source.own_templates() {
        for variable in template
            .variables()
            .filter(|variable| variable.split('.').next() == Some("resources"))
        {
            let mut parts = variable.split('.').skip(1);
            let Some(parent) = parts.next() else {
                is_sound = false;
                diagnostics.error_with_help(
                    template.path(),
                    "`resources` needs a resource and a field",
                    "write `{resources.parent.field}`",
                );
                continue;
            };
            if !names.contains(&parent) {
                is_sound = false;
                let help = match did_you_mean(parent, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the config has: {}", names.join(", ")),
                };
                diagnostics.error_with_help(template.path(), format_args!("there is no resource `{parent}`"), help);
                continue;
            }
            if let Some(known) = &link
                && known.resource != parent
            {
                diagnostics.error(
                    template.path(),
                    format_args!(
                        "`{}` has two parents, `{}` and `{parent}`; one is possible",
                        config.name, known.resource
                    ),
                );
                continue;
            }
            let link = link.get_or_insert_with(|| ParentLink {
                resource: parent.to_owned(),
                fields: Some(BTreeSet::new()),
                included: Vec::new(),
            });
            match (parts.next(), &mut link.fields) {
                (Some(field), Some(fields)) => {
                    fields.insert(field.to_owned());
                }
                _ => link.fields = None,
            }
        }
    }
    let Some(included) = &config.include_from_parent else {
        return link;
    };
    let Some(link) = &mut link else {
        // A parent that is misspelt is a mistake of its own.
        if !is_sound {
            return None;
        }
        diagnostics.error_with_help(
            &path.key("include_from_parent"),
            format_args!("`{}` has no parent to include fields from", config.name),
            "refer to the parent in the endpoint: `{resources.parent.field}`",
        );
        return None;
    };
    for field in included {
        link.included
            .push((field.clone(), format!("_{}_{field}", link.resource)));
        if let Some(fields) = &mut link.fields {
            fields.insert(field.clone());
        }
    }
    Some(link.clone())
}
