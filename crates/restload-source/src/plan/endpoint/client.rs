//! The client's part of every request.

use http::HeaderMap;
use minijinja::Value as Computed;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use url::Url;

use super::address::trusts;
use super::headers::{HeaderTemplate, compile_headers};
use crate::auth::{Auth, AuthChoice};
use crate::config::ClientConfig;
use crate::paginators::PaginatorConfig;
use crate::template::Template;

/// The client's part of every request. What has a mistake in it is left out.
#[derive(Debug)]
pub(in crate::plan) struct ClientPlan {
    pub(super) headers: Vec<HeaderTemplate>,
    pub(super) auth: Option<Auth>,
    pub(super) paginator: Option<PaginatorConfig>,
    pub(super) trusted_hosts: Vec<String>,
}

impl ClientPlan {
    pub(in crate::plan) fn compile(config: &ClientConfig, path: &KeyPath, diagnostics: &mut Diagnostics) -> Self {
        let headers = compile_headers(config.headers.as_ref(), &[], &path.key("headers"), diagnostics);
        let auth = match &config.auth {
            Some(AuthChoice::Enabled(auth)) => auth.compile(&path.key("auth"), diagnostics),
            _ => None,
        };
        let paginator_path = path.key("paginator");
        // A mistake in it is told here, and not once more in every resource.
        let paginator = config.paginator.clone().filter(|paginator| {
            let is_sound = paginator.compile(&paginator_path, diagnostics).is_some();
            if !is_sound {
                diagnostics.leave_out(&paginator_path);
            }
            is_sound
        });
        let trusted_hosts = config.trusted_hosts.iter().map(|host| host.to_lowercase()).collect();
        Self {
            headers,
            auth,
            paginator,
            trusted_hosts,
        }
    }

    pub(in crate::plan) fn templates(&self) -> Vec<&Template> {
        let mut templates: Vec<&Template> = self.headers.iter().flat_map(HeaderTemplate::templates).collect();
        templates.extend(self.auth.iter().flat_map(Auth::templates));
        templates
    }

    /// The headers that have a value before any record is known.
    pub(in crate::plan) fn header_values(&self, context: &Computed) -> HeaderMap {
        let headers = self.headers.iter().filter_map(|header| {
            let text = header.value.as_ref()?.text(context).ok()?;
            let name = header.name.render(context).ok()?;
            Some((name, http::HeaderValue::try_from(text).ok()?))
        });
        headers.collect()
    }

    /// Whether credentials may go from the client's address to another.
    pub(in crate::plan) fn trusts(&self, home: &Url, url: &Url) -> bool {
        trusts(&self.trusted_hosts, home, url)
    }

    pub(in crate::plan) fn auths(&self) -> impl Iterator<Item = &Auth> {
        self.auth.iter()
    }
}
