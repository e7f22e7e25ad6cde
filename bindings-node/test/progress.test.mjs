// Progress, and the event loop under it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { folder, largeTar, openEngine, rejection, tar } from './support.mjs';

const ROOTFS = tar({ file: 'content' });

test('events come in order, before the promise settles, in camelCase', async (t) => {
  const engine = await openEngine(t);
  const path = folder(t);
  writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\nLABEL some_key=1\n');
  const events = [];
  const image = await engine.images.build({ path, tag: 'a:1', onProgress: (event) => events.push(event) });
  const steps = events.filter(({ event }) => event === 'step_started');
  assert.deepEqual(steps.map(({ n, total, line }) => [n, total, line]), [[1, 3, 1], [2, 3, 2], [3, 3, 3]]);
  assert.deepEqual(events.at(-2), { event: 'built', id: image.id });
  assert.deepEqual(events.at(-1), { event: 'tagged', name: 'a:1' });
  assert.deepEqual(image.labels, { some_key: '1' });

  await engine.images.import(ROOTFS, { name: 'a:1', onProgress: (event) => events.push(event) });
  const moved = events.find(({ event }) => event === 'tag_moved');
  assert.deepEqual(moved, { event: 'tag_moved', name: 'a:1', oldId: image.id });
});

test('an exception in the callback fails the operation with callback, whatever was thrown', async (t) => {
  const engine = await openEngine(t);
  for (const thrown of [new Error('mine'), 'text', undefined]) {
    let calls = 0;
    const error = await rejection(
      engine.images.import(ROOTFS, {
        onProgress: () => {
          calls += 1;
          throw thrown;
        },
      }),
    );
    assert.equal(error.code, 'callback');
    assert.ok('cause' in error);
    assert.equal(error.cause, thrown);
    assert.equal(calls, 1);
  }
  assert.deepEqual(await engine.images.list({ all: true }), []);
});

test('an exception in the callback is not lost when the operation was done', async (t) => {
  const engine = await openEngine(t);
  const thrown = new Error('mine');
  const error = await rejection(
    engine.images.import(ROOTFS, {
      name: 'a:1',
      onProgress: ({ event }) => {
        if (event === 'image_loaded') throw thrown;
      },
    }),
  );
  assert.deepEqual([error.code, error.cause], ['callback', thrown]);
  assert.deepEqual((await engine.images.get('a:1')).tags, ['a:1']);
});

test('the event loop turns while operations run, more of them than libuv has threads', async (t) => {
  const engine = await openEngine(t);
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 5);
  const start = performance.now();
  const sources = Array.from({ length: 6 }, () => Readable.from(largeTar(8)));
  await Promise.all(sources.map((source) => engine.images.import(source)));
  clearInterval(timer);
  const expected = (performance.now() - start) / 5;
  assert.ok(turns > expected / 20, `${turns} turns of about ${Math.round(expected)}`);
});

test('more operations wait on streams at once than libuv has threads, and others still pass', async (t) => {
  const engine = await openEngine(t);
  const controller = new AbortController();
  const stalled = Array.from({ length: 8 }, () => new Readable({ read() {} }));
  const waiting = stalled.map((source) => rejection(engine.images.import(source, { signal: controller.signal })));
  await engine.images.import(ROOTFS, { name: 'a:1' });
  assert.equal((await engine.images.get('a:1')).tags[0], 'a:1');
  controller.abort();
  for (const error of await Promise.all(waiting)) assert.equal(error.code, 'cancelled');
});
