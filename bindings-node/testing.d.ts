/// <reference types="node" />
// The registry for tests. `npm run types` compiles a program on it; test/testing.test.mjs holds it against what is there.

/** How a registry behaves. By default it is plain HTTP, follows Distribution Spec v1.1, and lets everybody do everything. */
export interface RegistryOptions {
  /** Its certificate; `none` is plain HTTP. `caPem` is what `Engine.open({ registry: { caFiles } })` wants in a file. */
  tls?: 'none' | 'valid' | 'expired' | 'wrong_name' | 'self_signed' | undefined;
  /** Demand a client certificate: `clientIdentity` is one. */
  clientCa?: boolean | undefined;
  /** Offer HTTP/2 over TLS; default true. */
  http2?: boolean | undefined;
  /** How clients log in. */
  auth?: 'none' | 'basic' | 'token' | undefined;
  /** Passwords by name. */
  users?: Record<string, string> | undefined;
  /** Tokens without a login may pull; otherwise they are given and may do nothing, as on Docker Hub. */
  anonymousPull?: boolean | undefined;
  /** Seconds until a token is refused. When none are given it is 60, and not announced. */
  tokenLifetime?: number | undefined;
  /** The field of the token service's answer to GET. */
  tokenField?: 'token' | 'access_token' | undefined;
  /** Serve refresh tokens and the OAuth2 POST, which is 404 otherwise. */
  identityTokens?: boolean | undefined;
  /** Actions that tokens grant at most. */
  narrowGrant?: readonly string[] | undefined;
  /** Repositories that are 403 DENIED to everyone. */
  denied?: readonly string[] | undefined;
  /** Milliseconds before each answer, side by side. */
  latencyMs?: number | undefined;
  /** Mount blobs of other repositories; default true. */
  mount?: boolean | undefined;
  /** Take uploads by PATCH; default true, else 405. */
  chunked?: boolean | undefined;
  /** `OCI-Chunk-Min-Length`; what follows a shorter chunk is 416. */
  chunkMinLength?: number | undefined;
  /** Upload requests with larger bodies are 413. */
  maxRequestSize?: number | undefined;
  /** Serve the referrers API; default true, else 404. */
  referrers?: boolean | undefined;
  /** Honour `Range` on blobs; default true. */
  ranges?: boolean | undefined;
  /** Allow DELETE of manifests and blobs; default true, else 405. */
  delete?: boolean | undefined;
  /** Allow DELETE of a tag; default true, else 405. */
  tagDelete?: boolean | undefined;
  /** Most entries of one answer of tags, catalog and referrers. */
  pageSize?: number | undefined;
  /** Serve the catalog; default true, else 404. */
  catalog?: boolean | undefined;
  /** What Docker Hub's search finds things in; 404 when none are given. */
  search?: readonly SearchEntry[] | undefined;
  /** The `Location` of an upload is relative, with a query that must come back. */
  relativeLocation?: boolean | undefined;
  /** Where GET of a blob is sent to; the other host answers 400 to any `Authorization`. */
  blobRedirect?: 'none' | 'same' | 'other_host' | undefined;
  /** Also listen as an HTTP proxy, at `proxyUrl`, that plays these hosts (without port), and no others. */
  proxy?: { hosts: readonly string[] } | undefined;
}

/** A result of Docker Hub's search. */
export interface SearchEntry {
  name?: string | undefined;
  description?: string | undefined;
  starCount?: number | undefined;
  isOfficial?: boolean | undefined;
  isAutomated?: boolean | undefined;
}

/** What goes wrong. */
export type Fault =
  /** 401 with the usual challenge, whatever was sent. */
  | 'unauthorized'
  /** `Range` is ignored. */
  | 'no_range'
  /** The connection breaks after so many bytes of the answer's body. An answer without one is lost whole. */
  | { drop: { after?: number | undefined } }
  /** The answer is shorter and looks whole. */
  | { truncate: { after: number } }
  /** The byte at this place of the body is another; the last one when the body is shorter. */
  | { corrupt: { at: number } }
  /** The body comes slowly. */
  | { slow: { bytesPerSecond: number } }
  /** The body stops coming; the connection stays. */
  | { stall: { after?: number | undefined } }
  /** The request waits first. */
  | { delay: { ms: number } }
  /** The request is not carried out, and answered so. `retryAfter` is in seconds. */
  | {
      status: {
        status: number;
        code?: string | undefined;
        message?: string | undefined;
        retryAfter?: number | undefined;
      };
    }
  /** Another `Content-Type`. */
  | { contentType: { value: string } }
  /** Another `Docker-Content-Digest`. */
  | { digestHeader: { value: string } }
  /** 307 to somewhere else. */
  | { redirect: { location: string } }
  /** The connection breaks when so many bytes of the request's body have come. An upload session keeps those. */
  | { refuseUploadAfter: { bytes: number } }
  /** The answer lacks a header. */
  | { removeHeader: { name: string } };

/** Which requests fail. */
export interface FaultRule {
  /** Those of this method; any when none is given. */
  method?: string | undefined;
  /** Those whose path with query contains this; any when none is given. */
  path?: string | undefined;
  /** How many of them pass first. */
  skip?: number | undefined;
  /** How many of them fail then; for ever when none is given. */
  times?: number | undefined;
}

/** A request that arrived. No secret is in it. */
export interface Request {
  method: string;
  /** With its query; host and port of a CONNECT. */
  path: string;
  /** The host it was meant for. */
  host: string;
  /** Of the answer; 0 when there is none: not yet, or because the connection was cut. */
  status: number;
  /** `HTTP/1.1` or `HTTP/2.0`. */
  protocol: string;
  range: string | null;
  userAgent: string | null;
  /** How it logged in. */
  authorization: 'none' | 'basic' | 'bearer' | 'other';
  contentLength: number | null;
  /** Of its body. */
  bytesReceived: number;
  /** Of the answer's body. */
  bytesSent: number;
}

/**
 * A registry inside this process, for tests: everything is in memory, and it fails as it is told to. It runs on a thread of
 * its own and does not keep the process alive. What it holds and logged can be read after it was stopped too.
 */
export class Registry {
  private constructor();
  /** Starts one on a port of 127.0.0.1 that the system chooses. An option that cannot have an effect is `invalid_argument`. */
  static start(options?: RegistryOptions): Promise<Registry>;
  /** Host and port as they stand in an image's name: `127.0.0.1:port`, or `localhost:port` with TLS. */
  readonly host: string;
  /** `http://host` or `https://host`. */
  readonly url: string;
  /** The URL of its HTTP proxy, if the options ask for one. */
  readonly proxyUrl: string | null;
  /** The certificate of its CA, with TLS or a proxy. */
  readonly caPem: string | null;
  /** A certificate that its CA gave to a client, with TLS or a proxy: Docker's `client.cert` and `client.key`. */
  readonly clientIdentity: { certificatePem: string; keyPem: string } | null;
  /** The most requests that were being handled at the same time. */
  readonly peakInFlight: number;
  /** From now on, makes requests fail. Every rule counts a request that it matches; the first that is due happens. */
  fault(fault: Fault, rule?: FaultRule): void;
  /** Removes all faults. One that is happening goes on. */
  clearFaults(): void;
  /** The requests that arrived, in order. */
  requests(): Request[];
  /** Forgets the requests that arrived. */
  clearRequests(): void;
  /** Stores a blob, and gives its digest. */
  putBlob(repository: string, data: Uint8Array): string;
  /** A blob of a repository. */
  blob(repository: string, digest: string): Buffer | undefined;
  /** Whether a repository has a blob. */
  hasBlob(repository: string, digest: string): boolean;
  /** Removes a blob, and says whether it was there. Manifests may still refer to it. */
  removeBlob(repository: string, digest: string): boolean;
  /** Stores a manifest under a tag or digest, and gives its digest. Nothing is checked: it may be a lie. */
  putManifest(repository: string, reference: string, mediaType: string, data: Uint8Array): string;
  /** A manifest, by tag or digest. */
  manifest(repository: string, reference: string): { mediaType: string; data: Buffer } | undefined;
  /** The tags of a repository, sorted. */
  tags(repository: string): string[];
  /** Cuts its connections and stops it; its thread and sockets are gone then. Twice is fine. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
