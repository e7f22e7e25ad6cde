// The wire speaks snake_case, the library camelCase. The keys of a user's own maps, and of a manifest, stay as they are.

/** The driver could not do what was asked. */
export class DriverError extends Error {}

const MAPS = new Set(['labels', 'buildargs', 'filters', 'manifest', 'flags', 'args']);

function rename(value, name) {
  if (Array.isArray(value)) return value.map((entry) => rename(entry, name));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, entry]) => [name(key), MAPS.has(key) ? entry : rename(entry, name)]));
}

export const snake = (value) => rename(value, (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));

const camel = (value) => rename(value, (key) => key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()));

/** Takes the positional arguments `names` out of `args`; what is left are options, which must all be in `known`. */
export function take(args, names, known = []) {
  const positional = names.map((name) => {
    if (!(name in args)) throw new DriverError(`argument ${name} is missing`);
    return args[name];
  });
  const options = Object.fromEntries(Object.entries(args).filter(([key]) => !names.includes(key)));
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new DriverError(`unknown argument ${unknown}`);
  return [...positional, camel(options)];
}
