'use strict';
// The containers of an engine.

const { Container, toTexts } = require('./container.js');
const { converse, withoutStreams } = require('./conversation.js');
const { withAuth } = require('./credentials.js');
const { reference, withFilters } = require('./images.js');
const { camel } = require('./names.js');
const { encode, own, run } = require('./operation.js');

/** What the core is asked to create. */
function toRequest(command, { remove, environment, ...options }) {
  const request = { ...options, environment: toTexts(environment) };
  if (command !== undefined && command !== null) request.command = command;
  if (remove !== undefined) request.autoRemove = remove;
  return encode(request);
}

class Containers {
  #native;
  #images;

  constructor(native, images) {
    this.#native = native;
    this.#images = images;
  }

  #container(summary) {
    return new Container(this.#native, this.#images, camel(summary));
  }

  async create(image, command, options = {}) {
    const request = toRequest(command, own(withAuth(options)));
    const begin = (listener, events) => this.#native.containersCreate(reference(image), request, events, listener);
    const { id, warnings } = await run(begin, options);
    return Object.assign(await this.get(id), { warnings });
  }

  async run(image, command, options = {}) {
    const others = withoutStreams(withAuth(options));
    // Somebody who gives an input wants it read.
    const stdinOpen = others.stdinOpen ?? ((options.stdin ?? undefined) === undefined ? undefined : true);
    const request = toRequest(command, { ...others, stdinOpen });
    const begin = ([input, stdout, stderr], listener, events) =>
      this.#native.containersRun(reference(image), request, input, stdout, stderr, events, listener);
    const words = command ?? options.command;
    const result = await converse(begin, options, { command: words, image: reference(image) });
    return options.detach ? this.get(result.id) : result;
  }

  async list(options = {}) {
    const begin = (listener) => this.#native.containersList(encode(withFilters(options)), listener);
    return (await run(begin)).map((summary) => this.#container(summary));
  }

  async get(container) {
    const name = container instanceof Container ? container.id : container;
    return this.#container(await run((listener) => this.#native.containersGet(name, listener)));
  }

  async prune(options = {}) {
    const begin = (listener, events) => this.#native.containersPrune(encode(own(withFilters(options))), events, listener);
    return camel(await run(begin, options));
  }
}

module.exports = { Containers };
