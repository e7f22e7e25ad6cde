'use strict';
// Credentials are looked at before the core sees them, because no message may show one: it may be a secret.

const { invalidArgument } = require('./errors.js');

/** Refuses properties of `options` that are no texts, without showing them; `where` is in front of their names. */
function checkTexts(options, properties, where = '') {
  for (const property of properties) {
    const value = options?.[property] ?? undefined;
    if (value !== undefined && typeof value !== 'string') throw invalidArgument(`${where}${property} is not a string`);
  }
}

/** The options, whose credentials are an object of texts wherever there are any. */
function withAuth(options) {
  for (const name of ['auth', 'sourceAuth', 'destinationAuth']) {
    const auth = options?.[name] ?? undefined;
    if (auth === undefined) continue;
    if (typeof auth !== 'object') throw invalidArgument(`${name} is not an object`);
    checkTexts(auth, Object.keys(auth), `${name}.`);
  }
  return options;
}

module.exports = { checkTexts, withAuth };
