// The registry for tests, as users' tests use it: real pulls and pushes, and what becomes of them when it fails.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Engine, LayerkitError } from 'layerkit';
import * as testing from 'layerkit/testing';
import { assertNothingLeft, folder, holdings, largeTar, rejection, tar } from './support.mjs';

const { Registry } = testing;
const require = createRequire(import.meta.url);
const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const ROOTFS = tar({ file: 'content' });

async function startRegistry(t, options) {
  const registry = await Registry.start(options);
  t.after(() => registry.stop());
  return registry;
}

/** An engine that knows nothing of this machine's Docker. */
async function openEngine(t, registry = {}) {
  const home = folder(t);
  const config = { dockerConfig: join(home, 'docker'), certsDirs: [], proxy: '', ...registry };
  const engine = await Engine.open({ root: join(home, 'store'), registry: config });
  t.after(() => engine.close());
  return engine;
}

async function push(engine, name, source = ROOTFS) {
  const image = await engine.images.import(source, { name });
  await engine.images.push(name);
  return image;
}

test('what one store pushes, another pulls', async (t) => {
  const registry = await startRegistry(t);
  const name = `${registry.host}/team/app:1`;
  const image = await push(await openEngine(t), name);
  assert.deepEqual(registry.tags('team/app'), ['1']);
  const { mediaType, data } = registry.manifest('team/app', '1');
  const manifest = JSON.parse(data);
  assert.equal(manifest.mediaType, mediaType);
  for (const { digest } of manifest.layers) assert.ok(registry.hasBlob('team/app', digest));
  const pulled = await (await openEngine(t)).images.pull(name);
  assert.deepEqual([pulled.id, pulled.tags], [image.id, [name]]);
});

test('the log tells what a client really did', async (t) => {
  const registry = await startRegistry(t);
  const name = `${registry.host}/app:1`;
  await push(await openEngine(t), name);
  registry.clearRequests();
  const engine = await openEngine(t);
  await engine.images.pull(name);
  const requests = registry.requests();
  assert.equal(requests.filter(({ path }) => path.includes('/blobs/')).length, 2, 'a config and a layer');
  for (const { status, host, userAgent } of requests) {
    assert.deepEqual([status, host], [200, registry.host]);
    assert.match(userAgent, /layerkit/);
  }
  registry.clearRequests();
  await engine.images.pull(name);
  assert.ok(registry.requests().every(({ path }) => !path.includes('/blobs/')), 'everything was here');
  assert.ok(registry.peakInFlight >= 1);
});

test('a connection that breaks is survived', async (t) => {
  const registry = await startRegistry(t);
  const name = `${registry.host}/app:1`;
  const image = await push(await openEngine(t), name, largeTar(4));
  registry.clearRequests();
  const [{ size, digest }] = JSON.parse(registry.manifest('app', '1').data).layers;
  registry.fault({ drop: { after: size - 10 } }, { method: 'GET', path: digest, times: 1 });
  const events = [];
  const engine = await openEngine(t);
  const pulled = await engine.images.pull(name, { onProgress: (event) => events.push(event) });
  assert.equal(pulled.id, image.id);
  const retry = events.find(({ event }) => event === 'retrying');
  assert.equal(typeof retry.waitMs, 'number');
  assert.ok(registry.requests().some(({ range }) => range), 'it goes on where it stopped');
  assert.deepEqual((await engine.system.verify()).problems, []);
});

test('a registry that is tired says so', async (t) => {
  const registry = await startRegistry(t);
  const name = `${registry.host}/app:1`;
  await push(await openEngine(t), name);
  registry.fault({ status: { status: 429, message: 'slow down', retryAfter: 1 } }, { path: '/manifests/' });
  const engine = await openEngine(t, { retries: 0 });
  const error = await rejection(engine.images.pull(name));
  assert.ok(error instanceof LayerkitError);
  assert.deepEqual([error.code, error.status, error.registryCode], ['rate_limited', 429, 'TOOMANYREQUESTS']);
  assert.deepEqual([error.host, error.repository], [registry.host, 'app']);
  assert.match(error.message, /slow down/);
  registry.clearFaults();
  assert.deepEqual((await engine.images.pull(name)).tags, [name]);
});

test('bytes that are not those that were promised are found out', async (t) => {
  const registry = await startRegistry(t);
  const name = `${registry.host}/app:1`;
  await push(await openEngine(t), name);
  registry.fault({ corrupt: { at: 5 } }, { path: '/blobs/' });
  const engine = await openEngine(t, { retries: 0 });
  assert.equal((await rejection(engine.images.pull(name))).code, 'digest_mismatch');
  assert.deepEqual(await engine.images.list(), []);
});

test('tokens that expire are fetched anew', async (t) => {
  const registry = await startRegistry(t, { auth: 'token', users: { ann_Lee: 'hunter2' }, tokenLifetime: 0.3 });
  const name = `${registry.host}/app:1`;
  const engine = await openEngine(t);
  const credentials = { registry: registry.host, username: 'ann_Lee' };
  assert.equal((await rejection(engine.registry.login({ ...credentials, password: 'wrong' }))).code, 'unauthorized');
  const { username } = await engine.registry.login({ ...credentials, password: 'hunter2' });
  assert.equal(username, 'ann_Lee', 'names of users are not ours to change');
  await push(engine, name);
  registry.clearRequests();
  assert.deepEqual(await engine.registry.tags(`${registry.host}/app`), ['1']);
  await sleep(400);
  assert.deepEqual(await engine.registry.tags(`${registry.host}/app`), ['1']);
  const requests = registry.requests();
  assert.ok(requests.filter(({ path }) => path.startsWith('/token')).length >= 2);
  assert.doesNotMatch(JSON.stringify(requests), /hunter2/);
  assert.equal((await engine.registry.logout({ registry: registry.host })).removed, true);
});

test('TLS and client certificates', async (t) => {
  const registry = await startRegistry(t, { tls: 'valid', clientCa: true });
  const certsDir = folder(t);
  const place = join(certsDir, registry.host);
  mkdirSync(place);
  writeFileSync(join(place, 'ca.crt'), registry.caPem);
  writeFileSync(join(place, 'client.cert'), registry.clientIdentity.certificatePem);
  writeFileSync(join(place, 'client.key'), registry.clientIdentity.keyPem);
  await push(await openEngine(t, { certsDirs: [certsDir] }), `${registry.host}/app:1`);
  assert.deepEqual([registry.url, registry.tags('app')], [`https://${registry.host}`, ['1']]);
  const stranger = await openEngine(t, { retries: 0 });
  assert.equal((await rejection(stranger.registry.ping({ registry: registry.host }))).code, 'network');
});

test('a pull is aborted while the registry says nothing', async (t) => {
  const registry = await startRegistry(t);
  const name = `${registry.host}/app:1`;
  await push(await openEngine(t), name);
  registry.fault({ stall: { after: 1 } }, { path: '/blobs/' });
  const engine = await openEngine(t);
  const error = await rejection(engine.images.pull(name, { signal: AbortSignal.timeout(200) }));
  assert.deepEqual([error.name, error.code, error.cause.name], ['AbortError', 'cancelled', 'TimeoutError']);
  registry.clearFaults();
  assert.deepEqual((await engine.images.pull(name)).tags, [name]);
});

test('what it holds can be looked at and changed', async () => {
  const registry = await Registry.start();
  const digest = registry.putBlob('a', Buffer.from('hello'));
  assert.equal(digest, 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
  assert.equal(registry.blob('a', digest).toString(), 'hello');
  assert.equal(registry.blob('b', digest), undefined);
  assert.deepEqual([registry.removeBlob('a', digest), registry.removeBlob('a', digest)], [true, false]);
  assert.equal(registry.manifest('a', 'latest'), undefined);
  const manifest = { mediaType: 'application/vnd.oci.image.index.v1+json', data: Buffer.from('{"not":"checked"}') };
  const id = registry.putManifest('a', 'latest', manifest.mediaType, manifest.data);
  assert.deepEqual({ ...registry.manifest('a', id) }, manifest);
  assert.deepEqual([registry.tags('a'), registry.tags('b')], [['latest'], []]);
  assert.deepEqual([registry.proxyUrl, registry.caPem, registry.clientIdentity], [null, null, null]);
  await registry.stop();
  await registry.stop();
  assert.deepEqual(registry.tags('a'), ['latest'], 'what it holds stays readable');
});

test('options and faults that make no sense are refused in the names that the caller uses', async (t) => {
  for (const [options, message] of [
    [{ nope: 1 }, /unknown field `nope`.*`clientCa`/],
    [{ page_size: 1 }, /unknown field `page_size`|unknown field `page__size`/],
    [{ tls: 'maybe' }, /unknown variant `maybe`/],
    [{ pageSize: 0 }, /`pageSize` is at least 1/],
    [{ clientCa: true }, /`clientCa` needs `tls`/],
    [null, /not an object/],
  ]) {
    const error = await rejection(Registry.start(options));
    assert.equal(error.code, 'invalid_argument');
    assert.match(error.message, message);
  }
  const registry = await startRegistry(t);
  for (const args of [['nope'], [{ drop: { before: 1 } }], [{}], ['unauthorized', { times: -1 }], ['unauthorized', { nope: 1 }], []]) {
    assert.throws(() => registry.fault(...args), { name: 'LayerkitError', code: 'invalid_argument' });
  }
  assert.throws(() => registry.putBlob('a', 'text'), { code: 'invalid_argument', message: 'an argument is not a Uint8Array' });
  assert.throws(() => registry.tags(), { code: 'invalid_argument' });
  assert.throws(() => new Registry(), { code: 'invalid_argument' });
});

test('one that stops leaves neither a thread nor a descriptor', async (t) => {
  const engine = await openEngine(t);
  const once = async () => {
    const registry = await Registry.start({ blobRedirect: 'same' });
    const name = `${registry.host}/app:1`;
    await push(engine, name);
    await engine.images.remove(name);
    const socket = connect(Number(registry.host.split(':')[1]), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));
    await registry[Symbol.asyncDispose]();
    await closed;
  };
  await once();
  await sleep(100);
  const before = holdings();
  for (let i = 0; i < 3; i += 1) await once();
  await assertNothingLeft(before);
});

test('the event loop runs on while it starts and stops', async () => {
  const registry = await Registry.start({ tls: 'valid' });
  registry.fault({ stall: {} });
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  await registry.stop();
  await sleep(20);
  clearInterval(timer);
  assert.ok(turns > 0);
});

test('one that is running does not keep the process', async () => {
  const program = `
    import { Registry } from 'layerkit/testing';
    const registry = await Registry.start();
    console.log((await fetch(registry.url + '/v2/')).status);
  `;
  const options = { cwd: new URL('..', import.meta.url), timeout: 20_000 };
  for (const end of ['', 'process.exit(0);', 'Registry.start();', 'registry.stop();']) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program + end], options);
    assert.equal(stdout, '200\n');
  }
});

test('a worker that ends takes its registry with it', async () => {
  const work = async (end) => {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       const { Registry } = require('layerkit/testing');
       Registry.start({ tls: 'valid' }).then((registry) => { parentPort.postMessage(registry.host); ${end} });`,
      { eval: true },
    );
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const host = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    await exited;
    return Number(host.split(':')[1]);
  };
  await work('');
  await sleep(100);
  const before = holdings();
  const port = await work('setInterval(() => {}, 1000)');
  await work('');
  await assertNothingLeft(before);
  const error = await new Promise((resolve) => connect(port, '127.0.0.1').once('error', resolve));
  assert.equal(error.code, 'ECONNREFUSED');
});

test('import and require give the same class', () => {
  assert.equal(require('layerkit/testing').Registry, Registry);
  assert.equal(testing.default, require('layerkit/testing'));
});

test('the declarations name every option, fault, method and logged property, and nothing else', async (t) => {
  const sources = ['options', 'fault', 'log'].map((name) => read(`../../tests/registry/src/${name}.rs`)).join('\n');
  const declarations = read('../testing.d.ts');
  const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  const names = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name).sort();
  const struct = (name) => {
    const [, body] = new RegExp(`^pub struct ${name} \\{(.*?)^\\}`, 'ms').exec(sources);
    return names(body, /^ {4}pub (\w+):/gm).map(camel).sort();
  };
  const declared = (name) => {
    const [, body] = new RegExp(`^export (?:interface|class) ${name}\\b[^{]*\\{\\n(.*?)^\\}`, 'ms').exec(declarations);
    return { keys: names(body, /^ {2}(?:readonly )?(\w+)\??:/gm), methods: names(body, /^ {2}(\w+)\(/gm) };
  };
  assert.deepEqual(declared('RegistryOptions').keys, struct('Options'));
  assert.deepEqual(declared('SearchEntry').keys, struct('SearchEntry'));
  assert.deepEqual(declared('Request').keys, struct('Request'));
  assert.deepEqual([...declared('FaultRule').keys, 'fault'].sort(), struct('FaultRule'));

  const [, variants] = /^pub enum Fault \{(.*?)^\}/ms.exec(sources);
  const wanted = names(variants, /^ {4}(\w+)(?: \{|,)/gm).map((name) => name[0].toLowerCase() + name.slice(1));
  const [, union] = /^export type Fault =\n(.*?)^$/ms.exec(declarations);
  const found = [...names(union, /^ {2}\| \{\s*(\w+):/gm), ...names(union, /^ {2}\| '(\w+)'/gm).map(camel)];
  assert.deepEqual(found.sort(), wanted.sort());

  const registry = await startRegistry(t);
  const { keys, methods } = declared('Registry');
  const all = [...Object.keys(registry), ...Object.getOwnPropertyNames(Registry.prototype)].sort();
  assert.deepEqual(['constructor', ...keys, ...methods].sort(), all);
});
