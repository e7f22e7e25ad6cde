'use strict';
// The way in: a store and the nouns that work on it.

const { NativeEngine } = require('../native.js');
const { BuildCache } = require('./build-cache.js');
const { Builder } = require('./builder.js');
const { Containers } = require('./containers.js');
const { invalidArgument } = require('./errors.js');
const { Images } = require('./images.js');
const { encode, run } = require('./operation.js');
const { Registry } = require('./registry.js');
const { toPath } = require('./streams.js');
const { System } = require('./system.js');

const OPENING = Symbol('opening');

/** How registries are reached, with its `file:` URLs as paths. */
function withPaths(registry) {
  if (typeof registry !== 'object' || registry === null) return registry;
  const paths = (values) => (Array.isArray(values) ? values.map(toPath) : values);
  const { caFiles, certsDirs, dockerConfig } = registry;
  return { ...registry, caFiles: paths(caFiles), certsDirs: paths(certsDirs), dockerConfig: toPath(dockerConfig) };
}

class Engine {
  #native;

  constructor(opening, native, root) {
    if (opening !== OPENING) throw invalidArgument('use Engine.open(options)');
    this.#native = native;
    this.root = root;
    this.images = new Images(native);
    this.containers = new Containers(native, this.images);
    this.buildCache = new BuildCache(native);
    this.registry = new Registry(native);
    this.system = new System(native);
  }

  static async open({ root, registry, ...options } = {}) {
    const native = new NativeEngine();
    const request = encode({ root: toPath(root), registry: withPaths(registry), ...options });
    return new Engine(OPENING, native, await run((listener) => native.open(request, listener)));
  }

  build(base, { name, platform } = {}) {
    return new Builder(this.images).step('FROM', name === undefined ? base : `${base} AS ${name}`, { platform });
  }

  async close() {
    await run((listener) => this.#native.close(listener));
  }
}

Object.defineProperty(Engine.prototype, Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose'), {
  value() {
    return this.close();
  },
});

module.exports = { Engine };
