// One container: attached to, followed, looked into, changed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Image } from 'layerkit';
import { assertNothingLeft, holdings, openWithBase, rejection, shell, tar } from './support.mjs';

const run = promisify(execFile);
const sh = (script) => ['sh', '-c', script];

test('who attaches writes to a container and reads from it, until he detaches or it ends', async (t) => {
  const { containers } = await openWithBase(t);
  const options = { detach: true, stdinOpen: true };
  const container = await containers.run('base:1', sh('while read x; do echo "<$x>"; echo "!$x" >&2; done'), options);
  const attached = await container.attach({ stdin: true });
  const [out, err] = [attached.stdout.iterator({ destroyOnReturn: false }), attached.stderr.iterator({ destroyOnReturn: false })];
  attached.stdin.write('one\n');
  assert.equal(String((await out.next()).value), '<one>\n');
  assert.equal(String((await err.next()).value), '!one\n');
  await attached.detach();
  assert.equal((await attached.wait()).exitCode, null);
  assert.equal((await out.next()).done, true);
  assert.ok(attached.stdin.destroyed);

  const again = await container.attach({ stderr: false, logs: true });
  assert.equal(again.stdin, undefined);
  assert.equal(again.stderr, undefined);
  assert.equal(String(await once(again.stdout, 'data')), '<one>\n');
  await container.kill('SIGKILL');
  assert.equal((await again.wait()).exitCode, 137);
  await finished(again.stdout.resume(), { writable: false });
  assert.equal((await rejection(container.attach())).code, 'conflict');
  assert.equal((await rejection(container.attach({ stdin: process.stdin }))).code, 'invalid_argument');
});

test('an attachment that is aborted fails who reads it and who waits, and nobody else', async (t) => {
  const { containers } = await openWithBase(t);
  const container = await containers.run('base:1', ['sleep', '1000'], { detach: true });
  const controller = new AbortController();
  const attached = await container.attach({ stdin: true, signal: controller.signal });
  const reading = rejection(text(attached.stdout));
  controller.abort();
  assert.equal((await reading).code, 'cancelled');
  assert.equal((await rejection(attached.wait())).code, 'cancelled');
  assert.equal((await containers.get(container.id)).state, 'running');
});

test('what nobody reads holds the container up, and what is destroyed does not', async (t) => {
  const { containers } = await openWithBase(t);
  const container = await containers.create('base:1', sh('read x; dd if=/dev/zero bs=64k count=64 2>/dev/null; echo end >&2'), {
    stdinOpen: true,
  });
  await container.start();
  const attached = await container.attach({ stdin: true });
  attached.stdout.destroy();
  attached.stdin.write('\n');
  assert.equal(await text(attached.stderr), 'end\n');
  assert.equal((await attached.wait()).exitCode, 0);
});

test('a detach does not wait for what nobody reads', async (t) => {
  const { containers } = await openWithBase(t);
  const container = await containers.run('base:1', sh('while :; do echo yes; done'), { detach: true });
  const attached = await container.attach();
  await once(attached.stdout, 'readable');
  while (attached.stdout.readableLength < 64 * 1024) await new Promise((resolve) => setTimeout(resolve, 20));
  await attached.detach();
  assert.match(await text(attached.stdout), /^(yes\n)+/);
  await container.reload();
  assert.equal(container.state, 'running');
});

test('logs are followed until the container ends, or the reader does', async (t) => {
  const { containers } = await openWithBase(t);
  const container = await containers.run('base:1', sh('echo one; echo two >&2; while :; do sleep 0.05; echo more; done'), {
    detach: true,
  });
  const before = holdings();
  for (let i = 0; i < 5; i += 1) {
    let seen = '';
    for await (const chunk of container.logs({ follow: true })) {
      seen += chunk;
      if (seen.includes('more')) break;
    }
    assert.match(seen, /one\n/);
    const untouched = container.logs({ follow: true });
    untouched.destroy();
    await once(untouched, 'close');
  }
  await assertNothingLeft(before);

  const { value } = await container.logs({ follow: true, demux: true, stdout: false })[Symbol.asyncIterator]().next();
  assert.deepEqual([value.stream, String(value.data)], ['stderr', 'two\n']);
  const following = text(container.logs({ follow: true, tail: 1 }));
  await container.kill();
  assert.match(await following, /^(more\n)+$/);
  assert.equal(await text(container.logs({ stdout: false })), 'two\n');
  assert.equal(await text(container.logs({ since: new Date(Date.now() + 60_000) })), '');
  await assertNothingLeft(before);
  await container.remove();
  assert.equal((await rejection(buffer(container.logs()))).code, 'not_found');
  assert.equal((await rejection(buffer(container.logs({ lines: 3 })))).code, 'invalid_argument');
});

test('a long log is read at the pace of its reader', async (t) => {
  const { containers } = await openWithBase(t);
  const { id } = await containers.run('base:1', ['seq', '200000'], { stdout: null });
  const logs = (await containers.get(id)).logs();
  await once(logs, 'readable');
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(logs.readableLength < 512 * 1024, `${logs.readableLength} bytes wait`);
  const whole = await text(logs);
  assert.equal(whole.split('\n').at(-2), '200000');
});

test('files go in and come out as tars', async (t) => {
  const { containers, images } = await openWithBase(t);
  const { id } = await containers.run('base:1', sh('echo new > /srv/new; rm /srv/file'));
  const container = await containers.get(id);
  await container.putArchive('/srv', tar({ 'sent/file': 'sent' }));
  assert.deepEqual(
    (await container.diff()).filter(({ path }) => path.startsWith('/srv/')),
    [
      { path: '/srv/file', kind: 'deleted' },
      { path: '/srv/new', kind: 'added' },
      { path: '/srv/sent', kind: 'added' },
      { path: '/srv/sent/file', kind: 'added' },
    ],
  );
  const file = await buffer(container.getArchive('/srv/new'));
  assert.ok(file.includes('new\n'));
  assert.deepEqual([(await container.stat('/srv/new')).size, (await container.stat('/bin/sh')).linkTarget], [4, '/bin/busybox']);
  const whole = await buffer(container.export());
  assert.ok(whole.length > shell().length / 2 && whole.includes('sent/file'));
  const half = container.export();
  for await (const chunk of half) {
    assert.ok(chunk.length > 0);
    break;
  }
  assert.ok(half.destroyed);
  assert.equal((await rejection(buffer(container.getArchive('/nope')))).code, 'not_found');

  const image = await container.commit({ repository: 'made', tag: '2', message: 'by hand', changes: ['CMD ["cat", "/srv/new"]'] });
  assert.ok(image instanceof Image);
  assert.deepEqual(image.tags, ['made:2']);
  assert.equal(String((await containers.run(image, undefined, { remove: true })).stdout), 'new\n');
  assert.equal((await rejection(images.remove('base:1'))).code, 'conflict');
  await container.remove();
});

test('a container is stopped, started, paused, renamed and looked at', async (t) => {
  const { containers } = await openWithBase(t);
  const container = await containers.create('base:1', ['sleep', '1000'], { name: 'one', labels: { a_B: 'c' }, stopSignal: 'KILL' });
  assert.deepEqual([container.state, container.warnings, container.labels.a_B], ['created', [], 'c']);
  await container.start();
  await container.reload();
  assert.equal(container.state, 'running');
  assert.equal((await container.inspect()).Name, '/one');
  const { titles, processes } = await container.top();
  assert.equal(titles.at(-1), 'CMD');
  assert.equal(processes.length, 1);
  await container.pause();
  await container.unpause();
  await container.restart({ timeout: 1 });
  await container.rename('two');
  assert.equal(container.name, 'two');
  assert.equal((await rejection(container.remove())).code, 'conflict');
  await container.stop();
  assert.equal((await container.wait()).exitCode, 137);
  assert.deepEqual((await containers.prune({ filters: { label: 'a_B=c' } })).deleted, [container.id]);
  assert.equal((await rejection(containers.get('two'))).code, 'not_found');
});

/** Runs a program in a process of its own; it has `containers` of a store with `base:1`, and ends by itself. */
async function program(engine, body, input = '') {
  const head = `
    import { Engine } from 'layerkit';
    const { containers } = await Engine.open({ root: ${JSON.stringify(engine.root)} });
  `;
  const options = { cwd: new URL('..', import.meta.url), timeout: 20_000 };
  const running = run(process.execPath, ['--input-type=module', '--eval', head + body], options);
  running.child.stdin.end(input);
  return (await running).stdout;
}

test('a process may end when nothing is under way, and its streams stay its own', async (t) => {
  const engine = await openWithBase(t);
  const output = await program(
    engine,
    `
    for (let i = 0; i < 2; i += 1) await containers.run('base:1', ['head', '-c', '3'], { remove: true, stdin: process.stdin, stdout: process.stdout });
    const container = await containers.run('base:1', ['sleep', '1000'], { detach: true, name: 'left' });
    const attached = await container.attach({ stdin: true });
    await attached.detach();
    container.logs({ follow: true });
    console.log(' end');
  `,
    'abc',
  );
  assert.equal(output, 'abc end\n');
  assert.equal((await engine.containers.get('left')).state, 'running');
});

test('a process that exits takes its foreground containers with it', async (t) => {
  const engine = await openWithBase(t);
  await program(
    engine,
    `
    containers.run('base:1', ['sleep', '1000'], {
      name: 'front',
      onProgress: ({ event }) => event === 'container_started' && setImmediate(() => process.exit()),
    });
  `,
  );
  const front = await engine.containers.get('front');
  assert.notEqual((await front.wait({ timeoutMs: 5000 })).exitCode, 0);
});
