'use strict';
// One image, as it was when it was looked up.

const { buffer } = require('node:stream/consumers');
const { withAuth } = require('./credentials.js');
const { camel } = require('./names.js');
const { encode, own, run } = require('./operation.js');
const { Content, toPath } = require('./streams.js');

/** An image of an engine. Its properties are those of the core's summary; its methods go by its ID. */
class Image {
  #native;
  #images;

  constructor(native, images, summary) {
    this.#native = native;
    this.#images = images;
    Object.assign(this, summary);
  }

  /** The first 12 digits of the ID, with its algorithm. */
  get shortId() {
    return this.id.slice(0, 'sha256:'.length + 12);
  }

  async reload() {
    Object.assign(this, camel(await run((listener) => this.#native.imagesGet(this.id, listener))));
  }

  async tag(name) {
    await run((listener) => this.#native.imageTag(this.id, name, listener));
    await this.reload();
  }

  async history() {
    return camel(await run((listener) => this.#native.imageHistory(this.id, listener)));
  }

  inspect() {
    return run((listener) => this.#native.imageInspect(this.id, listener));
  }

  async push(options = {}) {
    const request = encode(own(withAuth(options)));
    return camel(await run((listener, events) => this.#native.imagePush(this.id, request, events, listener), options));
  }

  save(target, options) {
    return this.#images.save(this, target, options);
  }

  async unpack(directory, options = {}) {
    const begin = (listener, events) =>
      this.#native.imageUnpack(this.id, toPath(directory), encode(own(options)), events, listener);
    await run(begin, options);
  }

  async files(options = {}) {
    const begin = (listener, events) => this.#native.imageFiles(this.id, encode(own(options)), events, listener);
    return camel(await run(begin, options));
  }

  open(path, options = {}) {
    const content = new Content();
    const begin = (listener, events) => this.#native.imageRead(this.id, path, events, listener);
    // What fails, fails in the stream.
    run(begin, options, content).catch(() => {});
    return content.stream;
  }

  async read(path, options) {
    return buffer(this.open(path, options));
  }

  async diff(other, options = {}) {
    const name = other instanceof Image ? other.id : other;
    const begin = (listener, events) => this.#native.imageDiff(this.id, name, encode(own(options)), events, listener);
    return camel(await run(begin, options));
  }

  remove(options) {
    return this.#images.remove(this, options);
  }
}

module.exports = { Image };
