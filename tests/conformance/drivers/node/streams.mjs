// Sources and targets as a caller would pass them: paths, and streams that may break.

import { createReadStream, createWriteStream, open as openDescriptor } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';

/** Waits until a stream holds no descriptor any more, whoever closed it. */
async function close(stream) {
  stream.on('error', () => {}).destroy();
  if (!stream.closed) await finished(stream).catch(() => {});
}

/** A stream of a file. A pipe may stall, and a read of `fs` that stalls can neither be ended nor closed: a socket's can. */
async function reading(path) {
  if (!(await stat(path)).isFIFO()) return createReadStream(path);
  return new Socket({ fd: await promisify(openDescriptor)(path), readable: true, writable: false });
}

async function* firstBytes(path, count) {
  const file = await open(path);
  try {
    for (let left = count; left > 0; ) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(left, 65536)));
      if (bytesRead === 0) break;
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
  throw new Error("the caller's stream failed");
}

function failingTarget(path, count) {
  const file = createWriteStream(path);
  let left = count;
  return new Writable({
    write(chunk, _encoding, done) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      file.write(part, (error) => done(error ?? (part.length < chunk.length ? new Error("the caller's stream failed") : null)));
    },
    destroy(error, done) {
      close(file).then(() => done(error), done);
    },
  });
}

/** Calls `body` with what the library is to read, and closes it afterwards. */
export async function withSource({ path, stream = undefined, fd = stream, fail_after: failAfter }, body) {
  if (path !== undefined) return body(path);
  const source = failAfter === undefined ? await reading(fd) : Readable.from(firstBytes(fd, failAfter));
  try {
    return await body(source);
  } finally {
    await close(source);
  }
}

/** Calls `body` with what the library is to write, and closes it afterwards. */
export async function withTarget({ path, stream = undefined, fd = stream, fail_after: failAfter }, body) {
  if (path !== undefined) return body(path);
  const target = failAfter === undefined ? createWriteStream(fd) : failingTarget(fd, failAfter);
  try {
    return await body(target);
  } finally {
    await close(target);
  }
}
