import { expect, it } from 'vitest';
import { classNames, classOf } from '../src/about.js';

it('classes without a name have a number', () => {
  expect(classNames({ label_size: 2, label_names: ['cat'] })).toEqual(['cat', '1']);
  expect(classNames({ label_size: 0 })).toEqual([]);
});

it.each([
  [undefined, null],
  [null, null],
  ['dog', 1],
  [0, 0],
  ['2', 0], // a name goes before a number
  ['1', 1],
])('class %j is number %j', (label, number) => expect(classOf(label, ['2', 'dog'])).toBe(number));

it.each(['owl', 2, -1, 0.5])('class %j is refused', (label) => {
  expect(() => classOf(label, ['2', 'dog'])).toThrow(`label: expected 2, dog, got ${label}`);
  expect(() => classOf(label, [])).toThrow('no classes');
});
