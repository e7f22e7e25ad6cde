'use strict';
// The one class of errors, and how it is made of what the native side reports.

const { errorCodes } = require('../native.js');
const { camel, camelQuotes } = require('./names.js');

/** Every code an error may have, in the order of DESIGN.md. */
const ERROR_CODES = Object.freeze(errorCodes());

/**
 * What every operation fails with: `code` tells the kind, further properties (`exitCode`, `line`, `outputTail`, …) what a
 * program may want to know. One with the code `cancelled` has the name `AbortError`, which Node's users look for.
 */
class LayerkitError extends Error {
  constructor(code, message, { fields = {}, ...options } = {}) {
    super(message, options);
    Object.defineProperty(this, 'name', {
      value: code === 'cancelled' ? 'AbortError' : 'LayerkitError',
      configurable: true,
      writable: true,
    });
    this.code = code;
    Object.assign(this, fields);
  }
}

/** A command in a container that failed, or could not be executed: how, and what it wrote as far as no stream of the caller's took it. */
class ContainerError extends LayerkitError {
  constructor(code, message, { stdout = Buffer.alloc(0), stderr = Buffer.alloc(0), ...options } = {}) {
    super(code, message, options);
    Object.defineProperty(this, 'name', { value: 'ContainerError', configurable: true, writable: true });
    Object.assign(this, { stdout, stderr });
  }
}

/** The error in a `failed` message of the native side; `causes` has a `{ cause }` for some codes. */
function fromNative(payload, causes) {
  const { code, message, fields } = JSON.parse(payload);
  const text = message.startsWith('options: ') ? camelQuotes(message) : message;
  const Class = code === 'container_failed' ? ContainerError : LayerkitError;
  return new Class(code, text, { ...causes[code], fields: camel(fields) });
}

function invalidArgument(message, options) {
  return new LayerkitError('invalid_argument', message, options);
}

/** What napi says of an argument, in words of JavaScript, and without the argument: there may be a password in it. */
function wrongArgument(message) {
  if (message === 'Get TypedArray info failed') return 'an argument is not a Uint8Array';
  const found = /^Failed to convert JavaScript value `(\w+).*` into rust type `(\w+)/s.exec(message);
  return found ? `an argument is ${found[1].toLowerCase()} and not ${found[2].toLowerCase()}` : message;
}

module.exports = { ContainerError, ERROR_CODES, LayerkitError, fromNative, invalidArgument, wrongArgument };
