import { expect, it } from 'vitest';
import { inflateImages } from '../wire/events/heartbeat.ts';
import { ImageBlob } from './image-blob.ts';

it('is a zlib stream also of an empty list, made anew only when the list has changed', () => {
  const blob = new ImageBlob();
  const empty = blob.of([]);
  expect(inflateImages(empty)).toEqual([]);
  expect(blob.of([])).toBe(empty);
  const one = blob.of([['a:1', 'sha256:0']]);
  expect(inflateImages(one)).toEqual([['a:1', 'sha256:0']]);
  expect(blob.of([['a:1', 'sha256:0']])).toBe(one);
});
