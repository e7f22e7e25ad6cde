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
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; fields?: Record<string, string | number> });
  readonly code: ErrorCode;
  /** HTTP status of a registry's answer. */
  readonly status?: number;
  /** The registry's own code. */
  readonly registryCode?: string;
  /** The Dockerfile's line, from 1. */
  readonly line?: number;
  /** The instruction on that line. */
  readonly instruction?: string;
  /** The command that failed. */
  readonly command?: string;
  /** Its exit code. */
  readonly exitCode?: number;
  /** The last lines that it wrote. */
  readonly outputTail?: string;
  /** The image that a conflict is about. */
  readonly image?: string;
  /** The container that a conflict is about. */
  readonly container?: string;
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

/** One step of an operation's progress. IDs are `sha256:…`; `n`, `total` of steps and `line` count from 1. */
export type Event =
  | {
      event: 'layer';
      operation: 'import' | 'load' | 'save' | 'unpack';
      /** Digest, DiffID, or the file's name inside an archive while nothing better is known. */
      id: string;
      state: 'started' | 'progress' | 'done' | 'exists';
      bytes: number;
      /** 0 where it cannot be known. */
      total: number;
    }
  | { event: 'image_loaded'; id: string; name: string }
  | { event: 'tag_moved'; name: string; oldId: string }
  | { event: 'step_started'; n: number; total: number; text: string; line: number }
  | { event: 'triggers'; n: number; count: number }
  | { event: 'step_cached'; n: number }
  | { event: 'step_running'; n: number; container: string }
  | { event: 'step_log'; n: number; stream: 'stdout' | 'stderr'; text: string }
  | { event: 'container_removed'; n: number; container: string }
  | { event: 'step_done'; n: number; image: string }
  | { event: 'warning'; message: string; line: number }
  | { event: 'built'; id: string }
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
  readonly system: System;
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
  /** Bytes that the disk got back. */
  reclaimed: number;
}

export interface BuildOptions extends Progress {
  /** The context: the directory that COPY and ADD read. */
  path: string | URL;
  /** The Dockerfile, relative to the context unless absolute; `Dockerfile` when none is given. */
  dockerfile?: string | URL | undefined;
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
  /** The network of RUN steps: the host's unless told otherwise. */
  network?: 'host' | 'none' | undefined;
  /** `os/architecture[/variant]`; the host's when none is given. */
  platform?: string | undefined;
  compression?: LayerCompression | undefined;
  /** Seconds since 1970 for everything new in the image, which makes the build reproducible. */
  sourceDateEpoch?: number | undefined;
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
  /** Saves images into one archive. */
  save(images: string | Image | readonly (string | Image)[], target: Target, options?: SaveOptions): Promise<void>;
  /** Takes a name from an image, and with the last one the image. */
  remove(image: string | Image, options?: RemoveOptions): Promise<RemoveReport>;
  /** Removes images that nothing uses. */
  prune(options?: PruneOptions): Promise<PruneReport>;
  /** Builds a Dockerfile. */
  build(options: BuildOptions): Promise<Image>;
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
  /** Its names by digest, `repository@sha256:…`. */
  readonly digests: readonly string[];
  /** When it was created, in RFC 3339. */
  readonly created: string;
  /** The same in seconds since 1970. */
  readonly createdUnix: number;
  /** Bytes of its layers once unpacked; their stored size as long as the other is not known. */
  readonly size: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Digest of its manifest. */
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
  /** Saves it, alone and without a name; `images.save` of its `tags` saves it with them. */
  save(target: Target, options?: SaveOptions): Promise<void>;
  /** Unpacks its file system into a directory, which appears when it is whole. */
  unpack(directory: string | URL, options?: UnpackOptions): Promise<void>;
  /** Removes it. */
  remove(options?: RemoveOptions): Promise<RemoveReport>;
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
