// Bytes in every shape that Node's users hold them in, both ways.

import assert from 'node:assert/strict';
import { createReadStream, createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { folder, largeTar, openEngine, rejection, tar } from './support.mjs';

const ROOTFS = tar({ 'etc/hostname': 'here\n' });
const FIXED = { sourceDateEpoch: 0 };

test('an import reads a path, a URL, bytes and every kind of stream, and makes the same image of each', async (t) => {
  const engine = await openEngine(t);
  const path = join(folder(t), 'rootfs.tar');
  writeFileSync(path, ROOTFS);
  const options = { ...FIXED, message: 'the same' };
  const { id } = await engine.images.import(path, options);
  const larger = new Uint8Array(ROOTFS.length + 7);
  larger.set(ROOTFS, 7);
  const sources = {
    url: pathToFileURL(path),
    buffer: ROOTFS,
    'uint8array inside a larger buffer': larger.subarray(7),
    arraybuffer: new Uint8Array(ROOTFS).buffer,
    'file stream': createReadStream(path),
    'file stream in small pieces': createReadStream(path, { highWaterMark: 100 }),
    'web stream': new Blob([ROOTFS]).stream(),
    'async iterable': (async function* chunks() {
      yield Buffer.alloc(0);
      yield ROOTFS;
    })(),
  };
  for (const [name, source] of Object.entries(sources)) {
    assert.equal((await engine.images.import(source, options)).id, id, name);
  }
});

test('bytes may be changed as soon as the call has returned', async (t) => {
  const engine = await openEngine(t);
  const bytes = Buffer.from(ROOTFS);
  const promise = engine.images.import(bytes, FIXED);
  bytes.fill(0xff);
  assert.equal((await promise).id, (await engine.images.import(ROOTFS, FIXED)).id);
});

test('what a stream saves is what a path saves, and a stream loads it', async (t) => {
  const engine = await openEngine(t);
  const image = await engine.images.import(Readable.from(largeTar(3)), { name: 'large:1', ...FIXED });
  const path = join(folder(t), 'saved.tar');
  await engine.images.save('large:1', path);

  const through = new PassThrough();
  const [bytes] = await Promise.all([buffer(through), engine.images.save(['large:1'], through)]);
  assert.ok(bytes.equals(readFileSync(path)));

  const web = new TransformStream();
  const [again] = await Promise.all([buffer(web.readable), engine.images.save(image.tags, web.writable)]);
  assert.ok(again.equals(bytes));

  const other = await openEngine(t);
  const loaded = await other.images.load(Readable.from([bytes]));
  assert.deepEqual(
    loaded.map(({ id, tags }) => [id, tags]),
    [[image.id, ['large:1']]],
  );
});

test('a target stream is ended, and holds every byte when the promise resolves', async (t) => {
  const engine = await openEngine(t);
  await engine.images.import(Readable.from(largeTar(2)), { name: 'a:1' });
  const path = join(folder(t), 'saved.tar');
  const stream = createWriteStream(path);
  await engine.images.save('a:1', stream);
  assert.ok(stream.writableFinished);
  const loaded = await (await openEngine(t)).images.load(path);
  assert.equal(loaded.length, 1);
});

test('a slow reader of a save slows it down instead of filling the memory', async (t) => {
  const engine = await openEngine(t);
  await engine.images.import(Readable.from(largeTar(16)), { name: 'a:1' });
  let written = 0;
  let open;
  const gate = new Promise((resolve) => {
    open = resolve;
  });
  const slow = new Writable({
    highWaterMark: 1,
    async write(chunk, _encoding, done) {
      written += chunk.length;
      await gate;
      done();
    },
  });
  const saving = engine.images.save('a:1', slow);
  await sleep(300);
  assert.ok(written > 0 && written <= 1024 * 1024, `${written} bytes arrived at a stream that takes none`);
  assert.ok(slow.writableLength <= 1024 * 1024, `${slow.writableLength} bytes wait in the stream`);
  open();
  await saving;
  assert.ok(written > 16 * 1024 * 1024);
});

test('an import reads no faster than it works', async (t) => {
  const engine = await openEngine(t);
  let given = 0;
  let most = 0;
  async function* chunks() {
    for await (const chunk of largeTar(32)) {
      given += chunk.length;
      yield chunk;
    }
  }
  let seen = 0;
  await engine.images.import(chunks(), {
    onProgress: (event) => {
      if (event.bytes) seen = event.bytes;
      most = Math.max(most, given - seen);
    },
  });
  assert.ok(most < 24 * 1024 * 1024, `${most} bytes were read ahead`);
});

test('a source that fails, fails the import with its own error as the cause, and leaves no image', async (t) => {
  const engine = await openEngine(t);
  const reason = new Error('the cable was cut');
  async function* chunks() {
    yield ROOTFS.subarray(0, 600);
    throw reason;
  }
  for (const source of [chunks(), Readable.from(chunks())]) {
    const error = await rejection(engine.images.import(source, { name: 'a:1' }));
    assert.equal(error.code, 'callback');
    assert.equal(error.cause, reason);
  }
  assert.deepEqual(await engine.images.list({ all: true }), []);
});

test('a source that gives something else than bytes is refused', async (t) => {
  const engine = await openEngine(t);
  const text = Readable.from(['text']);
  const error = await rejection(engine.images.import(text));
  assert.equal(error.code, 'callback');
  assert.ok(error.cause instanceof TypeError);
  assert.ok(text.destroyed);
  for (const source of [undefined, null, 7, {}]) {
    assert.equal((await rejection(engine.images.load(source))).code, 'invalid_argument');
    assert.equal((await rejection(engine.images.save('a', source))).code, 'invalid_argument');
  }
});

test('a source that was destroyed is not taken for an empty one', async (t) => {
  const engine = await openEngine(t);
  const source = new PassThrough();
  source.destroy();
  const error = await rejection(engine.images.import(source));
  assert.equal(error.code, 'callback');
  assert.ok(error.cause);
});

test('a target that fails, fails the save with its own error as the cause', async (t) => {
  const engine = await openEngine(t);
  await engine.images.import(Readable.from(largeTar(4)), { name: 'a:1' });
  const reason = new Error('the disk is full');
  const late = new Writable({ write: (_chunk, _encoding, done) => done(), final: (done) => done(reason) });
  const early = new Writable({ write: (_chunk, _encoding, done) => done(reason) });
  for (const target of [early, late]) {
    const error = await rejection(engine.images.save('a:1', target));
    assert.equal(error.code, 'callback');
    assert.equal(error.cause, reason);
    assert.ok(target.destroyed);
  }
});

test('streams are destroyed when the operation fails', async (t) => {
  const engine = await openEngine(t);
  const source = new PassThrough();
  source.write('this is no tar, and the stream goes on');
  const reading = engine.images.load(source);
  source.end();
  await rejection(reading);
  assert.ok(source.destroyed);

  const target = new PassThrough();
  const failed = once(target, 'error');
  const error = await rejection(engine.images.save('nope', target));
  assert.equal(error.code, 'not_found');
  assert.equal((await failed)[0], error);
  assert.ok(target.destroyed);
});

test('a file of an image is read whole or as a stream, at the pace of who reads', async (t) => {
  const engine = await openEngine(t);
  const image = await engine.images.import(Readable.from(largeTar(20)), FIXED);
  const whole = await image.read('/large');
  assert.equal(whole.length, 20 * 1024 * 1024);
  const stream = image.open('large');
  await once(stream, 'readable');
  await sleep(50);
  assert.ok(stream.readableLength < 2 * 1024 * 1024, `${stream.readableLength} bytes wait to be read`);
  assert.ok((await buffer(stream)).equals(whole));
  const paths = (await image.files()).map(({ path, type }) => `${type} ${path}`);
  assert.deepEqual(paths, ['directory /', 'file /large']);
});

test('a stream of a file fails as a read does, and ends what it is filled by', async (t) => {
  const engine = await openEngine(t);
  const image = await engine.images.import(Readable.from(largeTar(5)), FIXED);
  const nothing = await rejection(buffer(image.open('/nope')));
  assert.equal(nothing.code, 'not_found');
  assert.equal((await rejection(image.read('/'))).code, 'invalid_argument');
  assert.equal((await rejection(image.read(7))).code, 'invalid_argument');
  const [error] = await once(image.open('/nope'), 'error');
  assert.equal(error.code, 'not_found');

  const left = image.open('/large');
  await once(left, 'readable');
  left.destroy();
  await once(left, 'close');
  const controller = new AbortController();
  const aborted = image.open('/large', { signal: controller.signal });
  await once(aborted, 'readable');
  controller.abort();
  const cancelled = await rejection(buffer(aborted));
  assert.equal(cancelled.code, 'cancelled');
  assert.equal(cancelled.name, 'AbortError');
});
