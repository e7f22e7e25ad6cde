'use strict';
// The streams of a container that runs, as long as the caller is attached to it.

const { BIND, ContainerControl } = require('./control.js');
const { Pipe } = require('./input.js');
const { camel } = require('./names.js');
const { run } = require('./operation.js');
const { Output } = require('./outlet.js');

const ATTACHING = Symbol('attaching');

class Attachment {
  #control = new ContainerControl();
  #outputs = [];
  #end;

  /** `begin(streams, listener)` starts it, with what the native side takes beside the options. */
  constructor(attaching, begin, { stdin, stdout, stderr, signal }) {
    if (attaching !== ATTACHING) throw new TypeError('use container.attach(options)');
    const outputs = this.#outputs;
    const open = (wanted) => (wanted ? outputs.push(new Output()) - 1 : undefined);
    const [out, err] = [open(stdout), open(stderr)];
    const input = stdin ? new Pipe() : undefined;
    const started = (listener) => begin([input?.open(), out, err], listener);
    this.#end = run(started, { signal }, ...outputs, ...(input ? [input] : []), this.#control[BIND]()).then(camel);
    // Whoever waits hears of it, and so does who reads.
    this.#end.catch(() => {});
    this.stdin = input?.writable;
    this.stdout = outputs[out]?.readable;
    this.stderr = outputs[err]?.readable;
  }

  wait() {
    return this.#end;
  }

  resize(size) {
    this.#control.resize(size);
  }

  kill(signal) {
    this.#control.kill(signal);
  }

  async detach() {
    this.#control.detach();
    for (const output of this.#outputs) output.release();
    await this.#end;
  }
}

module.exports = { ATTACHING, Attachment };
