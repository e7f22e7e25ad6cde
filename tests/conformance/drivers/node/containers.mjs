// The operations on containers, each one call of the public API.

import { createWriteStream } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { snake, take } from './names.mjs';
import { withSource, withTarget } from './streams.mjs';

const CREATE = [
  ...['command', 'entrypoint', 'name', 'environment', 'working_dir', 'user', 'hostname', 'labels', 'volumes', 'tmpfs', 'network', 'ports'],
  ...['read_only', 'cap_add', 'cap_drop', 'privileged', 'init', 'mem_limit', 'pids_limit', 'ulimits', 'shm_size', 'extra_hosts'],
  ...['stop_signal', 'stop_timeout', 'tty', 'stdin_open', 'stdin_once', 'auto_remove', 'platform', 'pull', 'auth'],
  ...['log_max_size', 'log_max_file'],
];
const TALK = ['stdin', 'output_fails'];
const RUN = [...CREATE, ...TALK, 'detach', 'tty_size'];
const LIST = ['all', 'limit', 'size', 'filters'];
const LOGS = ['stdout', 'stderr', 'follow', 'tail', 'since', 'until', 'timestamps', 'output_fails'];
const EXEC = [...TALK, 'environment', 'working_dir', 'user', 'privileged', 'tty', 'tty_size', 'detach'];
const COMMIT = ['repository', 'tag', 'message', 'author', 'changes', 'pause', 'compression', 'source_date_epoch'];

const SUMMARY = [
  ...['id', 'name', 'image', 'imageId', 'command', 'created', 'createdUnix', 'state', 'status', 'exitCode', 'labels', 'ports', 'mounts'],
  ...['network', 'sizeRw', 'sizeRootFs'],
];

/** What a container shows of itself, as the summary it stands for. */
const summary = (container) => snake(Object.fromEntries(SUMMARY.map((key) => [key, container[key]])));

const none = async (promise) => {
  await promise;
  return null;
};

/** How a command ended and what it wrote, as texts. */
const ended = ({ id, exitCode, oomKilled, stdout, stderr }) =>
  snake({ id, exitCode, oomKilled, stdout: String(stdout), stderr: String(stderr) });

const failing = () => new Writable({ write: (_chunk, _encoding, done) => done(new Error("the caller's stream failed")) });

/** The options of a command that is run to its end: an input that is a text, outputs, and an exit code that is no error. */
const talking = ({ stdin, outputFails, ...options }) => ({
  ...options,
  ...(stdin === undefined ? {} : { stdin: Readable.from([stdin]) }),
  ...(outputFails ? { stdout: failing(), stderr: failing() } : {}),
  check: false,
});

/** Writes what the library gives to read. */
const write = (target, stream, { LayerkitError }) =>
  withTarget(target, async (to) => {
    try {
      await pipeline(stream, typeof to === 'string' ? createWriteStream(to) : to);
    } catch (cause) {
      // What the caller's own stream fails with comes out as it is; that is this language's `callback`.
      throw cause === to.errored ? new LayerkitError('callback', 'the stream failed', { cause }) : cause;
    }
  });

const find = (engine, name) => engine.containers.get(name);

/** An operation of a container that takes options of these names, and answers nothing. */
const simple = (method, known = []) => async (engine, args, watching) => {
  const [name, options] = take(args, ['container'], known);
  return none((await find(engine, name))[method]({ ...options, ...watching }));
};

export const CONTAINER_OPERATIONS = {
  async containers_create(engine, args, watching) {
    const [image, { command, ...options }] = take(args, ['image'], CREATE);
    const { id, name, warnings } = await engine.containers.create(image, command, { ...options, ...watching });
    return { id, name, warnings };
  },
  async containers_run(engine, args, watching) {
    const [image, { command, ...options }] = take(args, ['image'], RUN);
    const result = await engine.containers.run(image, command, { ...talking(options), ...watching });
    if (!options.detach) return ended(result);
    return { id: result.id, exit_code: null, oom_killed: false, stdout: '', stderr: '' };
  },
  async containers_list(engine, args) {
    return (await engine.containers.list(...take(args, [], LIST))).map(summary);
  },
  async containers_get(engine, args) {
    const [name] = take(args, ['container']);
    return summary(await find(engine, name));
  },
  async containers_prune(engine, args, watching) {
    const [options] = take(args, [], ['filters']);
    return snake(await engine.containers.prune({ ...options, ...watching }));
  },

  async container_inspect(engine, args) {
    const [name] = take(args, ['container']);
    return (await find(engine, name)).inspect();
  },
  async container_start(engine, args, watching) {
    const [name, options] = take(args, ['container'], [...TALK, 'attach', 'tty_size']);
    const container = await find(engine, name);
    const result = await container.start({ ...talking(options), ...watching });
    return result ? ended(result) : { id: container.id, exit_code: null, oom_killed: false, stdout: '', stderr: '' };
  },
  async container_attach(engine, args, watching) {
    const [name, { stdin, ...options }] = take(args, ['container'], ['stdout', 'stderr', 'logs', 'stdin']);
    const attached = await (await find(engine, name)).attach({ stdin: stdin !== undefined, ...options, ...watching });
    const read = async (stream) => {
      const chunks = [];
      for await (const chunk of stream ?? []) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    attached.stdin?.end(stdin);
    const [report, stdout, stderr] = await Promise.all([attached.wait(), read(attached.stdout), read(attached.stderr)]);
    return ended({ ...report, stdout, stderr });
  },
  async container_exec(engine, args, watching) {
    const [name, { command, ...options }] = take(args, ['container'], [...EXEC, 'command']);
    return ended(await (await find(engine, name)).exec(command, { ...talking(options), ...watching }));
  },
  async container_logs(engine, args, watching, { LayerkitError }) {
    const [name, { outputFails, ...options }] = take(args, ['container'], LOGS);
    if (outputFails) {
      // Who reads a stream by `pipeline` gets his own error back.
      const reading = pipeline((await find(engine, name)).logs({ ...options, ...watching }), failing());
      return reading.catch((cause) => Promise.reject(new LayerkitError('callback', 'the stream failed', { cause })));
    }
    const written = { stdout: [], stderr: [] };
    const logs = (await find(engine, name)).logs({ ...options, ...watching, demux: true });
    for await (const { stream, data } of logs) written[stream].push(data);
    return { stdout: String(Buffer.concat(written.stdout)), stderr: String(Buffer.concat(written.stderr)) };
  },

  async container_wait(engine, args, watching) {
    const [name, options] = take(args, ['container'], ['condition', 'timeout_ms']);
    return snake(await (await find(engine, name)).wait({ ...options, ...watching }));
  },
  container_stop: simple('stop', ['timeout']),
  container_restart: simple('restart', ['timeout']),
  async container_kill(engine, args) {
    const [name, { signal }] = take(args, ['container'], ['signal']);
    return none((await find(engine, name)).kill(signal));
  },
  container_pause: simple('pause'),
  container_unpause: simple('unpause'),
  async container_resize(engine, args) {
    const [name, rows, cols] = take(args, ['container', 'rows', 'cols']);
    return none((await find(engine, name)).resize({ rows, cols }));
  },
  async container_top(engine, args) {
    const [name] = take(args, ['container']);
    return (await find(engine, name)).top();
  },
  async container_rename(engine, args) {
    const [container, name] = take(args, ['container', 'name']);
    return none((await find(engine, container)).rename(name));
  },
  container_remove: simple('remove', ['force', 'v', 'volumes']),
  async container_commit(engine, args, watching) {
    const [name, options] = take(args, ['container'], COMMIT);
    return { id: (await (await find(engine, name)).commit({ ...options, ...watching })).id };
  },
  async container_diff(engine, args, watching) {
    const [name] = take(args, ['container']);
    return (await find(engine, name)).diff(watching);
  },
  async container_export(engine, args, watching, library) {
    const [name, target] = take(args, ['container', 'target']);
    const container = await find(engine, name);
    return none(write(target, container.export(watching), library));
  },
  async container_stat(engine, args) {
    const [name, path] = take(args, ['container', 'path']);
    return snake(await (await find(engine, name)).stat(path));
  },
  async container_get_archive(engine, args, watching, library) {
    const [name, path, target] = take(args, ['container', 'path', 'target']);
    const container = await find(engine, name);
    await write(target, container.getArchive(path, watching), library);
    return snake(await container.stat(path));
  },
  async container_put_archive(engine, args, watching) {
    const [name, path, source, options] = take(args, ['container', 'path', 'source'], ['no_overwrite_dir_non_dir']);
    const container = await find(engine, name);
    return none(withSource(source, (from) => container.putArchive(path, from, { ...options, ...watching })));
  },
};
