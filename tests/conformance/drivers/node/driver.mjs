// The conformance driver of Node: reads requests as JSON lines, calls layerkit's public API, writes answers.
//
//     node driver.mjs PACKAGE        PACKAGE is the folder of the npm package
//
// See tests/conformance/README.md for the protocol. Knows no rule of the library.

import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OPERATIONS } from './operations.mjs';
import { DriverError, snake } from './names.mjs';
import { watch } from './watch.mjs';

const layerkit = await import(pathToFileURL(resolve(process.argv[2], 'index.mjs')));
const { Engine, ERROR_CODES, LayerkitError, version } = layerkit;

const FIELDS = [
  ...['status', 'registryCode', 'host', 'repository', 'file', 'line', 'column', 'instruction', 'rule', 'command'],
  ...['exitCode', 'outputTail', 'image', 'container'],
];

/** The engines that were opened and not forgotten, by name. */
const engines = new Map();

function write(id, answer) {
  const line = Buffer.from(`${JSON.stringify({ id, ...answer })}\n`);
  for (let done = 0; done < line.length; ) {
    try {
      done += writeSync(1, line, done);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

const OWN = {
  hello: () => ({ language: 'node', version, operations: Object.keys(OPERATIONS), errors: ERROR_CODES }),
  handles: () => engines.size,
  forget: ({ engine }) => {
    engines.delete(engine);
    // What the collector has not found yet would look like a leak of descriptors.
    globalThis.gc?.();
    return null;
  },
};

async function call(request) {
  const { id, op, engine: name, args = {} } = request;
  if (op in OWN) return OWN[op](request);
  if (!(op in OPERATIONS)) throw new DriverError(`unknown operation ${op}`);
  if (op === 'engine_open') {
    engines.set(name, await OPERATIONS[op](Engine, { ...args }));
    return null;
  }
  if (!engines.has(name)) throw new DriverError(`no engine named ${name}`);
  const watching = watch(request, (event) => write(id, { event }));
  try {
    return await OPERATIONS[op](engines.get(name), { ...args }, watching.options, layerkit);
  } finally {
    watching.stop();
  }
}

function describe(error) {
  if (!(error instanceof LayerkitError)) return { code: 'driver', message: String(error?.stack ?? error), fields: {} };
  const fields = Object.fromEntries(FIELDS.filter((key) => error[key] !== undefined).map((key) => [key, error[key]]));
  return { code: error.code, message: error.message, fields: snake(fields), class: error.constructor.name };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const request = JSON.parse(line);
  try {
    write(request.id, { ok: await call(request) });
  } catch (error) {
    write(request.id, { error: describe(error) });
  }
}
