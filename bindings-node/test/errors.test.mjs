// Errors: one class, the core's codes, fields in camelCase; and what the declarations say of them.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Engine, ERROR_CODES, LayerkitError } from 'layerkit';
import { folder, openEngine, rejection, tar } from './support.mjs';

test('the declared union of codes is the table of the core', () => {
  const declarations = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8');
  const [, union] = /export type ErrorCode =([^;]+);/.exec(declarations);
  assert.deepEqual([...union.matchAll(/'(\w+)'/g)].map(([, code]) => code), [...ERROR_CODES]);
});

test('every failure is a LayerkitError with its code', async (t) => {
  const engine = await openEngine(t);
  const failures = {
    not_found: engine.images.get('nope'),
    invalid_reference: engine.images.import(tar({ a: '' }), { name: 'Not A Name' }),
    invalid_image: engine.images.load(Buffer.from('this is no archive')),
  };
  for (const [code, failure] of Object.entries(failures)) {
    const error = await rejection(failure);
    assert.ok(error instanceof LayerkitError && error instanceof Error);
    assert.deepEqual([error.code, error.name], [code, 'LayerkitError']);
    assert.ok(error.message.length > 0);
    assert.match(error.stack, /errors\.test\.mjs/, 'the stack leads to the caller');
  }
});

test('a failed build tells the line, the instruction and the rest as properties', async (t) => {
  const engine = await openEngine(t);
  const path = folder(t);
  writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\nCOPY missing /\n');
  const error = await rejection(engine.images.build({ path }));
  assert.equal(error.line, 2);
  writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\nOOPS\n');
  const syntax = await rejection(engine.images.build({ path }));
  assert.deepEqual([syntax.code, syntax.line], ['dockerfile_syntax', 2]);
});

test('unknown options are refused in the names that the caller uses', async (t) => {
  const engine = await openEngine(t);
  for (const call of [
    () => engine.images.list({ nope: true }),
    () => engine.images.list({ signal: new AbortController().signal }),
    () => engine.images.list({ onProgress() {} }),
    () => engine.images.import(tar({ a: '' }), { nope: 1 }),
    () => engine.images.build({ path: '.', no_cache: true }),
    () => engine.images.build({ path: '.', nope: true }),
    () => Engine.open({ limits: { nope: 1 } }),
  ]) {
    const error = await rejection(call());
    assert.equal(error.code, 'invalid_argument');
    assert.match(error.message, /^options: unknown field `(nope|signal|onProgress|no_cache)`/);
    assert.ok(!error.message.includes('`source_date_epoch`'), error.message);
  }
});

test('arguments of the wrong type are refused', async (t) => {
  const engine = await openEngine(t);
  for (const call of [
    () => engine.images.get(7),
    () => engine.images.get(),
    () => engine.images.list({ all: 'yes' }),
    () => engine.images.list(null),
    () => engine.images.build(null),
    () => engine.images.save([7], '/nowhere'),
  ]) {
    const error = await rejection(call());
    assert.equal(error.code, 'invalid_argument', String(error.stack));
  }
});

test('a closed engine answers invalid_argument, and closes again', async (t) => {
  const engine = await openEngine(t);
  await engine.close();
  await engine.close();
  assert.equal((await rejection(engine.images.list())).code, 'invalid_argument');
  assert.equal((await rejection(engine.system.verify())).code, 'invalid_argument');
  assert.throws(() => new Engine(), { code: 'invalid_argument' });
});
