// The operations, each one call of the public API.

import { snake, take } from './names.mjs';
import { withSource, withTarget } from './streams.mjs';

const LIST = ['all', 'name', 'filters'];
const IMPORT = ['name', 'changes', 'message', 'platform', 'compression', 'source_date_epoch'];
const SAVE = ['format'];
const REMOVE = ['force', 'no_prune'];
const PRUNE = ['all', 'dry_run', 'filters'];
const BUILD = [
  ...['path', 'dockerfile', 'tags', 'buildargs', 'target', 'labels', 'no_cache', 'network', 'platform', 'compression'],
  'source_date_epoch',
];

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
  engine_open: (Engine, args) => Engine.open(...take(args, [], ['root', 'limits'])),
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
    const [options] = take(args, [], BUILD);
    const { id, tags } = await engine.images.build({ ...options, ...watching });
    return { id, tags };
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
  async image_unpack(engine, args, watching) {
    const [name, directory, options] = take(args, ['image', 'directory'], ['replace']);
    const image = await engine.images.get(name);
    return none(image.unpack(directory, { ...options, ...watching }));
  },
  async image_remove(engine, args) {
    const [name, options] = take(args, ['image'], REMOVE);
    return snake(await (await engine.images.get(name)).remove(options));
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
};
