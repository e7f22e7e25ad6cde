// The wire speaks snake_case, the library camelCase. The keys of a user's own maps, and of a manifest, stay as they are.

/** The driver could not do what was asked. */
export class DriverError extends Error {}

const MAPS = new Set([
  ...['labels', 'buildargs', 'filters', 'manifest'],
  ...['files', 'contexts', 'secrets', 'ssh', 'flags', 'args', 'tmpfs'],
]);
// Maps whose keys are the user's, of objects whose keys are ours.
const OUTER = new Set(['auths']);

function rename(value, name) {
  if (Array.isArray(value)) return value.map((entry) => rename(entry, name));
  if (typeof value !== 'object' || value === null) return value;
  const inside = (key, entry) => {
    if (MAPS.has(key)) return entry;
    if (!OUTER.has(key)) return rename(entry, name);
    return Object.fromEntries(Object.entries(entry).map(([outer, one]) => [outer, rename(one, name)]));
  };
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [name(key), inside(key, entry)]));
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
