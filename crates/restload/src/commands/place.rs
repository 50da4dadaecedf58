//! Which destination a command is about: flags, settings and the config, in this order.

use std::path::Path;

use restload_destination::{DestinationUrl, Inspector};
use restload_model::secret::{Redactor, Secret};

use super::CommandError;
use crate::cli::{ConfigArgs, StoredArgs};
use crate::config::DestinationConfig;
use crate::load::settings::Settings;
use crate::pipeline::{Pipeline, folder_of};
use crate::terminal::Terminal;

/// What the flags and the surroundings of a config say of its destination.
pub(super) fn settings(config: &Path, flags: &Settings, terminal: &Terminal) -> Result<Settings, CommandError> {
    Settings::load(&folder_of(config), flags).map_err(|error| CommandError::usage(error.render(terminal.color)))
}

/// A destination and the part of it that a pipeline loads into.
pub(crate) struct Place {
    pub(crate) url: DestinationUrl,
    pub(crate) dataset: Option<String>,
    pub(crate) pipeline: String,
    pub(crate) redactor: Redactor,
}

impl Place {
    /// `own` is what the config says, `settings` what the command line and the surroundings do.
    pub(crate) fn resolve(
        pipeline: &str,
        own: Option<DestinationConfig>,
        settings: Settings,
    ) -> Result<Self, CommandError> {
        let (own_url, own_dataset) = own.map_or((None, None), |own| (Some(own.url), own.dataset));
        let url = settings
            .to
            .or(own_url)
            .unwrap_or_else(|| format!("sqlite:{pipeline}.db"));
        let url = DestinationUrl::parse(&url).map_err(|error| CommandError::usage(format!("error: {error}")))?;
        let redactor = Redactor::new(
            url.password()
                .map(|password| ("destination".to_owned(), Secret::new(password))),
        );
        Ok(Self {
            url,
            dataset: settings.dataset.or(own_dataset),
            pipeline: pipeline.to_owned(),
            redactor,
        })
    }

    /// The place of a command that looks at what is stored. Of the config only the name and the destination are used, so
    /// it needs no credentials of the API.
    pub(crate) fn stored(args: &StoredArgs, terminal: &Terminal) -> Result<Self, CommandError> {
        Self::of(&args.config, args.to.clone(), args.dataset.clone(), terminal)
    }

    /// The same, of flags that stand apart.
    pub(crate) fn of(
        config: &ConfigArgs,
        to: Option<String>,
        dataset: Option<String>,
        terminal: &Terminal,
    ) -> Result<Self, CommandError> {
        let pipeline = Pipeline::read(config, terminal)?;
        let name = pipeline.name().to_owned();
        let settings = settings(&config.config, &Settings { to, dataset }, terminal)?;
        let own = pipeline.destination(settings.to.is_some(), terminal)?;
        Self::resolve(&name, own, settings)
    }

    /// The destination, opened for looking at it. `None` when nothing was ever loaded there.
    pub(crate) async fn inspect(&self) -> Result<Option<Inspector>, CommandError> {
        let opened = Box::pin(Inspector::open(&self.url, self.dataset.as_deref(), &self.pipeline)).await;
        opened.map_err(|error| self.failed(&error))
    }

    /// What to say where nothing was ever loaded.
    pub(crate) fn nothing_yet(&self) -> String {
        let dataset = match &self.dataset {
            Some(dataset) => format!(" (dataset `{dataset}`)"),
            None => String::new(),
        };
        format!(
            "restload has not loaded anything into {}{dataset} yet",
            self.url.redacted()
        )
    }

    /// A failure of the destination.
    pub(crate) fn failed(&self, error: &dyn std::error::Error) -> CommandError {
        CommandError::failed(self.redact(&chain(error)))
    }

    /// A text with the destination's password masked.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.redactor.redact(text)
    }
}

/// An error and its causes, a line each.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("error: {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}\n  caused by: {cause}");
        next = cause.source();
    }
    text
}
