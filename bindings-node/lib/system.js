'use strict';
// The store as a whole.

const { withFilters } = require('./images.js');
const { camel } = require('./names.js');
const { encode, own, run } = require('./operation.js');

class System {
  #native;

  constructor(native) {
    this.#native = native;
  }

  async info() {
    return camel(await run((listener) => this.#native.systemInfo(listener)));
  }

  async df() {
    return camel(await run((listener) => this.#native.systemDf(listener)));
  }

  async verify(options = {}) {
    const begin = (listener, events) => this.#native.systemVerify(encode(own(options)), events, listener);
    return camel(await run(begin, options));
  }

  async prune(options = {}) {
    const begin = (listener, events) => this.#native.systemPrune(encode(own(withFilters(options))), events, listener);
    return camel(await run(begin, options));
  }
}

module.exports = { System };
