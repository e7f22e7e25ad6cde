// The public declarations name every option, report and event of the core, in camelCase, and nothing else.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const DECLARATIONS = read('../index.d.ts');
const CORE = ['engine', 'config', 'event', 'store/report', 'archive/options', 'archive/files/report', 'build/options', 'dockerfile/report', 'dockerfile/steps', 'registry/options', 'containers/options', 'containers/report']
  .map((name) => read(`../../core/src/${name}.rs`))
  .join('\n');

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const names = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name).sort();

function core(struct) {
  const [, body] = new RegExp(`pub struct ${struct} \\{(.*?)^\\}`, 'ms').exec(CORE);
  return names(body, /^ {4}pub (\w+):/gm).map(camel).sort();
}

function declared(name) {
  const [, , body] = new RegExp(`^export (interface|class) ${name}\\b[^{]*\\{\\n(.*?)^\\}`, 'ms').exec(DECLARATIONS);
  return names(body, /^ {2}(?:readonly )?(\w+)\??:/gm);
}

const OPTIONS = ['EngineOptions', 'Limits', 'ListOptions', 'ImportOptions', 'SaveOptions', 'RemoveOptions', 'PruneOptions'];
const REPORTS = ['HistoryEntry', 'RemoveReport', 'Info', 'Usage', 'DiskUsage', 'Problem', 'VerifyReport'];
const REGISTRY_OPTIONS = [
  ...['RegistryConfig', 'Auth', 'PullOptions', 'PushOptions', 'SearchOptions', 'RegistryOptions', 'TagsOptions'],
  ...['ManifestOptions', 'ReferrersOptions', 'CopyOptions'],
];
const REGISTRY_REPORTS = ['PushedImage', 'SearchResult', 'LoginReport', 'LogoutReport', 'PingReport', 'ManifestReport', 'CopyReport'];

const DOCKERFILE = ['Report', 'Directives', 'Stage', 'Instruction', 'Heredoc'].map((name) => `Dockerfile${name}`);

for (const name of [...OPTIONS, ...DOCKERFILE, 'UnpackOptions', 'FilesOptions', 'ImageDiffOptions', 'FileChange', 'VerifyOptions', ...REPORTS, ...REGISTRY_OPTIONS, ...REGISTRY_REPORTS, 'Ulimit', 'CachePruneOptions', 'BuildResult', 'BuildStep']) {
  test(`${name} has the core's keys`, () => assert.deepEqual(declared(name), core(name)));
}

test('BuildOptions has the keys of the core, tag, and the streams', () => {
  assert.deepEqual(declared('BuildOptions'), [...core('BuildOptions'), 'context', 'output', 'tag'].sort());
});

const CONTAINERS = [
  ...['ContainerListOptions', 'ContainerPruneOptions', 'ContainerPruneReport', 'TerminalSize', 'ExitReport'],
  ...['CommitOptions', 'PutArchiveOptions', 'FileChange', 'TopReport', 'PathStat'],
];

for (const name of CONTAINERS) test(`${name} has the core's keys`, () => assert.deepEqual(declared(name), core(name)));

const ALSO = {
  CreateOptions: ['remove'],
  RunOptions: [],
  StartOptions: [],
  AttachOptions: ['stdin', 'signal'],
  WaitOptions: ['signal'],
  StopOptions: ['signal'],
  LogsOptions: ['demux', 'signal'],
  ExecOptions: ['signal'],
  ContainerRemoveOptions: ['v'],
};
// What is given otherwise: what is inherited, and the command as an argument.
const ELSEWHERE = { RunOptions: ['create'], ExecOptions: ['command'] };

for (const [name, also] of Object.entries(ALSO)) {
  test(`${name} has the core's keys, and those of JavaScript`, () => {
    const wanted = [...core(name).filter((key) => !ELSEWHERE[name]?.includes(key)), ...also];
    assert.deepEqual(declared(name), wanted.sort());
  });
}

test('ContainerMount has the keys of the core, and says its type', () => {
  assert.deepEqual(declared('ContainerMount'), core('ContainerMount').map((key) => (key === 'kind' ? 'type' : key)).sort());
});

test('Container has the keys of the summary, shortId and warnings', () => {
  assert.deepEqual(declared('Container'), [...core('ContainerSummary'), 'shortId', 'warnings'].sort());
});

test('LoginOptions has the keys of the core, and registry', () => {
  assert.deepEqual(declared('LoginOptions'), [...core('LoginOptions'), 'registry'].sort());
});

test('PruneReport adds its own to those of RemoveReport', () => {
  assert.deepEqual([...declared('PruneReport'), ...declared('RemoveReport')].sort(), core('PruneReport'));
});

test('ImageFile has the keys of the core, whose type is a word of Rust', () => {
  assert.deepEqual(declared('ImageFile'), core('ImageFile').map((name) => (name === 'kind' ? 'type' : name)).sort());
});

test('Image has the keys of the summary, shortId and built', () => {
  assert.deepEqual(declared('Image'), [...core('ImageSummary'), 'built', 'shortId'].sort());
});

test('every event of the core is declared with its fields', () => {
  const [, body] = /pub enum Event \{(.*?)^\}/ms.exec(CORE);
  const wanted = [...body.matchAll(/^ {4}(\w+) \{(.*?)^ {4}\}/gms)].map(([, variant, fields]) => [
    variant.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase(),
    names(fields, /^ {8}(\w+):/gm).map(camel).sort(),
  ]);
  const [, union] = /export type Event =(.*?)^$/ms.exec(DECLARATIONS);
  const found = [...union.matchAll(/^ {2}\| \{(.*?)\}(?:\n|;)/gms)].map(([, members]) => [
    /event: '(\w+)'/.exec(members)[1],
    names(members, /(?:^|[;\s])(\w+): /gm).filter((name) => name !== 'event'),
  ]);
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(wanted));
});
