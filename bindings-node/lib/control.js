'use strict';
// What is asked of an operation that is attached to a command, while it runs.

const { invalidArgument } = require('./errors.js');

const BIND = Symbol('bind');

/** The rows and columns of a terminal. */
function toSize({ rows, cols } = {}) {
  for (const [name, value] of Object.entries({ rows, cols })) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) throw invalidArgument(`${name} is no number from 0 to 65535`);
  }
  return [rows, cols];
}

/** Given to one operation as `control`. What is asked before that begins waits for it; afterwards nothing happens. */
class ContainerControl {
  #operation;
  #waiting = [];
  #detached = false;
  #bound = false;

  /** Whether it was asked to let the command go on alone. */
  get detached() {
    return this.#detached;
  }

  #ask(what, ...words) {
    if (this.#operation) this.#operation[what](...words);
    else this.#waiting?.push([what, words]);
  }

  resize(size) {
    this.#ask('resize', ...toSize(size));
  }

  kill(signal = 'SIGKILL') {
    this.#ask('signal', String(signal));
  }

  detach() {
    this.#detached = true;
    this.#ask('detach');
  }

  /** What takes part in the operation for it. */
  [BIND]() {
    if (this.#bound) throw invalidArgument('the control belongs to another operation');
    this.#bound = true;
    const end = () => {
      this.#operation = undefined;
      this.#waiting = undefined;
    };
    const start = (operation) => {
      this.#operation = operation;
      try {
        for (const [what, words] of this.#waiting) operation[what](...words);
      } catch (cause) {
        participant.failure = { cause };
        operation.cancel();
      }
    };
    const participant = { start, finish: end, abandon: end };
    return participant;
  }
}

module.exports = { BIND, ContainerControl, toSize };
