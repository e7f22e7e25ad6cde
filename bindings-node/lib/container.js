'use strict';
// One container, as it was when it was looked up.

const { ATTACHING, Attachment } = require('./attachment.js');
const { converse, withoutStreams } = require('./conversation.js');
const { toSize } = require('./control.js');
const { invalidArgument } = require('./errors.js');
const { camel } = require('./names.js');
const { encode, own, run } = require('./operation.js');
const { openReadable } = require('./outlet.js');
const { openSource } = require('./streams.js');

/** Variables as the core has them. `null` takes one out, and one that is undefined is not there, as in `process.env`. */
function toTexts(variables) {
  if (Array.isArray(variables) || typeof variables !== 'object' || variables === null) return variables;
  const given = Object.entries(variables).filter(([, value]) => value !== undefined);
  return given.map(([name, value]) => (value === null ? name : `${name}=${value}`));
}

/** The time as the core has it. */
const toTime = (value) => (value instanceof Date ? value.toISOString() : typeof value === 'number' ? String(value) : value);

/** A container of an engine. Its properties are those of the core's summary; its methods go by its ID. */
class Container {
  #native;
  #images;

  constructor(native, images, summary) {
    this.#native = native;
    this.#images = images;
    Object.assign(this, summary);
  }

  /** The first 12 digits of the ID. */
  get shortId() {
    return this.id.slice(0, 12);
  }

  async reload() {
    Object.assign(this, camel(await run((listener) => this.#native.containersGet(this.id, listener))));
  }

  inspect() {
    return run((listener) => this.#native.containerInspect(this.id, listener));
  }

  async start(options = {}) {
    const request = encode(withoutStreams(options));
    const begin = ([stdin, stdout, stderr], listener, events) =>
      this.#native.containerStart(this.id, request, stdin, stdout, stderr, events, listener);
    const result = await converse(begin, options, { command: this.command, image: this.image }, options.attach === true);
    return options.attach === true ? result : undefined;
  }

  async attach(options = {}) {
    const { stdin = false, ...others } = own(options);
    if (typeof stdin !== 'boolean') throw invalidArgument('stdin is no boolean: attach gives the stream to write to');
    const request = encode(others);
    const begin = ([input, stdout, stderr], listener) =>
      this.#native.containerAttach(this.id, request, input, stdout, stderr, listener);
    const { stdout = true, stderr = true, signal } = options;
    const attachment = new Attachment(ATTACHING, begin, { stdin, stdout, stderr, signal });
    // What runs is attached to; of anything else the operation has an answer at once.
    const { state } = camel(await run((listener) => this.#native.containersGet(this.id, listener)));
    if (state !== 'running') await attachment.wait();
    return attachment;
  }

  async wait(options = {}) {
    const begin = (listener) => this.#native.containerWait(this.id, encode(own(options)), listener);
    return camel(await run(begin, options));
  }

  async stop(options = {}) {
    await run((listener) => this.#native.containerStop(this.id, encode(own(options)), listener), options);
  }

  async restart(options = {}) {
    const begin = (listener, events) => this.#native.containerRestart(this.id, encode(own(options)), events, listener);
    await run(begin, options);
  }

  async kill(signal) {
    const text = signal === undefined ? undefined : String(signal);
    await run((listener) => this.#native.containerKill(this.id, text, listener));
  }

  async pause() {
    await run((listener) => this.#native.containerPause(this.id, listener));
  }

  async unpause() {
    await run((listener) => this.#native.containerUnpause(this.id, listener));
  }

  async resize(size) {
    const [rows, cols] = toSize(size);
    await run((listener) => this.#native.containerResize(this.id, rows, cols, listener));
  }

  logs(options = {}) {
    const { demux, since, until, ...others } = own(options);
    const request = encode({ ...others, since: toTime(since), until: toTime(until) });
    const begin = (listener) => this.#native.containerLogs(this.id, request, 0, demux ? 1 : 0, listener);
    return openReadable(begin, options, demux ? ['stdout', 'stderr'] : undefined);
  }

  async exec(command, options = {}) {
    const { environment, ...others } = withoutStreams(options);
    const request = encode({ ...others, command, environment: toTexts(environment) });
    const begin = ([stdin, stdout, stderr], listener) =>
      this.#native.containerExec(this.id, request, stdin, stdout, stderr, listener);
    return converse(begin, options, { command, image: this.image });
  }

  top() {
    return run((listener) => this.#native.containerTop(this.id, listener));
  }

  async rename(name) {
    await run((listener) => this.#native.containerRename(this.id, name, listener));
    await this.reload();
  }

  async remove(options = {}) {
    await run((listener) => this.#native.containerRemove(this.id, encode(options), listener));
  }

  async commit(options = {}) {
    const begin = (listener, events) => this.#native.containerCommit(this.id, encode(own(options)), events, listener);
    return this.#images.get(await run(begin, options));
  }

  async diff(options = {}) {
    return camel(await run((listener) => this.#native.containerDiff(this.id, listener), options));
  }

  export(options = {}) {
    return openReadable((listener) => this.#native.containerExport(this.id, listener), options);
  }

  async stat(path) {
    return camel(await run((listener) => this.#native.containerStat(this.id, path, listener)));
  }

  getArchive(path, options = {}) {
    return openReadable((listener) => this.#native.containerGetArchive(this.id, path, listener), options);
  }

  async putArchive(path, source, options = {}) {
    const request = encode(own(options));
    const { from, streams } = openSource(source);
    const begin = (listener, events) =>
      this.#native.containerPutArchive(this.id, path, from, request, events, listener);
    await run(begin, options, ...streams);
  }
}

module.exports = { Container, toTexts };
