// The four views: one picture, a grid around a walk, a walk, the way between two seeds.

import { sizeOf } from './about.js';
import { inputsOf, mix, move, SEEDS, slerp, spline } from './latents.js';
import { paint } from './network.js';
import { copy, makeSmoother } from './scaling.js';

const SIDE = 6; // pictures on a side of the grid
const MIDDLE = 2; // in its middle is one as large as this many
const AROUND = SIDE ** 2 - MIDDLE ** 2;
// After a long pause, such as another tab, a walk goes on where it was.
const LONGEST_STEP_SECONDS = 0.1;

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Returns whether what a state shows can play. */
export const canWalk = ({ view }) => view === 'grid' || view === 'walk';

/** Returns the place of a grid's picture, `[row, column]` from 0: around the middle, ring by ring, clockwise. */
export function placeOf(i) {
  let side = MIDDLE + 2;
  for (; i >= 4 * (side - 1); side += 2) i -= 4 * (side - 1);
  const [edge, along] = [Math.floor(i / (side - 1)), i % (side - 1)];
  const last = side - 1;
  const place = [[0, along], [along, last], [last, last - along], [last - along, 0]][edge];
  return place.map((one) => one + (SIDE - side) / 2);
}

const looped = (i) => ((i % AROUND) + AROUND) % AROUND;

/**
 * Makes the function that draws what a state asks for.
 * @param elements of the page: `canvas`, `grid`, and `first` and `last`, with a canvas in each
 * @param draw from latents and labels to a picture's numbers
 * @param metadata of the model
 * @returns `{show, picture, whole}`: it, the canvas at the generator's own resolution, and what
 *   makes one canvas with all that a state shows
 */
export function makeViews({ canvas, grid, first, last: end }, draw, metadata) {
  const { num_channels, label_size } = metadata;
  const [width, height] = sizeOf(metadata);
  const inputs = (state, seed) => inputsOf(seed, metadata, state.label);
  const picture = document.createElement('canvas');
  const smoothed = makeSmoother([width, height]);
  let last = null;
  const ends = ['', '']; // what the pictures beside the way show
  let around = { of: '', count: 0 }; // what the grid's pictures show, and how many do

  async function show(state, { latents, labels }) {
    paint(picture, await draw(latents, labels), [width, height], num_channels);
    const large = state.scaling === 'smooth' ? smoothed(picture) : picture;
    const isOther = canvas.width !== large.width || canvas.height !== large.height;
    if (isOther) Object.assign(canvas, { width: large.width, height: large.height });
    copy(canvas, large);
  }

  /** Draws a place on a walk, and goes on; `offsetOf` tells which seed is how far from the first. */
  function walk(state, offsetOf) {
    const now = performance.now();
    if (state.playing && last !== null) {
      state.walked += Math.min((now - last) / 1000, LONGEST_STEP_SECONDS) * state.speed;
    }
    last = state.playing ? now : null;
    const begin = Math.floor(state.walked);
    const t = state.walked - begin;
    const four = [-1, 0, 1, 2].map((i) => inputs(state, state.seed + offsetOf(begin + i)));
    // Classes change in the middle of the way, evenly.
    const part = Math.min(1, Math.max(0, 2 * t - 0.5));
    return show(state, {
      latents: spline(four.map((one) => one.latents), t),
      labels: label_size ? mix([four[1].labels, four[2].labels], [1 - part, part]) : four[1].labels,
    });
  }

  async function showAround(state, isStale) {
    const of = `${state.seed} ${state.label}`;
    if (around.of !== of) around = { of, count: 0 };
    for (; around.count < AROUND && !isStale(); around.count++) {
      const button = grid.children[around.count];
      const seed = (state.seed + around.count) % SEEDS;
      button.dataset.seed = seed;
      button.setAttribute('aria-label', `Take seed ${seed}`);
      const { latents, labels } = inputs(state, seed);
      paint(button.firstChild, await draw(latents, labels), [width, height], num_channels);
      await nextFrame(); // each is seen when it is there
    }
  }

  const views = {
    picture(state) {
      const { latents, labels } = inputs(state, state.seed);
      return show(state, { latents: move(latents, metadata.directions ?? [], state.strengths), labels });
    },

    async grid(state, isStale) {
      const nearest = looped(Math.round(state.walked));
      [...grid.children].forEach((button, i) => button.classList.toggle('near', i === nearest));
      await walk(state, looped);
      await showAround(state, isStale);
    },

    async between(state) {
      const both = [inputs(state, state.seed), inputs(state, state.other)];
      const [a, b] = both;
      const t = state.position;
      await show(state, {
        latents: slerp(a.latents, b.latents, t),
        labels: mix([a.labels, b.labels], [1 - t, t]),
      });
      for (const [i, button] of [first, end].entries()) {
        const of = `${[state.seed, state.other][i]} ${state.label}`;
        if (ends[i] === of) continue;
        paint(button.firstElementChild, await draw(both[i].latents, both[i].labels), [width, height], num_channels);
        ends[i] = of;
      }
    },

    walk: (state) => walk(state, (i) => i),
  };

  grid.replaceChildren(
    ...Array.from({ length: AROUND }, (_, i) => {
      const button = document.createElement('button');
      button.type = 'button';
      const [row, column] = placeOf(i);
      button.style.gridArea = `${row + 1} / ${column + 1}`;
      const small = document.createElement('canvas');
      button.append(Object.assign(small, { width, height }));
      return button;
    }),
  );

  function whole(state) {
    if (state.view !== 'grid') return picture;
    const all = document.createElement('canvas');
    Object.assign(all, { width: SIDE * width, height: SIDE * height });
    [...grid.children].forEach((button, i) => {
      const [row, column] = placeOf(i);
      copy(all, button.firstChild, [column * width, row * height, width, height]);
    });
    const edge = (SIDE - MIDDLE) / 2;
    const middle = [edge * width, edge * height, MIDDLE * width, MIDDLE * height];
    copy(all, picture, middle, state.scaling === 'smooth');
    return all;
  }

  return { show: (state, isStale) => views[state.view](state, isStale), picture, whole };
}
