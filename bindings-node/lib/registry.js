'use strict';
// What registries are asked beside pull, push and search. Without a `registry` it is Docker Hub.

const { checkTexts, withAuth } = require('./credentials.js');
const { camel } = require('./names.js');
const { encode, own, run } = require('./operation.js');

class Registry {
  #native;

  constructor(native) {
    this.#native = native;
  }

  async login(options = {}) {
    const { registry = '', ...others } = own(options);
    checkTexts(others, ['username', 'password', 'identityToken']);
    const begin = (listener, events) => this.#native.registryLogin(registry, encode(others), events, listener);
    return camel(await run(begin, options));
  }

  async logout(options = {}) {
    const { registry = '', ...others } = own(options);
    const begin = (listener, events) => this.#native.registryLogout(registry, encode(others), events, listener);
    return camel(await run(begin, options));
  }

  async ping(options = {}) {
    const { registry = '', ...others } = own(withAuth(options));
    const begin = (listener, events) => this.#native.registryPing(registry, encode(others), events, listener);
    return camel(await run(begin, options));
  }

  async tags(repository, options = {}) {
    const request = encode(own(withAuth(options)));
    return run((listener, events) => this.#native.registryTags(repository, request, events, listener), options);
  }

  async manifest(name, options = {}) {
    const request = encode(own(withAuth(options)));
    const begin = (listener, events) => this.#native.registryManifest(name, request, events, listener);
    return camel(await run(begin, options));
  }

  // Descriptors have the names of the specification, as the manifests they are read from.
  async referrers(name, options = {}) {
    const request = encode(own(withAuth(options)));
    return run((listener, events) => this.#native.registryReferrers(name, request, events, listener), options);
  }

  async copy(source, destination, options = {}) {
    const request = encode(own(withAuth(options)));
    const begin = (listener, events) => this.#native.registryCopy(source, destination, request, events, listener);
    return camel(await run(begin, options));
  }

  async delete(name, options = {}) {
    const request = encode(own(withAuth(options)));
    await run((listener, events) => this.#native.registryDelete(name, request, events, listener), options);
  }
}

module.exports = { Registry };
