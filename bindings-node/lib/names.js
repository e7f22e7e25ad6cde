'use strict';
// The one place where camelCase becomes snake_case and back.

/** Properties whose own keys belong to the user, or to a specification, and stay as they are. */
const MAPS = new Set([
  ...['labels', 'buildargs', 'filters', 'manifest', 'users'],
  ...['files', 'contexts', 'secrets', 'ssh', 'auths', 'flags', 'args', 'tmpfs'],
]);

// An underscore of the user's is doubled, which makes the two inverse: `no_cache` is an unknown option, not `noCache`.
const snakeName = (name) => name.replace(/_|[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camelName = (name) => name.replace(/_([a-z0-9_])/g, (_, letter) => letter.toUpperCase());

function rename(value, name) {
  if (Array.isArray(value)) return value.map((entry) => rename(entry, name));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, entry]) => [name(key), MAPS.has(key) ? entry : rename(entry, name)]));
}

/** A report, an event or an error's fields of the core with the names of JavaScript. */
const camel = (value) => rename(value, camelName);

/** Options with the names of the core. */
const snake = (value) => rename(value, snakeName);

/** A message of the core that quotes names of options, with the names of JavaScript. */
const camelQuotes = (text) => text.replace(/`([a-z0-9_]+)`/g, (_, name) => `\`${camelName(name)}\``);

module.exports = { camel, camelQuotes, snake };
