import { expect, it, vi } from 'vitest';
import { fileName, videoSize } from '../src/share.js';
import { makeSmoother } from '../src/scaling.js';

it.each([
  [4, 512],
  [32, 512],
  [48, 528],
  [171, 514], // 513 is odd
  [512, 512],
  [1024, 1024],
])('a video of pictures of %i pixels has %i on a side', (resolution, size) => expect(videoSize(resolution)).toBe(size));

it('files are named after what they show', () => {
  const state = { model: 'shapes', view: 'picture', seed: 7 };
  expect(fileName(state, 'png')).toBe('shapes-seed-000007.png');
  expect(fileName({ ...state, view: 'walk' }, 'webm')).toBe('shapes-walk-seed-000007.webm');
});

it.each([
  [32, [64, 128, 256, 512]],
  [64, [128, 256, 512]],
  [300, [600]],
  [512, []],
  [1024, []],
])('a picture of %i pixels is doubled until it has 512', (resolution, sizes) => {
  const drawn = [];
  const makeCanvas = () => {
    const canvas = {};
    canvas.getContext = () => ({ clearRect: () => {}, drawImage: (from, left, top, size) => drawn.push([from, canvas, left, top, size]) });
    return canvas;
  };
  vi.stubGlobal('document', { createElement: makeCanvas });
  const picture = { width: resolution };
  const large = makeSmoother(resolution)(picture);
  const canvases = [picture, ...drawn.map(([, to]) => to)];
  expect(large).toBe(canvases.at(-1));
  expect(drawn).toEqual(sizes.map((size, i) => [canvases[i], canvases[i + 1], 0, 0, size]));
});
