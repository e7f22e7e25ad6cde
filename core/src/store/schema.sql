-- Version 1. Digests are text, `sha256:<hex>`; times are seconds since 1970; sizes are bytes.

-- A blob counts when its row is here. Small ones are in the row, the others in blobs/sha256/<hex>.
CREATE TABLE blobs (
  digest  TEXT PRIMARY KEY,
  size    INTEGER NOT NULL,
  content BLOB
) WITHOUT ROWID;

-- What a layer is once uncompressed.
CREATE TABLE layers (
  diff_id TEXT PRIMARY KEY,
  size    INTEGER NOT NULL,  -- of the tar
  content INTEGER NOT NULL,  -- of the files in it
  toc     BLOB NOT NULL
) WITHOUT ROWID;

-- Which blobs are a layer, and which encoder made them if it was one of ours.
CREATE TABLE layer_blobs (
  digest  TEXT PRIMARY KEY,
  diff_id TEXT NOT NULL,
  media_type TEXT NOT NULL,
  encoder TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX layer_blobs_diff_id ON layer_blobs (diff_id);

-- An image's ID is the digest of its config, which is a blob.
CREATE TABLE images (
  id       TEXT PRIMARY KEY,
  parent   TEXT,
  manifest TEXT NOT NULL,
  created  INTEGER NOT NULL,
  added    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX images_parent ON images (parent);

CREATE TABLE image_layers (
  image    TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  diff_id  TEXT NOT NULL,
  chain_id TEXT NOT NULL,
  PRIMARY KEY (image, position)
) WITHOUT ROWID;
CREATE INDEX image_layers_chain_id ON image_layers (chain_id);
CREATE INDEX image_layers_diff_id ON image_layers (diff_id);

-- One image may have come under several manifests.
CREATE TABLE manifests (
  digest     TEXT PRIMARY KEY,
  image      TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  media_type TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX manifests_image ON manifests (image);

CREATE TABLE manifest_layers (
  manifest TEXT NOT NULL REFERENCES manifests (digest) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  digest   TEXT NOT NULL,
  PRIMARY KEY (manifest, position)
) WITHOUT ROWID;
CREATE INDEX manifest_layers_digest ON manifest_layers (digest);

-- Names in full: host/path:tag or host/path@digest.
CREATE TABLE names (
  name     TEXT PRIMARY KEY,
  image    TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  manifest TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX names_image ON names (image);

-- Unpacked layers in snapshots/<folder>; `boot` is the boot that wrote one.
CREATE TABLE snapshots (
  chain_id TEXT PRIMARY KEY,
  folder   INTEGER NOT NULL UNIQUE,
  size     INTEGER NOT NULL,
  boot     TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE containers (
  id      TEXT PRIMARY KEY,
  image   TEXT NOT NULL,
  engine  TEXT NOT NULL,  -- whose operation it belongs to
  running INTEGER NOT NULL,
  created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX containers_image ON containers (image);

CREATE TABLE build_cache (
  key   TEXT PRIMARY KEY,
  image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX build_cache_image ON build_cache (image);

-- What running operations rely on.
CREATE TABLE leases (
  engine TEXT NOT NULL,
  lease  INTEGER NOT NULL,
  kind   TEXT NOT NULL,  -- image or snapshot
  key    TEXT NOT NULL,
  PRIMARY KEY (engine, lease, kind, key)
) WITHOUT ROWID;
CREATE INDEX leases_key ON leases (kind, key);
