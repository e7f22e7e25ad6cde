// Operations on registries, as far as they go without one: arguments, credentials, cancelling.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { Engine, LayerkitError } from 'layerkit';
import { folder, openEngine, rejection, tar } from './support.mjs';

const { NativeEngine } = createRequire(import.meta.url)('../native.js');
const ROOTFS = tar({ file: 'content' });

/** Every operation, with what it needs. */
const OPERATIONS = {
  imagesPull: (engine, options) => engine.images.pull('127.0.0.1:1/a', options),
  imagesPush: (engine, options) => engine.images.push('127.0.0.1:1/a', options),
  imagesSearch: (engine, options) => engine.images.search('127.0.0.1:1/a', options),
  registryLogin: (engine, options) => engine.registry.login({ registry: '127.0.0.1:1', ...options }),
  registryLogout: (engine, options) => engine.registry.logout({ registry: '127.0.0.1:1', ...options }),
  registryPing: (engine, options) => engine.registry.ping({ registry: '127.0.0.1:1', ...options }),
  registryTags: (engine, options) => engine.registry.tags('127.0.0.1:1/a', options),
  registryManifest: (engine, options) => engine.registry.manifest('127.0.0.1:1/a', options),
  registryReferrers: (engine, options) => engine.registry.referrers('127.0.0.1:1/a', options),
  registryCopy: (engine, options) => engine.registry.copy('127.0.0.1:1/a', '127.0.0.1:1/b', options),
  registryDelete: (engine, options) => engine.registry.delete('127.0.0.1:1/a:1', options),
};
const WITHOUT_AUTH = new Set(['registryLogin', 'registryLogout', 'registryCopy']);
const WITH_AUTH = Object.entries(OPERATIONS).filter(([name]) => !WITHOUT_AUTH.has(name));

/** What the native side is asked by `call`: its arguments but for `events` and the listener; `answer` is what it answers. */
async function asked(t, method, call, answer = []) {
  let seen;
  const mock = t.mock.method(NativeEngine.prototype, method, (...args) => {
    seen = args.slice(0, -2).map((arg) => (arg.startsWith('{') ? JSON.parse(arg) : arg));
    queueMicrotask(() => args.at(-1)('done', JSON.stringify(answer)));
    return { cancel() {} };
  });
  const result = await call().finally(() => mock.mock.restore());
  return { seen, result };
}

test('every operation of the native side is tried here', () => {
  const native = Object.getOwnPropertyNames(NativeEngine.prototype).filter((name) => name.startsWith('registry'));
  assert.deepEqual(
    [...native, 'imagesPull', 'imagesPush', 'imagesSearch'].sort(),
    Object.keys(OPERATIONS).sort(),
  );
});

test('a signal that is aborted already ends each before it begins', async (t) => {
  const engine = await openEngine(t);
  const image = await engine.images.import(ROOTFS);
  const reason = new Error('too late');
  const options = { signal: AbortSignal.abort(reason), onProgress: () => assert.fail('an event') };
  for (const operation of [...Object.values(OPERATIONS), (_, all) => image.push(all)]) {
    const error = await rejection(operation(engine, options));
    assert.deepEqual([error.code, error.cause], ['cancelled', reason]);
  }
});

test('a closed engine answers invalid_argument', async (t) => {
  const engine = await openEngine(t);
  await engine.close();
  for (const operation of Object.values(OPERATIONS)) {
    assert.match((await rejection(operation(engine, {}))).message, /closed/);
  }
});

test('unknown options are refused in the names that the caller uses', async (t) => {
  const engine = await openEngine(t);
  for (const operation of Object.values(OPERATIONS)) {
    for (const options of [{ nope: 1 }, { all_tags: true }]) {
      const error = await rejection(operation(engine, options));
      assert.equal(error.code, 'invalid_argument');
      assert.match(error.message, /^options: unknown field `(nope|all_tags)`/);
    }
  }
  for (const [, operation] of WITH_AUTH) {
    const error = await rejection(operation(engine, { auth: { username: 'me', passwort: 'hunter2' } }));
    assert.match(error.message, /`passwort`.*`identityToken`/);
    assert.doesNotMatch(inspect(error), /hunter2/);
  }
  for (const registry of [{ mirror: [] }, { ca_files: [] }, { insecure: 'localhost' }, { retries: -1 }, 'localhost', null]) {
    const error = await rejection(Engine.open({ root: join(folder(t), 'store'), registry }));
    assert.equal(error.code, 'invalid_argument');
  }
});

test('options reach the core in its names', async (t) => {
  const engine = await openEngine(t);
  const image = await engine.images.import(ROOTFS, { name: 'a:1' });
  const auth = { username: 'me', password: 'secret', identityToken: 'one', registryToken: 'two' };
  const wire = { username: 'me', password: 'secret', identity_token: 'one', registry_token: 'two' };
  const sent = { platform: 'linux/arm64', concurrency: 2 };
  const expectations = [
    [
      'imagesPull',
      () => engine.images.pull('a', { ...sent, allTags: true, allPlatforms: true, expect: 'x', auth }),
      ['a', { ...sent, all_tags: true, all_platforms: true, expect: 'x', auth: wire }],
    ],
    [
      'imagesPush',
      () => engine.images.push('a', { ...sent, allTags: true, chunkSize: 1, auth }),
      ['a', { ...sent, all_tags: true, chunk_size: 1, auth: wire }],
    ],
    ['imagePush', () => image.push({ ...sent, chunkSize: 1, auth }), [image.id, { ...sent, chunk_size: 1, auth: wire }]],
    [
      'imagesSearch',
      () => engine.images.search('a', { limit: 3, filters: { stars: 5, 'is-official': true }, auth }),
      ['a', { limit: 3, filters: { stars: ['5'], 'is-official': ['true'] }, auth: wire }],
    ],
    [
      'registryLogin',
      () => engine.registry.login({ username: 'me', password: 'secret', identityToken: 'one', registry: 'r' }),
      ['r', { username: 'me', password: 'secret', identity_token: 'one' }],
    ],
    ['registryLogout', () => engine.registry.logout(), ['', {}]],
    ['registryPing', () => engine.registry.ping({ registry: 'r', auth }), ['r', { auth: wire }]],
    ['registryTags', () => engine.registry.tags('a', { limit: 1, last: 'b' }), ['a', { limit: 1, last: 'b' }]],
    ['registryManifest', () => engine.registry.manifest('a', { platform: 'p' }), ['a', { platform: 'p' }]],
    ['registryReferrers', () => engine.registry.referrers('a', { artifactType: 'b' }), ['a', { artifact_type: 'b' }]],
    [
      'registryCopy',
      () => engine.registry.copy('a', 'b', { ...sent, referrers: true, chunkSize: 1, sourceAuth: auth, destinationAuth: {} }),
      ['a', 'b', { ...sent, referrers: true, chunk_size: 1, source_auth: wire, destination_auth: {} }],
    ],
    ['registryDelete', () => engine.registry.delete('a:1', { auth }), ['a:1', { auth: wire }]],
  ];
  for (const [method, call, wanted] of expectations) {
    assert.deepEqual((await asked(t, method, call)).seen, wanted, method);
  }
});

test('a pull gives an image, or with allTags a list of them', async (t) => {
  const engine = await openEngine(t);
  const { id } = await engine.images.import(ROOTFS, { name: 'a:1' });
  const answer = [{ id, name: 'a:1', digest: 'sha256:00', new: true }];
  const one = await asked(t, 'imagesPull', () => engine.images.pull('a:1'), answer);
  assert.deepEqual(one.result.tags, ['a:1']);
  const all = await asked(t, 'imagesPull', () => engine.images.pull('a', { allTags: true }), answer);
  assert.deepEqual(all.result.map((image) => image.id), [id]);
});

test('a manifest and descriptors keep the names of their specification', async (t) => {
  const engine = await openEngine(t);
  const manifest = { mediaType: 'x/y', annotations: { some_key: 'value' }, config: { media_type: 'mine' } };
  const report = { name: 'a', media_type: 'x/y', raw: '{}', manifest };
  const read = await asked(t, 'registryManifest', () => engine.registry.manifest('a'), report);
  assert.deepEqual(read.result, { name: 'a', mediaType: 'x/y', raw: '{}', manifest });
  const descriptors = [{ mediaType: 'x/y', annotations: { some_key: 'value' } }];
  const listed = await asked(t, 'registryReferrers', () => engine.registry.referrers('a'), descriptors);
  assert.deepEqual(listed.result, descriptors);
  const found = [{ name: 'a', star_count: 3, is_official: true }];
  const search = await asked(t, 'imagesSearch', () => engine.images.search('a'), found);
  assert.deepEqual(search.result, [{ name: 'a', starCount: 3, isOfficial: true }]);
});

test('a secret of the wrong type is refused and not shown', async (t) => {
  const engine = await openEngine(t);
  for (const secret of [['hunter2'], 4711, Buffer.from('hunter2'), { hunter2: 'hunter2' }, true]) {
    for (const call of [
      () => engine.images.pull('a', { auth: { password: secret } }),
      () => engine.registry.login({ username: 'me', password: secret }),
      () => engine.registry.copy('a', 'b', { sourceAuth: { registryToken: secret } }),
    ]) {
      const error = await rejection(call());
      assert.equal(error.code, 'invalid_argument');
      assert.match(error.message, /^(\w+\.)?(password|registryToken) is not a string$/);
      assert.doesNotMatch(inspect(error), /hunter2|4711/);
    }
  }
  for (const name of ['auth', 'sourceAuth', 'destinationAuth']) {
    const error = await rejection(engine.registry.copy('a', 'b', { [name]: 'me:hunter2' }));
    assert.equal(error.message, `${name} is not an object`);
  }
});

test('an argument that is in the place of another is not shown either', async (t) => {
  const engine = await openEngine(t);
  const options = { auth: { username: 'me', password: 'hunter2' } };
  for (const call of [() => engine.images.pull(options), () => engine.registry.tags(options), () => engine.registry.copy('a', options)]) {
    const error = await rejection(call());
    assert.deepEqual([error.code, error.message], ['invalid_argument', 'an argument is object and not string']);
    assert.doesNotMatch(inspect(error), /hunter2/);
  }
});

test('an engine is told how registries are reached, paths as URLs too', async (t) => {
  const home = folder(t);
  const url = pathToFileURL(home);
  const config = { insecure: ['a:1'], mirrors: [], proxy: '', timeoutMs: 1, connectTimeoutMs: 1, retries: 0, concurrency: 1 };
  const registry = { ...config, caFiles: [], certsDirs: [url, home], dockerConfig: url };
  const engine = await Engine.open({ root: join(home, 'store'), registry });
  t.after(() => engine.close());
  assert.deepEqual(await engine.images.list(), []);
  assert.deepEqual(registry.certsDirs, [url, home], 'the options stay as they were');
});

test('an error of a registry tells which and what it said', () => {
  const fields = { status: 401, registryCode: 'UNAUTHORIZED', host: 'localhost:5000', repository: 'team/app' };
  const error = new LayerkitError('unauthorized', 'no', { fields });
  assert.deepEqual({ ...error }, { code: 'unauthorized', ...fields });
});
