// Options of builds and the builder, as the core gets them.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { folder, openEngine, rejection, tar } from './support.mjs';

const { toRequest } = createRequire(import.meta.url)('../lib/build.js');
const { snake } = createRequire(import.meta.url)('../lib/names.js');

/** What the core is asked, without what was not given. */
const asked = (options) => JSON.parse(JSON.stringify(snake(toRequest(options).request)));

test('bytes, URLs and credentials become what JSON can say', () => {
  const url = pathToFileURL('/s');
  assert.deepEqual(asked({ tag: 'a', tags: ['b'] }), { tags: ['a', 'b'] });
  assert.deepEqual(
    asked({
      files: { a_b: 'x', b: Buffer.from([255]), c: { content: new Uint8Array([120]), mode: 0o755 }, d: { text: 'x' } },
      secrets: { a: Buffer.from('x'), b: 'x', c: url, d: { path: url }, e: { env: 'E' } },
      ssh: { default: url },
      auths: { 'r:5000': { identityToken: 't' } },
      outputs: [{ type: 'tar' }, { type: 'local', dest: url }],
      iidfile: url,
      noCacheStages: ['x'],
      steps: [{ instruction: 'ENV', flags: {}, args: { camelCase: '1' } }],
    }),
    {
      tags: [],
      files: { a_b: { text: 'x' }, b: { base64: '/w==' }, c: { base64: 'eA==', mode: 0o755 }, d: { text: 'x' } },
      secrets: { a: { base64: 'eA==' }, b: { text: 'x' }, c: { path: '/s' }, d: { path: '/s' }, e: { env: 'E' } },
      ssh: { default: '/s' },
      auths: { 'r:5000': { identity_token: 't' } },
      outputs: [{ type: 'tar' }, { type: 'local', dest: '/s' }],
      iidfile: '/s',
      no_cache_stages: ['x'],
      steps: [{ instruction: 'ENV', flags: {}, args: { camelCase: '1' } }],
    },
  );
});

test('streams go beside the request, in the order that the native side has them', () => {
  const { request, dockerfile, streamed, streams } = toRequest({
    output: new Writable(),
    dockerfile: Buffer.from('FROM scratch'),
    context: Readable.from([]),
  });
  assert.deepEqual(streamed, ['context', 'output']);
  assert.equal(streams.length, 2);
  assert.equal(String(dockerfile), 'FROM scratch');
  assert.equal(request.dockerfile, undefined);
  assert.equal(toRequest({ dockerfile: 'a/Dockerfile' }).request.dockerfile, 'a/Dockerfile');
});

test('the methods of a builder are steps, and change nothing', async (t) => {
  const engine = await openEngine(t);
  const base = engine.build('scratch', { name: 'one', platform: 'linux/amd64' });
  const { steps } = base
    .arg('A', { B: '1' })
    .env({ noProxy: '1' })
    .copy('a', '/b', { from: 'stage', link: true, chown: undefined })
    .add('u', '/d', { keepGitDir: true, unpack: false })
    .run(['make'], { mounts: ['type=tmpfs,target=/t', { type: 'cache', target: '/a,b' }] })
    .expose(80, '53/udp')
    .volume('/v')
    .healthcheck(['true'], { startPeriod: '1s', retries: 0 })
    .healthcheck(null)
    .stage('next', 'base');
  assert.deepEqual(base.steps.length, 1);
  assert.deepEqual(
    steps.map(({ instruction, flags, args }) => [instruction, flags, args]),
    [
      ['FROM', { platform: 'linux/amd64' }, 'scratch AS one'],
      ['ARG', {}, 'A'],
      ['ARG', {}, { B: '1' }],
      ['ENV', {}, { noProxy: '1' }],
      ['COPY', { from: 'stage', link: true }, ['a', '/b']],
      ['ADD', { 'keep-git-dir': true, unpack: 'false' }, ['u', '/d']],
      ['RUN', { mount: ['type=tmpfs,target=/t', 'type=cache,"target=/a,b"'] }, ['make']],
      ['EXPOSE', {}, '80 53/udp'],
      ['VOLUME', {}, ['/v']],
      ['HEALTHCHECK', { 'start-period': '1s', retries: '0' }, 'CMD ["true"]'],
      ['HEALTHCHECK', {}, 'NONE'],
      ['FROM', {}, 'base AS next'],
    ],
  );
});

test('a built image knows what the build made', async (t) => {
  const engine = await openEngine(t);
  const path = join(folder(t), 'context');
  mkdirSync(path);
  writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
  const image = await engine.images.build({ path, tag: 'app:1' });
  assert.deepEqual(image.built.tags, ['app:1']);
  assert.equal(image.built.digest, image.manifestDigest);
  assert.deepEqual(image.built.images.map(({ id }) => id), [image.id]);
  assert.equal((await engine.images.get('app:1')).built, undefined);
});

test('a context and a Dockerfile are streamed side by side', async (t) => {
  const engine = await openEngine(t);
  const context = Readable.from([tar({ a: 'x' })]);
  const dockerfile = Readable.from([Buffer.from('FROM scratch\nCOPY a /\n')]);
  const image = await engine.images.build({ context, dockerfile });
  assert.equal((await image.history()).length, 1);
});

test('a secret of the wrong type is refused and not shown', async (t) => {
  const engine = await openEngine(t);
  const error = await rejection(engine.images.build({ path: '.', secrets: { a: 31415 } }));
  assert.equal(error.code, 'invalid_argument');
  assert.doesNotMatch(error.message, /31415/);
});
