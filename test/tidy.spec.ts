import { problemsOf, repositorySources } from '../.ci/tidy.js';

const none = { tooLongYet: {}, unusedYet: [] };
/** What is wrong with these files, where nobody is excused. */
const wrongIn = (sources: Record<string, string>, exceptions: Parameters<typeof problemsOf>[1] = none) => problemsOf(new Map(Object.entries(sources)), exceptions);
const linesOf = (count: number) => 'x();\n'.repeat(count);

it('the repository is tidy', () => expect(problemsOf(repositorySources())).toEqual([]));

describe('imports', () => {
  it.each<[string, string, string]>([
    ['libs/ip/src/a.ts', "import { b } from '@ipledger/services';", 'imports @ipledger/services, which libs/ip must not know'],
    ['libs/event-store/src/a.ts', "import type { Event } from '@ipledger/services';", 'imports @ipledger/services, which libs/event-store must not know'],
    ['libs/event-store/test/a.spec.ts', "import { decide } from '@ipledger/services';", 'imports @ipledger/services, which libs/event-store must not know'],
    ['libs/services/src/a.ts', "export { b } from '@ipledger/event-store';", 'imports @ipledger/event-store, which libs/services must not know'],
    ['libs/ip/src/a.ts', "import { b } from '@ipledger/ip';", 'imports @ipledger/ip, which libs/ip must not know'],
    ['libs/new/src/a.ts', "import { b } from '@ipledger/ip';", 'is in a lib without a rule: give libs/new a line in .ci/tidy.ts'],
    ['libs/services/src/a.ts', "import { readFileSync } from 'node:fs';", 'imports node:fs: a pure lib imports no package'],
    ['libs/ip/src/a.ts', "import yaml from 'yaml';", 'imports yaml: a pure lib imports no package'],
    ['libs/event-store/src/a.ts', "import { Injectable } from '@nestjs/common';", 'imports @nestjs/common: Nest stays in apps and *.module.ts'],
    ['apps/allocator/src/a.ts', "import { b } from '@ipledger/ip/src/address.js';", 'imports from inside @ipledger/ip: a lib is reached through its index'],
    ['apps/allocator/src/a.ts', "import { b } from '../../../libs/ip/src/address.js';", 'imports ../../../libs/ip/src/address.js: a lib is reached as @ipledger/…'],
    ['libs/services/src/a.ts', "import { b } from '../../ip/src/index.js';", 'imports ../../ip/src/index.js: a lib is reached as @ipledger/…'],
    ['apps/allocator/src/a.ts', "const a = import('@ipledger/ip');", 'imports @ipledger/ip dynamically: the build leaves that alias as it is, and it fails at run time'],
    ['apps/allocator/src/a.ts', "import { b } from '@ipledger/testing';", 'imports @ipledger/testing outside tests'],
    ['apps/admin/src/a.ts', "import { b } from '../../allocator/src/index.js';", 'imports ../../allocator/src/index.js: only standalone imports apps, and only their index'],
    ['apps/standalone/src/a.ts', "import { b } from '../../allocator/src/serve.js';", 'imports ../../allocator/src/serve.js: only standalone imports apps, and only their index'],
    ['libs/ip/src/a.ts', "import { b } from '../../../apps/allocator/src/index.js';", 'imports ../../../apps/allocator/src/index.js: only standalone imports apps, and only their index'],
  ])('%s must not say %s', (path, text, problem) => expect(wrongIn({ [path]: text })).toEqual([`${path}: ${problem}`]));

  it.each([
    ['libs/services/src/a.ts', "import { b } from '@ipledger/ip';"],
    ['libs/services/src/a.spec.ts', "import fc from 'fast-check'; import { x } from '@ipledger/testing'; import { given } from './testing/given.js';"],
    ['libs/event-store/test/a.spec.ts', "import { b } from '@ipledger/event-store'; import { c } from '@ipledger/testing'; import { d } from '@ipledger/runtime';"],
    ['libs/views/src/a.module.ts', "import { Module } from '@nestjs/common';"],
    ['apps/standalone/src/a.ts', "import { b } from '../../allocator/src/index.js';"],
    ['apps/allocator/src/a.ts', "import { b } from '@ipledger/services'; import { c } from './kubernetes/c.js'; import pg from 'pg';"],
    ['apps/allocator/test/a.spec.ts', "import { b } from '@ipledger/testing'; import { c } from '../src/app.js';"],
    ['test/a.spec.ts', "import { b } from '../apps/allocator/src/index.js';"],
  ])('%s may say %s', (path, text) => expect(wrongIn({ [path]: text })).toEqual([]));
});

describe('purity', () => {
  it.each<[string, string]>([
    ['const a = async () => 1;', 'is asynchronous: a pure lib is not'],
    ['@sealed class A {}', 'has a decorator: a pure lib has none'],
    ['const now = new Date();', 'reads the clock: time comes in as data'],
  ])('libs/services must not hold %s', (text, problem) => {
    expect(wrongIn({ 'libs/services/src/a.ts': text })).toEqual([`libs/services/src/a.ts: ${problem}`]);
    expect(wrongIn({ 'libs/services/src/a.spec.ts': text, 'apps/allocator/src/a.ts': text })).toEqual([]);
  });

  it('dates made from data are fine', () => expect(wrongIn({ 'libs/services/src/a.ts': 'const a = new Date(0);' })).toEqual([]));
});

describe('sizes', () => {
  const functionOf = (lines: number) => `const a = () => {\n${linesOf(lines - 2)}};\n`;

  it('a file has at most 400 lines', () => {
    expect(wrongIn({ 'libs/runtime/src/a.ts': linesOf(400) })).toEqual([]);
    expect(wrongIn({ 'libs/runtime/src/a.ts': linesOf(401) })).toEqual(['libs/runtime/src/a.ts: 401 lines, at most 400']);
  });

  it('a function has at most 70 lines', () => {
    expect(wrongIn({ 'test/a.ts': functionOf(70) })).toEqual([]);
    expect(wrongIn({ 'test/a.ts': functionOf(71) })).toEqual(['test/a.ts#a: 71 lines, at most 70']);
    expect(wrongIn({ 'test/a.ts': `class A { constructor() {\n${linesOf(80)}} }` })).toEqual(['test/a.ts#constructor: 82 lines, at most 70']);
  });

  it('callbacks of describe, and functions that hold cases, are bounded by their file only', () => {
    expect(wrongIn({ 'test/a.spec.ts': `describe('a', () => {\n${linesOf(100)}});\n` })).toEqual([]);
    expect(wrongIn({ 'test/a.contract.ts': `export const suite = () => {\n  it('b', () => {});\n${linesOf(100)}};\n` })).toEqual([]);
    expect(wrongIn({ 'libs/ip/src/a.ts': `export const suite = () => {\n  it('b', () => {});\n${linesOf(100)}};\n` })).toHaveLength(1);
  });

  it('an exception may not grow, and goes when it is no longer needed', () => {
    const excused = { tooLongYet: { 'test/a.ts#a': 80 }, unusedYet: [] };
    expect(wrongIn({ 'test/a.ts': functionOf(80) }, excused)).toEqual([]);
    expect(wrongIn({ 'test/a.ts': functionOf(81) }, excused)).toEqual(['test/a.ts#a: 81 lines, at most 80']);
    for (const shrunk of [79, 10]) {
      expect(wrongIn({ 'test/a.ts': functionOf(shrunk) }, excused)).toEqual(['test/a.ts#a: shorter than its exception in .ci/tidy.ts, which must shrink too']);
    }
  });
});

describe('dead exports', () => {
  const lib = { 'libs/ip/src/index.ts': "export { a } from './a.js';\nexport type { T } from './a.js';\n", 'libs/ip/src/a.ts': 'export const a = 1;\nexport type T = typeof a;\n' };
  const takesA = { 'apps/allocator/src/b.ts': "import { a as renamed } from '@ipledger/ip';\n" };

  it('a value must be imported by the name of its lib, a type be named in some other file', () => {
    expect(wrongIn(lib)).toEqual(['libs/ip/src/index.ts: nobody uses a', 'libs/ip/src/index.ts: nobody uses T']);
    expect(wrongIn({ ...lib, ...takesA, 'libs/ip/src/c.ts': "import type { T } from './a.js';\n" })).toEqual([]);
    expect(wrongIn({ ...lib, 'libs/ip/src/c.ts': "import { a, type T } from './a.js';\n" })).toEqual(['libs/ip/src/index.ts: nobody uses a']);
  });

  it('an exception goes when it is no longer needed', () => {
    const excused = { tooLongYet: {}, unusedYet: ['ip:a', 'ip:T'] };
    expect(wrongIn(lib, excused)).toEqual([]);
    expect(wrongIn({ ...lib, ...takesA }, excused)).toEqual(['ip:a is used now or gone: take it off the list in .ci/tidy.ts']);
  });

  it('an index stars no values', () => {
    expect(wrongIn({ 'libs/ip/src/index.ts': "export * from './a.js';" })).toEqual(['libs/ip/src/index.ts: an index lists names, it does not star them']);
    expect(wrongIn({ 'libs/ip/src/index.ts': "export type * from './a.js';" })).toEqual([]);
  });
});
