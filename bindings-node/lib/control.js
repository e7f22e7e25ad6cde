'use strict';
// What is asked of an operation that is attached to a command, while it runs.

const BIND = Symbol('bind');

/** Given to one operation as `control`. What is asked before that begins waits for it; afterwards nothing happens. */
class ContainerControl {
  #operation;
  #waiting = [];
  #detached = false;

  /** Whether it was asked to let the command go on alone. */
  get detached() {
    return this.#detached;
  }

  #ask(what, ...words) {
    if (this.#operation) this.#operation[what](...words);
    else this.#waiting?.push([what, words]);
  }

  resize({ rows, cols }) {
    this.#ask('resize', rows, cols);
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
    const end = () => {
      this.#operation = undefined;
      this.#waiting = undefined;
    };
    const start = (operation) => {
      this.#operation = operation;
      for (const [what, words] of this.#waiting ?? []) operation[what](...words);
    };
    return { start, finish: end, abandon: end };
  }
}

module.exports = { BIND, ContainerControl };
