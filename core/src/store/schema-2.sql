-- Version 2: what comes from registries and goes to them.

-- Whether the manifest was made here, so that it may be made anew when a layer is compressed; others keep their bytes.
ALTER TABLE manifests ADD COLUMN made INTEGER NOT NULL DEFAULT 0;

-- The index that a name led to, where it did not lead to a manifest.
ALTER TABLE names ADD COLUMN via TEXT;

-- Indexes that names led to. `whole`: everything they list is here, in index_blobs.
CREATE TABLE indexes (
  digest     TEXT PRIMARY KEY,
  media_type TEXT NOT NULL,
  whole      INTEGER NOT NULL
) WITHOUT ROWID;

-- The blobs that an index leads to and that no image need have: manifests, configs and layers of other platforms.
CREATE TABLE index_blobs (
  via    TEXT NOT NULL REFERENCES indexes (digest) ON DELETE CASCADE,
  digest TEXT NOT NULL,
  PRIMARY KEY (via, digest)
) WITHOUT ROWID;
CREATE INDEX index_blobs_digest ON index_blobs (digest);
