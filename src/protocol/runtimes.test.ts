import { expect, test } from 'vitest';
import {
  languageNames,
  runtimeByLanguage,
  runtimeByShebang,
  runtimeBySuffix,
  runtimeByType,
  runtimeTable,
} from './runtimes.ts';

/** The types of spec kernel-runner 14, and two of ours: `shell` and `typescript`. */
const specified = [
  ...['app', 'python', 'c', 'cpp', 'golang', 'rust', 'java', 'nodejs', 'php', 'lua', 'r', 'julia', 'octave'],
  ...['scheme', 'haskell', 'git', 'vendor.h2o', 'vendor.aws_polly', 'r_server_ms', 'shell'],
  'typescript',
];

test('the table has every type of the spec once', () => {
  expect(runtimeTable.map((info) => info.type).sort()).toEqual([...specified].sort());
  for (const type of specified) expect(runtimeByType(type)?.type).toBe(type);
  expect(runtimeByType('fortran')).toBeNull();
  expect(runtimeByType('toString')).toBeNull();
});

test('no suffix, first line or language name means two runtimes', () => {
  for (const key of ['suffixes', 'shebangs', 'languages'] as const) {
    const all = runtimeTable.flatMap((info) => info[key]);
    expect(new Set(all).size).toBe(all.length);
  }
});

test.each([
  ['main.py', 'python'],
  ['/a.b/c/MAIN.PY', 'python'],
  ['x.mjs', 'nodejs'],
  ['x.mts', 'typescript'],
  ['a.c', 'c'],
  ['a.C', 'cpp'],
  ['a.c++', 'cpp'],
  ['run.sh', 'shell'],
  ['x.rs', 'rust'],
  ['plot.R', 'r'],
  ['.py', null],
  ['folder.py/readme', null],
  ['noending', null],
  ['x.constructor', null],
])('the suffix of %s means %s', (name, type) => {
  expect(runtimeBySuffix(name)?.type ?? null).toBe(type);
});

test.each([
  ['#!/usr/bin/python3\nprint(1)', 'python'],
  ['#!/usr/bin/env python3.11', 'python'],
  ['#! /usr/bin/env -S FOO=1 node --harmony\n', 'nodejs'],
  ['#!/bin/sh -e\r\n', 'shell'],
  ['#!/bin/bash', 'shell'],
  ['#!/usr/bin/env', null],
  ['#!', null],
  ['#!/opt/unknown', null],
  ['print("#!/bin/sh")', null],
  ['', null],
])('the first line %j means %s', (text, type) => {
  expect(runtimeByShebang(text)?.type ?? null).toBe(type);
});

test.each([
  ['python', 'python'],
  ['PY', 'python'],
  ['node', 'nodejs'],
  ['c++', 'cpp'],
  ['bash', 'shell'],
  ['go', 'golang'],
  ['jupyter:xcpp17', 'jupyter:xcpp17'],
  ['jupyter:', null],
  ['jupyter:a/b', null],
  ['app', null],
  ['cobol', null],
  ['', null],
])('the language %j means %s', (name, type) => {
  expect(runtimeByLanguage(name)?.type ?? null).toBe(type);
});

test('a language is shown by its first name, and every one of them is shown', () => {
  expect(languageNames()).toEqual([
    ...['python', 'nodejs', 'typescript', 'c', 'cpp', 'shell', 'golang', 'rust', 'java', 'php', 'lua', 'r', 'julia'],
    ...['octave', 'scheme', 'haskell'],
  ]);
});
