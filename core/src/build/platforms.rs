//! Several platforms: a plan for each, whose steps are numbered on, and the index of the images.

use super::BuildOptions;
use super::named::NamedContexts;
use super::output::Made;
use super::plan::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::media_type;
use crate::platform::Platform;
use crate::spec::{self, Descriptor, Index};

/// The platforms that are asked for, each once; the host's when none is.
pub fn wanted(options: &BuildOptions) -> Result<Vec<Platform>> {
    let platforms = match (&options.platform, options.platforms.as_slice()) {
        (Some(_), [_, ..]) => {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "`platform` and `platforms` cannot be given at once",
            ));
        }
        (Some(one), []) => vec![one.parse()?],
        (None, []) => vec![Platform::host()],
        (None, several) => several.iter().map(|text| text.parse()).collect::<Result<Vec<Platform>>>()?,
    };
    let mut once: Vec<Platform> = Vec::new();
    for platform in platforms {
        if once.iter().all(|known| known.normal() != platform.normal()) {
            once.push(platform);
        }
    }
    Ok(once)
}

/// A plan for each platform. Their steps are counted as those of one build.
pub fn plans(
    dockerfile: &[u8],
    options: &BuildOptions,
    platforms: &[Platform],
    contexts: &NamedContexts,
) -> Result<Vec<Plan>> {
    let plan = |platform| Plan::make(dockerfile, options, platform, contexts);
    let mut plans = platforms.iter().map(plan).collect::<Result<Vec<_>>>()?;
    let total = plans.iter().map(|plan| plan.total).sum();
    let mut before = 0;
    for (number, plan) in plans.iter_mut().enumerate() {
        plan.before = before;
        plan.stages.iter_mut().filter(|stage| stage.needed).for_each(|stage| stage.first_step += before);
        before += plan.total;
        plan.total = total;
        if number > 0 {
            // They are those of the text, which is one.
            plan.warnings.clear();
        }
    }
    Ok(plans)
}

/// The image that names lead to here: the host's, or else the first.
pub fn local(made: &[Made]) -> Option<&Made> {
    let host = Platform::host();
    made.iter().find(|made| made.platform.normal() == host.normal()).or(made.first())
}

/// The bytes of an index of these images; none of one image.
pub fn index(made: &[Made]) -> Result<Option<Vec<u8>>> {
    if made.len() < 2 {
        return Ok(None);
    }
    let descriptor = |made: &Made| Descriptor {
        platform: Some(made.platform.clone()),
        ..Descriptor::new(media_type::OCI_MANIFEST, made.manifest, made.size)
    };
    spec::to_bytes(&Index::new(made.iter().map(descriptor).collect())).map(Some)
}
