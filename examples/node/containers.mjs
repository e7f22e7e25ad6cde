// Containers from Node, without a network: run a command with streams, start one that goes on, follow it, execute something in it,
// commit what it changed, run that.
//
//     node examples/node/containers.mjs
//
// Its root file system is the static busybox (Debian: apt-get install busybox-static).

import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerError, Engine, LayerkitError } from '../../bindings-node/index.mjs';

/** A stream of a root file system with a shell. */
async function rootfs(folder) {
  const bin = join(folder, 'rootfs', 'bin');
  await mkdir(bin, { recursive: true });
  await copyFile('/bin/busybox', join(bin, 'busybox'));
  for (const name of ['sh', 'cat', 'echo', 'sort', 'sleep']) await symlink('busybox', join(bin, name));
  return spawn('tar', ['-c', '-C', join(folder, 'rootfs'), '.'], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout;
}

async function foreground({ containers }) {
  const { stdout } = await containers.run('base:1', ['sort'], { remove: true, stdin: Buffer.from('b\na\n') });
  console.log(`sorted: ${stdout.toString().trim().split('\n')}`);

  const failing = containers.run('base:1', ['sh', '-c', 'echo "no such thing" >&2; exit 3'], { remove: true });
  const error = await failing.catch((reason) => reason);
  if (!(error instanceof ContainerError)) throw error;
  console.log(`exit code ${error.exitCode}: ${error.stderr.toString().trim()}`);
}

async function detached({ containers }) {
  const script = 'n=0; while :; do echo "tick $n"; n=$((n+1)); sleep 0.1; done';
  const container = await containers.run('base:1', ['sh', '-c', script], { detach: true, name: 'clock', stopSignal: 'KILL' });
  try {
    let seen = '';
    for await (const chunk of container.logs({ follow: true })) {
      seen += chunk;
      if (seen.includes('tick 2\n')) break;
    }
    console.log(seen.trim());

    await container.exec(['sh', '-c', 'cat > /note'], { stdin: Buffer.from('written by exec\n') });
    for (const { kind, path } of await container.diff()) console.log(`${kind} ${path}`);
    const image = await container.commit({ repository: 'noted', changes: ['CMD ["cat", "/note"]'] });
    await container.stop();
    console.log(`${container.name} ended with ${(await container.wait()).exitCode}, and is ${image.tags}`);
    await containers.run(image, null, { remove: true, stdout: process.stdout });
  } finally {
    await container.remove({ force: true });
  }
}

const folder = await mkdtemp(join(tmpdir(), 'layerkit-containers-'));
const engine = await Engine.open({ root: join(folder, 'store') });
try {
  await engine.images.import(await rootfs(folder), { name: 'base:1' });
  await foreground(engine);
  await detached(engine);
} catch (error) {
  if (!(error instanceof LayerkitError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
}
