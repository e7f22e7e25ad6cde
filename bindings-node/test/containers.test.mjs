// Commands in containers: what goes in, what comes out, how they end.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Container, ContainerControl, ContainerError, LayerkitError } from 'layerkit';
import { assertNothingLeft, folder, holdings, openWithBase, rejection } from './support.mjs';

const sh = (script) => ['sh', '-c', script];

test('a run gives what the command wrote as Buffers, and removes the container when asked to', async (t) => {
  const { containers } = await openWithBase(t);
  const result = await containers.run('base:1', sh('echo out; echo err >&2'), { remove: true });
  assert.equal(result.exitCode, 0);
  assert.equal(result.oomKilled, false);
  assert.equal(String(result.stdout), 'out\n');
  assert.equal(String(result.stderr), 'err\n');
  assert.deepEqual(await containers.list({ all: true }), []);

  const kept = await containers.run('base:1', ['true'], { name: 'kept' });
  const [container] = await containers.list({ all: true });
  assert.ok(container instanceof Container);
  assert.deepEqual([container.id, container.name, container.state, container.exitCode], [kept.id, 'kept', 'exited', 0]);
  assert.equal(container.shortId, kept.id.slice(0, 12));
});

test('a command that fails rejects with what it said, or is told of without check', async (t) => {
  const { containers } = await openWithBase(t);
  const failing = sh('echo out; echo why >&2; exit 3');
  const error = await rejection(containers.run('base:1', failing, { remove: true }));
  assert.ok(error instanceof ContainerError && error instanceof LayerkitError);
  assert.deepEqual([error.name, error.code, error.exitCode, error.image], ['ContainerError', 'container_failed', 3, 'base:1']);
  assert.equal(error.command, failing.join(' '));
  assert.equal(String(error.stdout), 'out\n');
  assert.equal(String(error.stderr), 'why\n');
  assert.match(error.message, /returned a non-zero code: 3\nwhy$/);

  const told = await containers.run('base:1', failing, { remove: true, check: false });
  assert.equal(told.exitCode, 3);

  const missing = await rejection(containers.run('base:1', ['nope'], { remove: true }));
  assert.ok(missing instanceof ContainerError);
  assert.equal(missing.exitCode, 127);
});

test('an input may be bytes, a path and every kind of stream, and arrives whole', async (t) => {
  const { containers } = await openWithBase(t);
  const bytes = Buffer.from('one\ntwo\n');
  const sources = {
    bytes: () => bytes,
    arraybuffer: () => new Uint8Array(bytes).buffer,
    stream: () => Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]),
    texts: () => Readable.from(['one\n', 'two\n']),
    iterable: async function* chunks() {
      yield bytes;
    },
    web: () => new Blob([bytes]).stream(),
    nothing: () => undefined,
  };
  for (const [name, source] of Object.entries(sources)) {
    const { stdout } = await containers.run('base:1', ['cat'], { remove: true, stdin: source() });
    assert.equal(String(stdout), name === 'nothing' ? '' : 'one\ntwo\n', name);
  }
  const changed = Buffer.from(bytes);
  const running = containers.run('base:1', ['cat'], { remove: true, stdin: changed });
  changed.fill(0);
  assert.equal(String((await running).stdout), 'one\ntwo\n');
  const path = new URL('support.mjs', import.meta.url);
  assert.deepEqual((await containers.run('base:1', ['cat'], { remove: true, stdin: path })).stdout, readFileSync(path));
});

test('much goes through both ways at the pace of the slower side', async (t) => {
  const { containers } = await openWithBase(t);
  const MEGABYTE = 1024 * 1024;
  let given = 0;
  async function* noise() {
    for (let i = 0; i < 32; i += 1) {
      given += MEGABYTE;
      yield Buffer.alloc(MEGABYTE, i);
    }
  }
  let open;
  const gate = new Promise((resolve) => {
    open = resolve;
  });
  let taken = 0;
  const slow = new Writable({
    highWaterMark: 1,
    async write(chunk, _encoding, done) {
      taken += chunk.length;
      await gate;
      done();
    },
  });
  const running = containers.run('base:1', ['cat'], { remove: true, stdin: noise(), stdout: slow });
  await once(slow, 'drain', { signal: AbortSignal.timeout(500) }).catch(() => {});
  assert.ok(taken > 0 && taken <= 4 * MEGABYTE, `${taken} bytes arrived at a stream that takes none`);
  assert.ok(given < 8 * MEGABYTE, `${given} bytes were read ahead`);
  open();
  const { stdout } = await running;
  assert.equal(stdout.length, 0);
  assert.equal(taken, 32 * MEGABYTE);
  assert.ok(slow.writableFinished);
});

test('both outputs may go to one stream', async (t) => {
  const { containers } = await openWithBase(t);
  const both = new PassThrough();
  const running = containers.run('base:1', sh('echo a; echo b >&2'), { remove: true, stdout: both, stderr: both });
  assert.deepEqual((await text(both)).trim().split('\n').sort(), ['a', 'b']);
  assert.equal((await running).stderr.length, 0);
  const { stdout, stderr } = await containers.run('base:1', sh('echo a; echo b >&2'), { remove: true, stdout: null });
  assert.deepEqual([String(stdout), String(stderr)], ['', 'b\n']);
});

test('an input that fails, fails the run with its own error as the cause, and the command never sees its end', async (t) => {
  const { containers } = await openWithBase(t);
  const seen = folder(t);
  const reason = new Error('the cable was cut');
  async function* cut() {
    yield 'half';
    throw reason;
  }
  const options = { remove: true, volumes: [`${seen}:/seen`] };
  const script = sh('cat > /dev/null && echo whole > /seen/end');
  for (const stdin of [cut(), Readable.from(cut())]) {
    const error = await rejection(containers.run('base:1', script, { ...options, stdin }));
    assert.equal(error.code, 'callback');
    assert.equal(error.cause, reason);
  }
  assert.throws(() => readFileSync(join(seen, 'end')), { code: 'ENOENT' });
  const wrong = await rejection(containers.run('base:1', ['cat'], { remove: true, stdin: Readable.from([7]) }));
  assert.ok(wrong.code === 'callback' && wrong.cause instanceof TypeError);
  assert.equal((await rejection(containers.run('base:1', ['cat'], { stdin: 7 }))).code, 'invalid_argument');
  assert.deepEqual(await containers.list({ all: true }), []);
});

test('a command that ends without reading ends the run, and the input is destroyed', async (t) => {
  const { containers } = await openWithBase(t);
  const endless = new Readable({
    read() {
      setImmediate(() => this.push(Buffer.alloc(65536)));
    },
  });
  const silent = new Readable({ read() {} });
  for (const stdin of [endless, silent]) {
    assert.equal((await containers.run('base:1', ['true'], { remove: true, stdin })).exitCode, 0);
    assert.ok(stdin.destroyed);
  }
});

test('an output that fails ends the container', async (t) => {
  const { containers } = await openWithBase(t);
  const reason = new Error('the disk is full');
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done(reason) });
  const error = await rejection(containers.run('base:1', sh('while :; do echo y; done'), { remove: true, stdout }));
  assert.equal(error.code, 'callback');
  assert.equal(error.cause, reason);
  assert.deepEqual(await containers.list({ all: true }), []);
});

test('an abort ends a run, an exec, a wait and a start', async (t) => {
  const { containers } = await openWithBase(t);
  const reason = new Error('too late');
  const over = { signal: AbortSignal.abort(reason) };
  const container = await containers.run('base:1', ['sleep', '1000'], { detach: true });
  const created = await containers.create('base:1', ['sleep', '1000']);
  const begin = [
    (options) => containers.run('base:1', ['sleep', '1000'], { remove: true, ...options }),
    (options) => container.exec(['sleep', '1000'], options),
    (options) => container.wait(options),
    (options) => created.start({ attach: true, ...options }),
    (options) => buffer(container.logs({ follow: true, ...options })),
    async (options) => (await container.attach(options)).wait(),
  ];
  for (const operation of begin) {
    const early = await rejection(operation(over));
    assert.deepEqual([early.code, early.name, early.cause], ['cancelled', 'AbortError', reason], String(operation));
    const signal = AbortSignal.timeout(200);
    const late = await rejection(operation({ signal }));
    assert.deepEqual([late.code, late.cause], ['cancelled', signal.reason], String(operation));
  }
  assert.equal(await containers.list({ all: true }).then((all) => all.length), 2);
  assert.equal((await containers.get(container)).state, 'running');
  assert.equal((await container.top()).processes.length, 1);
});

test('a terminal has a size, and another when it is told so', async (t) => {
  const { containers } = await openWithBase(t);
  const control = new ContainerControl();
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const lines = (async function* lines() {
    let rest = '';
    for await (const chunk of stdout) {
      const parts = (rest + chunk).split(/\r?\n/);
      rest = parts.pop();
      yield* parts;
    }
  })();
  const script = sh('stty -echo; stty size; read x; stty size; read x; exec sleep 1000');
  const running = containers.run('base:1', script, {
    remove: true,
    tty: true,
    ttySize: { rows: 30, cols: 100 },
    stdin,
    stdout,
    control,
    check: false,
  });
  assert.equal((await lines.next()).value, '30 100');
  control.resize({ rows: 40, cols: 120 });
  stdin.write('\n');
  assert.equal((await lines.next()).value, '40 120');
  stdin.write('\n');
  control.kill('KILL');
  assert.equal((await running).exitCode, 137);
  control.resize({ rows: 1, cols: 1 });
});

test('a control lets a command go on alone', async (t) => {
  const { containers } = await openWithBase(t);
  const container = await containers.create('base:1', ['sleep', '1000']);
  const control = new ContainerControl();
  const running = container.start({ attach: true, control, onProgress: () => control.detach() });
  assert.equal((await running).exitCode, null);
  await container.reload();
  assert.equal(container.state, 'running');
});

test('an exec has streams of its own', async (t) => {
  const { containers } = await openWithBase(t);
  const container = await containers.run('base:1', ['sleep', '1000'], { detach: true, environment: { A: '1' } });
  const result = await container.exec(sh('cat; echo $A$B >&2'), { stdin: Buffer.from('in'), environment: { B: 2 } });
  assert.deepEqual([result.exitCode, String(result.stdout), String(result.stderr)], [0, 'in', '12\n']);
  const error = await rejection(container.exec(sh('echo no >&2; exit 7')));
  assert.ok(error instanceof ContainerError);
  assert.deepEqual([error.exitCode, String(error.stderr), error.container], [7, 'no\n', container.id]);
  assert.equal((await container.exec(['sleep', '1000'], { detach: true })).exitCode, null);
});

test('200 starts, four at once, leave no descriptor, thread, process or container', async (t) => {
  const { containers } = await openWithBase(t);
  const round = async (count) => {
    for (let i = 0; i < count; i += 1) {
      const { stdout } = await containers.run('base:1', ['cat'], { remove: true, stdin: Buffer.from(String(i)) });
      assert.equal(String(stdout), String(i));
    }
  };
  await Promise.all([1, 2, 3, 4].map(() => round(2)));
  await sleep(100);
  const before = holdings();
  const start = performance.now();
  await Promise.all([1, 2, 3, 4].map(() => round(50)));
  t.diagnostic(`${Math.round((performance.now() - start) / 200)} ms for each`);
  await assertNothingLeft(before);
  assert.deepEqual(await containers.list({ all: true }), []);
});

test('environment, tmpfs and options that there are none of', async (t) => {
  const { containers } = await openWithBase(t);
  const { stdout } = await containers.run('base:1', sh('echo $A_b-$C; echo x > /scratch_A/file && cat /scratch_A/file'), {
    remove: true,
    environment: { A_b: 1, C: undefined },
    tmpfs: { '/scratch_A': 'size=1m' },
    readOnly: true,
  });
  assert.equal(String(stdout), '1-\nx\n');
  const unknown = await rejection(containers.run('base:1', ['true'], { autoremove: true }));
  assert.equal(unknown.code, 'invalid_argument');
  assert.match(unknown.message, /`autoremove`/);
  assert.equal((await rejection(containers.run('base:1', 'a text'))).code, 'invalid_argument');
  assert.equal((await rejection(containers.run('base:1', ['true'], { control: {} }))).code, 'invalid_argument');
  assert.equal((await rejection(containers.run('base:1', ['true'], { ports: ['80:80'] }))).code, 'unsupported');
});
