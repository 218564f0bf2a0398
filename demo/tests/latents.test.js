import { describe, expect, it } from 'vitest';
import { latentsOf, mix, philox, slerp, spline } from '../src/latents.js';

const norm = (x) => Math.hypot(...x);
const angle = (a, b) => Math.acos(mix([a], [1]).reduce((sum, one, i) => sum + one * b[i], 0) / norm(a) / norm(b));
const expectNear = (got, expected, digits = 5) => {
  expect(got.length).toBe(expected.length);
  expected.forEach((one, i) => expect(got[i]).toBeCloseTo(one, digits));
};

describe('random numbers', () => {
  it.each([
    // The known answers that come with Random123.
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [Array(4).fill(0xffffffff), Array(2).fill(0xffffffff), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('philox of %j is that of its authors', (counter, key, expected) => {
    expect(philox(counter, key)).toEqual(expected);
  });

  it.each([
    // pgan_tf.networks.sampling.latents_from_seeds([seed], 6)
    [0, [-1.697034, -0.481377, -0.662237, 0.087011, -1.000162, 0.943474]],
    [7, [-0.674173, -0.358693, -1.879582, -1.472893, -2.006254, -1.133432]],
    [123456789, [-0.748382, 0.057337, -2.70776, -0.516493, -0.601078, -2.070552]],
    [2 ** 31 - 1, [1.002576, 0.119335, 0.269558, -1.340775, -1.365313, 0.602352]],
  ])('seed %i has the latents of generate.py, however many', (seed, expected) => {
    expectNear(latentsOf(seed, 6), expected);
    expectNear(latentsOf(seed, 3), expected.slice(0, 3));
    expectNear(latentsOf(seed, 510).slice(0, 6), expected);
  });

  it('latents are N(0, 1)', () => {
    const many = latentsOf(3, 20_000);
    const mean = many.reduce((sum, one) => sum + one, 0) / many.length;
    const variance = many.reduce((sum, one) => sum + (one - mean) ** 2, 0) / many.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
  });
});

describe('ways between latents', () => {
  it('mixes with weights', () => {
    expect(mix([[1, 2], [3, 10]], [0.5, 0.25])).toEqual([1.25, 3.5]);
  });

  it('goes along the great circle, and lengths change evenly', () => {
    expectNear(slerp([1, 0, 0], [0, 1, 0], 1 / 3), [Math.cos(Math.PI / 6), 0.5, 0]);
    const [a, b] = [[1, 2, -1], [-3, 1, 6]];
    expectNear(slerp(a, b, 0), a);
    expectNear(slerp(a, b, 1), b);
    const part = slerp(a, b, 0.25);
    expect(norm(part)).toBeCloseTo(0.75 * norm(a) + 0.25 * norm(b));
    expect(angle(a, part)).toBeCloseTo(angle(a, b) / 4);
    expectNear(slerp(a, a, 0.3), a); // one line: no division by the sine of 0
  });

  it('passes through seeds on the sphere without a kink', () => {
    const keys = [[3, 0, 0], [0, 2, 0], [0, 0, 4], [1, 1, 1], [-2, 0, 1]];
    const first = (t) => spline(keys.slice(0, 4), t);
    const second = (t) => spline(keys.slice(1, 5), t);
    expectNear(first(0), keys[1]);
    expectNear(first(1), keys[2]);
    expectNear(second(0), keys[2]);
    expect(norm(first(0.25))).toBeCloseTo(0.75 * 2 + 0.25 * 4);
    const step = 1e-5;
    const before = mix([first(1), first(1 - step)], [1 / step, -1 / step]);
    const after = mix([second(step), second(0)], [1 / step, -1 / step]);
    // Along the sphere; lengths change at another rate from one pair of seeds to the next.
    expect(before[0] / after[0]).toBeCloseTo(1, 2);
    expect(before[1] / after[1]).toBeCloseTo(1, 2);
  });
});
