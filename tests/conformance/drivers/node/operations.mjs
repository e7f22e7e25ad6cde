// The operations, each one call of the public API.

import { writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { CONTAINER_OPERATIONS } from './containers.mjs';
import { snake, take } from './names.mjs';
import { withSource, withTarget } from './streams.mjs';

const LIST = ['all', 'name', 'filters'];
const PULL = ['platform', 'all_tags', 'all_platforms', 'expect', 'concurrency', 'auth'];
const PUSH = ['platform', 'all_tags', 'concurrency', 'chunk_size', 'auth'];
const COPY = ['platform', 'referrers', 'concurrency', 'chunk_size', 'source_auth', 'destination_auth'];
const IMPORT = ['name', 'changes', 'message', 'platform', 'compression', 'source_date_epoch'];
const SAVE = ['format'];
const REMOVE = ['force', 'no_prune'];
const PRUNE = ['all', 'dry_run', 'filters'];
const BUILD = [
  ...['path', 'dockerfile', 'tags', 'buildargs', 'target', 'labels', 'no_cache', 'network', 'platform', 'compression'],
  ...['source_date_epoch', 'files', 'dockerfile_text', 'steps', 'contexts', 'no_cache_stages', 'pull', 'auths', 'allow'],
  ...['platforms', 'secrets', 'ssh', 'memory', 'pids_limit', 'ulimits', 'shm_size', 'extra_hosts', 'cache_from', 'cache_to'],
  ...['squash', 'outputs', 'iidfile', 'metadata_file', 'jobs'],
];

/** Calls `body` with the options of a build, its streams open. */
async function withInputs(args, body) {
  const { context_stream: contextStream, dockerfile_stream: dockerfileStream, output_stream: outputStream, ...others } = args;
  const [options] = take(others, [], BUILD);
  const also = (place, open, name, next) => (inputs) =>
    place === undefined ? next(inputs) : open(place, (stream) => next({ ...inputs, [name]: stream }));
  const output = also(outputStream, withTarget, 'output', body);
  const dockerfile = also(dockerfileStream, withSource, 'dockerfile', output);
  return also(contextStream, withSource, 'context', dockerfile)(options);
}

/** What an image shows of itself, as the summary it stands for. */
function summary(image) {
  const { id, parent, tags, digests, created, createdUnix, size, labels, manifestDigest, platform } = image;
  return snake({ id, parent, tags, digests, created, createdUnix, size, labels, manifestDigest, platform });
}

const none = async (promise) => {
  await promise;
  return null;
};

/** Each takes an engine, the request's arguments, and `signal` and `onProgress` as the request wants them. */
export const OPERATIONS = {
  engine_open: (Engine, args) => Engine.open(...take(args, [], ['root', 'limits', 'registry'])),
  engine_close(engine, args) {
    take(args, []);
    return none(engine.close());
  },

  async images_list(engine, args) {
    return (await engine.images.list(...take(args, [], LIST))).map(summary);
  },
  async images_get(engine, args) {
    const [image] = take(args, ['image']);
    return summary(await engine.images.get(image));
  },
  async images_pull(engine, args, watching) {
    const [name, options] = take(args, ['name'], PULL);
    const pulled = await engine.images.pull(name, { ...options, ...watching });
    return [pulled].flat().map(({ id, tags }) => ({ id, tags }));
  },
  async images_push(engine, args, watching) {
    const [name, options] = take(args, ['name'], PUSH);
    return snake(await engine.images.push(name, { ...options, ...watching }));
  },
  async images_search(engine, args, watching) {
    const [term, options] = take(args, ['term'], ['limit', 'filters', 'auth']);
    return snake(await engine.images.search(term, { ...options, ...watching }));
  },
  async images_import(engine, args, watching) {
    const [source, options] = take(args, ['source'], IMPORT);
    const image = await withSource(source, (from) => engine.images.import(from, { ...options, ...watching }));
    return { id: image.id };
  },
  async images_load(engine, args, watching) {
    const [source, options] = take(args, ['source']);
    const images = await withSource(source, (from) => engine.images.load(from, { ...options, ...watching }));
    return images.map(({ id, tags }) => ({ id, tags }));
  },
  images_save(engine, args, watching) {
    const [images, target, options] = take(args, ['images', 'target'], SAVE);
    return none(withTarget(target, (to) => engine.images.save(images, to, { ...options, ...watching })));
  },
  async images_remove(engine, args) {
    const [image, options] = take(args, ['image'], REMOVE);
    return snake(await engine.images.remove(image, options));
  },
  async images_prune(engine, args, watching) {
    const [options] = take(args, [], PRUNE);
    return snake(await engine.images.prune({ ...options, ...watching }));
  },
  async images_build(engine, args, watching) {
    const build = (options) => engine.images.build({ ...options, ...watching });
    const { id, tags } = await withInputs(args, build);
    return { id, tags };
  },
  async builder_commit(engine, { steps, ...args }, watching) {
    const [first, ...others] = steps;
    const append = (builder, { instruction, args: words, flags }) => builder.step(instruction, words, flags);
    const builder = others.reduce(append, engine.build(first.args));
    const commit = (options) => builder.commit(undefined, { ...options, ...watching });
    const { id, tags } = await withInputs(args, commit);
    return { id, tags };
  },

  async build_cache_list(engine, args) {
    take(args, []);
    return snake(await engine.buildCache.list());
  },
  async build_cache_prune(engine, args, watching) {
    const [options] = take(args, [], [...PRUNE, 'keep_storage']);
    return snake(await engine.buildCache.prune({ ...options, ...watching }));
  },
  build_cache_export(engine, args, watching) {
    const [id, target] = take(args, ['id', 'target']);
    return none(withTarget(target, (to) => engine.buildCache.export(id, to, watching)));
  },
  build_cache_import(engine, args, watching) {
    const [id, source] = take(args, ['id', 'source']);
    return none(withSource(source, (from) => engine.buildCache.import(id, from, watching)));
  },

  async image_tag(engine, args) {
    const [image, name] = take(args, ['image', 'name']);
    return none((await engine.images.get(image)).tag(name));
  },
  async image_history(engine, args) {
    const [image] = take(args, ['image']);
    return snake(await (await engine.images.get(image)).history());
  },
  async image_inspect(engine, args) {
    const [image] = take(args, ['image']);
    return (await engine.images.get(image)).inspect();
  },
  async image_save(engine, args, watching) {
    const [name, target, options] = take(args, ['image', 'target'], SAVE);
    const image = await engine.images.get(name);
    return none(withTarget(target, (to) => image.save(to, { ...options, ...watching })));
  },
  async image_push(engine, args, watching) {
    const [name, options] = take(args, ['image'], PUSH);
    return snake(await (await engine.images.get(name)).push({ ...options, ...watching }));
  },
  async image_unpack(engine, args, watching) {
    const [name, directory, options] = take(args, ['image', 'directory'], ['replace']);
    const image = await engine.images.get(name);
    return none(image.unpack(directory, { ...options, ...watching }));
  },
  async image_files(engine, args, watching) {
    const [name, options] = take(args, ['image'], ['path', 'recursive', 'follow']);
    return snake(await (await engine.images.get(name)).files({ ...options, ...watching }));
  },
  // By both of the language's ways: whole for a path, as a stream for a stream.
  async image_read(engine, args, watching) {
    const [name, path, target] = take(args, ['image', 'path', 'target']);
    const image = await engine.images.get(name);
    if (target.path !== undefined) return none(writeFile(target.path, await image.read(path, watching)));
    return none(withTarget(target, (to) => pipeline(image.open(path, watching), to)));
  },
  async image_diff(engine, args, watching) {
    const [name, other, options] = take(args, ['image', 'other'], ['mtime']);
    return snake(await (await engine.images.get(name)).diff(other, { ...options, ...watching }));
  },
  async image_remove(engine, args) {
    const [name, options] = take(args, ['image'], REMOVE);
    return snake(await (await engine.images.get(name)).remove(options));
  },

  ...CONTAINER_OPERATIONS,

  async registry_login(engine, args, watching) {
    const [registry, options] = take(args, ['server'], ['username', 'password', 'identity_token']);
    return snake(await engine.registry.login({ registry, ...options, ...watching }));
  },
  async registry_logout(engine, args, watching) {
    const [registry] = take(args, ['server']);
    return snake(await engine.registry.logout({ registry, ...watching }));
  },
  async registry_ping(engine, args, watching) {
    const [registry, options] = take(args, ['server'], ['auth']);
    return snake(await engine.registry.ping({ registry, ...options, ...watching }));
  },
  registry_tags(engine, args, watching) {
    const [repository, options] = take(args, ['repository'], ['limit', 'last', 'auth']);
    return engine.registry.tags(repository, { ...options, ...watching });
  },
  async registry_manifest(engine, args, watching) {
    const [name, options] = take(args, ['name'], ['platform', 'auth']);
    return snake(await engine.registry.manifest(name, { ...options, ...watching }));
  },
  registry_referrers(engine, args, watching) {
    const [name, options] = take(args, ['name'], ['artifact_type', 'auth']);
    return engine.registry.referrers(name, { ...options, ...watching });
  },
  async registry_copy(engine, args, watching) {
    const [source, destination, options] = take(args, ['source', 'destination'], COPY);
    return snake(await engine.registry.copy(source, destination, { ...options, ...watching }));
  },
  registry_delete(engine, args, watching) {
    const [name, options] = take(args, ['name'], ['auth']);
    return none(engine.registry.delete(name, { ...options, ...watching }));
  },

  async system_info(engine, args) {
    take(args, []);
    return snake(await engine.system.info());
  },
  async system_df(engine, args) {
    take(args, []);
    return snake(await engine.system.df());
  },
  async system_verify(engine, args, watching) {
    const [options] = take(args, [], ['repair']);
    return snake(await engine.system.verify({ ...options, ...watching }));
  },
  async system_prune(engine, args, watching) {
    const [options] = take(args, [], PRUNE);
    return snake(await engine.system.prune({ ...options, ...watching }));
  },

  dockerfile_parse(engine, args, watching, { dockerfile }) {
    const [text] = take(args, ['text']);
    return snake(dockerfile.parse(text));
  },
};
