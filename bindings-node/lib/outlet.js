'use strict';
// What an operation writes as streams that the caller reads, at the caller's pace.

const { Readable } = require('node:stream');
const { run } = require('./operation.js');

/** Bytes that are read ahead. */
const AHEAD = 64 * 1024;

/** One stream of an operation. Hands `take` one chunk each time it has been asked for one. */
class Outlet {
  #take;
  #operation;
  #asked = false;

  constructor(take) {
    this.#take = take;
  }

  start(operation) {
    this.#operation = operation;
    if (this.#asked) operation.taken();
  }

  ask() {
    if (this.#asked) return;
    this.#asked = true;
    this.#operation?.taken();
  }

  write(chunk) {
    this.#asked = false;
    this.#take(chunk);
  }

  finish() {}

  abandon() {}
}

/** An output that is kept whole. */
class Collected extends Outlet {
  #chunks;

  constructor() {
    const chunks = [];
    super((chunk) => {
      chunks.push(chunk);
      this.ask();
    });
    this.#chunks = chunks;
    this.ask();
  }

  bytes() {
    return Buffer.concat(this.#chunks);
  }
}

/** An output as a stream for the caller. One that the caller has destroyed throws away what comes. */
class Output extends Outlet {
  #released = false;

  constructor() {
    super((chunk) => {
      if (!this.readable.destroyed) this.readable.push(chunk);
      if (this.readable.destroyed || this.#released) this.ask();
    });
    const destroy = (error, done) => {
      this.ask();
      done(error);
    };
    this.readable = new Readable({ highWaterMark: AHEAD, read: () => this.ask(), destroy });
    // Who reads it hears of its error, and who waits for the operation: it must not end the process of one who does neither.
    this.readable.on('error', () => {});
    // The command does not wait for the first read.
    this.readable.read(0);
  }

  /** Takes what is still under way, whether it is read or not: an operation that is to end must not wait for that. */
  release() {
    this.#released = true;
    this.ask();
  }

  finish() {
    if (!this.readable.destroyed) this.readable.push(null);
  }

  abandon(error) {
    this.readable.destroy(error);
  }
}

/**
 * What an operation writes as one stream. It begins with the first read; to destroy the stream cancels it, and `close` comes when it
 * has ended. `names`: the stream has objects with the name of the output and its bytes.
 */
function openReadable(begin, options, names) {
  const { signal } = options;
  const controller = new AbortController();
  const forward = () => controller.abort(signal.reason);
  // What is no signal is refused with the operation.
  const known = signal instanceof AbortSignal;
  const put = (chunk) => stream.destroyed || stream.push(chunk);
  const outlets = names ? names.map((name) => new Outlet((data) => put({ stream: name, data }))) : [new Outlet(put)];
  let ended;

  async function perform() {
    try {
      if (known) signal.addEventListener('abort', forward, { once: true });
      if (known && signal.aborted) forward();
      await run(begin, { signal: known || signal === undefined ? controller.signal : signal }, ...outlets);
      put(null);
    } catch (error) {
      // Not waited for: its end waits for ours.
      stream.destroy(error);
    } finally {
      if (known) signal.removeEventListener('abort', forward);
    }
  }

  const stream = new Readable({
    ...(names ? { objectMode: true } : { highWaterMark: AHEAD }),
    read() {
      for (const outlet of outlets) outlet.ask();
      ended ??= perform();
    },
    destroy(error, done) {
      controller.abort();
      Promise.resolve(ended).then(() => done(error));
    },
  });
  return stream;
}

module.exports = { Collected, Output, openReadable };
