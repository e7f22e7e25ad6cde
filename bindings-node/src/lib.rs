//! The Node addon of layerkit.
