'use strict';
// One call of the native side as a promise: progress, cancellation, streams, errors.

const { LayerkitError, fromNative, invalidArgument } = require('./errors.js');
const { camel, snake } = require('./names.js');

/** The options of a long operation without those that stay on this side. */
function own({ signal, onProgress, ...options }) {
  return options;
}

/** Options in the JSON of the core, which refuses those it does not know. */
function encode(options) {
  return JSON.stringify(snake(options), (_, value) => (typeof value === 'function' ? String(value) : value));
}

function check(signal, onProgress) {
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

function perform(begin, { signal, onProgress }, stream) {
  return new Promise((resolve, reject) => {
    let operation;
    let thrown;
    const cancel = () => operation.cancel();
    const tell = (payload) => {
      try {
        onProgress(camel(JSON.parse(payload)));
        return true;
      } catch (cause) {
        thrown = { cause };
        return false;
      }
    };
    const settle = {
      done: (payload) => resolve(JSON.parse(payload)),
      failed: (payload) =>
        reject(
          fromNative(payload, (code) => {
            if (code === 'callback') return thrown ?? stream?.failure;
            return code === 'cancelled' && signal?.aborted ? { cause: signal.reason } : undefined;
          }),
        ),
    };
    // Called on this thread, in the order of what happened. Must not throw; what it returns counts for an event only.
    const listener = (kind, payload) => {
      if (kind === 'event') return tell(payload);
      if (kind === 'read' || kind === 'write') {
        stream[kind](payload);
      } else {
        signal?.removeEventListener('abort', cancel);
        settle[kind](payload);
      }
      return true;
    };
    try {
      operation = begin(listener, onProgress !== undefined);
    } catch (error) {
      // The native side found an argument of the wrong type before anything began.
      throw invalidArgument(error.message, { cause: error });
    }
    signal?.addEventListener('abort', cancel, { once: true });
    stream?.start(operation);
  });
}

/**
 * Calls `begin(listener, events)`, which starts an operation on a thread of its own, and settles with its answer.
 * `stream` is the Source or Target of streams.js whose bytes the operation moves, if it moves any.
 */
async function run(begin, options = {}, stream = undefined) {
  try {
    check(options.signal, options.onProgress);
    const answer = await perform(begin, options, stream);
    await stream?.finish();
    return answer;
  } catch (error) {
    stream?.abandon(error);
    throw error;
  }
}

module.exports = { encode, own, run };
