// Compiled, never run: a program on the public declarations, and what they must refuse.
import { createReadStream, createWriteStream } from 'node:fs';
import { ContainerControl, ContainerError, Engine, ERROR_CODES, Image, LayerkitError } from 'layerkit';
import type { Auth, CommandResult, Container, ErrorCode, Event, FileChange, LogChunk } from 'layerkit';

await using engine: Engine = await Engine.open({ root: new URL('file:///tmp/store'), limits: { entries: 10 } });
const other = await Engine.open({ registry: { insecure: ['localhost:5000'], caFiles: [new URL('file:///ca.pem')], retries: 0 } });
const controller = new AbortController();

const base: Image = await engine.images.import(createReadStream('rootfs.tar'), {
  name: 'base:1',
  changes: ['CMD ["sh"]'],
  signal: controller.signal,
  onProgress: (event) => console.log(event.event),
});
const loaded: Image[] = await engine.images.load(new Uint8Array(1));
await engine.images.load((await fetch('http://127.0.0.1/')).body!);
await engine.images.save([base, 'other:1', ...loaded], createWriteStream('out.tar'), { format: 'oci-archive' });
await base.save(process.stdout);
await base.unpack('rootfs', { replace: true });
const targets: (string | null)[] = (await base.files({ path: '/lib', recursive: false, follow: false })).map(({ target }) => target);
const osRelease: string = (await base.read('/etc/os-release', { signal: controller.signal })).toString('utf8');
base.open('/etc/os-release').pipe(process.stdout);
const added: string[] = (await base.diff('other:1', { mtime: true })).filter(({ kind }) => kind === 'added').map(({ path }) => path);

const committed: Image = await engine
  .build('base', { name: 'one' })
  .copy('a', '/b', { chown: '1', exclude: ['*.o'] })
  .run(['make'], { mounts: ['type=tmpfs,target=/t', { type: 'cache', target: '/c', readonly: true }] })
  .env({ A: '1' })
  .healthcheck(null)
  .commit('app', {
    files: { a: 'x', b: new Uint8Array(1), c: { content: 'x', mode: 0o755 } },
    secrets: { s: { env: 'S' } },
    outputs: [{ type: 'tar' }],
    output: process.stdout,
  });
const index: string | undefined = committed.built?.digest;
const built: Image = await engine.images.build({ path: '.', tag: 'app', buildargs: { A: '1' }, noCache: true });
const id: string = built.shortId + built.tags.join();
const [entry] = await built.history();
const text: string | undefined = entry?.createdBy;
const architecture: unknown = (await built.inspect()).Architecture;

const untagged: string[] = (await engine.images.remove(built, { force: true, noPrune: false })).untagged;
const reclaimed: number = (await engine.system.prune({ all: true, dryRun: true, filters: { label: ['a=b'] } })).reclaimed;
await engine.images.list({ filters: { dangling: true } });
const whole: boolean = (await engine.system.verify({ repair: true })).problems.length === 0;
const cache: number = (await engine.system.df()).buildCache.size;
const mode: string = (await engine.system.info()).runMode;

const auth: Auth = { username: 'me', password: 'secret' };
const pulled: Image = await engine.images.pull('ubuntu:16.04', { platform: 'linux/arm64', auth, signal: controller.signal });
const plain: Image = await engine.images.pull('ubuntu');
const every: Image[] = await engine.images.pull('ubuntu', { allTags: true });
const either: Image | Image[] = await engine.images.pull('ubuntu', { allTags: every.length > 1 });
const [pushed] = await engine.images.push('localhost:5000/app', { allTags: true, chunkSize: 1024 });
const digest: string | undefined = pushed?.digest;
const sizes: number[] = (await pulled.push({ concurrency: 2 })).map(({ size }) => size);
const stars: number[] = (await engine.images.search('app', { limit: 3, filters: { stars: 10 } })).map((found) => found.starCount);
const { stored, plain: readable } = await engine.registry.login({ username: 'me', password: 'secret', registry: 'r' });
const removed: boolean = (await engine.registry.logout()).removed;
const scheme: string = (await other.registry.ping({ registry: 'localhost:5000', auth })).auth;
const tags: string[] = await other.registry.tags('app', { limit: 10, last: 'a' });
const layers: unknown = (await engine.registry.manifest('app', { platform: 'linux/amd64' })).manifest.layers;
const kinds: string[] = (await engine.registry.referrers('app', { artifactType: 'x/y' })).map(({ mediaType }) => mediaType);
const { mounted } = await engine.registry.copy('a', 'b', { referrers: true, sourceAuth: auth, destinationAuth: auth });
await engine.registry.delete('app:1', { auth });

const control = new ContainerControl();
const result: CommandResult = await engine.containers.run(base, ['cat'], {
  remove: true,
  environment: { A: 1, B: null, C: undefined },
  tmpfs: { '/run': 'size=1m' },
  tty: true,
  ttySize: { rows: 24, cols: 80 },
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: null,
  control,
  signal: controller.signal,
});
const bytes: Buffer = result.stdout;
const container: Container = await engine.containers.run('base', undefined, { detach: true });
const code: number | null = (await container.wait({ timeoutMs: 1000 })).exitCode;
await engine.containers.run('base', ['cat'], { stdin: Buffer.from('x'), check: false });
await container.exec(['sh'], { stdin: (async function* () { yield 'exit\n'; })(), stderr: new WritableStream() });
const attached = await container.attach({ stdin: true, stderr: false });
attached.stdin?.end('x');
for await (const chunk of attached.stdout ?? []) console.log(chunk);
for await (const chunk of container.logs({ follow: true, demux: true, since: new Date() })) {
  const { stream, data }: LogChunk = chunk;
  console.log(stream, data.length);
}
container.export().pipe(createWriteStream('out.tar'));
await container.putArchive('/srv', container.getArchive('/srv/x'), { noOverwriteDirNonDir: true });
const changes: FileChange[] = await container.diff();
const made: Image = await container.commit({ repository: 'made', changes: ['CMD ["sh"]'], pause: false });
await container.kill('SIGTERM');
await container.stop({ timeout: 1 });
const running: string[] = (await engine.containers.list({ filters: { status: 'running' } })).map(({ name }) => name);
// @ts-expect-error a command is a list of words
await engine.containers.run('base', 'cat');
// @ts-expect-error to attach gives streams
await container.attach({ stdin: process.stdin });

function show(event: Event): string {
  switch (event.event) {
    case 'step_log':
      return `${event.stream}: ${event.text}`;
    case 'retrying':
      return `${event.what}: ${event.reason}, again in ${event.waitMs} ms`;
    case 'tag_moved':
      return event.oldId;
    default:
      return event.event;
  }
}

try {
  await engine.images.get('nope');
} catch (error) {
  if (error instanceof LayerkitError && error.code === 'build_failed') {
    const line: number | undefined = error.line;
    const code: ErrorCode = error.code;
    console.log(line, code, error.exitCode, error.outputTail, error.cause);
    if (error instanceof ContainerError) console.log(error.stderr.toString(), error.exitCode);
    console.log(error.status, error.registryCode, error.host, error.repository);
  }
}

// @ts-expect-error an option that does not exist
await engine.images.build({ path: '.', nocache: true });
// @ts-expect-error no such format
await base.save('x.tar', { format: 'tar' });
// @ts-expect-error an image pushes all its names
await base.push({ allTags: true });
// @ts-expect-error its name is registry
await engine.registry.login({ server: 'localhost:5000' });
// @ts-expect-error no such code
const wrong: ErrorCode = 'oops';
// @ts-expect-error engines are opened
new Engine();
// @ts-expect-error images are read only
base.id = 'x';

export { bytes, changes, code, made, running };
export { ERROR_CODES, architecture, cache, id, mode, reclaimed, show, text, untagged, whole, wrong };
export { digest, either, kinds, layers, mounted, plain, readable, removed, scheme, sizes, stars, stored, tags };
