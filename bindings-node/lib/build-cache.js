'use strict';
// What builds keep for the next ones.

const { withFilters } = require('./images.js');
const { camel } = require('./names.js');
const { encode, own, run } = require('./operation.js');
const { openSource, openTarget } = require('./streams.js');

/** Steps, and the directories of `RUN --mount=type=cache`. */
class BuildCache {
  #native;

  constructor(native) {
    this.#native = native;
  }

  async list() {
    return camel(await run((listener) => this.#native.buildCacheList(listener)));
  }

  async prune(options = {}) {
    const request = encode(own(withFilters(options)));
    return camel(await run((listener, events) => this.#native.buildCachePrune(request, events, listener), options));
  }

  async export(id, target, options = {}) {
    const { path, streams } = openTarget(target);
    const begin = (listener, events) => this.#native.buildCacheExport(id, path, events, listener);
    await run(begin, options, ...streams);
  }

  async import(id, source, options = {}) {
    const { from, streams } = openSource(source);
    const begin = (listener, events) => this.#native.buildCacheImport(id, from, events, listener);
    await run(begin, options, ...streams);
  }
}

module.exports = { BuildCache };
