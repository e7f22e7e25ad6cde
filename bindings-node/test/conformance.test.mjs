// The cases that every language shares, through this language's driver.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('every conformance case passes through the driver of Node', (t) => {
  const driver = 'node --expose-gc tests/conformance/drivers/node/driver.mjs bindings-node';
  const runner = ['run', '--quiet', '--package', 'layerkit-conformance', '--'];
  const { status, stdout } = spawnSync('cargo', [...runner, '--driver', `node=${driver}`, '--allow-missing'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const total = stdout.trim().split('\n').at(-1);
  assert.equal(status, 0, stdout);
  assert.match(total, /^\d+ passed, 0 failed/);
  t.diagnostic(total);
});
