// AbortSignal: before, during and after.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { LayerkitError } from 'layerkit';
import { folder, largeTar, openEngine, rejection, tar } from './support.mjs';

const ROOTFS = tar({ file: 'content' });

function assertCancelled(error, reason) {
  assert.ok(error instanceof LayerkitError);
  assert.equal(error.code, 'cancelled');
  assert.equal(error.name, 'AbortError');
  assert.equal(error.cause, reason);
}

test('a signal that is aborted already fails every long operation before it touches anything', async (t) => {
  const engine = await openEngine(t);
  const image = await engine.images.import(ROOTFS, { name: 'a:1' });
  const reason = new Error('too late');
  const signal = AbortSignal.abort(reason);
  const source = Readable.from([ROOTFS]);
  const target = new PassThrough();
  const operations = [
    engine.images.import(source, { signal }),
    engine.images.load('/nowhere', { signal }),
    engine.images.save('a:1', target, { signal }),
    engine.images.prune({ all: true, signal }),
    engine.images.build({ path: folder(t), signal }),
    engine.system.verify({ signal }),
    engine.system.prune({ all: true, signal }),
    image.unpack('/nowhere/at/all', { signal }),
  ];
  for (const operation of operations) assertCancelled(await rejection(operation), reason);
  assert.ok(source.destroyed && target.destroyed);
  assert.equal((await engine.images.list()).length, 1);
});

test('an abort ends the wait for a stream that gives nothing', async (t) => {
  const engine = await openEngine(t);
  const source = new PassThrough();
  source.write(ROOTFS.subarray(0, 512));
  const controller = new AbortController();
  const importing = engine.images.import(source, { signal: controller.signal });
  const start = performance.now();
  setTimeout(() => controller.abort(), 50);
  assertCancelled(await rejection(importing), controller.signal.reason);
  assert.ok(performance.now() - start < 2000);
  assert.ok(source.destroyed);
});

test('an abort ends the wait for a stream that takes nothing', async (t) => {
  const engine = await openEngine(t);
  await engine.images.import(Readable.from(largeTar(4)), { name: 'a:1' });
  const target = new PassThrough({ highWaterMark: 1 });
  const signal = AbortSignal.timeout(50);
  assertCancelled(await rejection(engine.images.save('a:1', target, { signal })), signal.reason);
  assert.ok(target.destroyed);
});

test('an abort from within the progress callback stops the operation at that event, unless it tells what is done', async (t) => {
  const events = [];
  await (await openEngine(t)).images.import(ROOTFS, { name: 'a:1', onProgress: ({ event }) => events.push(event) });
  assert.deepEqual([...new Set(events)], ['layer', 'image_loaded']);
  for (let at = 1; at <= events.length; at += 1) {
    const engine = await openEngine(t);
    const controller = new AbortController();
    let seen = 0;
    const importing = engine.images.import(ROOTFS, {
      name: 'a:1',
      signal: controller.signal,
      onProgress: () => {
        seen += 1;
        if (seen === at) controller.abort('enough');
      },
    });
    if (events[at - 1] === 'layer') assertCancelled(await rejection(importing), 'enough');
    else assert.deepEqual((await importing).tags, ['a:1']);
    assert.equal(seen, at);
  }
});

test('a signal that outlives many operations keeps none of their listeners', async (t) => {
  const engine = await openEngine(t);
  const { signal } = new AbortController();
  for (let i = 0; i < 20; i += 1) await engine.images.import(ROOTFS, { signal });
  await rejection(engine.images.load(Buffer.from('no archive'), { signal }));
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});

test('an abort after the end changes nothing', async (t) => {
  const engine = await openEngine(t);
  const controller = new AbortController();
  const image = await engine.images.import(ROOTFS, { signal: controller.signal });
  controller.abort();
  assert.equal((await engine.images.get(image.id)).id, image.id);
});

test('what is no signal is refused', async (t) => {
  const engine = await openEngine(t);
  assert.equal((await rejection(engine.images.import(ROOTFS, { signal: {} }))).code, 'invalid_argument');
  assert.equal((await rejection(engine.images.import(ROOTFS, { onProgress: 7 }))).code, 'invalid_argument');
});
