// The main job from Node, without a network: import a root file system, build a Dockerfile with RUN on it, list, save,
// remove, load. Where RUN steps cannot run it says so, and why.
//
//     node examples/node/main-job.mjs [ROOTFS.tar]
//
// Without a tar it makes a small root file system of the static busybox (Debian: apt-get install busybox-static).

import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createReadStream, createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine, LayerkitError } from '../../bindings-node/index.mjs';

const DOCKERFILE = `# The seed's Dockerfile in small.
FROM rootfs:1
RUN echo "hello from a RUN step" > /greeting
COPY message /message
RUN cat /greeting /message
EXPOSE 80
CMD ["/bin/sh"]
`;

/** A stream of a root file system: the tar that was given, or busybox with a shell. */
async function rootfs(folder) {
  if (process.argv[2]) return createReadStream(process.argv[2]);
  const bin = join(folder, 'rootfs', 'bin');
  await mkdir(bin, { recursive: true });
  await copyFile('/bin/busybox', join(bin, 'busybox'));
  for (const name of ['sh', 'cat', 'echo']) await symlink('busybox', join(bin, name));
  return spawn('tar', ['-c', '-C', join(folder, 'rootfs'), '.'], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout;
}

/** Prints a build as Docker does. */
function show(event) {
  if (event.event === 'step_started') console.log(`Step ${event.n}/${event.total} : ${event.text}`);
  if (event.event === 'step_cached') console.log(' ---> Using cache');
  if (event.event === 'step_log') process.stdout.write(event.text);
  if (event.event === 'step_done') console.log(` ---> ${event.image.slice(7, 19)}`);
}

async function mainJob(folder) {
  const engine = await Engine.open({ root: join(folder, 'store') });
  try {
    const base = await engine.images.import(await rootfs(folder), { name: 'rootfs:1', changes: ['ENV GREETING=hello'] });
    console.log(`imported ${base.tags} as ${base.shortId}, ${base.size} bytes`);

    const { runMode, runReason } = await engine.system.info();
    if (runMode === 'none') console.log(`RUN will not work here: ${runReason}`);

    const context = join(folder, 'context');
    await mkdir(context);
    await writeFile(join(context, 'Dockerfile'), DOCKERFILE);
    await writeFile(join(context, 'message'), 'hello from the context\n');
    const built = await engine.images.build({ path: context, tag: 'app:1', onProgress: show });
    console.log(`built ${built.tags} as ${built.shortId}`);

    await engine.images.build({ path: context, tag: 'app:1', onProgress: show });

    for (const image of await engine.images.list()) console.log(`${image.shortId}  ${image.tags}  ${image.size} bytes`);
    for (const entry of await built.history()) console.log(`    ${entry.createdBy || entry.comment}`);

    const archive = join(folder, 'app.tar');
    await engine.images.save('app:1', createWriteStream(archive));
    const { untagged, deleted } = await engine.images.remove('app:1');
    console.log(`removed ${untagged}, ${deleted.length} images and layers`);

    const [loaded] = await engine.images.load(archive);
    console.log(`loaded ${loaded.tags}: ${loaded.id === built.id ? 'the same image' : 'another image'}`);

    const { problems } = await engine.system.verify();
    console.log(`the store has ${problems.length} problems`);
  } finally {
    await engine.close();
  }
}

const folder = await mkdtemp(join(tmpdir(), 'layerkit-main-job-'));
try {
  await mainJob(folder);
} catch (error) {
  if (!(error instanceof LayerkitError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  if (error.line) console.error(`line ${error.line} of the Dockerfile: ${error.instruction}`);
  if (error.outputTail) console.error(error.outputTail);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
