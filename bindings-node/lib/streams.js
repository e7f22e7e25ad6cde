'use strict';
// The caller's streams as one side of an operation. Both move one chunk at a time: whoever is slower sets the pace.

const { Readable, Writable, finished, pipeline } = require('node:stream');
const { fileURLToPath } = require('node:url');
const { LayerkitError, invalidArgument } = require('./errors.js');

/** A path that was given as text or as a `file:` URL; anything else as it is. */
function toPath(value) {
  return value instanceof URL ? fileURLToPath(value) : value;
}

function toReadable(source) {
  if (source instanceof Readable) return source;
  if (source instanceof ReadableStream) return Readable.fromWeb(source);
  if (typeof source?.[Symbol.asyncIterator] === 'function') return Readable.from(source, { highWaterMark: 1 });
  throw invalidArgument('the source is no path, URL, Readable, ReadableStream, Buffer or Uint8Array');
}

function toWritable(target) {
  if (target instanceof Writable || typeof target?.write === 'function') return target;
  if (target instanceof WritableStream) return Writable.fromWeb(target);
  throw invalidArgument('the target is no path, URL, Writable or WritableStream');
}

/** A stream that an operation reads. Destroyed at the end, like one that was read with `for await`. */
class Source {
  #stream;
  #chunks;
  #next;
  #operation;
  /** `{ cause }` once the stream failed. */
  failure;

  constructor(source) {
    this.#stream = toReadable(source);
    this.#chunks = this.#stream[Symbol.asyncIterator]();
  }

  start(operation) {
    this.#operation = operation;
    this.#fetch();
  }

  /** Has the next chunk ready when it is asked for. */
  #fetch() {
    this.#next = this.#chunks.next();
    this.#next.catch(() => {});
  }

  async read() {
    try {
      const { done, value } = await this.#next;
      if (done) return this.#operation.give();
      if (!(value instanceof Uint8Array)) throw new TypeError('a chunk of the source is not a Buffer or Uint8Array');
      this.#operation.give(value);
      this.#fetch();
    } catch (cause) {
      this.failure = { cause };
      this.#operation.broken();
    }
  }

  finish() {
    this.#stream.destroy();
  }

  abandon() {
    this.#stream.on('error', () => {}).destroy();
  }
}

/** A stream that an operation writes. Ended on success and destroyed on failure, like the last one of a `pipeline`. */
class Target {
  #target;
  #standard;
  #chunks;
  #end;
  #operation;
  /** `{ cause }` once the stream failed. */
  failure;

  constructor(target) {
    this.#target = toWritable(target);
    // Neither ended nor destroyed: they are the process's.
    this.#standard = this.#target._isStdio === true;
    this.#chunks = new Readable({ read: () => this.#operation.taken() });
  }

  start(operation) {
    this.#operation = operation;
    this.#end = new Promise((resolve) => {
      const over = (error) => {
        if (error) this.failure = { cause: error };
        operation.broken();
        resolve();
      };
      if (this.#standard) this.#pass(over);
      else pipeline(this.#chunks, this.#target, over);
    });
  }

  /** A pipe into a stream that stays open: `pipeline` would end it, and the next one wait for its close in vain. */
  #pass(over) {
    const [chunks, target] = [this.#chunks, this.#target];
    target.once('error', over);
    chunks.pipe(target, { end: false });
    finished(chunks, (error) => {
      const done = (failed) => {
        target.off('error', over);
        over(failed);
      };
      if (error) done(error);
      else target.write('', done);
    });
  }

  write(chunk) {
    this.#chunks.push(chunk);
  }

  async finish() {
    this.#chunks.push(null);
    await this.#end;
    if (this.failure) throw new LayerkitError('callback', 'the stream failed', this.failure);
  }

  abandon(error) {
    this.#chunks.destroy();
    if (this.#standard) return;
    // The caller hears of the error from the promise; a stream that nobody listens to must not end the process with it.
    this.#target.on?.('error', () => {}).destroy?.(error);
  }
}

/** A stream that an operation fills for the caller to read: `stream`. Destroying it ends the operation. */
class Content {
  #operation;

  constructor() {
    this.stream = new Readable({
      read: () => this.#operation?.taken(),
      destroy: (error, done) => {
        this.#operation?.broken();
        done(error);
      },
    });
  }

  start(operation) {
    this.#operation = operation;
  }

  write(chunk) {
    this.stream.push(chunk);
  }

  finish() {
    if (!this.stream.destroyed) this.stream.push(null);
  }

  abandon(error) {
    this.stream.destroy(error);
  }
}

/** What the native side reads from (`from`: a path, bytes, or nothing for a stream), and that stream as a list of one. */
function openSource(source) {
  const from = toPath(source);
  if (typeof from === 'string' || from instanceof Uint8Array) return { from, streams: [] };
  if (from instanceof ArrayBuffer) return { from: new Uint8Array(from), streams: [] };
  return { streams: [new Source(from)] };
}

/** What the native side writes to (`path`, or nothing for a stream), and that stream as a list of one. */
function openTarget(target) {
  const path = toPath(target);
  return typeof path === 'string' ? { path, streams: [] } : { streams: [new Target(path)] };
}

module.exports = { Content, Target, openSource, openTarget, toPath, toReadable };
