// Compiled, never run: a program on the public declarations, and what they must refuse.
import { createReadStream, createWriteStream } from 'node:fs';
import { Engine, ERROR_CODES, Image, LayerkitError, type ErrorCode, type Event } from 'layerkit';

await using engine: Engine = await Engine.open({ root: new URL('file:///tmp/store'), limits: { entries: 10 } });
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

function show(event: Event): string {
  switch (event.event) {
    case 'step_log':
      return `${event.stream}: ${event.text}`;
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
  }
}

// @ts-expect-error an option that does not exist
await engine.images.build({ path: '.', nocache: true });
// @ts-expect-error a build needs a context
await engine.images.build({ tag: 'app' });
// @ts-expect-error no such format
await base.save('x.tar', { format: 'tar' });
// @ts-expect-error no such code
const wrong: ErrorCode = 'oops';
// @ts-expect-error engines are opened
new Engine();
// @ts-expect-error images are read only
base.id = 'x';

export { ERROR_CODES, architecture, cache, id, mode, reclaimed, show, text, untagged, whole, wrong };
