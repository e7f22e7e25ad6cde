'use strict';
// The streams of a command that an operation runs to its end, and what the caller gets of it.

const { createWriteStream } = require('node:fs');
const { BIND, ContainerControl } = require('./control.js');
const { ContainerError, invalidArgument } = require('./errors.js');
const { Input } = require('./input.js');
const { camel } = require('./names.js');
const { own, run } = require('./operation.js');
const { Collected } = require('./outlet.js');
const { Target, toPath } = require('./streams.js');

const NOTHING = Buffer.alloc(0);

/** The options of the core among those of a conversation. */
function withoutStreams(options) {
  const { stdin, stdout, stderr, control, check, ...others } = own(options);
  return others;
}

function openTarget(target) {
  const to = toPath(target);
  return new Target(typeof to === 'string' ? createWriteStream(to) : to);
}

/** What takes part in a conversation. `null` throws an output away; one that is not given is collected, unless nobody waits for it. */
class Conversation {
  #collected = {};
  #outlets = [];
  #input;
  #others = [];

  constructor({ stdin, stdout, stderr, control }, waits) {
    if (control !== undefined && !(control instanceof ContainerControl)) {
      throw invalidArgument('control is not a ContainerControl');
    }
    if (control) this.#others.push(control[BIND]());
    this.stdout = this.#open('stdout', stdout, waits);
    this.stderr = stderr && stderr === stdout ? this.stdout : this.#open('stderr', stderr, waits);
    if (stdin !== undefined && stdin !== null) this.#input = new Input(stdin);
  }

  /** The number of the stream that takes an output. */
  #open(name, target, waits) {
    if (target === null || (target === undefined && !waits)) return undefined;
    if (target === undefined) this.#collected[name] = new Collected();
    return this.#outlets.push(this.#collected[name] ?? openTarget(target)) - 1;
  }

  /** What the native side takes beside the options: the input and the numbers of the outputs. */
  open() {
    return [this.#input?.open(), this.stdout, this.stderr];
  }

  get participants() {
    return [...this.#outlets, ...(this.#input ? [this.#input] : []), ...this.#others];
  }

  /** What was collected. */
  output() {
    const { stdout, stderr } = this.#collected;
    return { stdout: stdout?.bytes() ?? NOTHING, stderr: stderr?.bytes() ?? NOTHING };
  }
}

/** The last of what a command said, for a message. */
function lastWords(stderr) {
  const text = stderr.subarray(-2000).toString().trim();
  return text === '' ? '' : `\n${text}`;
}

function failed({ id, exitCode }, output, { command, image }) {
  const words = Array.isArray(command) ? command.join(' ') : command;
  const which = words === undefined ? 'The command' : `The command '${words}'`;
  const how = exitCode === null ? 'ended, and nobody knows its exit code' : `returned a non-zero code: ${exitCode}`;
  const fields = { exitCode: exitCode ?? undefined, command: words, image, container: id };
  return new ContainerError('container_failed', `${which} ${how}${lastWords(output.stderr)}`, { ...output, fields });
}

/**
 * Runs a conversation to its end. `begin(streams, listener, events)` starts it; `what` names the command in an error. A command that is
 * not waited for has no exit code that could be checked.
 */
async function converse(begin, options, what, waits = !options.detach) {
  const conversation = new Conversation(options, waits);
  const started = (listener, events) => begin(conversation.open(), listener, events);
  const report = camel(await run(started, options, ...conversation.participants));
  const output = conversation.output();
  const ended = waits && !(report.exitCode === null && options.control?.detached);
  if (ended && (options.check ?? true) && report.exitCode !== 0) throw failed(report, output, what);
  return { ...report, ...output };
}

module.exports = { converse, withoutStreams };
