//! The C interface of layerkit.
