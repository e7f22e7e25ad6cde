// Generated from src/ by @napi-rs/cli: `npm run build`. For lib/ only; the public declarations are index.d.ts.
/* eslint-disable */

/** A path, the bytes themselves, or nothing for the operation's stream. */
type Origin = string | Uint8Array | undefined | null
/**
 * Hears `event`, `read`, `write`, `done` and `failed` in the order of what happened; the last is one of the last two.
 * The payload is JSON, but a chunk for `write` and nothing for `read`, which are of the stream of this number. False stops the
 * operation at an `event`.
 */
type Listener = (kind: string, payload: string | Buffer | undefined, stream: number) => boolean

