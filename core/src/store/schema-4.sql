-- Version 4: containers that are there until they are removed.

-- Containers: of a running operation (`running`, with the engine whose it is), or an object with a name and settings, which nobody's end
-- takes away. Whether an object runs is not here: its folder says so.
ALTER TABLE containers ADD COLUMN name TEXT;
ALTER TABLE containers ADD COLUMN settings BLOB;  -- JSON
ALTER TABLE containers ADD COLUMN fleeting INTEGER NOT NULL DEFAULT 0;  -- removed at its end; `engine` is whose operation that is
CREATE UNIQUE INDEX containers_name ON containers (name) WHERE name IS NOT NULL;

-- The layers that a container stands on, lowest first. They stay as long as it does, also when its image is gone.
CREATE TABLE container_layers (
  container TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
  position  INTEGER NOT NULL,
  digest    TEXT NOT NULL,
  diff_id   TEXT NOT NULL,
  chain_id  TEXT NOT NULL,
  PRIMARY KEY (container, position)
) WITHOUT ROWID;
CREATE INDEX container_layers_chain_id ON container_layers (chain_id);
CREATE INDEX container_layers_digest ON container_layers (digest);
