-- Version 3: the whole Dockerfile.

-- When a step was last taken from the cache or made, in seconds since 1970.
ALTER TABLE build_cache ADD COLUMN used INTEGER NOT NULL DEFAULT 0;

-- What the steps on an image looked at when they were last made, so that a miss can say what changed.
CREATE TABLE build_inputs (
  parent      TEXT NOT NULL,  -- what the step started from
  instruction TEXT NOT NULL,  -- its text as written
  used        INTEGER NOT NULL,
  inputs      BLOB NOT NULL,
  PRIMARY KEY (parent, instruction)
) WITHOUT ROWID;

-- Directories that RUN --mount=type=cache keeps, in caches/<folder>. One ID has several when they were asked for privately,
-- or began with different contents.
CREATE TABLE cache_mounts (
  folder  INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again
  id      TEXT NOT NULL,
  base    TEXT NOT NULL,  -- what it began with, or empty
  created INTEGER NOT NULL,
  used    INTEGER NOT NULL
);
CREATE INDEX cache_mounts_of ON cache_mounts (id, base, folder);

-- Digests of the files of a context with what tells that a file is unchanged.
CREATE TABLE context_digests (
  context TEXT PRIMARY KEY,
  used    INTEGER NOT NULL,
  digests BLOB NOT NULL
) WITHOUT ROWID;

-- Unpacked layers in snapshots/<folder>, derived data; `boot` is the boot that wrote one. `form`: `layer`, the one layer in
-- overlayfs's form, or `root`, all layers up to it applied to one directory.
DROP TABLE snapshots;
CREATE TABLE snapshots (
  chain_id TEXT NOT NULL,
  form     TEXT NOT NULL,
  folder   INTEGER NOT NULL UNIQUE,
  size     INTEGER NOT NULL,
  boot     TEXT NOT NULL,
  PRIMARY KEY (chain_id, form)
) WITHOUT ROWID;
