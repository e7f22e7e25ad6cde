// Pushes an image to a registry and pulls it into another store.
//
//     node examples/node/registry.mjs [HOST[:PORT]/REPOSITORY]
//
// Without an argument the registry is one for tests, inside this process, and its connection breaks in the middle. With
// one it is a real registry, reached with the logins that `docker login` or `layerkit login` stored.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine, LayerkitError } from '../../bindings-node/index.mjs';
import { Registry } from '../../bindings-node/testing.mjs';

/** A stream of a tar with two files; one is large enough to be watched. */
async function rootfs(folder) {
  const root = join(folder, 'rootfs');
  await mkdir(root);
  await writeFile(join(root, 'hello'), 'hello from layerkit\n');
  await writeFile(join(root, 'noise'), randomBytes(3_000_000));
  return spawn('tar', ['-c', '-C', root, '.'], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout;
}

/** Prints what is not the progress of a layer. */
function show(event) {
  if (event.event === 'layer' && event.state !== 'progress') {
    console.log(`    ${event.operation} ${event.id.slice(7, 19)}: ${event.state}`);
  }
  if (event.event === 'retrying') console.log(`    again in ${event.waitMs} ms: ${event.reason}`);
}

async function pushAndPull(folder, repository, registry) {
  const name = `${repository}:example`;
  const here = await Engine.open({ root: join(folder, 'here'), registry });
  const there = await Engine.open({ root: join(folder, 'there'), registry });
  try {
    console.log(`== push ${name}`);
    const image = await here.images.import(await rootfs(folder), { name });
    const [pushed] = await here.images.push(name, { onProgress: show });
    console.log(`    ${pushed.digest}, ${pushed.size} bytes`);

    console.log(`== pull ${name}`);
    const pulled = await there.images.pull(name, { expect: pushed.digest, onProgress: show });
    if (pulled.id !== image.id) throw new Error('what was pushed is not what was pulled');
    await pulled.unpack(join(folder, 'tree'));
    console.log(`    ${(await readFile(join(folder, 'tree', 'hello'), 'utf8')).trimEnd()}`);

    console.log(`== tags of ${repository}`);
    console.log(`    ${(await there.registry.tags(repository)).join(', ')}`);
  } finally {
    await here.close();
    await there.close();
  }
}

const folder = await mkdtemp(join(tmpdir(), 'layerkit-registry-'));
try {
  if (process.argv[2]) {
    await pushAndPull(folder, process.argv[2], {});
  } else {
    const registry = await Registry.start();
    registry.fault({ drop: { after: 2_000_000 } }, { method: 'GET', path: '/blobs/' });
    await pushAndPull(folder, `${registry.host}/team/app`, { dockerConfig: folder });
    console.log(`== ${registry.requests().length} requests were made`);
    await registry.stop();
  }
} catch (error) {
  if (!(error instanceof LayerkitError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
