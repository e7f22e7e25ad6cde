'use strict';
// The registry for tests: starts and stops one, and looks at or changes what it has.

const { NativeRegistry } = require('../native.js');
const { invalidArgument, wrongArgument } = require('./errors.js');
const { camel, camelQuotes } = require('./names.js');
const { encode, run } = require('./operation.js');

const STARTING = Symbol('starting');

/** What the native side answers at once. It throws when an argument is none. */
function ask(call) {
  try {
    return call();
  } catch (error) {
    throw invalidArgument(camelQuotes(wrongArgument(error.message)));
  }
}

class Registry {
  #native;

  constructor(starting, native) {
    if (starting !== STARTING) throw invalidArgument('use Registry.start(options)');
    this.#native = native;
    Object.assign(this, camel(JSON.parse(native.facts())));
  }

  static async start(options = {}) {
    const native = new NativeRegistry();
    const request = encode(options);
    await run((listener) => native.start(request, listener));
    return new Registry(STARTING, native);
  }

  get peakInFlight() {
    return this.#native.peakInFlight();
  }

  fault(fault, rule = {}) {
    const request = encode({ ...rule, fault });
    ask(() => this.#native.fault(request));
  }

  clearFaults() {
    this.#native.clearFaults();
  }

  requests() {
    return camel(JSON.parse(this.#native.requests()));
  }

  clearRequests() {
    this.#native.clearRequests();
  }

  putBlob(repository, data) {
    return ask(() => this.#native.putBlob(repository, data));
  }

  blob(repository, digest) {
    return ask(() => this.#native.blob(repository, digest)) ?? undefined;
  }

  hasBlob(repository, digest) {
    return ask(() => this.#native.hasBlob(repository, digest));
  }

  removeBlob(repository, digest) {
    return ask(() => this.#native.removeBlob(repository, digest));
  }

  putManifest(repository, reference, mediaType, data) {
    return ask(() => this.#native.putManifest(repository, reference, mediaType, data));
  }

  manifest(repository, reference) {
    return ask(() => this.#native.manifest(repository, reference)) ?? undefined;
  }

  tags(repository) {
    return ask(() => this.#native.tags(repository));
  }

  async stop() {
    await run((listener) => this.#native.stop(listener));
  }
}

Object.defineProperty(Registry.prototype, Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose'), {
  value() {
    return this.stop();
  },
});

module.exports = { Registry };
