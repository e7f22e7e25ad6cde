// Dockerfiles as data: what is particular to JavaScript. What any language can see is a conformance case.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dockerfile, LayerkitError } from 'layerkit';

test('a text or its bytes are parsed at once, with names of JavaScript', () => {
  const text = 'ARG A\nFROM scratch\nADD --keep-git-dir a /b\n';
  for (const given of [text, Buffer.from(text)]) {
    const { metaArgs, stages } = dockerfile.parse(given);
    assert.equal(metaArgs[0].endLine, 1);
    assert.deepEqual(stages[0].instructions[1].flags, { 'keep-git-dir': true });
  }
});

test('what does not parse is thrown', () => {
  const wrong = (error) => error instanceof LayerkitError && error.code === 'dockerfile_syntax' && error.column === 2;
  assert.throws(() => dockerfile.parse('FROM a\n RUNN b'), wrong);
  assert.throws(() => dockerfile.parse(1), { code: 'invalid_argument' });
});
