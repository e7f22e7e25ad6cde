// One library, whichever way it is loaded.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as esm from 'layerkit';
import { folder } from './support.mjs';

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
  const values = [...declarations.matchAll(/^export (?:class|const|namespace) (\w+)/gm)].map(([, name]) => name);
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

test('the package works where it is installed, both ways', (t) => {
  const home = folder(t);
  const place = join(home, 'node_modules', 'layerkit');
  mkdirSync(place, { recursive: true });
  const source = fileURLToPath(new URL('..', import.meta.url));
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', home], {
      cwd: source,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  execFileSync('tar', ['-xzf', join(home, filename), '--strip-components=1', '-C', place]);
  const program = `
    import * as esm from 'layerkit';
    import { createRequire } from 'node:module';
    const cjs = createRequire(process.cwd() + '/')('layerkit');
    const engine = await esm.Engine.open({ root: 'store' });
    console.log((await engine.system.info()).version, cjs.Engine === esm.Engine);
  `;
  const options = { cwd: home, encoding: 'utf8' };
  assert.equal(execFileSync(process.execPath, ['--input-type=module', '--eval', program], options), `${esm.version} true\n`);
});
