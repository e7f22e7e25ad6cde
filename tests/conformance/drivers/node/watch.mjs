// What a request asks to see, and when it wants to be cancelled: made into `signal` and `onProgress`.

import { snake } from './names.mjs';

/** The options for the call, and how to end the watch after it. */
export function watch(request, send) {
  const { events, cancel_after: wanted, cancelled, cancel_after_ms: after, fail_in_callback: fails } = request;
  const controller = new AbortController();
  const options = {};
  let timer;
  if (wanted || cancelled || after !== undefined) options.signal = controller.signal;
  if (cancelled) controller.abort();
  if (after !== undefined) timer = setTimeout(() => controller.abort(), after);
  if (events || wanted || fails) {
    options.onProgress = (shown) => {
      const event = snake(shown);
      if (wanted && Object.entries(wanted).every(([key, value]) => event[key] === value)) controller.abort();
      if (events) send(event);
      if (fails) throw new Error('the callback failed');
    };
  }
  return { options, stop: () => clearTimeout(timer) };
}
