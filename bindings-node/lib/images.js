'use strict';
// The images of an engine.

const { toRequest } = require('./build.js');
const { withAuth } = require('./credentials.js');
const { Image } = require('./image.js');
const { camel } = require('./names.js');
const { encode, own, run } = require('./operation.js');
const { openSource, openTarget, toPath } = require('./streams.js');

/** The name or ID that stands for an image. */
const reference = (image) => (image instanceof Image ? image.id : image);

/** Filters as the core wants them, a list of texts for each: `{ dangling: true }` is `{ dangling: ['true'] }`. */
function withFilters(options) {
  const { filters } = options ?? {};
  if (filters === undefined) return options;
  const entries = Object.entries(filters).map(([name, values]) => [name, [values].flat().map(String)]);
  return { ...options, filters: Object.fromEntries(entries) };
}

class Images {
  #native;

  constructor(native) {
    this.#native = native;
  }

  #image(summary) {
    return new Image(this.#native, this, camel(summary));
  }

  async list(options = {}) {
    const begin = (listener) => this.#native.imagesList(encode(withFilters(options)), listener);
    return (await run(begin)).map((summary) => this.#image(summary));
  }

  async get(image) {
    return this.#image(await run((listener) => this.#native.imagesGet(reference(image), listener)));
  }

  async import(source, options = {}) {
    const { from, streams } = openSource(source);
    const begin = (listener, events) => this.#native.imagesImport(from, encode(own(options)), events, listener);
    return this.get(await run(begin, options, ...streams));
  }

  async load(source, options = {}) {
    const { from, streams } = openSource(source);
    const begin = (listener, events) => this.#native.imagesLoad(from, encode(own(options)), events, listener);
    const loaded = await run(begin, options, ...streams);
    return Promise.all(loaded.map(({ id }) => this.get(id)));
  }

  async pull(name, options = {}) {
    const request = encode(own(withAuth(options)));
    const begin = (listener, events) => this.#native.imagesPull(name, request, events, listener);
    const pulled = await run(begin, options);
    const images = await Promise.all(pulled.map(({ id }) => this.get(id)));
    return options.allTags ? images : images[0];
  }

  async push(name, options = {}) {
    const request = encode(own(withAuth(options)));
    return camel(await run((listener, events) => this.#native.imagesPush(name, request, events, listener), options));
  }

  async search(term, options = {}) {
    const request = encode(own(withFilters(withAuth(options))));
    return camel(await run((listener, events) => this.#native.imagesSearch(term, request, events, listener), options));
  }

  async save(images, target, options = {}) {
    const { path, streams } = openTarget(target);
    const names = [images].flat().map(reference);
    const begin = (listener, events) => this.#native.imagesSave(names, path, encode(own(options)), events, listener);
    await run(begin, options, ...streams);
  }

  async remove(image, options = {}) {
    const begin = (listener) => this.#native.imagesRemove(reference(image), encode(options), listener);
    return camel(await run(begin));
  }

  async prune(options = {}) {
    const begin = (listener, events) => this.#native.imagesPrune(encode(own(withFilters(options))), events, listener);
    return camel(await run(begin, options));
  }

  async build(options = {}) {
    const { request, context, dockerfile, output, streamed, streams } = toRequest(own(options));
    const begin = (listener, events) =>
      this.#native.imagesBuild(context, dockerfile, output, streamed, encode(request), events, listener);
    const built = await run(begin, options, ...streams);
    return Object.assign(await this.get(built.id), { built: camel(built) });
  }
}

module.exports = { Images, reference, withFilters };
