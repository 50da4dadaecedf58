//! Forgetting what is stored of a pipeline's resources, apart from any run.

use crate::error::{Cause, DestinationError};
use crate::reading::{Inspector, dataset_of};
use crate::system::STATE;
use crate::url::DestinationUrl;
use crate::writers::{Param, Session, Writer};

/// What was forgotten of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// The resource.
    pub resource: String,
    /// How many partitions of it had something stored.
    pub partitions: u64,
}

/// Forgets what is stored of some of a pipeline's resources, or of all of them when none is named; the next run loads
/// them from the start. Their rows stay. It takes the lock of a run, so that no run is under way.
pub async fn reset_state(
    url: &DestinationUrl,
    dataset: Option<&str>,
    pipeline: &str,
    resources: &[String],
) -> Result<Vec<Forgotten>, DestinationError> {
    // Where nothing was ever loaded, nothing is made either.
    let Some(inspector) = Inspector::open(url, dataset, pipeline).await? else {
        return Ok(Vec::new());
    };
    inspector.close().await;
    let dataset = dataset_of(dataset, pipeline);
    let mut writer = Box::pin(Writer::connect(&Session {
        url,
        dataset: &dataset,
        pipeline,
    }))
    .await?;
    let shown = url.redacted();
    let forgotten = forget(&mut writer, pipeline, resources).await;
    let forgotten = forgotten.map_err(|cause| cause.during("cannot forget the stored state", &shown))?;
    let closed = writer.close().await;
    closed.map_err(|cause| cause.during(format!("cannot close {shown}"), &shown))?;
    Ok(forgotten)
}

async fn forget(writer: &mut Writer, pipeline: &str, resources: &[String]) -> Result<Vec<Forgotten>, Cause> {
    writer.begin().await?;
    writer.wait_briefly().await?;
    let sql = writer.dialect().read_state(STATE);
    let stored = writer.rows(sql, &[Param::Text(pipeline)]).await?;
    let mut forgotten: Vec<Forgotten> = Vec::new();
    for row in stored {
        let Some(Some(resource)) = row.into_iter().next() else {
            continue;
        };
        if !resources.is_empty() && !resources.contains(&resource) {
            continue;
        }
        match forgotten.last_mut().filter(|last| last.resource == resource) {
            Some(last) => last.partitions += 1,
            None => forgotten.push(Forgotten {
                resource,
                partitions: 1,
            }),
        }
    }
    for one in &forgotten {
        let sql = writer.dialect().forget_resource(STATE);
        let params = [Param::Text(pipeline), Param::Text(&one.resource)];
        writer.execute(sql, &params).await?;
    }
    writer.commit().await?;
    Ok(forgotten)
}
