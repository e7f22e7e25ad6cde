/// <reference types="node" />
// The public API. `npm run types` compiles a program on it; test/declarations.test.mjs holds it against what is there.

import type { Readable, Writable } from 'node:stream';

/** The kind of an error: the same string in every language of layerkit. */
export type ErrorCode =
  | 'invalid_argument'
  | 'invalid_reference'
  | 'not_found'
  | 'already_exists'
  | 'conflict'
  | 'unauthorized'
  | 'denied'
  | 'rate_limited'
  | 'network'
  | 'timeout'
  | 'digest_mismatch'
  | 'invalid_image'
  | 'unsupported'
  | 'dockerfile_syntax'
  | 'build_failed'
  | 'container_failed'
  | 'no_space'
  | 'permission'
  | 'io'
  | 'cancelled'
  | 'callback'
  | 'internal';

/** Every error code there is. */
export const ERROR_CODES: readonly ErrorCode[];

/** The version of layerkit. */
export const version: string;

/**
 * What every operation fails with.
 *
 * `code` is what to act on. Its `name` is `LayerkitError`, or `AbortError` when the code is `cancelled`. `cause` is the
 * signal's reason for `cancelled`, and what the callback threw or the stream failed with for `callback`.
 */
export class LayerkitError extends Error {
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; fields?: Record<string, string | number | undefined> });
  readonly code: ErrorCode;
  /** HTTP status of a registry's answer. */
  readonly status?: number;
  /** The registry's own code. */
  readonly registryCode?: string;
  /** The registry, `host[:port]`. */
  readonly host?: string;
  /** The repository there. */
  readonly repository?: string;
  /** The Dockerfile as it was named to the build. */
  readonly file?: string;
  /** The Dockerfile's line, from 1. */
  readonly line?: number;
  /** The column where the instruction begins, from 1. */
  readonly column?: number;
  /** The instruction on that line. */
  readonly instruction?: string;
  /** The build check that fails the build, where `# check=error=true` asks for it. */
  readonly rule?: string;
  /** The command that failed. */
  readonly command?: string;
  /** Its exit code. */
  readonly exitCode?: number;
  /** The last lines that it wrote. */
  readonly outputTail?: string;
  /** The image that a conflict is about. */
  readonly image?: string;
  /** The container that a conflict is about, or whose command failed. */
  readonly container?: string;
}

/**
 * A command in a container that failed, or could not be executed (`exitCode` 127 or 126): the code is `container_failed`, the name
 * `ContainerError`. `command`, `image` and `container` say which; without an `exitCode` nobody knows how it ended.
 */
export class ContainerError extends LayerkitError {
  constructor(
    code: ErrorCode,
    message: string,
    options?: { stdout?: Buffer; stderr?: Buffer; cause?: unknown; fields?: Record<string, string | number | undefined> },
  );
  /** What it wrote to standard output, as far as no stream of the caller's took it. */
  readonly stdout: Buffer;
  /** The same of standard error. */
  readonly stderr: Buffer;
}

/** Where bytes come from: a path or `file:` URL, a stream, or the bytes themselves. A stream is destroyed afterwards. */
export type Source = string | URL | Readable | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Uint8Array | ArrayBuffer;

type ReadableStream<R> = import('node:stream/web').ReadableStream<R>;
type WritableStream<W> = import('node:stream/web').WritableStream<W>;

/** Where bytes go: a path or `file:` URL, or a stream, which is ended on success and destroyed on failure. */
export type Target = string | URL | Writable | NodeJS.WritableStream | WritableStream<Uint8Array>;

/** What every long operation takes. */
export interface Progress {
  /**
   * Cancels the operation, which then fails with the code `cancelled`. One that is aborted already fails at once; what
   * the events `image_loaded`, `tag_moved`, `built` and `tagged` tell of is done and past cancelling.
   */
  signal?: AbortSignal | undefined;
  /**
   * Hears what happens, as it happens: the operation waits until it returns. When it throws, the operation stops there,
   * unless it is done, and fails with the code `callback`. A promise that it returns is not waited for.
   */
  onProgress?: ((event: Event) => void) | undefined;
}

/** One step of an operation's progress. IDs are `sha256:…`; `n`, `total` of steps, `line` and `column` count from 1. */
export type Event =
  | {
      event: 'layer';
      operation: 'import' | 'load' | 'save' | 'unpack' | 'export' | 'pull' | 'push' | 'copy' | 'compress';
      /** Digest, DiffID, or the file's name inside an archive while nothing better is known. */
      id: string;
      state: 'started' | 'progress' | 'done' | 'exists' | 'mounted';
      bytes: number;
      /** 0 where it cannot be known. */
      total: number;
    }
  | { event: 'image_loaded'; id: string; name: string }
  | { event: 'tag_moved'; name: string; oldId: string }
  | { event: 'step_started'; n: number; total: number; text: string; line: number; stage: string }
  | { event: 'step_missed'; n: number; reason: string }
  | { event: 'triggers'; n: number; count: number }
  | { event: 'step_cached'; n: number }
  | { event: 'step_running'; n: number; container: string }
  | { event: 'step_log'; n: number; stream: 'stdout' | 'stderr'; text: string }
  | { event: 'container_removed'; n: number; container: string }
  | { event: 'step_done'; n: number; image: string }
  | { event: 'warning'; message: string; line: number; column: number; rule: string }
  | { event: 'built'; id: string }
  | { event: 'resolving'; name: string }
  | { event: 'pulled'; name: string; id: string; digest: string; new: boolean }
  | { event: 'pushed'; name: string; digest: string; size: number }
  | { event: 'retrying'; what: string; reason: string; waitMs: number }
  | { event: 'container_created'; container: string }
  | { event: 'container_started'; container: string }
  | { event: 'tagged'; name: string };

/** Docker's filters: a value, or a list of them. */
export type Filters = Record<string, string | number | boolean | readonly (string | number | boolean)[]>;

/** How new layers are compressed: `gzip` unless told otherwise. */
export type LayerCompression = 'gzip' | 'zstd' | 'none';

export interface EngineOptions {
  /** The root of the store: `LAYERKIT_ROOT`, or else the user's own place, when none is given. */
  root?: string | URL | undefined;
  /** What an untrusted layer or archive may at most be. */
  limits?: Limits | undefined;
  /** How registries are reached. */
  registry?: RegistryConfig | undefined;
  /**
   * How the commands of builds are run: `overlay`, or `chroot` (on a copy of the image's root, not apart from this process).
   * `LAYERKIT_ISOLATION`, or else what works here, when none is given.
   */
  isolation?: 'overlay' | 'chroot' | undefined;
}

/** How registries are reached. What is left out has Docker's meaning. */
export interface RegistryConfig {
  /** Hosts, `host[:port]`, that may be spoken to by plain HTTP, and whose certificates are not checked. */
  insecure?: readonly string[] | undefined;
  /** URLs of mirrors of Docker Hub, in the order they are tried. */
  mirrors?: readonly string[] | undefined;
  /** Files of certificate authorities (PEM) that are trusted beside the system's. */
  caFiles?: readonly (string | URL)[] | undefined;
  /** Folders with a folder for each host: Docker's `ca.crt`, `client.cert` and `client.key`, containerd's `hosts.toml`. */
  certsDirs?: readonly (string | URL)[] | undefined;
  /** The folder of Docker's `config.json`; `DOCKER_CONFIG`, or `~/.docker`, when none is given. */
  dockerConfig?: string | URL | undefined;
  /** The proxy of every request, empty for none; the environment says when none is given. */
  proxy?: string | undefined;
  /** Milliseconds without a byte after which a request has failed with `timeout`. */
  timeoutMs?: number | undefined;
  /** Milliseconds after which a connection that does not come about has failed. */
  connectTimeoutMs?: number | undefined;
  /** How often a request that may be made again is, before it has failed. */
  retries?: number | undefined;
  /** How many layers are transferred at once, 1 to 64. */
  concurrency?: number | undefined;
}

/** Credentials given with a call. They beat everything that is stored, and no message shows them. */
export interface Auth {
  username?: string | undefined;
  /** The password, or a personal access token. */
  password?: string | undefined;
  /** A refresh token of the registry's token service, in place of a password. */
  identityToken?: string | undefined;
  /** A bearer token that is sent as it is. */
  registryToken?: string | undefined;
}

export interface Limits {
  /** Entries in one layer. */
  entries?: number;
  /** Bytes of one layer once it is decompressed. */
  layerSize?: number;
  /** Decompressed bytes for each compressed byte, from the first 64 MiB of output on. */
  ratio?: number;
  /** Bytes in the path of one entry. */
  pathLength?: number;
}

/** A store, and the way to everything in it. Several engines, also in other processes, may share one. */
export class Engine {
  private constructor();
  /** Opens a store, making it where there is none. */
  static open(options?: EngineOptions): Promise<Engine>;
  /** The root of the store. */
  readonly root: string;
  readonly images: Images;
  readonly containers: Containers;
  readonly buildCache: BuildCache;
  readonly registry: Registry;
  readonly system: System;
  /** Begins a Dockerfile in code: `FROM base [AS name]`. */
  build(base: string, options?: { name?: string | undefined; platform?: string | undefined }): Builder;
  /** Closes it: later calls fail with `invalid_argument`, those under way end as they would have. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ListOptions {
  /** Also the steps of builds, which have a child and no name. */
  all?: boolean | undefined;
  /** Only names of this repository or that match this pattern. */
  name?: string | undefined;
  /** `dangling`, `label`, `before`, `since`, `reference`. */
  filters?: Filters | undefined;
}

export interface ImportOptions extends Progress {
  /** The name of the image, `repository[:tag]`. */
  name?: string | undefined;
  /** Dockerfile instructions that set the config, such as `CMD ["sh"]`. */
  changes?: readonly string[] | undefined;
  /** The comment in the image's history. */
  message?: string | undefined;
  /** `os/architecture[/variant]`; the host's when none is given. */
  platform?: string | undefined;
  /** How the layer is stored when the source is not compressed. */
  compression?: LayerCompression | undefined;
  /** Seconds since 1970 for the image's creation. */
  sourceDateEpoch?: number | undefined;
}

export type LoadOptions = Progress;

export interface SaveOptions extends Progress {
  /** `docker` (the default: docker, podman and skopeo load it), `oci-archive`, or `oci-dir` for a directory. */
  format?: 'docker' | 'oci-archive' | 'oci-dir' | undefined;
}

export interface PullOptions extends Progress {
  /** Which image of an index, `os/architecture[/variant]`; the host's when none is given. */
  platform?: string | undefined;
  /** Every tag of the repository; the name has no tag then. */
  allTags?: boolean | undefined;
  /** The whole index: the images of its other platforms are kept too, so that a push sends all of it. */
  allPlatforms?: boolean | undefined;
  /** The digest that the name must lead to, of the manifest or of the index; anything else is `digest_mismatch`. */
  expect?: string | undefined;
  /** How many layers come at once. */
  concurrency?: number | undefined;
  /** Credentials for this call. */
  auth?: Auth | undefined;
}

export interface PushOptions extends Progress {
  /** Of an index, the image of this platform alone. When none is given, the whole index if all of it is here. */
  platform?: string | undefined;
  /** Every tag of the repository that is here; the name has no tag then. */
  allTags?: boolean | undefined;
  /** How many layers go at once. */
  concurrency?: number | undefined;
  /** Bytes of one request, for registries that refuse large ones. */
  chunkSize?: number | undefined;
  /** Credentials for this call. */
  auth?: Auth | undefined;
}

/** A name that was pushed. */
export interface PushedImage {
  name: string;
  /** Digest of the manifest or index that the registry has now. */
  digest: string;
  /** Bytes of that document. */
  size: number;
}

export interface SearchOptions extends Progress {
  /** At most so many, 1 to 100; 25 when none is given. */
  limit?: number | undefined;
  /** `stars` (at least), `is-official`, `is-automated`. */
  filters?: Filters | undefined;
  /** Credentials for this call. */
  auth?: Auth | undefined;
}

/** A repository that a search found. */
export interface SearchResult {
  /** The registry it is in: `docker.io`. */
  index: string;
  /** Its name, to be pulled by. */
  name: string;
  description: string;
  starCount: number;
  /** Whether Docker curates it. */
  isOfficial: boolean;
  /** Whether Docker Hub built it. */
  isAutomated: boolean;
}

export interface RemoveOptions {
  /** Also when several names, or stopped containers, refer to it. */
  force?: boolean | undefined;
  /** Leave parents without a name. */
  noPrune?: boolean | undefined;
}

export interface RemoveReport {
  /** Names that are gone, in the order they went. */
  untagged: string[];
  /** IDs of images and ChainIDs of layers that are gone. */
  deleted: string[];
}

export interface PruneOptions extends Progress {
  /** Every image that no container uses, not only those without a name. */
  all?: boolean | undefined;
  /** Report what would go, and let it stay. */
  dryRun?: boolean | undefined;
  /** `label`, `until`. */
  filters?: Filters | undefined;
}

export interface PruneReport extends RemoveReport {
  /** IDs of containers that are gone; left out when there are none. */
  containers?: string[];
  /** Bytes that the disk got back. */
  reclaimed: number;
}

/** A file in memory: its content, or an object with it and its permissions (0o644 when none are given). */
export type MemoryFile =
  | string
  | Uint8Array
  | ArrayBuffer
  | { content: string | Uint8Array | ArrayBuffer; mode?: number | undefined }
  | { text: string; mode?: number | undefined }
  | { base64: string; mode?: number | undefined };

/** A secret: its bytes, a `file:` URL, or where the bytes are. */
export type Secret =
  | string
  | Uint8Array
  | ArrayBuffer
  | URL
  | { path: string | URL }
  | { env: string }
  | { text: string }
  | { base64: string };

/** One limit of `setrlimit`, in its own unit; -1 is none. */
export interface Ulimit {
  name: string;
  soft: number;
  hard: number;
}

/** Where a result goes: `image` is the store, `local` a directory, `tar`, `docker` and `oci` are files. */
export interface BuildOutput {
  type: 'image' | 'local' | 'tar' | 'docker' | 'oci';
  /** The directory or file; `output` of the options when none is given. */
  dest?: string | URL | undefined;
}

/** One instruction of a Dockerfile as data, as a `Builder` makes it. */
export interface BuildStep {
  instruction: string;
  /** Its flags by name, without `--`. */
  flags?: Record<string, string | boolean | readonly string[]>;
  /** What follows: a text (shell form, the rest), texts (exec form, paths), or pairs (`ENV`, `LABEL`, `ARG`). */
  args?: string | readonly string[] | Record<string, string>;
}

export interface BuildOptions extends Progress {
  /** The context: the directory that COPY and ADD read, or the URL (as a text) of a git repository or of a tar. */
  path?: string | URL | undefined;
  /** The context as a tar, plain or compressed. */
  context?: Source | undefined;
  /** The context as files in memory, by path. Beside a `path` they are added to it, and beat its files. */
  files?: Record<string, MemoryFile> | undefined;
  /** The Dockerfile: a path, relative to the context unless absolute, or its content. `Dockerfile` when none is given. */
  dockerfile?: Source | undefined;
  /** The Dockerfile itself. */
  dockerfileText?: string | undefined;
  /** The Dockerfile as data. `engine.build` makes it. */
  steps?: readonly BuildStep[] | undefined;
  /** Further contexts by name: a directory, `docker-image://NAME`, `oci-layout://DIRECTORY[:TAG]`, a URL. */
  contexts?: Record<string, string> | undefined;
  /** A name of the image, `repository[:tag]`; with `tags`, one more. */
  tag?: string | undefined;
  /** Names of the image. */
  tags?: readonly string[] | undefined;
  /** Values of ARGs. */
  buildargs?: Record<string, string> | undefined;
  /** The stage to build: its name, or its number from 0. */
  target?: string | undefined;
  /** Labels added to the image. */
  labels?: Record<string, string> | undefined;
  /** Take no step from the cache. */
  noCache?: boolean | undefined;
  /** Take no step of these stages from the cache. */
  noCacheStages?: readonly string[] | undefined;
  /** Ask the registry for every base image, also for one that is here. */
  pull?: boolean | undefined;
  /** Credentials for base images and registry caches, by host; the empty host is Docker Hub. */
  auths?: Record<string, Auth> | undefined;
  /** The network of RUN steps: the host's unless told otherwise. */
  network?: 'host' | 'none' | undefined;
  /** What steps may ask for that is not theirs by default: `security.insecure`. */
  allow?: readonly string[] | undefined;
  /** `os/architecture[/variant]`; the host's when none is given. */
  platform?: string | undefined;
  /** Several of them: the result is an index of an image for each. */
  platforms?: readonly string[] | undefined;
  compression?: LayerCompression | undefined;
  /** Seconds since 1970 for everything new in the image, which makes the build reproducible. */
  sourceDateEpoch?: number | undefined;
  /** Secrets of `RUN --mount=type=secret`, by ID. */
  secrets?: Record<string, Secret> | undefined;
  /** Sockets of SSH agents for `RUN --mount=type=ssh`, by ID; `default` is the one without an ID. */
  ssh?: Record<string, string | URL> | undefined;
  /** Memory that a RUN step may use, in bytes. */
  memory?: number | undefined;
  /** Processes that a RUN step may have at once. */
  pidsLimit?: number | undefined;
  /** Limits of the processes of RUN steps. */
  ulimits?: readonly Ulimit[] | undefined;
  /** Bytes of `/dev/shm` in RUN steps; 64 MiB when none is given. */
  shmSize?: number | undefined;
  /** Lines for `/etc/hosts` in RUN steps, `HOST:ADDRESS`. */
  extraHosts?: readonly string[] | undefined;
  /** Where known steps are looked up beside the store: a repository, or `type=registry,ref=NAME`. */
  cacheFrom?: readonly string[] | undefined;
  /** Where steps are left for others: `type=registry,ref=NAME[,mode=min|max]` or `type=inline`. */
  cacheTo?: readonly string[] | undefined;
  /** Make one layer of all that the build added to its base. */
  squash?: boolean | undefined;
  /** Where the result goes; the store when there are none. */
  outputs?: readonly BuildOutput[] | undefined;
  /** Where the output without a `dest` goes. */
  output?: Target | undefined;
  /** A file for the image's ID. */
  iidfile?: string | URL | undefined;
  /** A file for what is known of the result, as JSON. */
  metadataFile?: string | URL | undefined;
  /** How many stages are built at once; as many as there are processors when none is given. */
  jobs?: number | undefined;
}

/** Something that builds keep for the next ones. */
export interface CacheRecord {
  /** Of a step its key in the cache, of a cache mount its ID. */
  id: string;
  /** `regular` (a step) or `exec.cachemount` (a directory of `RUN --mount=type=cache`). */
  type: string;
  /** What the step did, or where the cache mount began. */
  description: string;
  /** Whether an image with a name is made of it, or somebody uses it now. */
  inUse: boolean;
  /** Bytes that it alone has. */
  size: number;
  /** When it was made; empty where nobody knows. */
  created: string;
  lastUsed: string;
}

export interface CachePruneOptions extends Progress {
  /** Also steps that images with a name are made of: the images stay, and a build makes the steps anew. */
  all?: boolean | undefined;
  /** Report what would go, and let it stay. */
  dryRun?: boolean | undefined;
  /** `until`, `id`, `type`. */
  filters?: Filters | undefined;
  /** Bytes that may stay: what was not used for longest goes first. */
  keepStorage?: number | undefined;
}

/** What builds keep for the next ones: steps, and the directories of `RUN --mount=type=cache`. */
export class BuildCache {
  private constructor();
  /** What there is, what was used last first. */
  list(): Promise<CacheRecord[]>;
  /** Removes what is asked and not in use. */
  prune(options?: CachePruneOptions): Promise<PruneReport>;
  /** Writes the cache mount of this ID as a tar. */
  export(id: string, target: Target, options?: Progress): Promise<void>;
  /** Makes what is in a tar the cache mount of this ID, in place of what there was. */
  import(id: string, source: Source, options?: Progress): Promise<void>;
}

/** What a build made. */
export interface BuildResult {
  /** ID of the image; of several platforms the first one's. */
  id: string;
  tags: string[];
  /** Digest of the manifest, or of the index of several platforms. */
  digest: string;
  /** The images, one for each platform. */
  images: { platform: string; id: string; digest: string }[];
}

/** Flags of `COPY`. */
export interface CopyFlags {
  from?: string | undefined;
  chown?: string | undefined;
  chmod?: string | undefined;
  link?: boolean | undefined;
  parents?: boolean | undefined;
  exclude?: string | readonly string[] | undefined;
}

/** Flags of `ADD`. */
export interface AddFlags {
  chown?: string | undefined;
  chmod?: string | undefined;
  link?: boolean | undefined;
  checksum?: string | undefined;
  keepGitDir?: boolean | undefined;
  unpack?: boolean | undefined;
  exclude?: string | readonly string[] | undefined;
}

/** Flags of `RUN`. A mount is a text, `type=cache,target=/c`, or its pairs. */
export interface RunFlags {
  mounts?: readonly (string | Record<string, string | number | boolean>)[] | undefined;
  network?: string | undefined;
  security?: string | undefined;
}

/** Flags of `HEALTHCHECK`. */
export interface HealthcheckFlags {
  interval?: string | undefined;
  timeout?: string | undefined;
  startPeriod?: string | undefined;
  startInterval?: string | undefined;
  retries?: number | undefined;
}

/** A text is run by the shell, a list of words without one. */
export type Command = string | readonly string[];

/** A Dockerfile as method calls: the same steps, the same cache and the same digests as the equal text. Each method
 * returns a builder with one step more: what is there never changes. */
export class Builder {
  private constructor();
  /** The steps as data. */
  readonly steps: BuildStep[];
  /** Any instruction: its name, what follows, and its flags. */
  step(
    instruction: string,
    args?: BuildStep['args'],
    flags?: Record<string, string | boolean | number | readonly string[] | undefined>,
  ): Builder;
  /** Begins another stage: `FROM base AS name`. */
  stage(name: string, base: string, flags?: { platform?: string | undefined }): Builder;
  /** Declares build arguments: names, and an object of those with defaults. */
  arg(...names: (string | Record<string, string>)[]): Builder;
  env(variables: Record<string, string>): Builder;
  label(labels: Record<string, string>): Builder;
  /** Sources, the destination, and flags: `copy('a', 'b', '/c/', { chown: '1' })`. */
  copy(...paths: (string | CopyFlags)[]): Builder;
  /** The same for sources that may be URLs and archives. */
  add(...paths: (string | AddFlags)[]): Builder;
  run(command: Command, flags?: RunFlags): Builder;
  workdir(path: string): Builder;
  user(user: string): Builder;
  expose(...ports: (string | number)[]): Builder;
  volume(...paths: string[]): Builder;
  cmd(command: Command): Builder;
  entrypoint(command: Command): Builder;
  shell(...words: string[]): Builder;
  stopsignal(signal: string | number): Builder;
  /** How health is checked; `null` takes the base's check away. */
  healthcheck(command: Command | null, flags?: HealthcheckFlags): Builder;
  /** Leaves an instruction, as a Dockerfile has it, to builds on this image. */
  onbuild(instruction: string): Builder;
  /** Builds the steps. */
  commit(tag?: string, options?: BuildOptions): Promise<Image>;
}

/** The images of an engine. An image is given as a name, an ID, an unambiguous prefix of one, or an `Image`. */
export class Images {
  private constructor();
  /** The images, newest first. */
  list(options?: ListOptions): Promise<Image[]>;
  /** One image, or `not_found`. */
  get(image: string | Image): Promise<Image>;
  /** Makes an image of one layer from a tar of a root file system, plain or compressed. */
  import(source: Source, options?: ImportOptions): Promise<Image>;
  /** Loads every image of an archive that Docker, podman or skopeo wrote, or of a directory that is an OCI layout. */
  load(source: Source, options?: LoadOptions): Promise<Image[]>;
  /** Pulls every tag of a repository: an image for each. */
  pull(name: string, options: PullOptions & { allTags: true }): Promise<Image[]>;
  /** Pulls an image. What is here already is not fetched; without a tag it is `latest`. */
  pull(name: string, options?: PullOptions & { allTags?: false | undefined }): Promise<Image>;
  pull(name: string, options?: PullOptions): Promise<Image | Image[]>;
  /** Pushes a name, or with `allTags` every tag of a repository that is here. Its manifest goes as it is stored; layers
   * that are stored uncompressed are compressed for it, which makes it another. */
  push(name: string, options?: PushOptions): Promise<PushedImage[]>;
  /** Searches Docker Hub, or the host that the term begins with. */
  search(term: string, options?: SearchOptions): Promise<SearchResult[]>;
  /** Saves images into one archive. */
  save(images: string | Image | readonly (string | Image)[], target: Target, options?: SaveOptions): Promise<void>;
  /** Takes a name from an image, and with the last one the image. */
  remove(image: string | Image, options?: RemoveOptions): Promise<RemoveReport>;
  /** Removes images that nothing uses. */
  prune(options?: PruneOptions): Promise<PruneReport>;
  /** Builds a Dockerfile. */
  build(options?: BuildOptions): Promise<Image>;
}

/** One image, as it was when it was looked up; `reload()` looks again. */
export class Image {
  private constructor();
  /** `sha256:…`: the digest of its config. */
  readonly id: string;
  /** `sha256:` and the first 12 digits. */
  readonly shortId: string;
  /** ID of the image it was built on, or empty. */
  readonly parent: string;
  /** Its names, `repository:tag`. */
  readonly tags: readonly string[];
  /** Of an image that a build returned, what it made: of several platforms all images, and the index. */
  readonly built?: BuildResult;
  /** Its names by digest, `repository@sha256:…`. */
  readonly digests: readonly string[];
  /** When it was created, in RFC 3339. */
  readonly created: string;
  /** The same in seconds since 1970. */
  readonly createdUnix: number;
  /** Bytes of its layers once unpacked; their stored size as long as the other is not known. */
  readonly size: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Digest of its manifest here. `digests` has those of registries: a push compresses layers that are not. */
  readonly manifestDigest: string;
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** Looks it up again. */
  reload(): Promise<void>;
  /** Gives it a name; one that another image has moves. */
  tag(name: string): Promise<void>;
  /** Its history, newest first. */
  history(): Promise<HistoryEntry[]>;
  /** What `docker inspect` shows, with Docker's names. */
  inspect(): Promise<Record<string, any>>;
  /** Pushes every name it has; `invalid_argument` when it has none. */
  push(options?: Omit<PushOptions, 'allTags'>): Promise<PushedImage[]>;
  /** Saves it, alone and without a name; `images.save` of its `tags` saves it with them. */
  save(target: Target, options?: SaveOptions): Promise<void>;
  /** Unpacks its file system into a directory, which appears when it is whole. */
  unpack(directory: string | URL, options?: UnpackOptions): Promise<void>;
  /** Its files, each directory before what it holds, without unpacking anything; `not_found` for a path that is not there. */
  files(options?: FilesOptions): Promise<ImageFile[]>;
  /** The content of a file; symlinks are followed inside the image. `not_found`, or `invalid_argument` for a directory or a device. */
  read(path: string, options?: Progress): Promise<Buffer>;
  /**
   * The same as a stream, which fails as `read` does: for files of any size. Read it to its end, or destroy it. A layer that is
   * damaged is `digest_mismatch`, at the end at the latest.
   */
  open(path: string, options?: Progress): Readable;
  /**
   * What another image adds, changes and deletes, compared with this one, sorted by path. Changed is what has another type, mode, owner,
   * group, device number, link target, extended attribute, size or content.
   */
  diff(other: string | Image, options?: ImageDiffOptions): Promise<FileChange[]>;
  /** Removes it. */
  remove(options?: RemoveOptions): Promise<RemoveReport>;
}

export interface FilesOptions extends Progress {
  /** Where to begin; `/` when none is given. Symlinks on the way are followed inside the image. */
  path?: string | undefined;
  /** All that is below, and not only what a directory itself has; on by default. */
  recursive?: boolean | undefined;
  /** Begin at what `path` leads to when it is a symlink, and not at the link; on by default. */
  follow?: boolean | undefined;
}

/** One file of an image, by one of its names. */
export interface ImageFile {
  /** Its path in the image, absolute and with no link on the way. */
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'char_device' | 'block_device' | 'fifo';
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of a file, or of a symlink's text; 0 for anything else. */
  size: number;
  /** When its content was changed last, in seconds since 1970. */
  mtime: number;
  mtimeNanoseconds: number;
  /** How many names of the image lead to it (hard links). */
  links: number;
  /** The text of a symlink. */
  target: string | null;
  /** Major and minor number of a device. */
  device: [number, number] | null;
  /** Digest of the layer that put this name here. */
  layer: string | null;
}

export interface ImageDiffOptions extends Progress {
  /** Another time of the last change counts, too. */
  mtime?: boolean | undefined;
}

/** One difference between two file systems. */
export interface FileChange {
  path: string;
  kind: 'added' | 'changed' | 'deleted';
}

export interface UnpackOptions extends Progress {
  /** Replace a directory that is there; without it that is `already_exists`. */
  replace?: boolean | undefined;
}

export interface HistoryEntry {
  /** ID of the step's image, or `<missing>`. */
  id: string;
  created: string;
  createdUnix: number;
  /** The instruction. */
  createdBy: string;
  /** Bytes of its layer; 0 for none. */
  size: number;
  comment: string;
  tags: string[];
}

/** How a container is created. What is not given comes from the image, or is Docker's default. */
export interface CreateOptions extends Progress {
  /** The command, where it is not given as an argument. */
  command?: readonly string[] | null | undefined;
  /** The program that the command is handed to. One that is given sets the image's command aside; an empty list leaves none. */
  entrypoint?: readonly string[] | undefined;
  /** Its name; a made-up one when none is given. */
  name?: string | undefined;
  /** Variables beside the image's: an object, whose nulls take a variable out, or `NAME=value` and `NAME`. */
  environment?: Record<string, string | number | boolean | null | undefined> | readonly string[] | undefined;
  /** The working directory, which is made where it is missing. */
  workingDir?: string | undefined;
  /** Who runs the command: `user[:group]`, names or numbers. */
  user?: string | undefined;
  /** The host name; the first 12 digits of the ID when none is given. */
  hostname?: string | undefined;
  /** Labels beside the image's. */
  labels?: Record<string, string> | undefined;
  /** What of the host is mounted: `source:destination[:ro|rw]`. A destination alone is a directory of the container's own. */
  volumes?: readonly string[] | undefined;
  /** Temporary file systems: their options (`size=64m,mode=1777`) by their paths. */
  tmpfs?: Record<string, string> | undefined;
  /** The host's (the default), or none but a loopback interface. */
  network?: 'host' | 'none' | undefined;
  /** There is no network to publish ports from: any is `unsupported`. */
  ports?: readonly string[] | undefined;
  /** Whether the root cannot be written. */
  readOnly?: boolean | undefined;
  /** Capabilities beside Docker's default ones; `ALL`. */
  capAdd?: readonly string[] | undefined;
  /** Capabilities to be taken away; `ALL`. */
  capDrop?: readonly string[] | undefined;
  /** Every capability, no filter of system calls, nothing hidden, and the host's devices. */
  privileged?: boolean | undefined;
  /** A small first process that reaps orphans and passes signals on. */
  init?: boolean | undefined;
  /** Memory, in bytes. */
  memLimit?: number | undefined;
  /** Processes and threads at once; 0 or less is no limit. */
  pidsLimit?: number | undefined;
  /** Limits of its processes. */
  ulimits?: readonly Ulimit[] | undefined;
  /** Bytes of `/dev/shm`; 64 MiB when none is given. */
  shmSize?: number | undefined;
  /** Lines for `/etc/hosts`, `HOST:ADDRESS`. */
  extraHosts?: readonly string[] | undefined;
  /** The signal that stops it, by name or number; the image's, or else SIGTERM. */
  stopSignal?: string | undefined;
  /** Seconds from that signal to SIGKILL; 10 when none is given. */
  stopTimeout?: number | undefined;
  /** A terminal: there is one output then, `stdout`. */
  tty?: boolean | undefined;
  /** Keep standard input open; without it the command reads `/dev/null`. */
  stdinOpen?: boolean | undefined;
  /** The end of the input of who attaches first is the end of the command's. */
  stdinOnce?: boolean | undefined;
  /** Remove the container when it has ended. */
  autoRemove?: boolean | undefined;
  /** The same. */
  remove?: boolean | undefined;
  /** `os/architecture[/variant]` of the image; the host's when none is given. */
  platform?: string | undefined;
  /** When the image is pulled: when it is not here (`missing`, the default), `always`, `never`. */
  pull?: 'missing' | 'always' | 'never' | undefined;
  /** Credentials for a pull. */
  auth?: Auth | undefined;
  /** Bytes after which a new log file is begun; 20 MB when none is given. */
  logMaxSize?: number | undefined;
  /** How many log files are kept; 2 when none is given. */
  logMaxFile?: number | undefined;
}

/** The size of a terminal. */
export interface TerminalSize {
  /** Lines. */
  rows: number;
  /** Characters in a line. */
  cols: number;
}

/** The streams of a command that is run to its end. */
export interface CommandStreams {
  /**
   * What it reads. A text is a path; `Buffer.from('text')` is a text. Chunks may be strings. The source is destroyed afterwards;
   * `process.stdin` is paused. Without one a command reads `/dev/null`.
   */
  stdin?: Source | AsyncIterable<string> | null | undefined;
  /**
   * Where its standard output goes: collected into a Buffer when none is given, thrown away with `null`. A target is ended on success and
   * destroyed on failure, as everywhere, but for `process.stdout` and `process.stderr`. Both outputs may have the same one.
   */
  stdout?: Target | null | undefined;
  /** The same for standard error. */
  stderr?: Target | null | undefined;
  /** Asks things of the command while it runs. */
  control?: ContainerControl | undefined;
  /** Reject with a `ContainerError` when the exit code is not 0: unless it is false. */
  check?: boolean | undefined;
}

export interface RunOptions extends CreateOptions, CommandStreams {
  /** Resolve once the command runs, with the container; it outlives this process. */
  detach?: boolean | undefined;
  /** The size of the terminal to begin with. */
  ttySize?: TerminalSize | undefined;
}

/** How a command ended. */
export interface ExitReport {
  /** ID of the container. */
  id: string;
  /**
   * The exit code; 128 and the signal's number when a signal ended it. `null` when nobody knows, and for one that is detached and
   * still runs.
   */
  exitCode: number | null;
  /** Whether the kernel killed something in it for want of memory. */
  oomKilled: boolean;
}

/** How a command ended, and what it wrote as far as no stream of the caller's took it. */
export interface CommandResult extends ExitReport {
  stdout: Buffer;
  stderr: Buffer;
}

/** Asks things of a command that `run`, `exec` or `start` waits for: given to one of them as `control`. What is asked before that begins
 * waits for it; what is asked after it ended does nothing. */
export class ContainerControl {
  constructor();
  /** Whether it was asked to let the command go on alone. */
  readonly detached: boolean;
  /** Tells the terminal its size. */
  resize(size: TerminalSize): void;
  /** Sends the command a signal, by name or number; SIGKILL when none is given. */
  kill(signal?: string | number): void;
  /** Lets the command go on alone: the operation resolves, without an exit code. */
  detach(): void;
}

export interface ContainerListOptions {
  /** Also those that do not run. */
  all?: boolean | undefined;
  /** Only so many, the newest; those that do not run count too. */
  limit?: number | undefined;
  /** Also how much each has written, which takes a walk through its files. */
  size?: boolean | undefined;
  /** `id`, `name`, `label`, `status`, `ancestor`, `exited`, `before`, `since`. */
  filters?: Filters | undefined;
}

export interface ContainerPruneOptions extends Progress {
  /** `label`, `label!`, `until`. */
  filters?: Filters | undefined;
}

export interface ContainerPruneReport {
  /** IDs of containers that are gone. */
  deleted: string[];
  /** Bytes that the disk got back. */
  reclaimed: number;
}

/** The containers of an engine. An image is given as a name, an ID, a prefix of one, or an `Image`; a container likewise. */
export class Containers {
  private constructor();
  /** Creates a container and does not start it. The image is pulled when it is not here. */
  create(image: string | Image, command?: readonly string[] | null, options?: CreateOptions): Promise<Container>;
  /** Runs a command in a new container that outlives this process. */
  run(image: string | Image, command: readonly string[] | null | undefined, options: RunOptions & { detach: true }): Promise<Container>;
  /**
   * Runs a command in a new container to its end, and rejects with a `ContainerError` when it fails. The container ends with this process, and
   * an abort kills it. What it wrote is in the result, unless streams took it.
   */
  run(
    image: string | Image,
    command?: readonly string[] | null,
    options?: RunOptions & { detach?: false | undefined },
  ): Promise<CommandResult>;
  run(image: string | Image, command?: readonly string[] | null, options?: RunOptions): Promise<CommandResult | Container>;
  /** The containers, newest first; only those that run, unless `all` are asked for. */
  list(options?: ContainerListOptions): Promise<Container[]>;
  /** One container, or `not_found`. */
  get(container: string | Container): Promise<Container>;
  /** Removes the containers that do not run. */
  prune(options?: ContainerPruneOptions): Promise<ContainerPruneReport>;
}

/** Something that is mounted in a container. */
export interface ContainerMount {
  type: 'bind' | 'volume' | 'tmpfs';
  /** What of the host; empty for a tmpfs. */
  source: string;
  /** Where. */
  destination: string;
  /** Whether it can be written. */
  rw: boolean;
}

export interface StartOptions extends Progress, CommandStreams {
  /** Attach to it before the command begins, and resolve when it has ended. */
  attach?: boolean | undefined;
  /** The size of its terminal to begin with. */
  ttySize?: TerminalSize | undefined;
}

export interface AttachOptions {
  /** Also write to its standard input. */
  stdin?: boolean | undefined;
  /** Read its standard output: unless it is false. */
  stdout?: boolean | undefined;
  /** Read its standard error: unless it is false. */
  stderr?: boolean | undefined;
  /** What it has written so far, first. */
  logs?: boolean | undefined;
  /** Detaches. */
  signal?: AbortSignal | undefined;
}

/**
 * The streams of a container that runs. It waits for who does not read them, when 64 KiB are ahead: leave out what you do not want, or destroy
 * it. They end when the container ends or is detached from, and fail with the reason when the attachment does.
 */
export class Attachment {
  private constructor();
  /** Its standard input, if it was asked for; whether `end()` ends the command's is the container's `stdinOnce`. */
  readonly stdin?: Writable;
  readonly stdout?: Readable;
  readonly stderr?: Readable;
  /** Resolves when the container has ended or was detached from; `exitCode` is null then. */
  wait(): Promise<ExitReport>;
  /** Tells the terminal its size. */
  resize(size: TerminalSize): void;
  /** Sends the command a signal, by name or number; SIGKILL when none is given. */
  kill(signal?: string | number): void;
  /** Ends the streams and leaves the container running. */
  detach(): Promise<void>;
}

export interface WaitOptions {
  /** That it does not run (the default), that it ends the next time, that it is removed. */
  condition?: 'not-running' | 'next-exit' | 'removed' | undefined;
  /** Milliseconds after which the wait is given up with `timeout`. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface StopOptions {
  /** Seconds from its stop signal to SIGKILL; the container's `stopTimeout`, or else 10. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface LogsOptions {
  /** Its standard output: unless it is false. */
  stdout?: boolean | undefined;
  /** Its standard error: unless it is false. */
  stderr?: boolean | undefined;
  /** Go on until it has ended. */
  follow?: boolean | undefined;
  /** Only so many lines from the end. */
  tail?: number | undefined;
  /** Only what was written at that time or later: a Date, seconds since 1970, RFC 3339, or an age such as `10m`. */
  since?: Date | number | string | undefined;
  /** Only what was written before that time. */
  until?: Date | number | string | undefined;
  /** Each line begins with the time when it was written. */
  timestamps?: boolean | undefined;
  /** Say which output each chunk is of. */
  demux?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** A piece of a log. */
export interface LogChunk {
  stream: 'stdout' | 'stderr';
  data: Buffer;
}

export interface ExecOptions extends CommandStreams {
  /** Variables beside the container's, as `CreateOptions` has them. */
  environment?: CreateOptions['environment'];
  /** The working directory; the container's when none is given. */
  workingDir?: string | undefined;
  /** Who runs it; as the container when none is given. */
  user?: string | undefined;
  /** Every capability, and no filter of system calls. */
  privileged?: boolean | undefined;
  /** A terminal. */
  tty?: boolean | undefined;
  /** The size of the terminal to begin with. */
  ttySize?: TerminalSize | undefined;
  /** Resolve once it runs; what it writes is lost. */
  detach?: boolean | undefined;
  /** Kills the command. */
  signal?: AbortSignal | undefined;
}

export interface ContainerRemoveOptions {
  /** Kill it first if it runs. */
  force?: boolean | undefined;
  /** Also its anonymous volumes, which go with it anyway. */
  volumes?: boolean | undefined;
  /** The same. */
  v?: boolean | undefined;
}

export interface CommitOptions extends Progress {
  /** The repository of the image's name; without one it has none. */
  repository?: string | undefined;
  /** The tag of it; `latest` when none is given. */
  tag?: string | undefined;
  /** The comment in the image's history. */
  message?: string | undefined;
  /** Who made it. */
  author?: string | undefined;
  /** Dockerfile instructions that set the config: `CMD ["sh"]`, `ENV A=1`, … */
  changes?: readonly string[] | undefined;
  /** Stop all that runs in it meanwhile: unless it is false. */
  pause?: boolean | undefined;
  /** How the new layer is compressed. */
  compression?: LayerCompression | undefined;
  /** Seconds since 1970 for `created` and for files that are later. */
  sourceDateEpoch?: number | undefined;
}

export interface PutArchiveOptions extends Progress {
  /** Refuse to replace a directory by something else, and something else by a directory. */
  noOverwriteDirNonDir?: boolean | undefined;
}

/** The processes of a container. */
export interface TopReport {
  /** Names of the columns. */
  titles: string[];
  /** One line for each process. */
  processes: string[][];
}

/** What stands at a path of a container. */
export interface PathStat {
  name: string;
  /** Bytes of a file. */
  size: number;
  /** Permissions and, above them, Go's bits for the type (`os.FileMode`). */
  mode: number;
  /** When it was changed. */
  mtime: string;
  /** Where a symbolic link leads, or empty. */
  linkTarget: string;
}

/** One container, as it was when it was looked up; `reload()` looks again. */
export class Container {
  private constructor();
  /** 64 hex digits. */
  readonly id: string;
  /** The first 12 of them. */
  readonly shortId: string;
  /** Its name, without a slash. */
  readonly name: string;
  /** The image as it was asked for; its ID once that name leads elsewhere. */
  readonly image: string;
  readonly imageId: string;
  /** The command on one line. */
  readonly command: string;
  /** When it was created, in RFC 3339. */
  readonly created: string;
  /** The same in seconds since 1970. */
  readonly createdUnix: number;
  readonly state: 'created' | 'running' | 'paused' | 'exited';
  /** The same for people: `Up 2 minutes`, `Exited (0) 21 seconds ago`. */
  readonly status: string;
  /** The exit code of one that has ended, if it is known. */
  readonly exitCode: number | null;
  /** The image's among them. */
  readonly labels: Readonly<Record<string, string>>;
  /** None. */
  readonly ports: readonly string[];
  readonly mounts: readonly ContainerMount[];
  /** `host` or `none`. */
  readonly network: string;
  /** Bytes that it has written, if they were asked for. */
  readonly sizeRw: number | null;
  /** The same and the image's. */
  readonly sizeRootFs: number | null;
  /** Of one that `create` returned, what the user should know. */
  readonly warnings?: readonly string[];
  /** Looks it up again. */
  reload(): Promise<void>;
  /** What `docker inspect` shows, with Docker's names. */
  inspect(): Promise<Record<string, any>>;
  /** Starts it, attaches to it before the command begins, and resolves when it has ended. */
  start(options: StartOptions & { attach: true }): Promise<CommandResult>;
  /** Starts it, or leaves it as it is when it runs. It goes on when this process ends. */
  start(options?: StartOptions & { attach?: false | undefined }): Promise<void>;
  start(options?: StartOptions): Promise<CommandResult | void>;
  /** Attaches to it; `conflict` when it does not run. */
  attach(options?: AttachOptions): Promise<Attachment>;
  /** Waits for its end. */
  wait(options?: WaitOptions): Promise<ExitReport>;
  /** Sends it its stop signal, and SIGKILL when it still runs after the grace. */
  stop(options?: StopOptions): Promise<void>;
  /** Stops it, if it runs, and starts it. */
  restart(options?: StopOptions & Progress): Promise<void>;
  /** Sends it a signal, by name or number; SIGKILL when none is given. */
  kill(signal?: string | number): Promise<void>;
  /** Stops everything in it for a while. */
  pause(): Promise<void>;
  /** Lets it go on. */
  unpause(): Promise<void>;
  /** Tells its terminal the size. */
  resize(size: TerminalSize): Promise<void>;
  /** What it wrote, in the order in which it was written, as objects that say where. */
  logs(options: LogsOptions & { demux: true }): Readable & AsyncIterable<LogChunk>;
  /**
   * What it wrote, both outputs in the order in which they were written. Begins with the first read; `destroy()`, or the end of a
   * `for await`, ends a `follow`.
   */
  logs(options?: LogsOptions): Readable;
  /** Executes a command in it while it runs, and rejects with a `ContainerError` when that fails. An abort kills the command. */
  exec(command: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** The processes in it, in the columns of `ps -ef`. */
  top(): Promise<TopReport>;
  /** Gives it another name. */
  rename(name: string): Promise<void>;
  /** Removes it with all it wrote. */
  remove(options?: ContainerRemoveOptions): Promise<void>;
  /** Makes an image of it. */
  commit(options?: CommitOptions): Promise<Image>;
  /** What differs between it and its image, sorted by path. */
  diff(options?: { signal?: AbortSignal | undefined }): Promise<FileChange[]>;
  /** Its file system as a tar. Begins with the first read. */
  export(options?: { signal?: AbortSignal | undefined }): Readable;
  /** What stands at a path. Links are followed inside it but for the last. */
  stat(path: string): Promise<PathStat>;
  /** A file, or a directory with all in it, as a tar. Begins with the first read. */
  getArchive(path: string, options?: { signal?: AbortSignal | undefined }): Readable;
  /** Lays a tar, plain or compressed, into a directory. Nothing in it gets out of the container's root. */
  putArchive(path: string, source: Source, options?: PutArchiveOptions): Promise<void>;
}

/** Registries: credentials, and what can be asked and done without keeping an image here. */
export class Registry {
  private constructor();
  /** Checks credentials with a registry and stores them where Docker does; without any, checks those that are stored. */
  login(options?: LoginOptions): Promise<LoginReport>;
  /** Forgets the credentials of a registry. */
  logout(options?: LogoutOptions): Promise<LogoutReport>;
  /** Asks a registry whether it is there, and how it wants to be authenticated. */
  ping(options?: PingOptions): Promise<PingReport>;
  /** The tags of a repository, in the registry's order. */
  tags(repository: string, options?: TagsOptions): Promise<string[]>;
  /** A manifest or index as the registry has it, checked against its digest. */
  manifest(name: string, options?: ManifestOptions): Promise<ManifestReport>;
  /** Descriptors of what refers to a manifest: signatures, bills of materials. */
  referrers(name: string, options?: ReferrersOptions): Promise<Descriptor[]>;
  /** Copies an image or a whole index from one name to another, without keeping it here. */
  copy(source: string, destination: string, options?: CopyOptions): Promise<CopyReport>;
  /** Deletes a tag, or by digest a manifest with all its tags; `unsupported` where the registry does not let that be. */
  delete(name: string, options?: RegistryOptions): Promise<void>;
}

export interface LoginOptions extends Progress {
  /** The registry, `host[:port]`; Docker Hub when none is given. */
  registry?: string | undefined;
  username?: string | undefined;
  /** The password, or a personal access token. */
  password?: string | undefined;
  /** A refresh token in place of both. */
  identityToken?: string | undefined;
}

export interface LoginReport {
  /** The registry, as the credentials are stored under. */
  server: string;
  username: string;
  /** Where the credentials are: the path of a file, or the name of a helper. */
  stored: string;
  /** Whether they are readable there: a file keeps a password unencrypted. */
  plain: boolean;
}

export interface LogoutOptions extends Progress {
  /** The registry, `host[:port]`; Docker Hub when none is given. */
  registry?: string | undefined;
}

export interface LogoutReport {
  server: string;
  /** Whether there were credentials to remove. */
  removed: boolean;
}

export interface RegistryOptions extends Progress {
  /** Credentials for this call. */
  auth?: Auth | undefined;
}

export interface PingOptions extends RegistryOptions {
  /** The registry, `host[:port]`; Docker Hub when none is given. */
  registry?: string | undefined;
}

export interface PingReport {
  /** Where it answered: `https://registry-1.docker.io`. */
  url: string;
  /** What it calls its interface, `registry/2.0`, or empty. */
  version: string;
  /** How it wants to be authenticated: `none`, `basic` or `bearer`. */
  auth: string;
}

export interface TagsOptions extends Progress {
  /** At most so many; all when none is given. */
  limit?: number | undefined;
  /** Only those behind this one: the last of the page before. */
  last?: string | undefined;
  /** Credentials for this call. */
  auth?: Auth | undefined;
}

export interface ManifestOptions extends Progress {
  /** Of an index, the manifest of this platform; the index itself when none is given. */
  platform?: string | undefined;
  /** Credentials for this call. */
  auth?: Auth | undefined;
}

export interface ManifestReport {
  /** The name it was asked by, in full. */
  name: string;
  digest: string;
  mediaType: string;
  /** Bytes of `raw`. */
  size: number;
  /** The document, which is JSON: what the digest is of. */
  raw: string;
  /** The same, parsed, in the names of its specification. */
  manifest: Record<string, any>;
}

export interface ReferrersOptions extends Progress {
  /** Only those of this type. */
  artifactType?: string | undefined;
  /** Credentials for this call. */
  auth?: Auth | undefined;
}

/** What a blob or manifest is, in the names of the OCI specification. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
  platform?: Record<string, any>;
  [other: string]: unknown;
}

export interface CopyOptions extends Progress {
  /** Of an index, the image of this platform alone; the whole index when none is given. */
  platform?: string | undefined;
  /** Also what refers to it, and what refers to those. */
  referrers?: boolean | undefined;
  /** How many blobs go at once. */
  concurrency?: number | undefined;
  /** Bytes of one request, for registries that refuse large ones. */
  chunkSize?: number | undefined;
  /** Credentials for the source. */
  sourceAuth?: Auth | undefined;
  /** Credentials for the destination. */
  destinationAuth?: Auth | undefined;
}

export interface CopyReport {
  /** Digest of what the destination's name leads to now. */
  digest: string;
  /** Manifests and indexes that were written. */
  manifests: number;
  /** Blobs that were transferred. */
  copied: number;
  /** Blobs that the registry took from another of its repositories. */
  mounted: number;
  /** Blobs that were there before. */
  existed: number;
  /** Bytes of the blobs that were transferred. */
  bytes: number;
}

/** The store as a whole. */
export class System {
  private constructor();
  /** What the engine is and where it works. */
  info(): Promise<Info>;
  /** Disk use. */
  df(): Promise<DiskUsage>;
  /** Reads the whole store and checks it. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /** Prunes images, stopped containers, build cache, snapshots and garbage. */
  prune(options?: PruneOptions): Promise<PruneReport>;
}

export interface Info {
  version: string;
  root: string;
  schema: number;
  platform: string;
  /** Steps of builds included. */
  images: number;
  containers: number;
  /** `overlay` where builds can run steps, else `none`. */
  runMode: string;
  /** Why steps cannot run, or empty. */
  runReason: string;
  /** `wal`, or `delete` on a file system that does not carry a WAL. */
  journal: string;
}

export interface Usage {
  count: number;
  /** How many of them something uses. */
  active: number;
  /** Bytes. */
  size: number;
  /** Bytes that a prune could free. */
  reclaimable: number;
}

export interface DiskUsage {
  images: Usage;
  containers: Usage;
  snapshots: Usage;
  buildCache: Usage;
}

export interface VerifyOptions extends Progress {
  /** Take away what is broken. */
  repair?: boolean | undefined;
}

export interface Problem {
  kind: string;
  subject: string;
  message: string;
  repaired: boolean;
}

/** A store is whole when `problems` is empty. */
export interface VerifyReport {
  blobs: number;
  images: number;
  bytes: number;
  problems: Problem[];
}

/** Dockerfiles as data. */
export namespace dockerfile {
  /**
   * What a Dockerfile says, with the place of each instruction, and what the build checks find in it. Needs no engine,
   * expands nothing. What does not parse throws `dockerfile_syntax`, with `line`, `column` and `instruction`.
   */
  function parse(text: string | Uint8Array): DockerfileReport;
}

/** A parsed Dockerfile. */
export interface DockerfileReport {
  directives: DockerfileDirectives;
  escape: string;
  /** The ARGs before the first FROM. */
  metaArgs: DockerfileInstruction[];
  stages: DockerfileStage[];
  warnings: DockerfileWarning[];
}

/** The parser directives at the top, as written. */
export interface DockerfileDirectives {
  syntax: string | null;
  escape: string | null;
  check: string | null;
}

export interface DockerfileStage {
  /** In lower case. */
  name: string | null;
  /** The image or stage, as written. */
  base: string;
  platform: string | null;
  /** The first is the FROM. */
  instructions: DockerfileInstruction[];
}

/** An instruction. Lines and columns count from 1. */
export interface DockerfileInstruction {
  /** In upper case. */
  name: string;
  line: number;
  /** The last line, bodies of heredocs included. */
  endLine: number;
  column: number;
  /** On one line: continuations joined, comments dropped. */
  text: string;
  flags: Record<string, string | boolean | string[]>;
  /**
   * Depends on the instruction: `image` and `name` (FROM); `command` (shell form) or `words` (exec form, SHELL); `sources` and
   * `destination` (COPY, ADD); `pairs` of `name` and `value` (ENV, LABEL, ARG); `values` (EXPOSE, VOLUME); `value` (WORKDIR, USER,
   * STOPSIGNAL, MAINTAINER); `test` (HEALTHCHECK); `instruction` (ONBUILD).
   */
  arguments: Record<string, unknown>;
  heredocs: DockerfileHeredoc[];
}

/** A text that follows an instruction. */
export interface DockerfileHeredoc {
  name: string;
  content: string;
  /** False when its word is quoted. */
  expand: boolean;
}

/** What a build check says. */
export interface DockerfileWarning {
  rule: string;
  message: string;
  line: number;
  column: number;
}
