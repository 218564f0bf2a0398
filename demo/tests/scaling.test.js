import { expect, it, vi } from 'vitest';
import { fileName, videoSize } from '../src/share.js';
import { makeSmoother } from '../src/scaling.js';

it.each([
  [[4, 4], [512, 512]],
  [[48, 48], [528, 528]],
  [[171, 171], [514, 514]], // 513 is odd
  [[1024, 1024], [1024, 1024]],
  [[96, 64], [576, 384]],
  [[5, 8], [320, 512]],
])('a video of pictures of %j pixels has %j', (size, expected) => expect(videoSize(size)).toEqual(expected));

it('files are named after what they show', () => {
  const state = { model: 'shapes', view: 'picture', seed: 7 };
  expect(fileName(state, 'png')).toBe('shapes-seed-000007.png');
  expect(fileName({ ...state, view: 'walk' }, 'webm')).toBe('shapes-walk-seed-000007.webm');
});

it.each([
  [[64, 64], [[128, 128], [256, 256], [512, 512]]],
  [[300, 300], [[600, 600]]],
  [[512, 512], []],
  [[96, 160], [[192, 320], [384, 640]]],
])('a picture of %j pixels is doubled until it has 512', (pictureSize, sizes) => {
  const drawn = [];
  const makeCanvas = () => {
    const canvas = {};
    canvas.getContext = () => ({ clearRect: () => {}, drawImage: (from, ...part) => drawn.push([from, canvas, ...part]) });
    return canvas;
  };
  vi.stubGlobal('document', { createElement: makeCanvas });
  const picture = {};
  const large = makeSmoother(pictureSize)(picture);
  const canvases = [picture, ...drawn.map(([, to]) => to)];
  expect(large).toBe(canvases.at(-1));
  expect(drawn).toEqual(sizes.map((size, i) => [canvases[i], canvases[i + 1], 0, 0, ...size]));
});
