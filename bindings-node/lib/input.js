'use strict';
// What a command reads: the caller's source, written into a socket whose other end is the command's.

const { createReadStream } = require('node:fs');
const { Socket } = require('node:net');
const { Readable, finished } = require('node:stream');
const { NativeInput } = require('../native.js');
const { toPath, toReadable } = require('./streams.js');

/** The caller's end of a standard input, as long as the operation lasts. */
class Pipe {
  #native;
  #socket;

  /** What the operation reads. Made when it begins. */
  open() {
    this.#native = new NativeInput();
    this.#socket = new Socket({ fd: this.#native.descriptor(), readable: false, writable: true });
    // A command that reads no more, or has ended, is no failure of who writes to it. Whoever writes by `pipeline` hears of it.
    this.#socket.on('error', () => {});
    return this.#native;
  }

  get writable() {
    return this.#socket;
  }

  start() {}

  finish() {
    this.#native?.close();
    this.#socket?.destroy();
  }

  abandon() {
    this.finish();
  }
}

function open(source) {
  const from = toPath(source);
  if (typeof from === 'string') return createReadStream(from);
  // Copied: the memory is the caller's as soon as the call has returned.
  if (from instanceof Uint8Array) return Readable.from([Buffer.concat([from])]);
  if (from instanceof ArrayBuffer) return open(new Uint8Array(from));
  return toReadable(from);
}

/** Whoever waits for the operation hears of it. */
const ignore = () => {};

/** A source that a command reads. Destroyed at the end, but for the process's own standard input, which is paused. */
class Input extends Pipe {
  #source;
  #release = () => {};
  /** `{ cause }` once the source failed. */
  failure;

  constructor(source) {
    super();
    this.#source = open(source);
    this.#source.on('error', ignore);
  }

  start({ cancel }) {
    const [source, socket] = [this.#source, this.writable];
    // A command must not take what is cut off for the whole: the socket is closed when the operation has ended.
    const fail = (cause) => {
      this.failure ??= { cause };
      source.pause();
      cancel();
    };
    const move = (chunk) => {
      if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
        fail(new TypeError('a chunk of the standard input is no Buffer, Uint8Array or string'));
      } else if (!socket.write(chunk)) {
        source.pause();
      }
    };
    const forget = finished(source, { writable: false }, (error) => (error ? fail(error) : socket.end()));
    this.#release = () => {
      forget();
      source.off('data', move);
    };
    socket.on('drain', () => this.failure ?? source.resume());
    source.on('data', move).resume();
  }

  finish() {
    this.#release();
    super.finish();
    if (this.#source.fd === 0) this.#source.off('error', ignore).pause();
    else this.#source.destroy();
  }
}

module.exports = { Input, Pipe };
