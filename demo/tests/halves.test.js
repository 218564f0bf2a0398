import { expect, it } from 'vitest';
import { bytesOf, forHalves } from '../src/halves.js';

const half = { dtype: 'float16', original_dtype: 'float32' };
const SPECS = [
  { name: 'kernel', shape: [3], dtype: 'float32', quantization: half }, // 6 bytes: none is aligned
  { name: 'epsilon', shape: [], dtype: 'float32' },
  { name: 'axes', shape: [], dtype: 'int32' },
  { name: 'bias', shape: [1], dtype: 'float32' },
  { name: 'slope', shape: [], dtype: 'float32' },
  { name: 'zero', shape: [], dtype: 'float32' },
];
const PLACES = { epsilon: 6, bias: 14, slope: 18, zero: 22 };

it('sizes are those of what is stored', () => {
  expect(SPECS.map(bytesOf)).toEqual([6, 4, 4, 4, 4, 4]);
  expect(bytesOf({ shape: [2, 3, 4], dtype: 'float32' })).toBe(96);
});

it('only single numbers that would be 0 are replaced', () => {
  const numbers = new DataView(new ArrayBuffer(26));
  const values = { epsilon: 1e-8, bias: 1e-8, slope: 0.2, zero: 0 };
  for (const [name, value] of Object.entries(values)) numbers.setFloat32(PLACES[name], value, true);
  numbers.setInt32(10, 1, true); // as a float a tiny number
  const model = { format: 'graph-model', weightSpecs: SPECS, weightData: numbers.buffer };
  const { weightData, ...others } = forHalves(model);
  const got = new DataView(weightData);
  expect(others).toEqual({ format: 'graph-model', weightSpecs: SPECS });
  expect(got.getFloat32(PLACES.epsilon, true)).toBe(2 ** -14);
  expect(got.getInt32(10, true)).toBe(1);
  for (const name of ['bias', 'slope', 'zero']) {
    expect(got.getFloat32(PLACES[name], true)).toBe(Math.fround(values[name]));
  }
  expect(numbers.getFloat32(PLACES.epsilon, true)).toBeCloseTo(1e-8, 12); // the model stays
});
