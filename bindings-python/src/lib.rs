//! The Python module of layerkit.
