import { beforeEach, expect, it, vi } from 'vitest';
import { inputsOf, latentsOf, slerp } from '../src/latents.js';

vi.mock('../src/network.js', () => ({ paint: vi.fn() }));
const { paint } = await import('../src/network.js');
const { makeViews, placeOf } = await import('../src/views.js');

const MODEL = { resolution: 8, num_channels: 3, latent_size: 6, label_size: 3 };
const STATE = { view: 'picture', seed: 4, other: 9, label: null, scaling: 'pixelated', position: 0.25, strengths: [], walked: 0, speed: 2, playing: true };

function makeElement() {
  const element = { children: [], dataset: {}, style: {}, classList: { toggle: vi.fn() }, setAttribute() {} };
  element.append = (one) => (element.firstChild = one);
  element.getContext = () => ({ clearRect: () => {}, drawImage: (from) => (element.shows = from) });
  element.replaceChildren = (...children) => (element.children = children);
  return element;
}

let [page, draw, views, show, now] = [];
beforeEach(() => {
  vi.stubGlobal('document', { createElement: makeElement });
  vi.stubGlobal('requestAnimationFrame', (then) => then());
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  paint.mockClear();
  now = 1000;
  page = { canvas: makeElement(), grid: makeElement(), first: makeElement(), last: makeElement() };
  draw = vi.fn(async () => 'numbers');
  views = makeViews(page, draw, MODEL);
  show = views.show;
});
const drawn = (i = -1) => {
  const [latents, labels] = draw.mock.calls.at(i);
  return { latents: [...latents], labels: [...labels] };
};
const plain = ({ latents, labels }) => ({ latents: [...latents], labels: [...labels] });

it.each([
  [4, null, [0, 1, 0]], // seeds take turns with the classes
  [4, 2, [0, 0, 1]],
  [2 ** 31 + 4, 0, [1, 0, 0]], // seeds begin again at 0
  [4 - 2 ** 31, 0, [1, 0, 0]],
])('seed %i with class %j', (seed, label, labels) => {
  expect(plain(inputsOf(seed, MODEL, label))).toEqual({ latents: [...latentsOf(4, 6)], labels });
  expect(inputsOf(seed, { latent_size: 6, label_size: 0 }, null).labels).toHaveLength(0);
});

it('a picture is that of its seed', async () => {
  await show(STATE);
  expect(drawn()).toEqual(plain(inputsOf(4, MODEL, null)));
  expect(paint).toHaveBeenCalledWith(views.picture, 'numbers', [8, 8], 3);
  expect(page.canvas.shows).toBe(views.picture);
});

it('a grid has seeds around its middle, ring by ring', () => {
  const places = Array.from({ length: 32 }, (_, i) => placeOf(i));
  expect(new Set(places.map(String)).size).toBe(32);
  expect(places.filter(([row, column]) => [2, 3].includes(row) && [2, 3].includes(column))).toEqual([]);
  expect([0, 3, 6, 9, 12, 17, 31].map((i) => places[i])).toEqual([[1, 1], [1, 4], [4, 4], [4, 1], [0, 0], [0, 5], [1, 0]]);
  for (let i = 1; i < 32; i++) {
    if (i !== 12) expect(Math.hypot(places[i][0] - places[i - 1][0], places[i][1] - places[i - 1][1])).toBe(1);
  }
});

it('a grid draws its walk first, then seed after seed, until something else is asked for', async () => {
  await show({ ...STATE, view: 'grid', seed: 2 ** 31 - 2 }, () => false);
  expect(paint.mock.calls[0][0]).toBe(views.picture);
  expect(page.grid.children.map((button) => button.dataset.seed)).toEqual([
    ...[2 ** 31 - 2, 2 ** 31 - 1],
    ...Array.from({ length: 30 }, (_, i) => i),
  ]);
  expect(drawn()).toEqual(plain(inputsOf(29, MODEL, null)));
  expect(paint.mock.calls.at(-1)[0]).toBe(page.grid.children[31].firstChild);
  draw.mockClear();
  const other = { ...STATE, view: 'grid' };
  await show(other, () => draw.mock.calls.length === 3);
  expect(draw).toHaveBeenCalledTimes(3);
  await show(other, () => draw.mock.calls.length === 5); // goes on where it was
  expect(drawn()).toEqual(plain(inputsOf(6, MODEL, null)));
});

it('a walk in a grid comes back to its first seed', async () => {
  await show({ ...STATE, view: 'grid', walked: 32, playing: false }, () => true);
  const [once] = draw.mock.calls;
  await show({ ...STATE, view: 'grid', walked: 0, playing: false }, () => true);
  expect([...draw.mock.calls[1][0]]).toEqual([...once[0]]);
  expect(page.grid.children[0].classList.toggle).toHaveBeenLastCalledWith('near', true);
});

it('between two seeds latents follow the great circle, and classes change evenly', async () => {
  await show({ ...STATE, view: 'between' });
  const [a, b] = [inputsOf(4, MODEL, null), inputsOf(9, MODEL, null)];
  expect(drawn(0)).toEqual({ latents: [...slerp(a.latents, b.latents, 0.25)], labels: [0.25, 0.75, 0] });
  expect([drawn(1), drawn(2)]).toEqual([plain(a), plain(b)]); // beside it, once
  await show({ ...STATE, view: 'between', position: 0.5 });
  expect(draw).toHaveBeenCalledTimes(4);
});

it('a walk begins at its seed, keeps its speed, and stands still when it is paused', async () => {
  const state = { ...STATE, view: 'walk' };
  await show(state);
  expect(drawn().labels).toEqual([0, 1, 0]);
  drawn().latents.forEach((one, i) => expect(one).toBeCloseTo(latentsOf(4, 6)[i], 5));
  now += 50;
  await show(state);
  expect(state.walked).toBeCloseTo(0.1); // 2 seeds a second
  now += 10_000; // another tab was looked at
  await show(state);
  expect(state.walked).toBeCloseTo(0.3);
  state.playing = false;
  now += 50;
  await show(state);
  expect(state.walked).toBeCloseTo(0.3);
  state.playing = true;
  now += 50;
  await show(state); // the pause is no step
  expect(state.walked).toBeCloseTo(0.3);
});

it.each([
  [0.25, [0, 1, 0]],
  [0.5, [0, 0.5, 0.5]],
  [0.75, [0, 0, 1]],
  [1, [0, 0, 1]],
])('classes of a walk change in the middle of the way: at %d', async (walked, labels) => {
  await show({ ...STATE, view: 'walk', walked, playing: false });
  expect(drawn().labels).toEqual(labels);
});
