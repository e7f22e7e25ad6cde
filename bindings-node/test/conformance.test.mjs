// The cases that every language shares, through this language's driver.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('every conformance case passes through the driver of Node', (t) => {
  const driver = 'node --expose-gc tests/conformance/drivers/node/driver.mjs bindings-node';
  assert.equal(spawnSync('cargo', ['programs'], { cwd: ROOT, stdio: 'inherit' }).status, 0);
  const runner = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug', 'conformance');
  const { status, stdout } = spawnSync(runner, ['--driver', `node=${driver}`, '--allow-missing'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const total = stdout.trim().split('\n').at(-1);
  assert.equal(status, 0, stdout);
  assert.match(total, /^\d+ passed, 0 failed/);
  t.diagnostic(total);
});
