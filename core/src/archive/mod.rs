//! Images in and out of the store as files: import, docker-archive, OCI layout, unpack.

mod options;

pub use options::{
    ImportOptions, LayerCompression, LoadOptions, LoadedImage, SaveFormat, SaveOptions, Source, Target,
    UnpackOptions,
};
