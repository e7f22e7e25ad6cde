// One library, whichever way it is loaded.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import * as esm from 'layerkit';

const require = createRequire(import.meta.url);

test('import and require give the same classes', () => {
  const cjs = require('layerkit');
  const names = Object.keys(esm).filter((name) => name !== 'default');
  assert.deepEqual(names.sort(), Object.keys(cjs).sort());
  for (const name of names) assert.equal(esm[name], cjs[name]);
  assert.equal(esm.default, cjs);
});

test('the package says the version that the library has', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  assert.equal(esm.version, version);
});

test('everything declared is there', () => {
  const declarations = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8');
  const values = [...declarations.matchAll(/^export (?:class|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(values.sort(), Object.keys(require('layerkit')).sort());
  for (const [, name, body] of declarations.matchAll(/^export class (\w+)[^{]*\{\n(.*?)^\}/gms)) {
    const methods = [...body.matchAll(/^ {2}(static )?(\w+)\(/gm)].filter(([, , method]) => method !== 'constructor');
    for (const [, isStatic, method] of methods) {
      const holder = isStatic ? esm[name] : esm[name].prototype;
      assert.equal(typeof holder[method], 'function', `${name}.${method}`);
    }
    const own = Object.getOwnPropertyNames(esm[name].prototype).filter((method) => method !== 'constructor');
    for (const method of own) assert.match(body, new RegExp(`\\b${method}\\b`), `${name}.${method} is not declared`);
  }
});
