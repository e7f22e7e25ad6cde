// A Dockerfile in code, its files in memory: nothing is written before the image is there. Needs no network and no RUN.
//
//     node examples/node/builder.mjs

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from '../../bindings-node/index.mjs';

const folder = await mkdtemp(join(tmpdir(), 'layerkit-example-'));
const engine = await Engine.open({ root: join(folder, 'store') });
try {
  const site = engine.build('scratch').copy('page.html', '/srv/').label({ project: 'example' });
  for (const [language, text] of Object.entries({ en: 'Hello', de: 'Guten Tag' })) {
    const image = await site.env({ LANGUAGE: language }).commit(`site:${language}`, {
      files: { 'page.html': Buffer.from(`<h1>${text}</h1>\n`) },
      onProgress: (event) => event.event === 'step_started' && console.log(event.text),
    });
    console.log(`${image.tags} is ${image.shortId}, ${image.size} bytes`);
  }
  await (await engine.images.get('site:de')).unpack(join(folder, 'out'));
  process.stdout.write(await readFile(join(folder, 'out/srv/page.html')));
} finally {
  await engine.close();
  await rm(folder, { recursive: true });
}
