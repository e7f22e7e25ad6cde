'use strict';
// Dockerfiles as data.

const native = require('../native.js');
const { fromNative, invalidArgument } = require('./errors.js');
const { camel } = require('./names.js');

function parse(text) {
  if (typeof text !== 'string' && !(text instanceof Uint8Array)) {
    throw invalidArgument('the text is neither a string nor a Uint8Array');
  }
  const { done, failed } = native.dockerfileParse(text);
  if (failed !== undefined) throw fromNative(failed, {});
  return camel(JSON.parse(done));
}

module.exports = { parse };
