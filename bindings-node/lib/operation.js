'use strict';
// One call of the native side as a promise: progress, cancellation, streams, errors.

const { LayerkitError, fromNative, invalidArgument, wrongArgument } = require('./errors.js');
const { camel, snake } = require('./names.js');

function checked(options) {
  if (typeof options === 'object' && options !== null) return options;
  throw invalidArgument('the options are not an object');
}

/** The options of a long operation without those that stay on this side. */
function own(options) {
  const { signal, onProgress, ...others } = checked(options);
  return others;
}

/** Options in the JSON of the core, which refuses those it does not know. */
function encode(options) {
  return JSON.stringify(snake(checked(options)), (_, value) => (typeof value === 'function' ? String(value) : value));
}

function check({ signal, onProgress }) {
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw invalidArgument('signal is not an AbortSignal');
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument('onProgress is not a function');
  }
  if (signal?.aborted) {
    throw new LayerkitError('cancelled', 'the operation was cancelled', { cause: signal.reason });
  }
}

/** What the stream of this number knows of its operation. */
const answers = (operation, number) => ({
  give: (chunk) => operation.give(number, chunk),
  taken: () => operation.taken(number),
  broken: () => operation.broken(number),
  cancel: () => operation.cancel(),
  resize: (rows, cols) => operation.resize(rows, cols),
  signal(signal) {
    const payload = operation.signal(signal);
    if (payload) throw fromNative(payload, {});
  },
  detach: () => operation.detach(),
});

/** What an operation that failed is to reject with. */
function failure(payload, thrown, signal, streams) {
  const broken = streams.find((stream) => stream.failure)?.failure;
  const error = fromNative(payload, {
    callback: thrown ?? broken,
    cancelled: signal?.aborted ? { cause: signal.reason } : undefined,
  });
  // A stream that has no other way to end its operation cancels it.
  if (error.code !== 'cancelled' || signal?.aborted || !broken) return error;
  return new LayerkitError('callback', 'the stream failed', broken);
}

/** Starts an operation and resolves with its last message: `kind` (`done` or `failed`), `payload`, and what was thrown. */
function perform(begin, { signal, onProgress }, streams) {
  return new Promise((resolve) => {
    let operation;
    let thrown;
    const cancel = () => operation.cancel();
    const tell = (payload) => {
      if (thrown) return false;
      try {
        onProgress(camel(JSON.parse(payload)));
        return true;
      } catch (cause) {
        thrown = { cause };
        return false;
      }
    };
    // Called on this thread, in the order of what happened. Must not throw; what it returns counts for an event only.
    const listener = (kind, payload, number) => {
      if (kind === 'event') return tell(payload);
      if (kind === 'read' || kind === 'write') {
        streams[number][kind](payload);
      } else {
        signal?.removeEventListener('abort', cancel);
        resolve({ kind, payload, thrown });
      }
      return true;
    };
    try {
      operation = begin(listener, onProgress !== undefined);
    } catch (error) {
      if (error instanceof LayerkitError) throw error;
      // Nothing began: an argument has the wrong type, or (`GenericFailure`) Node refused what an operation needs.
      if (error.code === 'GenericFailure') throw new LayerkitError('internal', error.message, { cause: error });
      throw invalidArgument(wrongArgument(error.message));
    }
    signal?.addEventListener('abort', cancel, { once: true });
    streams.forEach((stream, number) => stream.start(answers(operation, number)));
  });
}

/**
 * Calls `begin(listener, events)`, which starts an operation on a thread of its own, and settles with its answer.
 * `streams` are the Sources and Targets of streams.js whose bytes the operation moves, in its order; behind them may stand what
 * else takes part in it.
 */
async function run(begin, options = {}, ...streams) {
  try {
    check(checked(options));
    const { kind, payload, thrown } = await perform(begin, options, streams);
    // Errors are made here and not in the listener, where the stack would not lead to the caller.
    if (kind === 'failed') throw failure(payload, thrown, options.signal, streams);
    for (const stream of streams) await stream.finish();
    if (thrown) throw new LayerkitError('callback', 'done, but the progress callback failed', thrown);
    return JSON.parse(payload);
  } catch (error) {
    for (const stream of streams) stream.abandon(error);
    throw error;
  }
}

module.exports = { encode, own, run };
