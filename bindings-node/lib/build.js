'use strict';
// The options of a build as the core reads them: bytes, URLs and streams of JavaScript made into what JSON can say.

const { withAuth } = require('./credentials.js');
const { invalidArgument } = require('./errors.js');
const { snake } = require('./names.js');
const { openSource, openTarget, toPath } = require('./streams.js');

/** The object with each value changed; anything else as it is, for the core to refuse. */
function mapped(object, change) {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return object;
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

/** Bytes as an object of the core. */
function content(value) {
  if (value instanceof ArrayBuffer) return content(new Uint8Array(value));
  if (!(value instanceof Uint8Array)) return typeof value === 'string' ? { text: value } : undefined;
  return { base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
}

/** A file in memory: its content, or an object with it and more. */
function file(value) {
  if (typeof value !== 'object' || value === null || !('content' in value)) return content(value) ?? value;
  const { content: inside, ...others } = value;
  const bytes = content(inside);
  if (bytes === undefined) throw invalidArgument('the content of a file is no string, Buffer or Uint8Array');
  return { ...bytes, ...others };
}

/** A secret: its bytes, or where they are. */
function secret(value) {
  if (value instanceof URL) return { path: toPath(value) };
  return content(value) ?? (value?.path === undefined ? value : { ...value, path: toPath(value.path) });
}

function output(value) {
  return value?.dest === undefined ? value : { ...value, dest: toPath(value.dest) };
}

/** A Dockerfile that is no path. */
const isContent = (dockerfile) => dockerfile !== undefined && typeof toPath(dockerfile) !== 'string';

const open = (value, opener) => (value === undefined ? { streams: [] } : opener(value));

/** What the native side takes: the request, what it reads and writes beside it, and the streams among those. */
function toRequest({ context, dockerfile, output: target, tag, tags = [], ...options }) {
  const byContent = isContent(dockerfile);
  const auths = mapped(options.auths, (auth) => snake(withAuth({ auth }).auth));
  const request = {
    ...options,
    path: toPath(options.path),
    dockerfile: byContent ? undefined : toPath(dockerfile),
    tags: [tag ?? [], tags].flat(),
    files: mapped(options.files, file),
    secrets: mapped(options.secrets, secret),
    ssh: mapped(options.ssh, toPath),
    auths,
    outputs: options.outputs?.map?.(output) ?? options.outputs,
    iidfile: toPath(options.iidfile),
    metadataFile: toPath(options.metadataFile),
  };
  const inputs = {
    context: open(context, openSource),
    dockerfile: open(byContent ? dockerfile : undefined, openSource),
    output: open(target, openTarget),
  };
  return {
    request,
    context: inputs.context.from,
    dockerfile: inputs.dockerfile.from,
    output: inputs.output.path,
    streamed: Object.keys(inputs).filter((name) => inputs[name].streams.length > 0),
    streams: Object.values(inputs).flatMap(({ streams }) => streams),
  };
}

module.exports = { toRequest };
