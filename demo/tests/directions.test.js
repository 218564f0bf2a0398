import { expect, it } from 'vitest';
import { changed, strengthsAt } from '../src/directions.js';
import { move } from '../src/latents.js';

const length = (x) => Math.hypot(...x);

it('goes along directions, and keeps the length', () => {
  const latents = Float32Array.from([3, 4, 0]);
  const moved = move(latents, [[0, 0, 1], [1, 0, 0], [0, 1, 0]], [5, -1]);
  [2, 4, 5].forEach((one, i) => expect(moved[i]).toBeCloseTo((one * 5) / length([2, 4, 5]), 5));
  expect(length(moved)).toBeCloseTo(5, 5);
  expect(move(latents, [[0, 0, 1]], [0])).toBe(latents);
  expect(move(latents, [], [2])).toBe(latents); // the link of another generator
});

it('a pad has the weakest at its left and bottom, and nothing in its middle', () => {
  expect([[0, 1], [0.5, 0.5], [1, 0], [2, -1]].map(([x, y]) => strengthsAt(x, y))).toEqual([[-3, -3], [0, 0], [3, 3], [3, 3]]);
});

it.each([
  [[], { 2: 1.5 }, [0, 0, 1.5]],
  [[1, 2, 3], { 0: -9, 1: 0 }, [-3, 0, 3]],
  [[0.1], { 0: 0.1 + 0.2 }, [0.3]],
])('strengths %j with %j', (strengths, changes, expected) => expect(changed(strengths, changes)).toEqual(expected));
