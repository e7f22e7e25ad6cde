// Generated from src/ by @napi-rs/cli: `npm run build`. For lib/ only; the public declarations are index.d.ts.
/* eslint-disable */

/** A path, the bytes themselves, or nothing for the operation's stream. */
type Origin = string | Uint8Array | undefined | null
/**
 * Hears `event`, `read`, `write`, `done` and `failed` in the order of what happened; the last is one of the last two.
 * The payload is JSON, but a chunk for `write` and nothing for `read`, which are of the stream of this number. False stops the
 * operation at an `event`.
 */
type Listener = (kind: string, payload: string | Buffer | undefined, stream: number) => boolean


/**
 * Which binding artifact the generated loader actually loaded: `'native'` for
 * a native addon, otherwise the `platformArchABI` of the WASI flavor. Every
 * flavor napi-rs can build is listed, because `NAPI_RS_NATIVE_LIBRARY_PATH`
 * can point the loader at a WASI artifact this package does not build itself.
 */
export declare const __napiBindingTarget: 'native' | 'wasm32-wasi' | 'wasm32-wasip1'

/** An engine, which `open` opens. */
export declare class NativeEngine {
  /** A container in Docker's JSON shape. */
  containerInspect(container: string, listener: Listener): Operation
  /** Waits for a container. */
  containerWait(container: string, options: string, listener: Listener): Operation
  /** Stops a container. */
  containerStop(container: string, options: string, listener: Listener): Operation
  /** Stops a container and starts it. */
  containerRestart(container: string, options: string, events: boolean, listener: Listener): Operation
  /** Sends a container a signal. */
  containerKill(container: string, signal: string | undefined | null, listener: Listener): Operation
  /** Pauses a container. */
  containerPause(container: string, listener: Listener): Operation
  /** Lets it go on. */
  containerUnpause(container: string, listener: Listener): Operation
  /** Tells a container's terminal its size. */
  containerResize(container: string, rows: number, cols: number, listener: Listener): Operation
  /** The processes of a container. */
  containerTop(container: string, listener: Listener): Operation
  /** Gives a container another name. */
  containerRename(container: string, name: string, listener: Listener): Operation
  /** Removes a container. */
  containerRemove(container: string, options: string, listener: Listener): Operation
  /** Makes an image of a container; the answer is its ID. */
  containerCommit(container: string, options: string, events: boolean, listener: Listener): Operation
  /** What differs between a container and its image. */
  containerDiff(container: string, listener: Listener): Operation
  /** Writes the file system of a container to the operation's stream. */
  containerExport(container: string, listener: Listener): Operation
  /** What stands at a path of a container. */
  containerStat(container: string, path: string, listener: Listener): Operation
  /** Writes what stands at a path of a container to the operation's stream. */
  containerGetArchive(container: string, path: string, listener: Listener): Operation
  /** Lays a tar into a directory of a container. */
  containerPutArchive(container: string, path: string, from: Origin, options: string, events: boolean, listener: Listener): Operation
  /** Creates a container. */
  containersCreate(image: string, options: string, events: boolean, listener: Listener): Operation
  /** Runs a command in a new container. */
  containersRun(image: string, options: string, stdin: NativeInput | undefined | null, stdout: number | undefined | null, stderr: number | undefined | null, events: boolean, listener: Listener): Operation
  /** The containers. */
  containersList(options: string, listener: Listener): Operation
  /** One container. */
  containersGet(container: string, listener: Listener): Operation
  /** Removes containers that do not run. */
  containersPrune(options: string, events: boolean, listener: Listener): Operation
  /** Starts a container, and attaches to it if the options say so. */
  containerStart(container: string, options: string, stdin: NativeInput | undefined | null, stdout: number | undefined | null, stderr: number | undefined | null, events: boolean, listener: Listener): Operation
  /** Attaches to a container that runs. */
  containerAttach(container: string, options: string, stdin: NativeInput | undefined | null, stdout: number | undefined | null, stderr: number | undefined | null, listener: Listener): Operation
  /** Executes a command in a container that runs. */
  containerExec(container: string, options: string, stdin: NativeInput | undefined | null, stdout: number | undefined | null, stderr: number | undefined | null, listener: Listener): Operation
  /** Hands over what a container wrote. */
  containerLogs(container: string, options: string, stdout: number, stderr: number, listener: Listener): Operation
  /** An engine that is not open yet. */
  constructor()
  /** Opens it; the answer is its root. */
  open(options: string, listener: Listener): Operation
  /** Closes it. */
  close(listener: Listener): Operation
  /** The images. */
  imagesList(options: string, listener: Listener): Operation
  /** One image. */
  imagesGet(image: string, listener: Listener): Operation
  /** Imports a root file system; the answer is the image's ID. */
  imagesImport(from: Origin, options: string, events: boolean, listener: Listener): Operation
  /** Loads an archive. */
  imagesLoad(from: Origin, options: string, events: boolean, listener: Listener): Operation
  /** Saves images to a path, or to the operation's stream. */
  imagesSave(images: Array<string>, path: string | undefined | null, options: string, events: boolean, listener: Listener): Operation
  /** Removes an image. */
  imagesRemove(image: string, options: string, listener: Listener): Operation
  /** Prunes images. */
  imagesPrune(options: string, events: boolean, listener: Listener): Operation
  /** Builds a Dockerfile. Of its streams, `streamed` are the operation's, in the order `context`, `dockerfile`, `output`. */
  imagesBuild(context: Origin, dockerfile: Origin, output: string | undefined | null, streamed: Array<string>, options: string, events: boolean, listener: Listener): Operation
  /** What builds keep for the next ones. */
  buildCacheList(listener: Listener): Operation
  /** Prunes the build cache. */
  buildCachePrune(options: string, events: boolean, listener: Listener): Operation
  /** Writes a cache mount to a path, or to the operation's stream. */
  buildCacheExport(id: string, path: string | undefined | null, events: boolean, listener: Listener): Operation
  /** Makes a cache mount of a tar. */
  buildCacheImport(id: string, from: Origin, events: boolean, listener: Listener): Operation
  /** Gives an image a name. */
  imageTag(image: string, name: string, listener: Listener): Operation
  /** An image's history. */
  imageHistory(image: string, listener: Listener): Operation
  /** An image in Docker's JSON shape. */
  imageInspect(image: string, listener: Listener): Operation
  /** Unpacks an image into a directory. */
  imageUnpack(image: string, directory: string, options: string, events: boolean, listener: Listener): Operation
  /** Lists the files of an image. */
  imageFiles(image: string, options: string, events: boolean, listener: Listener): Operation
  /** Writes the content of a file of an image to the operation's stream. */
  imageRead(image: string, path: string, events: boolean, listener: Listener): Operation
  /** What another image adds, changes and deletes. */
  imageDiff(image: string, other: string, options: string, events: boolean, listener: Listener): Operation
  /** What the engine is and where it works. */
  systemInfo(listener: Listener): Operation
  /** Disk use of the store. */
  systemDf(listener: Listener): Operation
  /** Checks the store. */
  systemVerify(options: string, events: boolean, listener: Listener): Operation
  /** Prunes the store. */
  systemPrune(options: string, events: boolean, listener: Listener): Operation
  /** Pulls an image, or every tag of a repository. */
  imagesPull(name: string, options: string, events: boolean, listener: Listener): Operation
  /** Pushes a name, or every tag of a repository. */
  imagesPush(name: string, options: string, events: boolean, listener: Listener): Operation
  /** Searches a registry. */
  imagesSearch(term: string, options: string, events: boolean, listener: Listener): Operation
  /** Pushes every name of an image. */
  imagePush(image: string, options: string, events: boolean, listener: Listener): Operation
  /** Checks credentials and stores them. */
  registryLogin(server: string, options: string, events: boolean, listener: Listener): Operation
  /** Forgets credentials. */
  registryLogout(server: string, options: string, events: boolean, listener: Listener): Operation
  /** Asks a registry whether it is there. */
  registryPing(server: string, options: string, events: boolean, listener: Listener): Operation
  /** The tags of a repository. */
  registryTags(repository: string, options: string, events: boolean, listener: Listener): Operation
  /** A manifest or index as the registry has it. */
  registryManifest(name: string, options: string, events: boolean, listener: Listener): Operation
  /** Descriptors of what refers to a manifest. */
  registryReferrers(name: string, options: string, events: boolean, listener: Listener): Operation
  /** Copies from registry to registry. */
  registryCopy(source: string, destination: string, options: string, events: boolean, listener: Listener): Operation
  /** Deletes a tag or a manifest. */
  registryDelete(name: string, options: string, events: boolean, listener: Listener): Operation
}

/** A standard input that is JavaScript's to write. */
export declare class NativeInput {
  /** A new pair. */
  constructor()
  /** The descriptor of JavaScript's end, which JavaScript closes. Asked for once. */
  descriptor(): number | null
  /** Closes what nobody has taken, without waiting for the collector. */
  close(): void
}

/** A registry, which `start` starts. */
export declare class NativeRegistry {
  /** A registry that has not started. */
  constructor()
  /** Starts it. */
  start(options: string, listener: Listener): Operation
  /** Stops it. */
  stop(listener: Listener): Operation
  /** What does not change while it runs, as JSON: `host`, `url`, `proxy_url`, `ca_pem`, `client_identity`. */
  facts(): string
  /** Adds a fault rule, which is JSON. */
  fault(rule: string): void
  /** Removes all fault rules. */
  clearFaults(): void
  /** The requests that arrived, as JSON. */
  requests(): string
  /** Forgets the requests that arrived. */
  clearRequests(): void
  /** The most requests that were being handled at the same time. */
  peakInFlight(): number
  /** Stores a blob; the answer is its digest. */
  putBlob(repository: string, data: Uint8Array): string
  /** A blob. */
  blob(repository: string, digest: string): Buffer | null
  /** Whether there is a blob. */
  hasBlob(repository: string, digest: string): boolean
  /** Removes a blob; the answer is whether it was there. */
  removeBlob(repository: string, digest: string): boolean
  /** Stores a manifest; the answer is its digest. */
  putManifest(repository: string, reference: string, mediaType: string, data: Uint8Array): string
  /** A manifest. */
  manifest(repository: string, reference: string): NativeManifest | null
  /** The tags of a repository. */
  tags(repository: string): Array<string>
}

/** A call that is under way, as the object layer holds it. */
export declare class Operation {
  /** Cancels it. Does nothing once it has ended. */
  cancel(): void
  /** Answers `read`: with a chunk, or with nothing at the end of the stream. */
  give(stream: number, chunk?: Uint8Array | undefined | null): void
  /** Answers `write`: the stream takes another chunk. */
  taken(stream: number): void
  /** Answers either of them: the stream failed. The operation then fails with `callback`. */
  broken(stream: number): void
  /** Tells the terminal of the command that it is attached to its size. */
  resize(rows: number, cols: number): void
  /** Sends that command a signal. The answer is the error, when there is no such signal. */
  signal(signal: string): string | null
  /** Ends it and leaves that command running. */
  detach(): void
}

/** An answer: the JSON of what was asked for, or of why not. */
export interface Answer {
  /** The report. */
  done?: string
  /** The error. */
  failed?: string
}

/** Parses a Dockerfile. */
export declare function dockerfileParse(text: string | Uint8Array): Answer

/** The code of every kind of error that the core knows. */
export declare function errorCodes(): Array<string>

/** A manifest that the registry has. */
export interface NativeManifest {
  /** Its media type. */
  mediaType: string
  /** Its bytes. */
  data: Buffer
}

/** The version of layerkit. */
export declare function version(): string
