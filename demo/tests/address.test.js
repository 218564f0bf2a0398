import { beforeEach, expect, it, vi } from 'vitest';
import { readAddress, writeAddress } from '../src/address.js';
import { isSeed } from '../src/latents.js';

const START = { model: 'a', view: 'picture', seed: 3, other: 1, label: null, position: 0.5, strengths: [], scaling: 'smooth', backend: '' };
const read = (hash) => {
  vi.stubGlobal('location', { hash });
  const state = { ...START };
  readAddress(state);
  return state;
};

beforeEach(() => vi.stubGlobal('history', { replaceState: vi.fn() }));

it.each([
  ['0', true],
  ['2147483647', true],
  ['2147483648', false],
  ['-1', false],
  ['1.5', false],
  ['', false],
  ['00000000001', false],
])('whether %j is a seed', (text, expected) => expect(isSeed(text)).toBe(expected));

it('bounds how far it goes', () => expect(read('#move=9_-9').strengths).toEqual([3, -3]));

it('reads what is there', () => {
  expect(read('#model=b&view=grid&seed=12&other=4&class=2&scaling=pixelated&backend=wasm')).toEqual({
    ...START,
    ...{ model: 'b', view: 'grid', seed: 12, other: 4, label: 2, scaling: 'pixelated', backend: 'wasm' },
  });
});

it.each(['', '#move=1_x', '#position=7', '#view=none&seed=-1&other=x&class=dog&scaling=big', '#seed=3000000000&seed=7'])(
  'keeps what %j lacks or spells wrongly',
  (hash) => expect(read(hash)).toEqual(START),
);

it.each([
  [START, '#model=a&view=picture&seed=3'],
  [{ ...START, view: 'between', other: 9, position: 0.25 }, '#model=a&view=between&seed=3&other=9&position=0.25'],
  [{ ...START, strengths: [1.5, 0, -2] }, '#model=a&view=picture&seed=3&move=1.5_0_-2'],
  [{ ...START, scaling: 'pixelated' }, '#model=a&view=picture&seed=3&scaling=pixelated'],
  [{ ...START, label: 0, backend: 'webgl' }, '#model=a&view=picture&seed=3&class=0&backend=webgl'],
])('writes %j so that it is read again', (state, hash) => {
  writeAddress(state);
  expect(history.replaceState).toHaveBeenCalledWith(null, '', hash);
  expect(read(hash)).toEqual(state);
});
