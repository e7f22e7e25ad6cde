// Compiled, never run: a program on the declarations of the registry for tests.
import { Engine } from 'layerkit';
import { Registry, type Fault, type Request } from 'layerkit/testing';

await using registry: Registry = await Registry.start({ tls: 'valid', auth: 'token', users: { ann: 'secret' }, tokenLifetime: 0.5 });
await using engine = await Engine.open({ registry: { insecure: [registry.host], dockerConfig: '/tmp/docker' } });
const digest: string = registry.putBlob('team/app', new Uint8Array(1));
const status: Fault = { status: { status: 429, retryAfter: 1 } };
registry.fault(status, { method: 'GET', path: '/blobs/', skip: 1, times: 2 });
registry.fault('unauthorized');
await engine.images.pull(`${registry.host}/team/app`);
const requests: Request[] = registry.requests();
const sent: number = requests.reduce((total, { bytesSent }) => total + bytesSent, registry.peakInFlight);
const type: string | undefined = registry.manifest('team/app', 'latest')?.mediaType;
const key: string | undefined = registry.clientIdentity?.keyPem;

// @ts-expect-error no such option
await Registry.start({ page_size: 2 });
// @ts-expect-error no such fault
registry.fault({ explode: {} });
// @ts-expect-error registries are started
new Registry();

export { digest, key, sent, type };
