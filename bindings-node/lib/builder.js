'use strict';
// A Dockerfile as method calls: the same steps, the same cache and the same digests as the equal text.

const kebab = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** A flag's value as the core takes it: a text, `true`, or a list of texts. */
const flag = (value) => (typeof value === 'number' ? String(value) : value);

/** The last of the arguments, if it is an object: `copy('a', '/b', { chown: '1' })`. */
function withFlags(words) {
  const last = words.at(-1);
  return typeof last === 'object' && last !== null ? [words.slice(0, -1), last] : [words, {}];
}

/** A mount as a Dockerfile has it: comma-separated values. */
function mountText(mount) {
  if (typeof mount === 'string') return mount;
  const texts = Object.entries(mount).map(([key, value]) => `${key}=${value}`);
  return texts.map((text) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(',');
}

/** Steps that can be built. Each method returns a builder with one more: what is there never changes. */
class Builder {
  #images;
  #steps;

  constructor(images, steps = []) {
    this.#images = images;
    this.#steps = steps;
  }

  /** The steps as data. */
  get steps() {
    return [...this.#steps];
  }

  /** Any instruction: its name, what follows, and its flags. */
  step(instruction, args = '', flags = {}) {
    const given = Object.entries(flags).filter(([, value]) => value !== undefined && value !== null && value !== false);
    const named = Object.fromEntries(given.map(([name, value]) => [kebab(name), flag(value)]));
    return new Builder(this.#images, [...this.#steps, { instruction, flags: named, args }]);
  }

  stage(name, base, flags) {
    return this.step('FROM', `${base} AS ${name}`, flags);
  }

  arg(...names) {
    const [words, defaults] = withFlags(names);
    const steps = words.length > 0 ? this.step('ARG', words.join(' ')) : this;
    return Object.keys(defaults).length > 0 ? steps.step('ARG', defaults) : steps;
  }

  env(variables) {
    return this.step('ENV', variables);
  }

  label(labels) {
    return this.step('LABEL', labels);
  }

  copy(...paths) {
    return this.step('COPY', ...withFlags(paths));
  }

  add(...paths) {
    const [words, { unpack, ...flags }] = withFlags(paths);
    return this.step('ADD', words, { ...flags, unpack: unpack === undefined ? undefined : String(unpack) });
  }

  run(command, { mounts, ...flags } = {}) {
    return this.step('RUN', command, { mount: mounts?.map(mountText), ...flags });
  }

  workdir(path) {
    return this.step('WORKDIR', path);
  }

  user(user) {
    return this.step('USER', user);
  }

  expose(...ports) {
    return this.step('EXPOSE', ports.join(' '));
  }

  volume(...paths) {
    return this.step('VOLUME', paths);
  }

  cmd(command) {
    return this.step('CMD', command);
  }

  entrypoint(command) {
    return this.step('ENTRYPOINT', command);
  }

  shell(...words) {
    return this.step('SHELL', words);
  }

  stopsignal(signal) {
    return this.step('STOPSIGNAL', String(signal));
  }

  /** `null` takes the base's check away. */
  healthcheck(command, flags) {
    const rest = typeof command === 'string' ? command : JSON.stringify(command);
    return this.step('HEALTHCHECK', command === null ? 'NONE' : `CMD ${rest}`, flags);
  }

  onbuild(instruction) {
    return this.step('ONBUILD', instruction);
  }

  /** Builds the steps; the options are those of `images.build`. */
  commit(tag, options = {}) {
    return this.#images.build({ ...options, tag, steps: this.#steps });
  }
}

module.exports = { Builder };
