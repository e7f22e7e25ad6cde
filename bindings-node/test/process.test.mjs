// What an engine does to the process that it lives in.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { assertNothingLeft, folder, holdings, openEngine, rejection, tar } from './support.mjs';

const run = promisify(execFile);
const ROOTFS = tar({ file: 'content' });

/** Runs a program in a process of its own; it has `Engine`, `root` and `stalled`, a stream that gives nothing. */
async function program(t, text) {
  const prelude = `
    import { Readable } from 'node:stream';
    import { Engine } from 'layerkit';
    const root = ${JSON.stringify(join(folder(t), 'store'))};
    const stalled = () => new Readable({ read() {} });
  `;
  const options = { cwd: new URL('..', import.meta.url), timeout: 20_000 };
  const start = performance.now();
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', prelude + text], options);
  return { output: stdout.trim(), took: performance.now() - start };
}

test('a process with an open engine and nothing under way ends', async (t) => {
  const { output } = await program(t, `
    const engine = await Engine.open({ root });
    await engine.images.list();
    console.log('end');
  `);
  assert.equal(output, 'end');
});

test('a process waits for an operation that nobody awaits', async (t) => {
  const { output } = await program(t, `
    const engine = await Engine.open({ root });
    engine.images.list().then((images) => console.log(images.length));
  `);
  assert.equal(output, '0');
});

test('process.exit in the middle of an operation ends it and the process', async (t) => {
  const { output, took } = await program(t, `
    const engine = await Engine.open({ root });
    engine.images.import(stalled()).catch(() => {});
    setTimeout(() => { console.log('exit'); process.exit(0); }, 100);
  `);
  assert.equal(output, 'exit');
  assert.ok(took < 5000, `${took} ms`);
});

test('an engine works in a worker, beside one on the same store in the main thread', async (t) => {
  const engine = await openEngine(t);
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const { Engine } = require('layerkit');
     (async () => {
       const engine = await Engine.open({ root: workerData.root });
       const events = [];
       await engine.images.import(workerData.bytes, { name: 'worker:1', onProgress: (event) => events.push(event.event) });
       const error = await engine.images.get('nope').catch((error) => error);
       await engine.close();
       parentPort.postMessage({ events: events.length, code: error.code });
     })();`,
    { eval: true, workerData: { root: engine.root, bytes: new Uint8Array(ROOTFS) } },
  );
  const message = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.equal(message.code, 'not_found');
  assert.ok(message.events > 0);
  assert.deepEqual((await engine.images.get('worker:1')).tags, ['worker:1']);
});

test('a worker that is terminated takes its operations with it and leaves nothing behind', async (t) => {
  const engine = await openEngine(t);
  const terminate = async () => {
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const { Readable } = require('node:stream');
       const { Engine } = require('layerkit');
       Engine.open({ root: workerData.root }).then(async (engine) => {
         engine.images.import(new Readable({ read() {} })).catch(() => {});
         engine.images.import(workerData.bytes, { onProgress() { parentPort.postMessage('running'); for (;;); } }).catch(() => {});
       });`,
      { eval: true, workerData: { root: engine.root, bytes: new Uint8Array(ROOTFS) } },
    );
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
  };
  await terminate();
  await sleep(100);
  const before = holdings();
  for (let i = 0; i < 3; i += 1) await terminate();
  await assertNothingLeft(before);
  assert.deepEqual((await engine.system.verify()).problems, []);
});

test('many operations leave neither a thread nor a descriptor', async (t) => {
  const engine = await openEngine(t);
  const round = async () => {
    for (let i = 0; i < 30; i += 1) {
      await engine.images.import(ROOTFS, { onProgress() {} });
      await rejection(engine.images.load(Buffer.from('no archive')));
    }
    await Promise.all(Array.from({ length: 30 }, () => engine.images.list()));
    await sleep(100);
  };
  await round();
  const before = holdings();
  await round();
  await assertNothingLeft(before);
});

test('a closed engine holds no descriptor', async (t) => {
  const opened = await openEngine(t);
  await opened.close();
  const before = holdings();
  for (let i = 0; i < 5; i += 1) {
    const engine = await openEngine(t);
    await engine.images.import(ROOTFS);
    await engine[Symbol.asyncDispose]();
  }
  await assertNothingLeft(before);
});
