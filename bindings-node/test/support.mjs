// A store of its own for each test, and tars to fill it with.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Engine } from 'layerkit';

/** A folder that is gone after the test. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'layerkit-node-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** An engine on a store of its own, closed and gone after the test. */
export async function openEngine(t) {
  const engine = await Engine.open({ root: join(folder(t), 'store') });
  t.after(() => engine.close());
  return engine;
}

function header(name, size, { mode = '0000644', type = '0', target = '' } = {}) {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write(`${mode}\0`, 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write(`        ${type}`, 148);
  block.write(target, 157);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** A tar of these files, `{ name: content }`. */
export function tar(files) {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    return [header(name, bytes.length), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const APPLETS = ['sh', 'cat', 'echo', 'true', 'sleep', 'stty', 'dd', 'wc', 'rm', 'mkdir', 'head', 'id', 'seq'];

/** A tar of a root file system with a shell: the static busybox. */
export function shell() {
  const bytes = readFileSync('/bin/busybox');
  const busybox = [header('bin/busybox', bytes.length, { mode: '0000755' }), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  const links = APPLETS.map((name) => header(`bin/${name}`, 0, { type: '2', target: 'busybox' }));
  return Buffer.concat([...busybox, ...links, tar({ 'etc/passwd': 'root:x:0:0::/:/bin/sh\n', 'srv/file': 'content\n' })]);
}

/** An engine with the image `base:1`, and its containers gone after the test. */
export async function openWithBase(t) {
  let engine;
  // Before the folder goes, which is the next to be taken away: what runs is found by it.
  t.after(async () => {
    for (const container of await engine.containers.list({ all: true })) await container.remove({ force: true });
    await engine.close();
  });
  engine = await Engine.open({ root: join(folder(t), 'store') });
  await engine.images.import(shell(), { name: 'base:1', changes: ['CMD ["sh"]'] });
  return engine;
}

/** Chunks of a tar with one file of `megabytes` MB that do not compress. */
export async function* largeTar(megabytes) {
  yield header('large', megabytes * 1024 * 1024);
  const noise = Buffer.alloc(1024 * 1024);
  for (let i = 0, state = 1; i < noise.length; i += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    noise.writeUInt32LE(state, i);
  }
  for (let i = 0; i < megabytes; i += 1) yield noise;
  yield Buffer.alloc(1024);
}

/** What a promise rejects with; a failure when it does not. */
export async function rejection(promise) {
  const value = await promise.then(
    (result) => ({ result }),
    (error) => ({ error }),
  );
  if (!('error' in value)) throw new Error(`did not fail, but gave ${JSON.stringify(value.result)}`);
  return value.error;
}

/** The processes that this one has started, or was left, and has not reaped. */
function children() {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parent = (pid) => {
    try {
      return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ')[1]);
    } catch {
      return 0;
    }
  };
  return pids.filter((pid) => parent(pid) === process.pid).length;
}

/** What this process holds: descriptors, threads and children. */
export const holdings = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
  children: children(),
});

/** Fails unless this process soon holds no more than `before`: a thread's last breath comes after its answer. */
export async function assertNothingLeft(before) {
  for (let tries = 0; tries < 100; tries += 1) {
    const now = holdings();
    if (Object.keys(before).every((what) => now[what] <= before[what])) return;
    await sleep(50);
  }
  assert.deepEqual(holdings(), before, 'something is left');
}
