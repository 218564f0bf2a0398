import { expect, it } from 'vitest';
import { crc32, markOf, markPng, markWebm } from '../src/marks.js';

const bytes = (text) => new TextEncoder().encode(text);
const KNOWN = { mark: { program: 'pgan-tf 1', generator: 'ab' }, label_size: 3, label_names: ['a', '<b>', 'c'] };
const STATE = { view: 'picture', seed: 4, other: 9, position: 0.25, label: null, strengths: [0, 1.5, -2] };

it('has the checksum of PNG', () => expect(crc32(bytes('123456789'))).toBe(0xcbf43926));

it('says how a picture was drawn', () => {
  expect(markOf(KNOWN, STATE)).toMatchObject({
    ...{ generator: 'ab', seeds: '4', classes: [1], class_names: ['<b>'] },
    ...{ direction: 'closed_form:1,closed_form:2', strength: [1.5, -2] },
  });
  expect(markOf({ ...KNOWN, label_size: 0 }, STATE)).not.toHaveProperty('classes');
  expect(markOf({ label_size: 3 }, STATE)).toBe(null); // an older export
});

it('says of others what they are', () => {
  const between = markOf(KNOWN, { ...STATE, view: 'between' });
  expect(between).toMatchObject({ view: 'between', seeds: '4,9', position: 0.25 });
  expect(between).not.toHaveProperty('direction');
  expect(markOf(KNOWN, { ...STATE, view: 'walk', label: 0 })).toMatchObject({ view: 'walk', classes: [0] });
});

it('changes no file for a generator that says nothing, and no video of another kind', () => {
  const file = bytes('any');
  expect(markPng(file, null)).toBe(file);
  expect(markWebm(file, markOf(KNOWN, STATE))).toBe(file);
});
