import { expect, it } from 'vitest';
import { toPixels } from '../src/pixels.js';

const numbers = (...bytes) => bytes.map((byte) => byte / 127.5 - 1);

it.each([
  ['gray is red, green and blue', 1, [0, 128, 255], [0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255]],
  ['RGB stays as it is', 3, [1, 2, 3], [1, 2, 3, 255]],
  ['two channels are red and green', 2, [7, 9], [7, 9, 0, 255]],
  ['of five channels the first three are seen', 5, [1, 2, 3, 4, 5], [1, 2, 3, 255]],
  ['RGBA is divided by alpha', 4, [51, 102, 0, 102, 9, 8, 7, 255], [128, 255, 0, 102, 9, 8, 7, 255]],
  ['color beyond alpha is full', 4, [120, 100, 0, 100], [255, 255, 0, 100]],
  ['nothing has no color', 4, [200, 0, 1, 0], [0, 0, 0, 0]],
])('%s', (_, channels, bytes, pixels) => expect([...toPixels(numbers(...bytes), channels)]).toEqual(pixels));

it('numbers beyond -1 and 1 are clipped', () =>
  expect([...toPixels([-3, 0, 7], 3)]).toEqual([0, 128, 255, 255]));
